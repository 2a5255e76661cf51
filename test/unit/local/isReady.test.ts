import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createAuthority, issueCertificate } from "../../../src/machine/issueCertificate.ts";
import { StackLayout } from "../../../src/machine/StackLayout.ts";
import { writeFileAtomic } from "../../../src/machine/writeFileAtomic.ts";
import { askerOf } from "../../../src/resources/local/isReady.ts";
import { localContext } from "../../support/localContext.ts";

let directory: string;
let server: Server;
let authority: Awaited<ReturnType<typeof createAuthority>>;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dz-ready-"));
  const validity = { now: new Date(), notAfter: new Date(Date.now() + 3_600_000) };
  authority = await createAuthority("test", validity);
  const leaf = { commonName: "server", ipAddresses: ["127.0.0.1"], usages: ["server" as const] };
  const { certificate, key } = await issueCertificate(leaf, authority, validity);
  server = createServer({ cert: certificate, key: key.reveal() }, (_request, response) => response.end());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
});

afterEach(async () => {
  server.close();
  server.closeAllConnections();
  await rm(directory, { recursive: true, force: true });
});

test("askerOf() waits for the certificates that it asks with, and reads them once", async () => {
  const { port } = server.address() as { port: number };
  const url = `https://127.0.0.1:${port}/`;
  const asker = askerOf({ kind: "http", url, authority: "platform", status: [200] }, localContext(directory));
  expect(await asker.isReady()).toBe(false);
  const ca = new StackLayout(directory).pki("platform", "ca.crt");
  await writeFileAtomic(ca, authority.certificate);
  expect(await asker.isReady()).toBe(true);
  await rm(ca);
  expect(await asker.isReady()).toBe(true);
  await asker.close();
});
