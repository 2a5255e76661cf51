import { expect, test } from "vitest";
import { UNKNOWN } from "../../../src/hosts/propertyValues.ts";
import { clusterSecret } from "../../../src/manifests/argocd/clusterSecret.ts";
import { repositoryNeeds } from "../../../src/manifests/argocd/repositoryNeeds.ts";
import { LAST_APPLIED_ANNOTATION, NO_CREDENTIAL_ANNOTATION } from "../../../src/manifests/marks.ts";
import { objectResource } from "../../../src/resources/kubernetes/ObjectResource.ts";

test("objectResource.identify() names an object whatever its API's version, and nothing without metadata", () => {
  const metadata = { name: "root", namespace: "argocd" };
  const application = { apiVersion: "argoproj.io/v1alpha1", kind: "Application", metadata };
  expect(objectResource.identify(application)).toBe("argoproj.io/Application/argocd/root");
  // Else a plan would take the object that is live for one that the program dropped.
  expect(() => objectResource.identify({ ...application, metadata: UNKNOWN as never })).toThrow();
});

test("objectResource.outputs() tells the metadata and the status, never what a Secret holds", () => {
  const metadata = { name: "credential", namespace: "argocd", uid: "0a1b2c3d" };
  const object = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { ...metadata, managedFields: [{ manager: "dayzero" }] },
    data: { password: "Y2FuYXJ5" },
    stringData: { password: "canary" },
  };
  expect(objectResource.outputs({ object })).toEqual({ metadata });
  const status = { phase: "Active" };
  const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "argocd" }, spec: {}, status };
  expect(objectResource.outputs({ object: namespace })).toEqual({ metadata: { name: "argocd" }, status });
});

test("objectResource.outputs() tells no annotation in which data of a Secret may be copied", () => {
  const applied = { [LAST_APPLIED_ANNOTATION]: '{"data":{"password":"canary"}}' };
  const metadata = { name: "applied", annotations: { ...applied, other: "canary too" } };
  expect(objectResource.outputs({ object: { apiVersion: "v1", kind: "Secret", metadata } })).toEqual({
    metadata: { name: "applied" },
  });
  const map = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "applied", annotations: applied } };
  expect(objectResource.outputs({ object: map })).toEqual({ metadata: { name: "applied" } });
});

test("objectResource.inputs refuses what a Secret holds, unless it is said to be no credential", () => {
  const secret = (fields: object, annotations = {}) =>
    objectResource.inputs
      .safeParse({ apiVersion: "v1", kind: "Secret", metadata: { name: "s", annotations }, ...fields })
      .error?.issues.map(({ path, message }) => [path.join("."), message]) ?? [];
  const refused = expect.stringMatching(/Pulumi state.*kubectl.*dayzero\.dev\/holds-no-credential/);
  expect(secret({ stringData: { password: "canary" } })).toEqual([["stringData", refused]]);
  expect(secret({ data: { password: "Y2FuYXJ5" } })).toEqual([["data", refused]]);
  expect(secret({}, { [LAST_APPLIED_ANNOTATION]: "{}" })).toHaveLength(1);
  expect(secret({ data: {} })).toEqual([]);
  expect(secret({ data: { server: "" } }, { [NO_CREDENTIAL_ANNOTATION]: "true" })).toEqual([]);
  const needs = repositoryNeeds([], "fleet");
  expect(objectResource.inputs.safeParse(clusterSecret(needs)).success).toBe(true);
});
