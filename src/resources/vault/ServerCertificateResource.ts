import { createHash, createPrivateKey, X509Certificate } from "node:crypto";
import { z } from "zod";
import type { KubernetesClient, KubernetesManifest } from "../../clients/KubernetesClient.ts";
import { KubernetesError } from "../../clients/KubernetesError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { Secret } from "../../credentials/Secret.ts";
import { canonicalAddress } from "../../machine/canonicalAddress.ts";
import { createAuthority, issueCertificate, type KeyPair } from "../../machine/issueCertificate.ts";
import { STACK_LABEL } from "../../manifests/marks.ts";
import { segments } from "../identity.ts";
import type { Change, Resource } from "../Resource.ts";

const inputs = z.strictObject({
  /** Of the Secrets; it has to exist. */
  namespace: z.string().min(1),
  /** TLS Secret that the server mounts: `tls.crt`, `tls.key`, `ca.crt`. The authority's key is in `<secret>-authority`, which nobody mounts. */
  secret: z.string().min(1),
  dnsNames: z.array(z.string().min(1)),
  ipAddresses: z.array(z.string().min(1)).default([]),
});

export type ServerCertificateInputs = z.infer<typeof inputs>;

export interface ServerCertificateLive {
  readonly namespace: string;
  readonly secret: string;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  /** PEM of the authority: what clients trust. */
  readonly ca: string;
  /** SHA-256 of the server's certificate: another one means that the server has to read it anew. */
  readonly digest: string;
  /** RFC 3339. */
  readonly expiresAt: string;
  /** A third of its life, or less, is left. */
  readonly due: boolean;
  /** The authority ends before a certificate that is made now would. */
  readonly authorityDue: boolean;
}

const DAY_MS = 86_400_000;
/** A server takes a new certificate at a restart only, so it is not made often; at each `up` it is looked at. */
const LEAF_MS = 365 * DAY_MS;
const AUTHORITY_MS = 10 * LEAF_MS;
/** What the Secrets of one certificate carry beside the stack's label: the name of the TLS Secret. */
const CERTIFICATE_LABEL = "dayzero.dev/server-certificate";
const SECRET = { apiVersion: "v1", kind: "Secret" } as const;

/**
 * The certificate of a server in the cluster, with an authority of its own. Both are made in memory and written into Secrets of the
 * cluster, and nowhere else: no key is in an input, an output or a file. A certificate that is due is made anew by the same authority.
 *
 * The authority is written first: a crash in between leaves one that has signed nothing, and the next run signs with it.
 */
export const serverCertificateResource: Resource<ServerCertificateInputs, ServerCertificateLive> = {
  type: "dayzero:vault:ServerCertificate",
  inputs: inputs as unknown as z.ZodType<ServerCertificateInputs>,
  id: segments(2),
  identify: ({ namespace, secret }) => `${namespace}/${secret}`,

  async read(id, ctx) {
    const kubernetes = await ctx.kubernetes();
    const { namespace, secret } = parseId(id);
    const [authority, leaf] = await Promise.all([
      readOwn(kubernetes, namespace, authorityName(secret), ctx.stack),
      readOwn(kubernetes, namespace, secret, ctx.stack),
    ]);
    const [authorityPair, leafPair] = [keyPairOf(authority), keyPairOf(leaf)];
    if (authorityPair === undefined || leafPair === undefined) return undefined;
    return describe(id, authorityPair, leafPair, ctx.now());
  },

  plan(live, desired) {
    if (live === undefined) return [{ action: "create", path: "" }];
    const changes: Change[] = [];
    const compare = (path: string, ...lists: [readonly string[], readonly string[]]) => {
      const [before = "", after = ""] = lists.map((names) => [...names].sort().join(", "));
      if (before !== after) changes.push({ action: "update", path, before, after });
    };
    compare("dnsNames", live.dnsNames, desired.dnsNames);
    compare("ipAddresses", live.ipAddresses, desired.ipAddresses.map(canonicalAddress));
    if (live.authorityDue) changes.push({ action: "update", path: "ca", before: "ends soon", after: "renewed" });
    if (live.due) changes.push({ action: "update", path: "expiresAt", before: live.expiresAt, after: "renewed" });
    return changes;
  },

  async apply(_changes, desired, ctx) {
    const kubernetes = await ctx.kubernetes();
    const { namespace, secret, dnsNames, ipAddresses } = desired;
    const now = ctx.now();
    const found = await readOwn(kubernetes, namespace, authorityName(secret), ctx.stack);
    const kept = keyPairOf(found);
    const authority =
      kept !== undefined && !endsBeforeLeaf(kept, now)
        ? kept
        : await createAuthority(`${secret} authority`, { now, notAfter: new Date(now.getTime() + AUTHORITY_MS) });
    if (authority !== kept) {
      await write(kubernetes, found, secretObject(desired, authorityName(secret), ctx.stack, authority));
    }
    const usages = ["server"] as const;
    const leaf = await issueCertificate({ commonName: secret, dnsNames, ipAddresses, usages }, authority, {
      now,
      notAfter: new Date(now.getTime() + LEAF_MS),
    });
    const before = await readOwn(kubernetes, namespace, secret, ctx.stack);
    await write(kubernetes, before, secretObject(desired, secret, ctx.stack, leaf, authority.certificate));
    return describe(serverCertificateResource.identify(desired), authority, leaf, now);
  },

  async owned(stack, ctx) {
    const labelSelector = `${STACK_LABEL}=${stack},${CERTIFICATE_LABEL}`;
    const secrets = await (await ctx.kubernetes()).list<KubernetesManifest>(SECRET, { labelSelector });
    return [
      ...new Set(
        secrets.map(({ metadata }) => `${metadata.namespace}/${metadata.labels?.[CERTIFICATE_LABEL] ?? metadata.name}`),
      ),
    ];
  },

  async remove(id, ctx) {
    const kubernetes = await ctx.kubernetes();
    const { namespace, secret } = parseId(id);
    for (const name of [secret, authorityName(secret)]) {
      const found = await kubernetes.get({ ...SECRET, namespace, name });
      if (found?.metadata.labels?.[STACK_LABEL] !== ctx.stack) continue;
      const { uid } = found.metadata;
      await kubernetes.delete({ ...SECRET, namespace, name }, uid === undefined ? {} : { uid });
    }
  },

  ledger(_id, live) {
    const { namespace, secret, expiresAt } = live;
    return [
      { what: "TLS key of OpenBao", where: `Secret ${namespace}/${secret}`, expiresAt, residual: false },
      {
        what: "key of the authority of OpenBao's certificates",
        where: `Secret ${namespace}/${authorityName(secret)}`,
        expiresAt: new X509Certificate(live.ca).validToDate.toISOString(),
        residual: true,
        reason: "a certificate is renewed under the authority that clients know",
      },
    ];
  },
};

function authorityName(secret: string): string {
  return `${secret}-authority`;
}

function parseId(id: string): { namespace: string; secret: string } {
  const [namespace = "", secret = ""] = id.split("/");
  return { namespace, secret };
}

async function readOwn(
  kubernetes: KubernetesClient,
  namespace: string,
  name: string,
  stack: string,
): Promise<KubernetesManifest | undefined> {
  const found = await kubernetes.get({ ...SECRET, namespace, name });
  if (found === undefined || found.metadata.labels?.[STACK_LABEL] === stack) return found;
  throw new DayzeroError("SECRET_NOT_OWN", `cannot use Secret ${namespace}/${name}: stack "${stack}" did not make it`, {
    hint: "delete it, if nobody needs it",
  });
}

/** By compare-and-swap: of two runs, the later one starts anew with what the other made. */
async function write(
  kubernetes: KubernetesClient,
  before: KubernetesManifest | undefined,
  object: KubernetesManifest,
): Promise<void> {
  const resourceVersion = before?.metadata.resourceVersion;
  try {
    if (resourceVersion === undefined) await kubernetes.create(object);
    else await kubernetes.replace({ ...object, metadata: { ...object.metadata, resourceVersion } });
  } catch (cause) {
    if (!(cause instanceof KubernetesError) || cause.status !== 409) throw cause;
    const { namespace, name } = object.metadata;
    throw new DayzeroError(
      "CERTIFICATE_CONTENDED",
      `cannot write Secret ${namespace}/${name}: it was changed meanwhile`,
      {
        cause,
        hint: "run the same command again",
      },
    );
  }
}

function secretObject(
  { namespace, secret }: ServerCertificateInputs,
  name: string,
  stack: string,
  { certificate, key }: KeyPair,
  ca?: string,
): KubernetesManifest {
  const encode = (text: string) => Buffer.from(text).toString("base64");
  return {
    ...SECRET,
    metadata: { name, namespace, labels: { [STACK_LABEL]: stack, [CERTIFICATE_LABEL]: secret } },
    type: "kubernetes.io/tls",
    data: {
      "tls.crt": encode(certificate),
      "tls.key": encode(key.reveal()),
      ...(ca === undefined ? {} : { "ca.crt": encode(ca) }),
    },
  };
}

/** `undefined` when there is none, or what is there is no certificate with its key: then it is made anew. */
function keyPairOf(secret: KubernetesManifest | undefined): KeyPair | undefined {
  const data = (secret?.data ?? {}) as Readonly<Record<string, string>>;
  const [certificate = "", key = ""] = ["tls.crt", "tls.key"].map((name) =>
    Buffer.from(data[name] ?? "", "base64").toString("utf8"),
  );
  try {
    if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) return undefined;
  } catch {
    return undefined;
  }
  return { certificate, key: new Secret(key) };
}

function endsBeforeLeaf({ certificate }: KeyPair, now: Date): boolean {
  return new X509Certificate(certificate).validToDate.getTime() < now.getTime() + LEAF_MS;
}

function describe(id: string, authority: KeyPair, leaf: KeyPair, now: Date): ServerCertificateLive {
  const [ca, certificate] = [new X509Certificate(authority.certificate), new X509Certificate(leaf.certificate)];
  const names = (certificate.subjectAltName ?? "").split(", ");
  const ends = certificate.validToDate.getTime();
  return {
    ...parseId(id),
    dnsNames: withPrefix(names, "DNS:"),
    ipAddresses: withPrefix(names, "IP Address:").map(canonicalAddress),
    ca: authority.certificate,
    digest: createHash("sha256").update(certificate.raw).digest("hex"),
    expiresAt: certificate.validToDate.toISOString(),
    due: ends - now.getTime() < (ends - certificate.validFromDate.getTime()) / 3 || !certificate.verify(ca.publicKey),
    authorityDue: endsBeforeLeaf(authority, now),
  };
}

function withPrefix(names: readonly string[], prefix: string): string[] {
  return names.filter((name) => name.startsWith(prefix)).map((name) => name.slice(prefix.length));
}
