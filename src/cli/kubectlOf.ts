import { quoteForShell } from "../machine/quoteForShell.ts";

/** How a person makes kubectl speak with a cluster, without changing their kubeconfig. */
export function kubectlOf({ kubeconfig, context }: { kubeconfig: string; context?: string }): string {
  return context === undefined
    ? `export KUBECONFIG=${kubeconfig}`
    : `KUBECONFIG=${kubeconfig} kubectl --context ${quoteForShell(context)}`;
}
