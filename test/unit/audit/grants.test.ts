import { describe, expect, test } from "vitest";
import { type Account, beyond, grantsTo, isEverything, type RbacObject } from "../../../src/audit/checks/grants.ts";

const ACCOUNT: Account = { kind: "ServiceAccount", namespace: "argocd", name: "controller" };
const RULE = { apiGroups: [""], resources: ["secrets"], verbs: ["get"] };

function role(kind: "Role" | "ClusterRole", name: string, rules: RbacObject["rules"], namespace?: string): RbacObject {
  return { kind, metadata: { name, ...(namespace === undefined ? {} : { namespace }) }, rules: rules ?? [] };
}

function binding(subject: object, roleRef: { kind: string; name: string }, namespace?: string): RbacObject {
  const kind = namespace === undefined ? "ClusterRoleBinding" : "RoleBinding";
  const metadata = { name: "b", ...(namespace === undefined ? {} : { namespace }) };
  return { kind, metadata, roleRef, subjects: [subject as never] };
}

describe("grantsTo()", () => {
  const all = { kind: "ClusterRole", name: "all" };
  test.each([
    [{ kind: "ServiceAccount", namespace: "argocd", name: "controller" }, true],
    [{ kind: "User", name: "system:serviceaccount:argocd:controller" }, true],
    [{ kind: "Group", name: "system:serviceaccounts" }, true],
    [{ kind: "Group", name: "system:serviceaccounts:argocd" }, true],
    [{ kind: "Group", name: "system:authenticated" }, true],
    [{ kind: "ServiceAccount", namespace: "default", name: "controller" }, false],
    [{ kind: "Group", name: "system:serviceaccounts:default" }, false],
    [{ kind: "Group", name: "system:unauthenticated" }, false],
  ])("of a binding to %j reaches the account: %s", (subject, isReached) => {
    const granted = grantsTo(ACCOUNT, [role("ClusterRole", "all", [RULE]), binding(subject, all)]);
    expect(granted).toEqual(isReached ? [{ by: "ClusterRoleBinding b", rules: [RULE] }] : []);
  });

  test("takes the Role of the binding's own namespace, and not one of the same name elsewhere", () => {
    const granted = grantsTo(ACCOUNT, [
      role("Role", "r", [RULE], "here"),
      role("Role", "r", [{ ...RULE, verbs: ["*"] }], "there"),
      binding({ kind: "ServiceAccount", namespace: "argocd", name: "controller" }, { kind: "Role", name: "r" }, "here"),
    ]);
    expect(granted).toEqual([{ by: "RoleBinding here/b", namespace: "here", rules: [RULE] }]);
  });
});

describe("beyond()", () => {
  const grant = (rules: RbacObject["rules"], namespace?: string) => ({
    by: "x",
    rules: rules ?? [],
    ...(namespace === undefined ? {} : { namespace }),
  });
  const everything = { apiGroups: ["*"], resources: ["*"], verbs: ["*"] };

  test.each([
    ["the same right", grant([RULE], "a"), [grant([RULE], "a")], []],
    ["the same right, declared for the whole cluster", grant([RULE], "a"), [grant([RULE])], []],
    ["the same right in another namespace", grant([RULE], "a"), [grant([RULE], "b")], ["get secrets"]],
    ["the whole cluster where one namespace is declared", grant([RULE]), [grant([RULE], "a")], ["get secrets"]],
    ["one more verb", grant([{ ...RULE, verbs: ["get", "list"] }], "a"), [grant([RULE], "a")], ["list secrets"]],
    ["all objects where one is declared", grant([RULE]), [grant([{ ...RULE, resourceNames: ["s"] }])], ["get secrets"]],
    ["one object where all are declared", grant([{ ...RULE, resourceNames: ["s"] }]), [grant([RULE])], []],
    ["a wildcard where its parts are declared", grant([{ ...RULE, verbs: ["*"] }]), [grant([RULE])], ["* secrets"]],
    ["anything where everything is declared", grant([RULE]), [grant([everything])], []],
    ["administration", grant([everything]), [grant([RULE])], ["* *.*"]],
    [
      "rights that two declared roles give together",
      grant([{ ...RULE, verbs: ["get", "list"] }]),
      [grant([RULE]), grant([{ ...RULE, verbs: ["list"] }])],
      [],
    ],
    [
      "a URL below a declared one",
      grant([{ nonResourceURLs: ["/api/v1"], verbs: ["get"] }]),
      [grant([{ nonResourceURLs: ["/api/*"], verbs: ["get"] }])],
      [],
    ],
    [
      "a URL that is not",
      grant([{ nonResourceURLs: ["/metrics"], verbs: ["get"] }]),
      [grant([{ nonResourceURLs: ["/api/*"], verbs: ["get"] }])],
      ["get /metrics"],
    ],
  ])("of %s", (_, live, declared, expected) => {
    expect(beyond(live, declared)).toEqual(expected);
  });

  test("isEverything() knows an administrator", () => {
    expect(isEverything(grant([everything]))).toBe(true);
    expect(isEverything(grant([{ ...everything, apiGroups: [""] }]))).toBe(false);
  });
});
