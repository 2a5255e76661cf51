import { Config } from "@pulumi/pulumi/config.js";
import type { Resource } from "@pulumi/pulumi/resource.js";
import { KubernetesObject, KubernetesProvider } from "../../../src/resources/kubernetes/KubernetesObject.ts";

/** A Kubernetes object of the program, as its configuration lists them. */
export interface ObjectSpec {
  readonly name: string;
  readonly dependsOn?: string;
  readonly protect?: boolean;
  readonly manifest: { apiVersion: string; kind: string; metadata: { name: string }; [field: string]: unknown };
}

const config = new Config("dayzero");
const provider = new KubernetesProvider("cluster", { kubeconfig: config.require("kubeconfig") });
const made = new Map<string, Resource>();

for (const { name, dependsOn, protect, manifest } of config.requireObject<ObjectSpec[]>("objects")) {
  const before = made.get(dependsOn ?? "");
  const options = { provider, ...(before ? { dependsOn: before } : {}), ...(protect ? { protect } : {}) };
  made.set(name, new KubernetesObject(name, manifest, options));
}
