import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { Downloads } from "../../../src/toolchain/Downloads.ts";
import { ReleaseServer, sendHalf } from "./ReleaseServer.ts";

const PAYLOAD = "0123456789abcdef".repeat(8_192);
const sha256 = createHash("sha256").update(PAYLOAD).digest("hex");

let directory: string;
let server: ReleaseServer;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dz-slow-"));
  server = await ReleaseServer.start();
  server.file("/tool", PAYLOAD);
});
afterEach(async () => {
  await server.stop();
  await rm(directory, { recursive: true, force: true });
});

const download = () => new Downloads({ directory, environment: {} }).release({ url: server.url("/tool"), sha256 });

test("Downloads takes its time with a server that is slow, as long as bytes keep coming", async () => {
  const drip = (response: ServerResponse, from: number) => {
    if (from >= PAYLOAD.length) response.end();
    else response.write(PAYLOAD.slice(from, from + 8_192), () => setTimeout(drip, 20, response, from + 8_192));
  };
  server.once("/tool", (_request, response) => drip(response.writeHead(200, { "content-length": PAYLOAD.length }), 0));
  expect(await readFile(await download(), "utf8")).toBe(PAYLOAD);
  expect(server.count("/tool")).toBe(1);
});

test("Downloads leaves a server that fell silent after half a minute, and goes on where it ended", async () => {
  server.once("/tool", (_request, response) => sendHalf(response, PAYLOAD, () => undefined));
  expect(await readFile(await download(), "utf8")).toBe(PAYLOAD);
  expect(server.requests.map(({ range }) => range)).toEqual([undefined, expect.stringMatching(/^bytes=[1-9]\d*-$/)]);
}, 120_000);
