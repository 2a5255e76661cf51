import { expect, test } from "vitest";
import { estimateSeconds, planToolchain, type ToolchainFacts } from "../../../src/toolchain/planToolchain.ts";
import { parseToolchainLock, pinDigest, readToolchainLock } from "../../../src/toolchain/ToolchainLock.ts";

const digest = "a".repeat(64);
const lock = parseToolchainLock(
  JSON.stringify({
    go: "1.26",
    pins: [
      {
        name: "argocd",
        version: "3.6.1",
        sources: [
          { kind: "path" },
          { kind: "release", files: { "linux-x64": { url: "https://example.com/a", sha256: digest } }, seconds: 5 },
          { kind: "go-build", version: "3.2.11", module: "argocd", package: "x/cmd", ldflags: "", seconds: 300 },
        ],
      },
      {
        name: "etcd",
        version: "3.6.5",
        sources: [{ kind: "go-build", module: "etcd", package: "e", ldflags: "", seconds: 60 }],
      },
    ],
  }),
  "/somewhere/lock.json",
);
const facts: ToolchainFacts = { lock, platform: "linux-x64", mirror: false, cached: new Set(), onPath: new Map() };
const [argocd] = lock.pins;

test("planToolchain() tries the sources in the order of the lock", () => {
  const [tool] = planToolchain(facts);
  expect(tool).toMatchObject({
    kind: "missing",
    attempts: [
      { how: "release", version: "3.6.1" },
      { how: "build", version: "3.2.11" },
    ],
  });
});

test("planToolchain() tries a named mirror before the release", () => {
  const [tool] = planToolchain({ ...facts, mirror: true });
  expect(tool?.kind === "missing" && tool.attempts.map((attempt) => attempt.how)).toEqual([
    "mirror",
    "release",
    "build",
  ]);
});

test("planToolchain() leaves out what the platform has not", () => {
  const [tool] = planToolchain({ ...facts, platform: "darwin-arm64" });
  expect(tool).toMatchObject({ kind: "missing", attempts: [{ how: "build" }] });
});

test("planToolchain() finds in the cache what any of the sources made, before PATH", () => {
  const directory = `3.2.11-${argocd && pinDigest(argocd, "linux-x64")}`;
  const onPath = new Map([["argocd", { path: "/bin/argocd", version: "3.6.1" }]]);
  const [tool] = planToolchain({ ...facts, cached: new Set([`argocd/${directory}`]), onPath });
  expect(tool).toMatchObject({ kind: "cached", version: "3.2.11", directory });
});

test("planToolchain() does not take a cached tool of another pin", () => {
  const [tool] = planToolchain({ ...facts, cached: new Set(["argocd/3.2.11-00000000"]) });
  expect(tool?.kind).toBe("missing");
});

test("planToolchain() takes from PATH only the pinned version, and only where the lock allows PATH", () => {
  const at = (version: string) =>
    planToolchain({ ...facts, onPath: new Map(["argocd", "etcd"].map((name) => [name, { path: "/bin/x", version }])) });
  expect(at("3.6.1").map((tool) => tool.kind)).toEqual(["on-path", "missing"]);
  expect(at("3.6.0").map((tool) => tool.kind)).toEqual(["missing", "missing"]);
});

test("planToolchain() plans for the named tools only and refuses an unknown name", () => {
  expect(planToolchain({ ...facts, names: ["etcd"] }).map((tool) => tool.pin.name)).toEqual(["etcd"]);
  expect(() => planToolchain({ ...facts, names: ["etdc"] })).toThrow("no such tool in the toolchain lock: etdc");
});

test("estimateSeconds() adds up builds", () => {
  expect(estimateSeconds(planToolchain(facts))).toBe(360);
  expect(estimateSeconds([])).toBe(0);
});

test("parseToolchainLock() names every problem with its path and the value seen", () => {
  const pin = (files: object) => ({ name: "etcd", version: "1", sources: [{ kind: "release", files, seconds: 1 }] });
  const parse = (value: unknown) => () => parseToolchainLock(JSON.stringify(value), "lock.json");
  const broken = { go: "new", pins: [pin({ "linux-x64": { url: "https://example.com/a", sha256: "beef" } })] };
  expect(parse(broken)).toThrow(
    /go: is not a Go version.*"new".*pins\.0\.sources\.0\.files\.linux-x64\.sha256: is not a SHA-256.*"beef"/s,
  );
  const both = { url: "https://example.com/a", sha256: digest, checksums: "https://example.com/sums" };
  expect(parse({ go: "1.26", pins: [pin({ "linux-x64": both })] })).toThrow(
    "needs exactly one of sha256 and checksums",
  );
  expect(parse({ go: "1.26", pins: [pin({ "linux-x64": { url: "https://example.com/a" } })] })).toThrow(
    "needs exactly one",
  );
  expect(parse({ go: "1.26", pins: [pin({}), pin({})] })).toThrow("names a tool twice");
  expect(() => parseToolchainLock("{", "lock.json")).toThrow("cannot parse lock.json as JSON");
});

test("parseToolchainLock() takes a publisher's digest over HTTPS only, or from this machine", () => {
  const parse = (checksums: string) => () => {
    const files = { "linux-x64": { url: "http://example.com/a", checksums } };
    const pins = [{ name: "x", version: "1", sources: [{ kind: "release", files, seconds: 1 }] }];
    return parseToolchainLock(JSON.stringify({ go: "1.26", pins }), "lock.json");
  };
  for (const url of ["http://example.com/sums", "http://127.0.0.1.example.com/sums", "ftp://127.0.0.1/sums"])
    expect(parse(url)).toThrow("is not an https URL");
  for (const url of ["https://example.com/sums", "http://127.0.0.1:8080/sums", "http://[::1]/sums"])
    expect(parse(url)).not.toThrow();
});

test("parseToolchainLock() refuses a member outside its archive", () => {
  const file = { url: "https://example.com/a", sha256: digest, member: "../../etc/passwd" };
  const value = {
    go: "1.26",
    pins: [{ name: "x", version: "1", sources: [{ kind: "release", files: { "linux-x64": file }, seconds: 1 }] }],
  };
  expect(() => parseToolchainLock(JSON.stringify(value), "lock.json")).toThrow("is not a path below its folder");
});

test("readToolchainLock() reads the lock that ships with Dayzero", async () => {
  const shipped = await readToolchainLock();
  expect(shipped.pins.map((pin) => pin.name)).toContain("kube-apiserver");
  for (const platform of ["linux-x64", "linux-arm64", "darwin-arm64"] as const) {
    const plan = planToolchain({ ...facts, lock: shipped, platform });
    expect(plan.filter((tool) => tool.kind === "missing" && tool.attempts.length === 0)).toEqual([]);
  }
});
