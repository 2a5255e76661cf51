import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Secret } from "../../credentials/Secret.ts";
import { REDIS_PASSWORD_FILE } from "../../manifests/argocd/redisConfiguration.ts";
import type { LiveSecret, LiveSecrets } from "../LiveSecret.ts";
import type { Readable } from "./gatherSecrets.ts";

const ENCRYPTION_FILE = "etc/encryption.json";
const VARIABLE = "REDIS_PASSWORD ";
const ENVIRONMENT = "environment of process ";

/** What lies in the stack's folder: private keys below pki/ and etc/, and what was drawn for servers of this machine. */
export async function fileSecrets({ spec, layout, ledger }: Readable): Promise<LiveSecrets> {
  if (spec.program !== "local") return { known: [], unread: [] };
  const known: LiveSecret[] = [];
  const unread: string[] = [];
  const files = await Promise.all(["pki", "etc"].map((folder) => namesBelow(join(layout.directory, folder))));
  for (const path of files.flat().map((file) => file.slice(layout.directory.length + 1))) {
    try {
      const text = await readFile(join(layout.directory, path), "utf8");
      for (const [key] of text.matchAll(PRIVATE_KEY)) {
        known.push({ what: `private key of ${path}`, value: new Secret(key), belongs: [path] });
      }
      if (path === REDIS_PASSWORD_FILE) known.push(redisPassword(path, text, ledger));
      if (path === ENCRYPTION_FILE) known.push(...encryptionKeys(path, text));
    } catch (error) {
      unread.push(`${path}: ${(error as NodeJS.ErrnoException).code ?? "it is not what it should be"}`);
    }
  }
  return { known, unread };
}

const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]+-----END [A-Z ]*PRIVATE KEY-----/g;

/** Argo CD reads it from its environment, and what Argo CD starts inherits it: the ledger names the processes. */
function redisPassword(path: string, text: string, ledger: Readable["ledger"]): LiveSecret {
  const environments = ledger
    .filter(({ what, where }) => what.startsWith(VARIABLE) && where.startsWith(ENVIRONMENT))
    .map(({ where }) => where);
  return {
    what: "password of Argo CD's cache",
    value: new Secret(text.trim()),
    belongs: [path, "etc/redis.conf", ...environments],
  };
}

/** https://kubernetes.io/docs/reference/config-api/apiserver-config.v1/ */
function encryptionKeys(path: string, text: string): LiveSecret[] {
  const { resources } = JSON.parse(text) as {
    resources: { providers: Record<string, { keys?: { secret: string }[] }>[] }[];
  };
  const keys = resources.flatMap(({ providers }) => providers.flatMap((each) => Object.values(each)));
  return keys
    .flatMap(({ keys = [] }) => keys)
    .map(({ secret }) => ({ what: "key that encrypts Secrets in etcd", value: new Secret(secret), belongs: [path] }));
}

async function namesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map(({ parentPath, name }) => join(parentPath, name));
}
