import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Evidence } from "../../../src/audit/Evidence.ts";
import type { LiveSecret } from "../../../src/audit/LiveSecret.ts";
import { filesBelow } from "../../../src/audit/places/filesBelow.ts";
import { pulumiStates } from "../../../src/audit/places/pulumiStates.ts";
import { searchPlaces } from "../../../src/audit/places/searchPlaces.ts";
import { tellSearch } from "../../../src/audit/places/tellSearch.ts";
import type { Subject } from "../../../src/audit/Subject.ts";
import { ValueSearch } from "../../../src/audit/search/ValueSearch.ts";
import { readCanaries } from "../../../src/audit/secrets/readCanaries.ts";
import { Secret } from "../../../src/credentials/Secret.ts";

const VALUE = randomBytes(24).toString("base64");

let folder: string;
let secret: LiveSecret;
let search: ValueSearch;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "places-"));
  secret = { what: "the password", value: new Secret(VALUE), belongs: [join(folder, "home")] };
  search = new ValueSearch([secret]);
});

afterAll(() => rm(folder, { recursive: true }));

describe("searchPlaces() of filesBelow()", () => {
  test("finds values in files of any depth and size, compressed ones too, and says where they belong", async () => {
    await mkdir(join(folder, "a/b"), { recursive: true });
    await writeFile(join(folder, "home"), VALUE);
    await writeFile(join(folder, "a/b/large"), Buffer.concat([Buffer.alloc((3 << 20) - 7), Buffer.from(VALUE)]));
    await writeFile(join(folder, "a/old.log.gz"), gzipSync(`${"x".repeat(100)}${VALUE}`));
    await symlink(join(folder, "home"), join(folder, "a/link"));
    const { sightings, places, unread } = await searchPlaces(filesBelow(folder), search);
    expect(
      Object.fromEntries(
        sightings.map(({ place, offset, belongs }) => [place.slice(folder.length), { offset, belongs }]),
      ),
    ).toEqual({
      "/home": { offset: 0, belongs: true },
      "/a/b/large": { offset: (3 << 20) - 7, belongs: false },
      "/a/old.log.gz": { offset: 100, belongs: false },
    });
    expect([places, unread]).toEqual([3, []]);
  });

  test("tells what cannot be read, and what it has found in it before; what has vanished is nowhere", async () => {
    const failing = (name: string, code: string) => ({
      name,
      *content() {
        yield Buffer.from(VALUE);
        throw Object.assign(new Error(), { code });
      },
    });
    const { sightings, unread } = await searchPlaces([failing("closed", "EACCES"), failing("gone", "ENOENT")], search);
    expect(sightings.map(({ place }) => place)).toEqual(["closed", "gone"]);
    expect(unread).toEqual(["closed (EACCES)"]);
    await writeFile(join(folder, "a/broken.gz"), "not gzip");
    expect((await searchPlaces(filesBelow(join(folder, "a")), search)).unread).toEqual([
      `${join(folder, "a/broken.gz")} (Z_DATA_ERROR)`,
    ]);
  });

  test("takes a folder that is not there for empty", async () => {
    expect(await searchPlaces(filesBelow(join(folder, "none")), search)).toEqual({
      sightings: [],
      places: 0,
      unread: [],
    });
  });
});

describe("tellSearch()", () => {
  const searched = { sightings: [], places: 2, unread: [] };
  const told = (...[found, secrets]: [Parameters<typeof tellSearch>[1], Parameters<typeof tellSearch>[2]]) => {
    const evidence = new Evidence();
    tellSearch(evidence, found, secrets, "logs");
    return evidence.finding;
  };

  test("proves nothing where a place was closed, a value unknown, or none known", () => {
    const known = [secret];
    expect(told(searched, { known, unread: [] })).toEqual({
      verdict: "proved",
      evidence: ["logs: 2 read, 1 live values looked for"],
    });
    expect(told({ ...searched, unread: ["a", "b", "c", "d"] }, { known, unread: [] })).toMatchObject({
      verdict: "unobservable",
      evidence: ["not read: a, b, c and 1 more", expect.anything()],
    });
    expect(told(searched, { known, unread: ["a share"] })).toMatchObject({ verdict: "unobservable" });
    expect(told(searched, { known: [], unread: [] })).toMatchObject({ verdict: "unobservable" });
  });

  test("names the secret and the place of what is not at home, and never the value", () => {
    const at = { secret, offset: 7 };
    const sightings = [
      { ...at, place: "logs/x", belongs: false },
      { ...at, place: "home", belongs: true },
      { ...at, place: `/tmp/${VALUE}.txt`, belongs: false },
    ];
    const finding = told({ ...searched, sightings }, { known: [secret], unread: [] });
    expect(finding).toMatchObject({
      verdict: "violated",
      evidence: [
        "the password is in logs/x, at byte 7",
        "the password is in a place that is named after a live value, at byte 7",
        expect.anything(),
      ],
    });
    expect(JSON.stringify(finding)).not.toContain(VALUE.slice(0, 8));
  });
});

describe("pulumiStates()", () => {
  const at = (environment: Record<string, string>, project = folder) =>
    pulumiStates({
      auditor: { environment, project, pulumiState: undefined },
      context: { stack: "prod", signal: new AbortController().signal },
    } as unknown as Subject);

  test("takes the stack's own files of a file backend: its state, its history and its backups", async () => {
    const kept = [
      "stacks/fleet/prod.json",
      "stacks/fleet/prod.json.bak",
      "history/fleet/prod/prod-1.checkpoint.json",
      "backups/fleet/prod/prod.1.json.gz",
    ];
    const others = ["stacks/fleet/production.json", "history/fleet/staging/staging-1.json", "locks/prod.json"];
    for (const path of [...kept, ...others]) {
      await mkdir(join(folder, ".pulumi", path, ".."), { recursive: true });
      await writeFile(join(folder, ".pulumi", path), "{}");
    }
    const names = kept.map((path) => join(folder, ".pulumi", path)).sort();
    for (const environment of [{}, { PULUMI_BACKEND_URL: `file://${folder}` }, { PULUMI_BACKEND_URL: "file://." }]) {
      const { places, unseen } = await at(environment);
      expect(places.map(({ name }) => name).sort()).toEqual(names);
      expect(unseen).toBeUndefined();
    }
    expect((await at({ PULUMI_BACKEND_URL: "file://~", HOME: folder })).places).toHaveLength(kept.length);
  });

  test("says how the state is to be had where there is neither a folder nor a pulumi", async () => {
    const { places, unseen } = await at({ PATH: folder, PULUMI_BACKEND_URL: "s3://states" });
    expect(places).toEqual([]);
    expect(unseen).toMatch(/no pulumi on PATH.+pulumi stack export.+--pulumi-state/);
  });

  test.each([
    { answer: "echo '{\"deployment\":{}}'", places: 1, unseen: undefined },
    { answer: "echo \"error: no stack named 'prod' found\" >&2; exit 255", places: 0, unseen: undefined },
    {
      answer: "echo 'error: incorrect passphrase' >&2; exit 255",
      places: 0,
      unseen: /could not export.+--pulumi-state/,
    },
  ])("takes what pulumi answers: $answer", async ({ answer, places, unseen }) => {
    const bin = await mkdtemp(join(folder, "bin-"));
    const said = `[ "$*" = "stack export --show-secrets --non-interactive --stack prod" ] || exit 9`;
    await writeFile(join(bin, "pulumi"), `#!/bin/sh\n${said}\n${answer}\n`, { mode: 0o755 });
    const found = await at({ PATH: `${bin}:/usr/bin:/bin`, PULUMI_BACKEND_URL: "s3://states" });
    expect(found.places).toHaveLength(places);
    if (unseen === undefined) expect(found.unseen).toBeUndefined();
    else expect(found.unseen).toMatch(unseen);
  });
});

describe("readCanaries()", () => {
  test("takes a value a line, which belongs in that file", async () => {
    const file = join(folder, "canaries");
    await writeFile(file, "first-canary\n\n  second canary \n");
    expect((await readCanaries(file)).map(({ what, value, belongs }) => [what, value.reveal(), belongs])).toEqual([
      [`canary of line 1 in ${file}`, "first-canary", [file]],
      [`canary of line 3 in ${file}`, "second canary", [file]],
    ]);
    await writeFile(file, "\n\n");
    await expect(readCanaries(file)).rejects.toMatchObject({ code: "USAGE" });
  });
});
