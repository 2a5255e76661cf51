import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { DayzeroError } from "../config/DayzeroError.ts";
import { Secret } from "../credentials/Secret.ts";
import { issueCertificate, type KeyPair, type LeafRequest } from "./issueCertificate.ts";

/** The whole set of names that are ever signed outside a file. */
const IDENTITIES = {
  administrator: { commonName: "dayzero:administrator", organizations: ["system:masters"] },
  "identity-broker": { commonName: "dayzero:identity-broker" },
  "kube-controller-manager": { commonName: "system:kube-controller-manager" },
} as const satisfies Record<string, Omit<LeafRequest, "usages">>;

export type CertificateIdentity = keyof typeof IDENTITIES;

/** With the minute it is backdated by, ten minutes in all. */
const LIFE_MS = 9 * 60_000;

/** A client certificate for the stack's API server; it and its key exist in memory only, nine minutes from now at most. */
export async function mintClientCertificate(
  directory: string,
  identity: CertificateIdentity,
): Promise<KeyPair & { expiresAt: Date }> {
  const folder = join(directory, "pki", "kubernetes");
  const [certificate, key] = await Promise.all([
    readFile(join(folder, "ca.crt"), "utf8"),
    readFile(join(folder, "ca.key"), "utf8"),
  ]).catch((cause: unknown) => {
    throw new DayzeroError("AUTHORITY_MISSING", `cannot sign a client certificate: no authority in ${folder}`, {
      cause,
      hint: "run dayzero up",
    });
  });
  const now = new Date();
  const expiresAt = new Date(now.getTime() + LIFE_MS);
  const authority = { certificate, key: new Secret(key) };
  const leaf: LeafRequest = { ...IDENTITIES[identity], usages: ["client"] };
  return { ...(await issueCertificate(leaf, authority, { now, notAfter: expiresAt })), expiresAt };
}
