import { chmod, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { join } from "node:path";
import fc from "fast-check";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { processResource } from "../../../src/resources/local/ProcessResource.ts";
import { writeSealedShares } from "../../../src/resources/vault/SealedShares.ts";
import { waitFor } from "../../support/waitFor.ts";
import { type Row, row } from "./Row.ts";
import { type FolderSystem, folderSystem } from "./System.ts";

const port = await freePort();
const text = (maxLength: number) => fc.string({ unit: "grapheme", minLength: 1, maxLength });
const plainName = fc.stringMatching(/^[a-z][a-z0-9-]{0,8}$/).filter((name) => name !== "ca");
const placeholder = fc
  .tuple(fc.constantFrom("base64", "hex"), fc.integer({ min: 1, max: 64 }))
  .map(([encoding, bytes]) => `{{random:${encoding}:${bytes}}}`);

interface Given {
  readonly path: string;
}

const at = ({ context }: FolderSystem, path: string): string => join(context.directory, path);

/** Of the local room, and what else is no more than files. */
export const localRows: readonly Row[] = [
  row<FolderSystem>({
    type: "dayzero:local:Ports",
    system: folderSystem,
    inputs: () => fc.constant({}),
    tampers: {
      async "a port is forgotten"(_given: object, { context }) {
        const file = new StackLayout(context.directory).ports;
        const { vault: _, ...rest } = JSON.parse(await readFile(file, "utf8")) as Record<string, number>;
        await writeFile(file, JSON.stringify(rest));
      },
      "its file is gone": (_given: object, { context }) => rm(new StackLayout(context.directory).ports),
    },
    random: 1,
  }),
  row<FolderSystem>({
    type: "dayzero:local:Authority",
    system: folderSystem,
    inputs: () =>
      fc.record({
        name: fc.constant("etcd"),
        leaves: fc.uniqueArray(
          fc.record(
            {
              name: plainName,
              commonName: fc.oneof(
                text(20),
                fc.constantFrom("a,b=c", "a+b", " spaced ", "#hash", 'quo"te', "back\\slash"),
              ),
              organizations: fc.uniqueArray(text(12), { maxLength: 3 }),
              dnsNames: fc.uniqueArray(fc.domain(), { maxLength: 2 }),
              ipAddresses: fc.uniqueArray(fc.oneof(fc.ipV4(), fc.constant("::1"), fc.ipV6()), { maxLength: 2 }),
              usages: fc.subarray(["server", "client"] as const, { minLength: 1 }),
            },
            { requiredKeys: ["name", "commonName", "usages"] },
          ),
          { maxLength: 3, selector: ({ name }) => name },
        ),
        signingKeys: fc.uniqueArray(fc.constantFrom("service-account", "an-older-one"), { maxLength: 2 }),
      }),
    tampers: {
      async "a leaf loses its key"({ leaves }: { leaves: { name: string }[] }, system) {
        for (const { name } of leaves.slice(0, 1)) await rm(at(system, `pki/etcd/${name}.key`));
      },
      async "a leaf is not a certificate"({ leaves }: { leaves: { name: string }[] }, system) {
        for (const { name } of leaves.slice(0, 1)) await writeFile(at(system, `pki/etcd/${name}.crt`), "theirs");
      },
      async "a signing key loses its public half"({ signingKeys }: { signingKeys: string[] }, system) {
        for (const name of signingKeys) await rm(at(system, `pki/etcd/${name}.pub`));
      },
      async "a leaf's key is not a key"({ leaves }: { leaves: { name: string }[] }, system) {
        for (const { name } of leaves.slice(0, 1)) await writeFile(at(system, `pki/etcd/${name}.key`), "theirs");
      },
      "the authority loses its key": (_given: object, system) => rm(at(system, "pki/etcd/ca.key")),
    },
    // One that lost its key can be neither read nor removed piece by piece.
    reset: (_ctx, system) => rm(at(system, "pki"), { recursive: true, force: true }),
    random: 5,
  }),
  row<FolderSystem>({
    type: "dayzero:local:File",
    system: folderSystem,
    inputs: () =>
      fc.record(
        {
          path: fc.constantFrom("etc/a.conf", "deep/er/b c.json"),
          content: fc.oneof(text(40), fc.constantFrom("", "\n", "\r\n", "\uFEFFbom", "{tool:git} run", "{tool:no")),
          mode: fc.integer({ min: 0o400, max: 0o777 }),
        },
        { requiredKeys: ["path", "content"] },
      ),
    tampers: {
      async "its content is changed"({ path }: Given, system) {
        await chmod(at(system, path), 0o600);
        await writeFile(at(system, path), "theirs");
      },
      "its mode is changed": ({ path }: Given, system) => chmod(at(system, path), 0o604),
      "it is gone": ({ path }: Given, system) => rm(at(system, path)),
    },
    random: 25,
  }),
  row<FolderSystem>({
    type: "dayzero:local:SecretFile",
    system: folderSystem,
    inputs: () =>
      fc.record(
        {
          path: fc.constantFrom("etc/secret", "deep/er/secret"),
          template: fc.tuple(text(10), placeholder, text(10)).map((parts) => parts.join("")),
          purpose: text(20),
          loss: fc.constantFrom("redraw", "fatal"),
        },
        { requiredKeys: ["path", "template", "purpose"] },
      ),
    tampers: { "it is gone": ({ path }: Given, system) => rm(at(system, path)) },
    random: 25,
  }),
  row<FolderSystem>({
    type: "dayzero:local:Process",
    system: folderSystem,
    inputs: () =>
      fc.record({
        name: fc.constant("redis"),
        tool: fc.constant("redis-server"),
        args: fc.constantFrom("16", "32").map((databases) => ["--port", String(port), "--databases", databases]),
        triggers: fc.array(text(8), { maxLength: 2 }),
        ready: fc.constant({ kind: "redis", port }),
      }),
    tampers: {
      async "it is killed"(_given: object, { context }) {
        const live = await processResource.read("redis", context);
        if (live !== undefined) process.kill(live.pid, "SIGKILL");
        await waitFor("its end", async () => (await processResource.read("redis", context)) === undefined);
      },
      "its pid file is gone": (_given: object, { context }) => rm(pidFile(context.directory)),
      "its specification is gone": (_given: object, { context }) =>
        rm(new StackLayout(context.directory).processSpec("redis")),
    },
    random: 3,
  }),
  row<FolderSystem>({
    type: "dayzero:local:DataFolder",
    system: folderSystem,
    inputs: () => fc.record({ path: fc.constantFrom("data/etcd", "data/a-1") }),
    tampers: {
      "its mode is changed": ({ path }: Given, system) => chmod(at(system, path), 0o755),
      "it is gone": ({ path }: Given, system) => rm(at(system, path), { recursive: true }),
      "an earlier Dayzero made it, which left no mark": (_given: object, { context }) =>
        rm(new StackLayout(context.directory).owned("data-folder"), { recursive: true }),
      async "it is filled"({ path }: Given, system) {
        await mkdir(at(system, `${path}/member`));
        await writeFile(at(system, `${path}/member/wal`), "data");
      },
    },
    random: 3,
  }),
  row<FolderSystem>({
    type: "dayzero:vault:Storage",
    system: folderSystem,
    inputs: () => fc.constant({}),
    tampers: {
      "an initialization was interrupted": (_given: object, { context }) =>
        writeSealedShares(new StackLayout(context.directory), { state: "initializing" }),
    },
    neverOwned: "a Vault is not thrown away because a program no longer mentions it",
    random: 2,
  }),
];

function pidFile(directory: string): string {
  return new StackLayout(directory).pidFile("redis");
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
