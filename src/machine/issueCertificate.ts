import { createPrivateKey, randomBytes, webcrypto } from "node:crypto";
import type { Extension, JsonName, Name } from "@peculiar/x509";
import { Secret } from "../credentials/Secret.ts";
import { canonicalAddress } from "./canonicalAddress.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** Clocks are compared to the second, and a certificate is used at once. */
const BACKDATE_MS = 60_000;

/** A certificate (PEM) and its private key (PKCS #8 PEM). */
export interface KeyPair {
  readonly certificate: string;
  readonly key: Secret;
}

export interface LeafRequest {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly usages: readonly ("server" | "client")[];
}

/** A certificate for a new P-256 key, signed by `authority`; valid from a minute before `now` until `notAfter`. RFC 5280. */
export async function issueCertificate(
  leaf: LeafRequest,
  authority: KeyPair,
  validity: { now: Date; notAfter: Date },
): Promise<KeyPair> {
  const x509 = await loadX509();
  const issuer = new x509.X509Certificate(authority.certificate);
  const usages = leaf.usages.map((usage) => x509.ExtendedKeyUsage[usage === "server" ? "serverAuth" : "clientAuth"]);
  const names = [
    ...(leaf.dnsNames ?? []).map((value) => ({ type: "dns" as const, value })),
    ...(leaf.ipAddresses ?? []).map((address) => ({ type: "ip" as const, value: canonicalAddress(address) })),
  ];
  return sign({
    // By the kind of their string: as bare text, quotes and backslashes in them would be taken for RFC 4514's.
    subject: new x509.Name([
      ...(leaf.organizations ?? []).map((utf8String) => ({ O: [{ utf8String }] })),
      { CN: [{ utf8String: leaf.commonName }] },
    ]),
    issuer: issuer.subjectName.toJSON(),
    signingKey: await importKey(authority.key),
    authorityKey: issuer.publicKey,
    validity,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension(usages),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  });
}

/** A new self-signed certificate authority that signs leaves only. */
export async function createAuthority(commonName: string, validity: { now: Date; notAfter: Date }): Promise<KeyPair> {
  const x509 = await loadX509();
  const flags = x509.KeyUsageFlags;
  return sign({
    subject: [{ CN: [commonName] }],
    issuer: [{ CN: [commonName] }],
    validity,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(flags.keyCertSign | flags.cRLSign | flags.digitalSignature, true),
    ],
  });
}

async function sign(request: {
  subject: Name | JsonName;
  issuer: JsonName;
  /** Without one the certificate signs itself. */
  signingKey?: webcrypto.CryptoKey;
  authorityKey?: import("@peculiar/x509").PublicKey;
  validity: { now: Date; notAfter: Date };
  extensions: Extension[];
}): Promise<KeyPair> {
  const x509 = await loadX509();
  const keys = await webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.create({
    // Positive and 127 bits random (RFC 5280, 4.1.2.2).
    serialNumber: `01${randomBytes(15).toString("hex")}`,
    subject: request.subject,
    issuer: request.issuer,
    notBefore: new Date(request.validity.now.getTime() - BACKDATE_MS),
    notAfter: request.validity.notAfter,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: request.signingKey ?? keys.privateKey,
    extensions: [
      ...request.extensions,
      await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(request.authorityKey ?? keys.publicKey),
    ],
  });
  const der = Buffer.from(await webcrypto.subtle.exportKey("pkcs8", keys.privateKey));
  const key = createPrivateKey({ key: der, format: "der", type: "pkcs8" }).export({ format: "pem", type: "pkcs8" });
  return { certificate: `${certificate.toString("pem")}\n`, key: new Secret(key.toString()) };
}

async function importKey(key: Secret): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(key.reveal()).export({ format: "der", type: "pkcs8" });
  return webcrypto.subtle.importKey("pkcs8", der, ALGORITHM, false, ["sign"]);
}

/** 160 ms and 20 MB: loaded by who signs, not by who merely could. Its decorators need reflect-metadata first. */
export async function loadX509(): Promise<typeof import("@peculiar/x509")> {
  await import("reflect-metadata");
  return import("@peculiar/x509");
}
