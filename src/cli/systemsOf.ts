import type { StackSpec } from "../config/StackSpec.ts";
import type { Secret } from "../credentials/Secret.ts";
import type { ExistingSystems } from "./createContext.ts";
import type { Run } from "./Run.ts";

/** The systems of a stack on an existing cluster; undefined where they are the stack's own. */
export function systemsOf(spec: StackSpec, { environment }: Pick<Run, "environment">): ExistingSystems | undefined {
  return spec.program === "existing" ? { spec, environment } : undefined;
}

/**
 * Puts the token that Vault's login wants from a person into the run's memory; it goes nowhere else.
 *
 * Asked at once, before anything is told of the run; without a terminal the login itself says what to do.
 */
export async function askForToken(
  { askSecret }: Pick<Run, "askSecret">,
  spec: StackSpec,
  memory: Map<string, Secret>,
): Promise<void> {
  if (spec.program !== "existing" || spec.vault.kind !== "external" || spec.vault.login.method !== "token") return;
  if (askSecret === undefined) return;
  const { TYPED_TOKEN } = await import("../resources/vault/externalVaultClient.ts");
  memory.set(TYPED_TOKEN, await askSecret(`token for vault at ${spec.vault.address}`));
}
