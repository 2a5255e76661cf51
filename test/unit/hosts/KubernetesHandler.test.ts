import { expect, test } from "vitest";
import { UNKNOWN } from "../../../src/hosts/converge/propertyValues.ts";
import { KubernetesHandler } from "../../../src/resources/kubernetes/KubernetesHandler.ts";

const handler = new KubernetesHandler({ type: "kubernetes", client: undefined, inventory: undefined, protect: false });

test("KubernetesHandler.identify() names an object whatever its API's version, and nothing without metadata", () => {
  const metadata = { name: "root", namespace: "argocd" };
  const application = { apiVersion: "argoproj.io/v1alpha1", kind: "Application", metadata };
  expect(handler.identify(application)).toBe("argoproj.io/Application/argocd/root");
  // Else a plan would take the object that is live for one that the program dropped.
  expect(() => handler.identify({ ...application, metadata: UNKNOWN as never })).toThrow();
});
