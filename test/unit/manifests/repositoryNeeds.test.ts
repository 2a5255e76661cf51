import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { guessResource } from "../../../src/manifests/argocd/guessResource.ts";
import { type RepositoryKind, repositoryNeeds } from "../../../src/manifests/argocd/repositoryNeeds.ts";

const kind = (group: string, name: string, namespace?: string): RepositoryKind => ({
  group,
  version: "v1",
  kind: name,
  ...(namespace === undefined ? {} : { namespace }),
});

describe("repositoryNeeds()", () => {
  test("sorts kinds by the namespace they go to, each once", () => {
    const needs = repositoryNeeds(
      [
        kind("apps", "Deployment", "staging"),
        kind("", "Service", "staging"),
        kind("", "Service", "staging"),
        kind("", "ConfigMap", "production"),
        kind("scheduling.k8s.io", "PriorityClass"),
      ],
      "fleet",
    );
    expect(needs).toEqual({
      namespaces: ["production", "staging"],
      namespaced: {
        production: [{ group: "", kind: "ConfigMap" }],
        staging: [
          { group: "", kind: "Service" },
          { group: "apps", kind: "Deployment" },
        ],
      },
      cluster: [{ group: "scheduling.k8s.io", kind: "PriorityClass" }],
    });
  });

  test("makes the default namespace a destination only when a manifest names none", () => {
    expect(repositoryNeeds([kind("", "ConfigMap")], "fleet")).toMatchObject({
      namespaces: ["fleet"],
      defaultNamespace: "fleet",
    });
    const named = repositoryNeeds([kind("", "ConfigMap", "fleet")], "fleet");
    expect(named.namespaces).toEqual(["fleet"]);
    expect(named).not.toHaveProperty("defaultNamespace");
  });

  test("keeps a cluster-scoped kind out of every namespace, whatever its manifest says", () => {
    const needs = repositoryNeeds([kind("rbac.authorization.k8s.io", "ClusterRole", "staging")], "fleet");
    expect(needs).toMatchObject({ namespaces: [], cluster: [{ kind: "ClusterRole" }] });
  });

  test("makes a declared Namespace a destination, even when nothing else is in it", () => {
    expect(repositoryNeeds([kind("", "Namespace", "empty")], "fleet")).toEqual({
      namespaces: ["empty"],
      namespaced: { empty: [] },
      cluster: [{ group: "", kind: "Namespace" }],
    });
    expect(() => repositoryNeeds([kind("", "Namespace", "argocd")], "fleet")).toThrow(/namespace "argocd"/);
  });

  test.each(["argocd", "dayzero-system", "kube-system", "kube-public", "kube-node-lease"])(
    "refuses a manifest in %s, and says which",
    (namespace) => {
      expect(() => repositoryNeeds([kind("", "Secret", namespace)], "fleet")).toThrow(
        expect.objectContaining({
          code: "REPOSITORY_NAMESPACE_RESERVED",
          message: expect.stringContaining(`a Secret into namespace "${namespace}"`),
        }),
      );
    },
  );

  test("does not depend on the order or the repetition of what it is given", () => {
    const kinds = fc.array(
      fc.record({
        group: fc.constantFrom("", "apps", "batch", "scheduling.k8s.io"),
        version: fc.constant("v1"),
        kind: fc.constantFrom("ConfigMap", "Deployment", "Job", "PriorityClass", "Namespace"),
        namespace: fc.constantFrom("one", "two", "three"),
      }),
    );
    fc.assert(
      fc.property(kinds, (found) => {
        const needs = repositoryNeeds(found, "fleet");
        expect(repositoryNeeds([...found, ...found].reverse(), "fleet")).toEqual(needs);
        expect(Object.keys(needs.namespaced)).toEqual(needs.namespaces);
      }),
    );
  });
});

test.each([
  ["Deployment", "deployments"],
  ["Ingress", "ingresses"],
  ["NetworkPolicy", "networkpolicies"],
  ["Gateway", "gateways"],
  ["StorageClass", "storageclasses"],
  ["Endpoints", "endpoints"],
  ["ConfigMap", "configmaps"],
])("guessResource() calls %s %s", (name, resource) => {
  expect(guessResource(name)).toBe(resource);
});
