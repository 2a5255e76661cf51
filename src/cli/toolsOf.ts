import type { StackSpec } from "../config/StackSpec.ts";

/** Of the pinned tools, those that a cluster that is there needs: files only, nothing that is built or started. */
const EXISTING = ["argocd-manifests"];

/** The embedded platform's: all others. */
const LOCAL = [
  "etcd",
  "kube-apiserver",
  "kube-controller-manager",
  "bao",
  "redis-server",
  "argocd",
  "kustomize",
  "argocd-crds",
];

/** Names of the pinned tools that a program needs. */
export function toolsOf(program: StackSpec["program"]): readonly string[] {
  return program === "local" ? LOCAL : EXISTING;
}
