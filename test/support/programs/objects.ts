import { Config } from "@pulumi/pulumi/config.js";
import type { Resource } from "@pulumi/pulumi/resource.js";
import { KubernetesObject } from "../../../src/resources/kubernetes/index.ts";
import { KubernetesProvider, ProvidedObject } from "./kubernetesPlugin.ts";

/** A Kubernetes object of the program, as its configuration lists them. */
export interface ObjectSpec {
  readonly name: string;
  readonly dependsOn?: string;
  readonly protect?: boolean;
  /** A provider, to make it as @pulumi/kubernetes does; without one it goes to the stack's own cluster. */
  readonly provider?: string;
  readonly manifest: { apiVersion: string; kind: string; metadata: { name: string }; [field: string]: unknown };
}

const config = new Config("dayzero");
const specs = config.requireObject<ObjectSpec[]>("objects");
const providers = new Map<string, KubernetesProvider>();
const made = new Map<string, Resource>();

for (const { name, dependsOn, protect, manifest, provider } of specs) {
  const before = made.get(dependsOn ?? "");
  const options = { ...(before ? { dependsOn: before } : {}), ...(protect ? { protect } : {}) };
  made.set(
    name,
    provider === undefined
      ? new KubernetesObject(name, manifest, options)
      : new ProvidedObject(name, manifest, { ...options, provider: providerOf(provider) }),
  );
}

function providerOf(name: string): KubernetesProvider {
  const provider = providers.get(name) ?? new KubernetesProvider(name, { kubeconfig: config.require("kubeconfig") });
  providers.set(name, provider);
  return provider;
}
