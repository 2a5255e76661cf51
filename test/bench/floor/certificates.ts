import { generateKeyPair, randomBytes, webcrypto } from "node:crypto";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import "reflect-metadata";
import * as x509 from "@peculiar/x509";
import type { RecordedCertificate } from "./Recipe.ts";

const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
const CLIENT_AUTH = "1.3.6.1.5.5.7.3.2";
const HOUR_MS = 3_600_000;

interface Pair {
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
}

interface Authority extends Pair {
  readonly keys: webcrypto.CryptoKeyPair;
  readonly parsed: x509.X509Certificate;
}

/** Authorities with a leaf for each recorded certificate, as files in `pki/<authority>`; returns them by name. */
export async function makeCertificates(
  directory: string,
  leaves: readonly RecordedCertificate[],
): Promise<(name: string) => Authority> {
  const names = [...new Set(leaves.map(({ authority }) => authority))];
  const authorities = new Map(await Promise.all(names.map(async (name) => [name, await makeAuthority(name)] as const)));
  const authorityOf = (name: string): Authority => {
    const authority = authorities.get(name);
    if (authority === undefined) throw new Error(`the recipe has no authority ${name}`);
    return authority;
  };
  const write = async (authority: string, name: string, { certificate, key }: Pair) => {
    const folder = join(directory, "pki", authority);
    await mkdir(folder, { recursive: true });
    await Promise.all([
      writeFile(join(folder, `${name}.crt`), certificate),
      writeFile(join(folder, `${name}.key`), key),
    ]);
  };
  await Promise.all([
    ...[...authorities].map(([name, authority]) => write(name, "ca", authority)),
    ...leaves.map(async (leaf) => write(leaf.authority, leaf.name, await issue(authorityOf(leaf.authority), leaf))),
  ]);
  return authorityOf;
}

/** A client certificate, in memory. */
export function issueClient(authority: Authority, commonName: string, organization?: string): Promise<Pair> {
  return issue(authority, { commonName, organization, dnsNames: [], ipAddresses: [], usages: [CLIENT_AUTH] });
}

/** The key that the API server signs service-account tokens with. */
export async function makeSigningKey(): Promise<{ key: string; publicKey: string }> {
  const { privateKey, publicKey } = await promisify(generateKeyPair)("rsa", { modulusLength: 2048 });
  return {
    key: privateKey.export({ format: "pem", type: "pkcs8" }).toString(),
    publicKey: publicKey.export({ format: "pem", type: "spki" }).toString(),
  };
}

async function makeAuthority(name: string): Promise<Authority> {
  const keys = await newKeys();
  const flags = x509.KeyUsageFlags;
  const parsed = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity(),
    name: `CN=floor ${name}`,
    keys,
    signingAlgorithm: ALGORITHM,
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(flags.keyCertSign | flags.cRLSign | flags.digitalSignature, true),
    ],
  });
  return { parsed, keys, certificate: `${parsed.toString("pem")}\n`, key: await pemOf(keys) };
}

async function issue(
  authority: Authority,
  leaf: Omit<RecordedCertificate, "authority" | "name"> & { organization?: string | undefined },
): Promise<Pair> {
  const keys = await newKeys();
  const names = [
    ...leaf.dnsNames.map((value) => ({ type: "dns" as const, value })),
    ...leaf.ipAddresses.map((value) => ({ type: "ip" as const, value })),
  ];
  const certificate = await x509.X509CertificateGenerator.create({
    ...validity(),
    subject: `${leaf.organization === undefined ? "" : `O=${leaf.organization}, `}CN=${leaf.commonName}`,
    issuer: authority.parsed.subject,
    signingAlgorithm: ALGORITHM,
    publicKey: keys.publicKey,
    signingKey: authority.keys.privateKey,
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([...leaf.usages]),
      ...(names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)]),
    ],
  });
  return { certificate: `${certificate.toString("pem")}\n`, key: await pemOf(keys) };
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ["sign", "verify"]);
}

function validity() {
  const now = Date.now();
  return {
    serialNumber: `01${randomBytes(15).toString("hex")}`,
    notBefore: new Date(now - 60_000),
    notAfter: new Date(now + HOUR_MS),
  };
}

async function pemOf({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey("pkcs8", privateKey), "PRIVATE KEY");
}
