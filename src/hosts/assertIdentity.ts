import { DayzeroError } from "../config/DayzeroError.ts";
import type { AnyHandler } from "./Handler.ts";

const MAX_CHARACTERS = 1_000;

/** What is wrong with an identity; `undefined` for one that the type can have. */
export function identityProblem({ type, id: schema }: AnyHandler, id: string): string | undefined {
  const shown = JSON.stringify(id.length > 100 ? `${id.slice(0, 100)}…` : id);
  const problem = id.length > MAX_CHARACTERS ? "is too long" : schema.safeParse(id).error?.issues[0]?.message;
  return problem === undefined ? undefined : `${shown} is no identity of a ${type}: it ${problem}`;
}

/**
 * Throws IDENTITY_INVALID for what is none of the type's. Identities come from Pulumi's state, which is edited and shared, from a
 * person (an import) and from lists that others can write to: none reaches a file or a system before this.
 */
export function assertIdentity(handler: AnyHandler, id: string): void {
  const problem = identityProblem(handler, id);
  if (problem === undefined) return;
  throw new DayzeroError("IDENTITY_INVALID", problem, {
    hint: "correct it where it comes from: the import, the program's names, or Pulumi's state (`pulumi state delete`)",
  });
}
