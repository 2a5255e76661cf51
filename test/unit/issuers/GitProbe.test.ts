import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Secret } from "../../../src/credentials/Secret.ts";
import { GitProbe } from "../../../src/issuers/GitProbe.ts";
import { freePorts } from "../../../src/machine/freePorts.ts";
import { createAuthority, issueCertificate } from "../../../src/machine/issueCertificate.ts";
import { openGitServer } from "../../support/openGitServer.ts";

const run = promisify(execFile);
const PASSWORD = "canary-of-a-git-credential";
let folder: string;
let url: string;
let ca: string;
let leaf: Awaited<ReturnType<typeof issueCertificate>>;
let stop: () => Promise<void>;
let probe: GitProbe;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "git-probe-"));
  const bare = join(folder, "fleet.git");
  await run("git", ["init", "-q", "--bare", "--initial-branch=main", bare]);
  const tree = (await run("git", ["-C", bare, "write-tree"])).stdout.trim();
  const person = ["-c", "user.name=p", "-c", "user.email=p@example.org"];
  const commit = (await run("git", ["-C", bare, ...person, "commit-tree", "-m", "first", tree])).stdout.trim();
  await run("git", ["-C", bare, "update-ref", "refs/heads/main", commit]);
  const validity = { now: new Date(), notAfter: new Date(Date.now() + 86_400_000) };
  const authority = await createAuthority("forge", validity);
  const subject = { commonName: "git", ipAddresses: ["127.0.0.1"], usages: ["server" as const] };
  leaf = await issueCertificate(subject, authority, validity);
  ca = authority.certificate;
  const [port = 0] = await freePorts(1, new Set());
  stop = await openGitServer({ repositories: folder, port, certificate: leaf.certificate, key: leaf.key.reveal() });
  url = `https://127.0.0.1:${port}/fleet.git`;
  probe = new GitProbe({ username: "oidc", password: new Secret(PASSWORD), ca });
});

afterAll(async () => {
  await probe?.close();
  await stop?.();
  await rm(folder, { recursive: true, force: true });
});

const refs = async () => (await run("git", ["-C", join(folder, "fleet.git"), "for-each-ref"])).stdout;

test("GitProbe.advertised() knows what a server offers", async () => {
  expect(await probe.advertised(url, "git-upload-pack")).toMatchObject({ served: true, status: 200, said: "" });
  expect(await probe.advertised(url, "git-receive-pack")).toMatchObject({ served: true, status: 200 });
  expect(await probe.advertised(url.replace("fleet", "other"), "git-upload-pack")).toMatchObject({ served: false });
});

test("GitProbe.deleteRef() is a push that a server takes, and changes nothing", async () => {
  const before = await refs();
  expect(before).toContain("refs/heads/main");
  expect(await probe.deleteRef(url, "refs/dayzero/none")).toMatchObject({ served: true, status: 200 });
  expect(await refs()).toBe(before);
});

test("GitProbe quotes the words of a refusal, and none that repeat the credential", async () => {
  let words = "read-only\nand more";
  const server: Server = createServer({ cert: leaf.certificate, key: leaf.key.reveal() }, (_, response) => {
    response.writeHead(403).end(words);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const at = `https://127.0.0.1:${(server.address() as AddressInfo).port}/fleet.git`;
  expect(await probe.advertised(at, "git-receive-pack")).toMatchObject({
    served: false,
    status: 403,
    said: ' "read-only"',
  });
  words = `who is ${PASSWORD}?`;
  expect(await probe.advertised(at, "git-receive-pack")).toMatchObject({ status: 403, said: "" });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});
