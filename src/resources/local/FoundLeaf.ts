import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { canonicalAddress } from "../../machine/canonicalAddress.ts";

/** A leaf certificate as it is declared. */
export interface LeafInputs {
  name: string;
  commonName: string;
  organizations: string[];
  dnsNames: string[];
  ipAddresses: string[];
  usages: ("server" | "client")[];
}

/** A leaf certificate as it lies on disk, with a key that fits it. */
export interface FoundLeaf extends LeafInputs {
  /** SHA-256 of the certificate, lower-case hex. */
  digest: string;
  /** RFC 3339. */
  expiresAt: string;
  /** Less than a third of its life remains. */
  due: boolean;
}

/** Extended key usages (RFC 5280, 4.2.1.12). */
const USAGES: Readonly<Record<string, "server" | "client">> = {
  "1.3.6.1.5.5.7.3.1": "server",
  "1.3.6.1.5.5.7.3.2": "client",
};

/** Reads `<name>.crt` and `<name>.key`; `undefined` when they are none, the key does not fit or `ca` has not signed it. */
export async function readLeaf(
  folder: string,
  name: string,
  ca: X509Certificate,
  now: Date,
): Promise<FoundLeaf | undefined> {
  const [pem, key] = await Promise.all([
    readFile(join(folder, `${name}.crt`)),
    readFile(join(folder, `${name}.key`)).catch(() => undefined),
  ]);
  const leaf = signedPair(pem, key, ca);
  if (leaf === undefined) return undefined;
  const subject = leaf.toLegacyObject().subject as unknown as Record<string, string | string[] | undefined>;
  const names = (leaf.subjectAltName ?? "").split(", ");
  const ends = leaf.validToDate.getTime();
  return {
    name,
    commonName: list(subject.CN)[0] ?? "",
    organizations: list(subject.O),
    dnsNames: withPrefix(names, "DNS:"),
    ipAddresses: withPrefix(names, "IP Address:"),
    usages: (leaf.keyUsage ?? []).flatMap((oid) => USAGES[oid] ?? []),
    digest: createHash("sha256").update(leaf.raw).digest("hex"),
    expiresAt: leaf.validToDate.toISOString(),
    due: ends - now.getTime() < (ends - leaf.validFromDate.getTime()) / 3,
  };
}

function signedPair(pem: Buffer, key: Buffer | undefined, ca: X509Certificate): X509Certificate | undefined {
  if (key === undefined) return undefined;
  try {
    const leaf = new X509Certificate(pem);
    return leaf.checkPrivateKey(createPrivateKey(key)) && leaf.verify(ca.publicKey) ? leaf : undefined;
  } catch {
    // Not a certificate, or not a key.
    return undefined;
  }
}

/** What has to change so that `found` is as wanted; `undefined` when nothing has to. */
export function leafDifference(
  found: FoundLeaf | undefined,
  wanted: LeafInputs,
): { before: string; after: string } | undefined {
  if (found === undefined) return { before: "absent", after: "present" };
  const [before, after] = [describe(found), describe(wanted)];
  if (before !== after) return { before, after };
  return found.due ? { before: `expires at ${found.expiresAt}`, after: "renewed" } : undefined;
}

function describe(leaf: LeafInputs): string {
  const { commonName, organizations, dnsNames, usages } = leaf;
  const ipAddresses = leaf.ipAddresses.map(canonicalAddress);
  return JSON.stringify({ commonName, organizations, dnsNames, ipAddresses, usages: [...usages].sort() });
}

function list(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : [value].flat();
}

function withPrefix(names: readonly string[], prefix: string): string[] {
  return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}
