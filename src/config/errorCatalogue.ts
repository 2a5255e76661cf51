import { agentErrors } from "./errors/agentErrors.ts";
import { argocdErrors } from "./errors/argocdErrors.ts";
import { clusterErrors } from "./errors/clusterErrors.ts";
import { commandErrors } from "./errors/commandErrors.ts";
import type { ErrorArea } from "./errors/ErrorEntry.ts";
import { machineErrors } from "./errors/machineErrors.ts";
import { programErrors } from "./errors/programErrors.ts";
import { repositoryErrors } from "./errors/repositoryErrors.ts";
import { stackErrors } from "./errors/stackErrors.ts";
import { toolErrors } from "./errors/toolErrors.ts";
import { vaultErrors } from "./errors/vaultErrors.ts";

/**
 * Every error code, in one place. A new code gets an entry in the area that it belongs to; without one it does not compile.
 *
 * Import the type only: `dayzero explain` alone loads the texts.
 */
export const errorCatalogue = {
  ...commandErrors,
  ...stackErrors,
  ...programErrors,
  ...clusterErrors,
  ...vaultErrors,
  ...repositoryErrors,
  ...argocdErrors,
  ...agentErrors,
  ...toolErrors,
  ...machineErrors,
} satisfies ErrorArea;

export type ErrorCode = keyof typeof errorCatalogue;

/** The same by area, in the order of a stack's life, for people who read all of it. */
export const errorAreas: readonly (readonly [heading: string, codes: ErrorArea])[] = [
  ["The command line", commandErrors],
  ["Stacks and projects", stackErrors],
  ["The stack's program", programErrors],
  ["Kubernetes", clusterErrors],
  ["Vault", vaultErrors],
  ["Repositories and Git credentials", repositoryErrors],
  ["Argo CD", argocdErrors],
  ["The agent and its tokens", agentErrors],
  ["Pinned tools", toolErrors],
  ["This machine", machineErrors],
];
