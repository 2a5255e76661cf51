import { VaultError } from "../clients/VaultError.ts";
import type { ExistingSpec } from "../config/StackSpec.ts";
import { gitAudience, oidcIssuerUrl, oidcKeysUrl } from "../manifests/vault/trustNames.ts";
import type { Context } from "../resources/Resource.ts";

/** What the owner of a Git server has to tell it, for it to take a stack's credential: whose tokens, and which of them. */
export interface GitTrust {
  /** `iss` */
  readonly issuer: string;
  /** Where the keys are that sign them, seen from where `dayzero` runs. */
  readonly keys: string;
  /** `aud` */
  readonly audience: string;
  /** Claims of the same names. */
  readonly repository: string;
  readonly generation: string;
}

/** Known before anything is made. Asks an external Vault as whom it signs; of one that the stack installs it is the address. */
export async function askGitTrust(context: Context, spec: ExistingSpec): Promise<GitTrust> {
  const { stack, vault, repository } = spec;
  const { generationResource } = await import("../resources/cluster/GenerationResource.ts");
  const [issuer, generation] = await Promise.all([
    vault.kind === "external" ? askIssuer(context) : undefined,
    generationResource.read("generation", context),
  ]);
  return {
    issuer: issuer ?? oidcIssuerUrl(vault.address),
    keys: oidcKeysUrl(vault.address),
    audience: gitAudience(stack, repository.name),
    repository: repository.name,
    generation: generation?.uid ?? "",
  };
}

/** For people. */
export function formatGitTrust(trust: GitTrust): string {
  const rows = Object.entries(trust).map(([name, value]) => `  ${name.padEnd("generation".length)}  ${value}`);
  return ["the Git server has to trust", ...rows].join("\n");
}

/** Source: OpenID Connect Discovery 1.0, which needs no policy (https://openbao.org/api-docs/secret/identity/tokens/). */
async function askIssuer(context: Context): Promise<string | undefined> {
  const vault = await context.vault();
  try {
    return (await vault.read<{ issuer?: string }>("identity/oidc/.well-known/openid-configuration"))?.issuer;
  } catch (error) {
    // A proxy may let nobody at it. What is only told must not fail a run that was done.
    if (error instanceof VaultError) return undefined;
    throw error;
  }
}
