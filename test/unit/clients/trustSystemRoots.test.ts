import { execFile } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createAuthority, issueCertificate } from "../../../src/machine/issueCertificate.ts";

let folder: string;
let server: Server;
let url: string;
let asked: string[];

/** A server whose authority only the file `store.pem` knows: what a company's own is to a machine's store. */
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "dz-roots-"));
  const validity = { now: new Date(), notAfter: new Date(Date.now() + 3_600_000) };
  const authority = await createAuthority("company", validity);
  const leaf = { commonName: "server", ipAddresses: ["127.0.0.1"], usages: ["server"] } as const;
  const { certificate, key } = await issueCertificate(leaf, authority, validity);
  await mkdir(join(folder, "empty"));
  await writeFile(join(folder, "store.pem"), authority.certificate);
  server = createServer({ cert: certificate, key: key.reveal() }, (request, response) => {
    asked.push(request.url ?? "");
    response.writeHead(404, { "content-type": "application/json" }).end("{}");
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});
beforeEach(() => {
  asked = [];
});

/** Each as a module of its own, because the roots are the process's. Resolves to what its failure was, if it was one. */
const CLIENTS = {
  vault: `const { VaultClient } = await import(SRC + "clients/VaultClient.ts");
    await new VaultClient({ address: URL }).read("sys/none")`,
  kubernetes: `const { KubernetesClient } = await import(SRC + "clients/KubernetesClient.ts");
    await new KubernetesClient({ server: URL, ca: undefined, credential: async () => ({}) }).request("GET", "/none")`,
  "git server": `const { probeGit } = await import(SRC + "issuers/probeGit.ts");
    const { Secret } = await import(SRC + "credentials/Secret.ts");
    await probeGit(URL, { username: "u", password: new Secret("p"), fingerprint: "f" }, { ca: undefined, trust: "" })`,
  downloads: `const { Downloads } = await import(SRC + "toolchain/Downloads.ts");
    const file = { url: URL + "/none", sha256: "0".repeat(64) };
    await new Downloads({ directory: FOLDER, environment: {} }).release(file)`,
};

async function run(client: keyof typeof CLIENTS, store: string): Promise<string> {
  const names = { SRC: new URL("../../../src/", import.meta.url).href, URL: url, FOLDER: folder };
  const values = Object.entries(names).map(([name, value]) => `const ${name} = ${JSON.stringify(value)};`);
  const script = `${values.join("")} try { ${CLIENTS[client]} } catch (error) { console.log(error.message) } process.exit()`;
  const env = { PATH: process.env.PATH, SSL_CERT_FILE: store, SSL_CERT_DIR: join(folder, "empty") };
  return (await promisify(execFile)(process.execPath, ["--input-type=module", "-e", script], { env })).stdout;
}

const names = Object.keys(CLIENTS) as (keyof typeof CLIENTS)[];

test.each(names)("trustSystemRoots() lets the client of %s without a CA trust the machine's store", async (name) => {
  const said = await run(name, join(folder, "store.pem"));
  expect(said).not.toMatch(/certificate/);
  expect(asked.length).toBeGreaterThan(0);
});

test.each(names)("the client of %s without a CA trusts nobody else", async (name) => {
  expect(await run(name, join(folder, "none.pem"))).toMatch(/certificate|CERT|SIGNATURE/i);
  expect(asked).toEqual([]);
});
