import { createHash, createPrivateKey, createPublicKey, generateKeyPair, X509Certificate } from "node:crypto";
import { readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { Secret } from "../../credentials/Secret.ts";
import { createAuthority, issueCertificate, type KeyPair } from "../../machine/issueCertificate.ts";
import { readIfThere } from "../../machine/readIfThere.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";
import type { Change, Context, Resource } from "../Resource.ts";
import { type FoundLeaf, type LeafInputs, leafDifference, readLeaf } from "./FoundLeaf.ts";

export interface AuthorityInputs {
  name: "etcd" | "kubernetes" | "platform";
  leaves: LeafInputs[];
  /** RSA pairs `<name>.key`, `<name>.pub` beside the certificates. */
  signingKeys: string[];
}

export interface AuthorityLive {
  /** PEM. */
  ca: string;
  /** SHA-256 of the CA certificate, lower-case hex. */
  caFingerprint: string;
  /** RFC 3339. */
  expiresAt: string;
  /** SHA-256 of each leaf's certificate: changes when the leaf is renewed. */
  certificateDigests: Record<string, string>;
  leaves: FoundLeaf[];
  signingKeys: string[];
  /** Everything that files are there for beside the CA, also what a crash left half made. */
  names: string[];
}

const DAY_MS = 86_400_000;
const CA_DAYS = 3650;
const LEAF_DAYS = 365;
const authorityName = z.enum(["etcd", "kubernetes", "platform"], "is not the name of an authority");
const plainName = z.string().regex(/^(?!ca$)[a-z0-9-]+$/, "is not a plain name");

/**
 * `dayzero:local:Authority`: a certificate authority of this stack, its leaves and signing keys, as files in `pki/<name>`.
 *
 * A key is written before its certificate, and a leaf counts only while its key fits and the authority has signed it: what a
 * crash leaves in between is made again. Leaves are renewed when a third of their life remains.
 *
 * What is declared no more is removed, signing keys as well: one that is to verify older tokens for a while stays declared for so long.
 */
export const authorityResource: Resource<AuthorityInputs, AuthorityLive> = {
  type: "dayzero:local:Authority",

  inputs: z
    .strictObject({
      name: authorityName,
      leaves: z.array(
        z.strictObject({
          name: plainName,
          commonName: z.string().min(1),
          organizations: z.array(z.string()).default([]),
          dnsNames: z.array(z.string()).default([]),
          ipAddresses: z.array(z.string()).default([]),
          usages: z.array(z.enum(["server", "client"])).min(1),
        }),
      ),
      signingKeys: z.array(plainName).default([]),
    })
    .superRefine(({ leaves, signingKeys }, check) => {
      const names = [...leaves.map(({ name }) => name), ...signingKeys];
      names.forEach((name, index) => {
        if (names.indexOf(name) === index) return;
        const path = index < leaves.length ? ["leaves", index, "name"] : ["signingKeys", index - leaves.length];
        check.addIssue({ code: "custom", path, message: `"${name}" is there already: two keys cannot share a file` });
      });
    }),

  id: authorityName,
  identify: (inputs) => inputs.name,

  async read(id, ctx) {
    const ca = await readAuthority(id, ctx);
    if (ca === undefined) return undefined;
    const folder = pkiFolder(id, ctx);
    const files = (await readdir(folder)).filter((file) => /\.(crt|key|pub)$/.test(file) && !file.startsWith("ca."));
    const certificates = files.filter((file) => file.endsWith(".crt"));
    const certificate = new X509Certificate(ca.certificate);
    const read = certificates.map((file) => readLeaf(folder, file.slice(0, -4), certificate, ctx.now()));
    const leaves = (await Promise.all(read)).filter((leaf) => leaf !== undefined);
    return {
      ca: ca.certificate,
      caFingerprint: sha256(certificate.raw),
      expiresAt: certificate.validToDate.toISOString(),
      certificateDigests: Object.fromEntries(leaves.map((leaf) => [leaf.name, leaf.digest])),
      leaves,
      signingKeys: await readSigningKeys(id, folder),
      names: [...new Set(files.map((file) => file.slice(0, -4)))].sort(),
    };
  },

  plan(live, desired) {
    if (live === undefined) return [{ action: "create", path: "" }];
    const changes: Change[] = [];
    for (const leaf of desired.leaves) {
      const found = live.leaves.find((other) => other.name === leaf.name);
      const difference = leafDifference(found, leaf);
      if (difference !== undefined) changes.push({ action: "update", path: `leaves.${leaf.name}`, ...difference });
    }
    for (const name of droppedNames(live, desired)) {
      const path = `${live.signingKeys.includes(name) ? "signingKeys" : "leaves"}.${name}`;
      changes.push({ action: "update", path, before: "present", after: "absent" });
    }
    const missing = desired.signingKeys.filter((name) => !live.signingKeys.includes(name));
    return [...changes, ...missing.map((name): Change => ({ action: "update", path: `signingKeys.${name}` }))];
  },

  async apply(_changes, desired, ctx) {
    const { name } = desired;
    const folder = pkiFolder(name, ctx);
    const ca = (await readAuthority(name, ctx)) ?? (await makeAuthority(name, ctx));
    const live = await this.read(name, ctx);
    const notAfter = new Date(Math.min(ctx.now().getTime() + LEAF_DAYS * DAY_MS, Date.parse(live?.expiresAt ?? "")));
    await Promise.all([
      ...desired.leaves.map(async (leaf) => {
        const found = live?.leaves.find((other) => other.name === leaf.name);
        if (leafDifference(found, leaf) === undefined) return;
        await writePair(folder, leaf.name, await issueCertificate(leaf, ca, { now: ctx.now(), notAfter }));
      }),
      ...droppedNames(live, desired)
        .flatMap((dropped) => ["key", "crt", "pub"].map((kind) => `${dropped}.${kind}`))
        .map((file) => rm(join(folder, file), { force: true })),
      ...desired.signingKeys
        .filter((key) => !live?.signingKeys.includes(key))
        .map((key) => makeSigningKey(folder, key)),
    ]);
    const made = await this.read(name, ctx);
    if (made === undefined) throw new Error(`authority ${name} vanished while it was made`);
    return made;
  },

  async owned(_stack, ctx) {
    const names = await readdir(join(ctx.directory, "pki")).catch(() => []);
    return names.filter((name) => authorityName.safeParse(name).success);
  },

  async remove(id, ctx) {
    await rm(pkiFolder(id, ctx), { recursive: true, force: true });
  },

  ledger(id, live) {
    const at = (file: string) => `pki/${id}/${file}.key`;
    const reason = "the embedded servers know each other by it; it never leaves this machine";
    return [
      {
        what: `${id} CA key`,
        where: at("ca"),
        expiresAt: live.expiresAt,
        residual: true,
        reason: "a control plane that is made on this machine has no authority above it",
      },
      ...live.signingKeys.map((key) => ({
        what: `${key} signing key`,
        where: at(key),
        expiresAt: null,
        residual: true,
        reason: "the API server signs short-lived tokens with it",
      })),
      ...live.leaves.map((leaf) => ({
        what: `TLS key of ${leaf.commonName}`,
        where: at(leaf.name),
        expiresAt: leaf.expiresAt,
        residual: true,
        reason,
      })),
    ];
  },
};

function droppedNames(live: AuthorityLive | undefined, { leaves, signingKeys }: AuthorityInputs): string[] {
  const declared = new Set([...leaves.map(({ name }) => name), ...signingKeys]);
  return (live?.names ?? []).filter((name) => !declared.has(name));
}

function pkiFolder(name: string, ctx: Context): string {
  return join(ctx.directory, "pki", name);
}

/** The CA as it lies on disk; `undefined` when there is none, or a crash left only its key, which has signed nothing yet. */
async function readAuthority(name: string, ctx: Context): Promise<KeyPair | undefined> {
  const layout = new StackLayout(ctx.directory);
  const [certificate, key] = await Promise.all([
    readIfThere(layout.pki(name, "ca.crt")),
    readIfThere(layout.pki(name, "ca.key")),
  ]);
  if (certificate === undefined) return undefined;
  const why = brokenBy(certificate, key, ctx.now());
  if (why !== undefined || key === undefined) throw broken(name, why ?? "its key is missing");
  return { certificate, key: new Secret(key) };
}

/** What is wrong with an authority; files that a fault of the disk has cut short are no less wrong than others. */
function brokenBy(certificate: string, key: string | undefined, now: Date): string | undefined {
  let parsed: X509Certificate;
  try {
    parsed = new X509Certificate(certificate);
  } catch {
    return "its certificate is damaged";
  }
  try {
    if (key === undefined || !parsed.checkPrivateKey(createPrivateKey(key)))
      return "its key is missing or does not fit";
  } catch {
    return "its key is damaged";
  }
  return parsed.validToDate <= now ? `its certificate expired at ${parsed.validToDate.toISOString()}` : undefined;
}

function broken(name: string, why: string): DayzeroError {
  return new DayzeroError("AUTHORITY_BROKEN", `cannot use the authority in pki/${name}: ${why}`, {
    hint: "restore the folder from a backup, or run dayzero down and up again",
  });
}

async function makeAuthority(name: string, ctx: Context): Promise<KeyPair> {
  const notAfter = new Date(ctx.now().getTime() + CA_DAYS * DAY_MS);
  const ca = await createAuthority(`dayzero ${ctx.stack} ${name}`, { now: ctx.now(), notAfter });
  await writePair(pkiFolder(name, ctx), "ca", ca);
  return ca;
}

/** In this order: a certificate never lies there without the key that fits it, save for a crash during a renewal. */
async function writePair(folder: string, name: string, pair: KeyPair): Promise<void> {
  await writeFileAtomic(join(folder, `${name}.key`), pair.key.reveal());
  await writeFileAtomic(join(folder, `${name}.crt`), pair.certificate);
}

/** Names of the signing keys whose public half fits; throws AUTHORITY_BROKEN for one in pieces, since what it signed is still in use. */
async function readSigningKeys(authority: string, folder: string): Promise<string[]> {
  const names = (await readdir(folder)).filter((file) => file.endsWith(".pub")).map((file) => file.slice(0, -4));
  const fits = await Promise.all(
    names.map(async (name) => {
      const key = await readIfThere(join(folder, `${name}.key`));
      if (key === undefined) return false;
      try {
        return publicHalf(key) === (await readFile(join(folder, `${name}.pub`), "utf8"));
      } catch {
        throw broken(authority, `its signing key ${name} is damaged`);
      }
    }),
  );
  return names.filter((_name, index) => fits[index]);
}

/** A private key that a crash left alone is kept: tokens may be signed with it already. */
async function makeSigningKey(folder: string, name: string): Promise<void> {
  const file = join(folder, `${name}.key`);
  let key = await readIfThere(file);
  if (key === undefined) {
    const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
    key = privateKey.export({ format: "pem", type: "pkcs8" }).toString();
    await writeFileAtomic(file, key);
  }
  await writeFileAtomic(join(folder, `${name}.pub`), publicHalf(key));
}

function publicHalf(key: string): string {
  return createPublicKey(key).export({ format: "pem", type: "spki" }).toString();
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
