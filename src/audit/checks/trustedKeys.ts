import { createHash, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { SignJWT } from "jose/jwt/sign";
import type { VaultClient } from "../../clients/VaultClient.ts";
import { VaultError } from "../../clients/VaultError.ts";
import { Secret } from "../../credentials/Secret.ts";
import { gitReaderAccount } from "../../manifests/gitReaderAccess.ts";
import { GIT_READER, jwtMountName, subjectOf, VAULT_AUDIENCE } from "../../manifests/vault/trustNames.ts";
import { type GenerationLive, generationResource } from "../../resources/cluster/GenerationResource.ts";
import { ownMounts } from "../../resources/vault/JwtAuthResource.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import type { Subject } from "../Subject.ts";

interface MountConfig {
  readonly jwt_validation_pubkeys?: readonly string[] | null;
  readonly jwks_url?: string;
  readonly oidc_discovery_url?: string;
}

/**
 * Vault takes the word of whoever holds one of these keys. That the list is right is compared; that Vault goes by it is tried, with a
 * token that is right in everything but its key.
 */
export const trustedKeys: Check = {
  id: "trusted-keys",
  promise:
    "Vault trusts the keys of this life of the cluster and no others, and refuses a token that another key signed",
  remedy: "run `dayzero up`, which writes the cluster's keys and ends the mounts of earlier lives",

  async look(subject) {
    const { context } = subject;
    const evidence = new Evidence();
    const cluster = await evidence.look("keys of the cluster", "leave to read /openid/v1/jwks", async () => {
      const generation = await generationResource.read("generation", context);
      if (generation === undefined) throw new Error("the cluster has no namespace kube-system");
      return generation;
    });
    const vault = await evidence.look("Vault", "a login", () => context.vault());
    if (cluster === undefined || vault === undefined) return evidence.finding;
    const mount = jwtMountName(context.stack, cluster.uid);
    await evidence.look("mounts of the stack", "read on sys/auth", async () => {
      const own = await ownMounts(vault, context.stack);
      for (const other of own) {
        if (other !== mount) evidence.violated(`auth/${other} trusts another life of the cluster`);
      }
      if (!own.includes(mount)) evidence.violated(`there is no mount auth/${mount} for this life of the cluster`);
    });
    await evidence.look(`keys of auth/${mount}`, `read on auth/${mount}/config`, async () => {
      const config = await vault.read<MountConfig>(`auth/${mount}/config`);
      if (config !== undefined) compareKeys(evidence, mount, config, cluster);
    });
    await evidence.look("a login with a forged token", `a way to auth/${mount}/login`, () =>
      tryForged(evidence, vault, { mount, subject: readerOf(subject), cluster }),
    );
    return evidence.finding;
  },
};

function readerOf({ spec }: Subject): string {
  return subjectOf(spec.program === "local" ? GIT_READER.serviceAccount : gitReaderAccount(spec.stack));
}

function compareKeys(evidence: Evidence, mount: string, config: MountConfig, { publicKeys }: GenerationLive): void {
  const [trusted, live] = [(config.jwt_validation_pubkeys ?? []).map(digestOf), publicKeys.map(digestOf)];
  for (const [setting, url] of Object.entries({
    jwks_url: config.jwks_url,
    oidc_discovery_url: config.oidc_discovery_url,
  })) {
    if (url) evidence.violated(`auth/${mount} takes keys from ${url} (${setting})`);
  }
  const foreign = trusted.filter((key) => !live.includes(key));
  const missing = live.filter((key) => !trusted.includes(key));
  for (const key of foreign) evidence.violated(`auth/${mount} trusts key ${key}, which is none of the cluster's`);
  for (const key of missing) evidence.violated(`auth/${mount} does not trust key ${key} of the cluster`);
  if (foreign.length + missing.length === 0)
    evidence.proved(`auth/${mount} trusts the cluster's keys: ${live.join(", ")}`);
}

/** The first 16 hex digits of the SHA-256 of a public key (SPKI). */
function digestOf(pem: string): string {
  const der = createPublicKey(pem).export({ type: "spki", format: "der" });
  return createHash("sha256").update(der).digest("hex").slice(0, 16);
}

async function tryForged(
  evidence: Evidence,
  vault: VaultClient,
  { mount, subject, cluster }: { mount: string; subject: string; cluster: GenerationLive },
): Promise<void> {
  const [first = ""] = cluster.publicKeys;
  const token = await forge({ like: createPublicKey(first), issuer: cluster.issuer, subject });
  try {
    const client = await vault.loginJwt(mount, GIT_READER.role, token);
    evidence.violated(`auth/${mount} let a token in that none of the cluster's keys signed`);
    // A token that is good for one use, which may not be this: then it ends by itself.
    await client.write("auth/token/revoke-self").catch(() => undefined);
  } catch (error) {
    if (!(error instanceof VaultError) || error.status >= 500) throw error;
    const why = error.errors.join("; ").trim();
    if (/signature/i.test(why)) evidence.proved(`auth/${mount} refuses a token that another key signed: ${why}`);
    else
      evidence.unobservable(`auth/${mount} refuses a token that another key signed, and not for its signature: ${why}`);
  }
}

/** A token as the API server makes them, signed by a key that was made for this and is kept nowhere. */
async function forge(as: { like: KeyObject; issuer: string; subject: string }): Promise<Secret> {
  const { asymmetricKeyType, asymmetricKeyDetails } = as.like;
  const curve = asymmetricKeyDetails?.namedCurve ?? "prime256v1";
  const isRsa = asymmetricKeyType === "rsa";
  const { privateKey } = isRsa
    ? generateKeyPairSync("rsa", { modulusLength: 2048 })
    : generateKeyPairSync("ec", { namedCurve: curve });
  const algorithm = isRsa ? "RS256" : ({ secp384r1: "ES384", secp521r1: "ES512" }[curve] ?? "ES256");
  const token = await new SignJWT({ iss: as.issuer, sub: as.subject, aud: [VAULT_AUDIENCE] })
    .setProtectedHeader({ alg: algorithm })
    .setIssuedAt()
    .setNotBefore("0s")
    .setExpirationTime("1m")
    .sign(privateKey);
  return new Secret(token);
}
