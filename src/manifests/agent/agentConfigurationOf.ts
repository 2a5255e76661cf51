import type { ExistingSpec } from "../../config/StackSpec.ts";
import { ARGOCD_NAMESPACE } from "../argocd/controllerIdentity.ts";
import { openBaoAddress } from "../openbao/openBaoNames.ts";
import { jwtMountName, oidcRoleName } from "../vault/trustNames.ts";
import type { AgentConfiguration } from "./AgentConfiguration.ts";

/** How a pod finds the API server. */
const API_SERVER = "https://kubernetes.default.svc";

/** What the agent of a stack is told. `vaultCa` is the authority of an OpenBao in the cluster, which the configuration does not know. */
export function agentConfigurationOf(
  { stack, vault, repository }: Pick<ExistingSpec, "stack" | "vault" | "repository">,
  found: {
    /** UID of the cluster's namespace kube-system. */
    readonly generation: string;
    readonly vaultCa?: string;
  },
): AgentConfiguration {
  const external = vault.kind === "external";
  return {
    server: API_SERVER,
    vaultAddress: external ? vault.address : openBaoAddress(vault.install),
    vaultCa: external ? vault.ca : found.vaultCa,
    mount: jwtMountName(stack, found.generation),
    repository: repository.name,
    url: repository.source,
    gitCa: repository.ca,
    oidcRole: oidcRoleName(stack, repository.name),
    namespace: ARGOCD_NAMESPACE,
  };
}
