import { readFile } from "node:fs/promises";
import type { VaultLogin } from "../../config/StackSpec.ts";
import { Secret } from "../../credentials/Secret.ts";
import { ageIdentities } from "../../resources/vault/ageIdentities.ts";
import { TYPED_TOKEN } from "../../resources/vault/externalVaultClient.ts";
import { readInitialRootToken } from "../../resources/vault/initialRootToken.ts";
import { readSealedShares, type SealedShares } from "../../resources/vault/SealedShares.ts";
import { openShares } from "../../resources/vault/unsealVault.ts";
import type { LiveSecret, LiveSecrets } from "../LiveSecret.ts";
import type { Readable } from "./gatherSecrets.ts";

const IDENTITY_FILE = "vault/identity.txt";

/**
 * What opens Vault: unseal or recovery shares, the age identities that open those, an initial root token that is still there, and the
 * token with which an operator logs in to a Vault of their own.
 *
 * Shares are known by opening their sealed copies in memory with the identities at hand. What other people's identities seal cannot
 * be known here, and is told.
 */
export async function sealMaterial({ spec, layout, context: { memory } }: Readable): Promise<LiveSecrets> {
  const vault = spec.program === "existing" ? spec.vault : undefined;
  if (vault?.kind === "external") return operatorLogin(vault.login, memory);
  const identities = await ageIdentities(layout, memory);
  const known: LiveSecret[] = identities.map((value) => ({
    what: "age identity that opens Vault's unseal shares",
    value,
    belongs: [IDENTITY_FILE],
  }));
  const unread: string[] = [];
  const shares = await readSealedShares(layout);
  if (shares?.state === "sealed") {
    const opened = await openShares(shares, identities);
    known.push(
      ...opened.map((value, index) => ({ what: `${kindOf(shares)} share ${index + 1} of Vault`, value, belongs: [] })),
    );
    if (opened.length < shares.shares.length) unread.push(sealedToOthers(shares, opened.length));
  }
  const root = await readInitialRootToken(layout, memory);
  if (root.state === "open") known.push({ what: "initial root token of Vault", value: root.token, belongs: [] });
  if (root.state === "sealed")
    unread.push("initial root token of Vault: no identity at hand opens it (--identity FILE)");
  return { known, unread };
}

type Sealed = Extract<SealedShares, { state: "sealed" }>;

function kindOf({ recovery }: Sealed): string {
  return recovery === true ? "recovery" : "unseal";
}

function sealedToOthers(shares: Sealed, opened: number): string {
  const all = shares.shares.length;
  return `${all - opened} of ${all} ${kindOf(shares)} shares of Vault: sealed to age recipients whose identities are not at hand (--identity FILE)`;
}

/** A service account's token is made for each login, and lies nowhere. */
async function operatorLogin(login: VaultLogin, memory: Readable["context"]["memory"]): Promise<LiveSecrets> {
  const typed = memory.get(TYPED_TOKEN);
  const what = "token that logs in to Vault";
  if (typed !== undefined) return { known: [{ what, value: typed, belongs: [] }], unread: [] };
  if (login.method !== "jwt") return { known: [], unread: [] };
  const file = login.tokenFile;
  try {
    const value = new Secret((await readFile(file, "utf8")).trim());
    return { known: [{ what, value, belongs: [file] }], unread: [] };
  } catch (error) {
    return {
      known: [],
      unread: [`${what}: cannot read ${file} (${(error as NodeJS.ErrnoException).code ?? "unreadable"})`],
    };
  }
}
