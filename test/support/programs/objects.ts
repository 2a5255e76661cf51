import { Config } from "@pulumi/pulumi/config.js";
import type { Resource } from "@pulumi/pulumi/resource.js";
import { KubernetesObject, KubernetesProvider } from "../../../src/resources/kubernetes/index.ts";

/** A Kubernetes object of the program, as its configuration lists them. */
export interface ObjectSpec {
  readonly name: string;
  readonly dependsOn?: string;
  readonly protect?: boolean;
  /** Another provider of the same cluster. */
  readonly provider?: string;
  readonly manifest: { apiVersion: string; kind: string; metadata: { name: string }; [field: string]: unknown };
}

const config = new Config("dayzero");
const kubeconfig = config.require("kubeconfig");
const specs = config.requireObject<ObjectSpec[]>("objects");
const names = new Set(["cluster", ...specs.map(({ provider = "cluster" }) => provider)]);
const providers = new Map([...names].map((name) => [name, new KubernetesProvider(name, { kubeconfig })]));
const made = new Map<string, Resource>();

for (const { name, dependsOn, protect, manifest, provider: by = "cluster" } of specs) {
  const before = made.get(dependsOn ?? "");
  const provider = providers.get(by) as KubernetesProvider;
  const options = { provider, ...(before ? { dependsOn: before } : {}), ...(protect ? { protect } : {}) };
  made.set(name, new KubernetesObject(name, manifest, options));
}
