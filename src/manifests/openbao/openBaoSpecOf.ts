import type { InClusterVaultSpec } from "../../config/StackSpec.ts";
import { DAYZERO_NAMESPACE } from "../marks.ts";
import type { OpenBaoSpec } from "./OpenBaoSpec.ts";

/** The newest release whose digest is published by several independent sources; an index of all its platforms. */
export const OPENBAO_IMAGE =
  "quay.io/openbao/openbao:2.7.1@sha256:6d2b93856e3fcf7b18ad855a0b51eaba474dc8b79cf554379ea32034797d2acf";

/** What a stack's configuration says of its OpenBao. In the cluster only Dayzero's own namespace uses it: the agent. */
export function openBaoSpecOf({ install }: Pick<InClusterVaultSpec, "install">): OpenBaoSpec {
  const { networks, ...spec } = install;
  return { image: OPENBAO_IMAGE, ...spec, access: { namespaces: [DAYZERO_NAMESPACE], networks } };
}
