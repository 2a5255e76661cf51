import { expect, test } from "vitest";
import { UNKNOWN } from "../../../src/hosts/converge/propertyValues.ts";
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
