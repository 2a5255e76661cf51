import { describe, expect, test } from "vitest";
import { roleProblems } from "../../../src/audit/checks/roleProblems.ts";

const JWT = {
  bound_subject: "system:serviceaccount:dayzero-system:git-reader",
  bound_audiences: ["vault"],
  bound_claims_type: "string",
  clock_skew_leeway: -1,
  expiration_leeway: -1,
  not_before_leeway: -1,
};
const KUBERNETES = {
  bound_service_account_names: ["reader"],
  bound_service_account_namespaces: ["default"],
  audience: "vault",
};

describe("roleProblems()", () => {
  test("has nothing against a role that is for one identity", () => {
    expect(roleProblems("jwt", JWT)).toEqual([]);
    expect(roleProblems("kubernetes", KUBERNETES)).toEqual([]);
  });

  test.each([
    [{ bound_subject: "" }, "binds no subject"],
    [{ bound_subject: "system:serviceaccount:*" }, 'binds the subject "system:serviceaccount:*", a pattern'],
    [{ bound_audiences: [] }, "binds no audience"],
    [{ bound_audiences: null }, "binds no audience"],
    [{ bound_audiences: ["vault", "v*"] }, 'binds the audience "v*", a pattern'],
    [{ bound_claims_type: "glob" }, 'has bound_claims_type "glob", not "string"'],
    [{ clock_skew_leeway: 0 }, "has clock_skew_leeway 0, not -1"],
    [{ expiration_leeway: undefined }, "has expiration_leeway 0, not -1"],
    [{ not_before_leeway: 150 }, "has not_before_leeway 150, not -1"],
  ])("of a JWT role with %j: %s", (change, problem) => {
    expect(roleProblems("jwt", { ...JWT, ...change })).toEqual([problem]);
  });

  test.each([
    [{ bound_service_account_names: ["*"] }, 'binds the service account "*", a pattern'],
    [{ bound_service_account_namespaces: [] }, "binds no namespace"],
    [{ bound_service_account_namespace_selector: '{"matchLabels":{}}' }, "selects namespaces by their labels"],
    [{ audience: "" }, "binds no audience"],
  ])("of a Kubernetes role with %j: %s", (change, problem) => {
    expect(roleProblems("kubernetes", { ...KUBERNETES, ...change })).toEqual([problem]);
  });
});
