import type { KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { KubernetesHandler, type LiveObject } from "./KubernetesHandler.ts";

/**
 * `dayzero:kubernetes:Object`: an object of any kind in the stack's own cluster; see {@link KubernetesHandler}.
 *
 * A program gets little of it as outputs, because they are kept in Pulumi state: never a Secret's data.
 */
class StackObjects extends KubernetesHandler<"dayzero:kubernetes:Object"> {
  override outputs(live: LiveObject): object {
    const { metadata, status } = super.outputs(live) as KubernetesManifest;
    return { metadata, status };
  }
}

export const objectResource = new StackObjects({
  type: "dayzero:kubernetes:Object",
  connect: (ctx) => ctx.kubernetes(),
});
