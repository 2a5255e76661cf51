import { existsSync } from "node:fs";
import { chmod, mkdir, mkdtemp, realpath, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { dataFolderResource } from "../../../src/resources/local/DataFolderResource.ts";
import type { Context } from "../../../src/resources/Resource.ts";
import { localContext } from "../../support/localContext.ts";

const desired = { path: "data/etcd" };
let directory: string;
let ctx: Context;

beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "dz-data-")));
  ctx = localContext(directory);
});

afterEach(() => rm(directory, { recursive: true, force: true }));

async function converge(): Promise<string[]> {
  const changes = dataFolderResource.plan(await dataFolderResource.read("data/etcd", ctx), desired);
  if (changes.length > 0) await dataFolderResource.apply(changes, desired, ctx);
  return changes.map(({ action }) => action);
}

test("dataFolderResource makes a folder that is nobody else's to read, and finds it again", async () => {
  expect(await converge()).toEqual(["create"]);
  expect((await stat(join(directory, "data/etcd"))).mode & 0o777).toBe(0o700);
  expect(await converge()).toEqual([]);
  expect(await dataFolderResource.owned("test", ctx)).toEqual(["data/etcd"]);
  await chmod(join(directory, "data/etcd"), 0o755);
  expect(await converge()).toEqual(["update"]);
  expect((await stat(join(directory, "data/etcd"))).mode & 0o777).toBe(0o700);
});

test("dataFolderResource takes over what an earlier version's server keeps there, as it is", async () => {
  await mkdir(join(directory, "data/etcd"), { recursive: true, mode: 0o700 });
  await writeFile(join(directory, "data/etcd/member"), "");
  expect(await converge()).toEqual(["update"]);
  expect(await dataFolderResource.owned("test", ctx)).toEqual(["data/etcd"]);
  expect(await converge()).toEqual([]);
  expect(existsSync(join(directory, "data/etcd/member"))).toBe(true);
});

test("dataFolderResource.remove() removes that folder with what is in it, and no other", async () => {
  await converge();
  await mkdir(join(directory, "data/vault"));
  await writeFile(join(directory, "data/etcd/member"), "");
  await dataFolderResource.remove("data/etcd", ctx);
  await dataFolderResource.remove("data/etcd", ctx);
  expect(existsSync(join(directory, "data/etcd"))).toBe(false);
  expect(existsSync(join(directory, "data/vault"))).toBe(true);
  expect(await dataFolderResource.owned("test", ctx)).toEqual([]);
});

test("dataFolderResource.remove() leaves a folder without the stack's mark", async () => {
  await mkdir(join(directory, "data/vault"), { recursive: true });
  await dataFolderResource.remove("data/vault", ctx);
  expect(existsSync(join(directory, "data/vault"))).toBe(true);
});

test.each(["data/../pki", "data", "data/", "/data/etcd", "pki/etcd"])(
  "dataFolderResource takes %j neither for inputs nor for an identity",
  (path) => {
    expect(dataFolderResource.inputs.safeParse({ path }).success).toBe(false);
    expect(dataFolderResource.id.safeParse(path).success).toBe(false);
  },
);
