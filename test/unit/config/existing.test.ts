import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { DayzeroError } from "../../../src/config/DayzeroError.ts";
import { parsePulumiConfig, parseStackSpec, toPulumiConfig } from "../../../src/config/parseStackSpec.ts";
import type { ExistingSpec, StackSpec } from "../../../src/config/StackSpec.ts";

const PLACE = { fileDirectory: "/project", flags: {}, workingDirectory: "/here", home: "/home/me" };
const CA = "-----BEGIN CERTIFICATE-----\nTUlJ\n-----END CERTIFICATE-----\n";

const IMAGE = `registry.example.com/dayzero@sha256:${"0".repeat(64)}`;
const EXTERNAL = {
  "dayzero:program": "existing",
  "dayzero:cluster": { kubeconfig: "~/.kube/config", context: "prod" },
  "dayzero:vault": {
    address: "https://vault.example.com:8200/",
    login: { method: "jwt", role: "dayzero", tokenFile: "token" },
  },
  "dayzero:repository": { source: "https://git.example.com/team/Fleet.git" },
};

const IN_CLUSTER = {
  ...EXTERNAL,
  "dayzero:vault": { install: {}, address: "https://bao.example.com" },
};

function parse(config: Record<string, unknown>, more: { flags?: object; home?: undefined } = {}): ExistingSpec {
  const spec = parseStackSpec({ stack: "prod", file: { config }, ...PLACE, ...more });
  if (spec.program !== "existing") throw new Error("not an existing stack");
  return spec;
}

function refusal(config: Record<string, unknown>, more: { flags?: object } = {}): DayzeroError {
  try {
    parse(config, more);
  } catch (error) {
    if (error instanceof DayzeroError) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

describe("parseStackSpec() of an existing cluster", () => {
  test("makes paths absolute, gives defaults and takes the address as an origin", () => {
    expect(parse(EXTERNAL)).toEqual({
      stack: "prod",
      program: "existing",
      cluster: { kubeconfig: "/home/me/.kube/config", context: "prod" },
      vault: {
        kind: "external",
        address: "https://vault.example.com:8200",
        login: { method: "jwt", mount: "jwt", role: "dayzero", tokenFile: "/project/token" },
      },
      repository: { name: "fleet", source: "https://git.example.com/team/Fleet.git", path: "." },
      gitops: { variant: "core" },
      foreign: {},
    });
  });

  test("gives an OpenBao of the cluster one pod for people to unseal, and three where it unseals itself", () => {
    expect(parse(IN_CLUSTER).vault).toMatchObject({
      kind: "in-cluster",
      install: { namespace: "openbao", replicas: 1, storage: "10Gi", seal: { type: "shamir" } },
      shares: 1,
    });
    const egress = [{ cidr: "203.0.113.7/32", port: 8200 }];
    const seal = { type: "transit", settings: { address: "https://other.example.com" }, egress };
    const vault = { address: "https://bao.example.com", install: { seal } };
    expect(parse({ ...IN_CLUSTER, "dayzero:vault": vault }).vault).toMatchObject({
      install: { replicas: 3, seal },
    });
  });

  test("names everything that is missing at once", () => {
    const { message } = refusal({ "dayzero:program": "existing" });
    for (const line of [
      "config.dayzero:cluster.kubeconfig: expected the path of a kubeconfig, got nothing",
      "config.dayzero:vault.address: expected an https address, got nothing",
      "config.dayzero:vault.login: expected a login (method: jwt, kubernetes or token), got nothing",
      "config.dayzero:repository.source: expected an https address, got nothing",
    ]) {
      expect(message).toContain(line);
    }
  });

  const vault = (more: object) => ({ ...EXTERNAL, "dayzero:vault": { ...EXTERNAL["dayzero:vault"], ...more } });
  const install = (more: object) => ({
    ...EXTERNAL,
    "dayzero:vault": { address: "https://bao.example.com", install: more },
  });
  const repository = (more: object) => ({
    ...EXTERNAL,
    "dayzero:repository": { ...EXTERNAL["dayzero:repository"], ...more },
  });

  test.each([
    ["http", vault({ address: "http://vault.example.com" }), 'vault.address: expected an https address, got "http:'],
    ["a path behind the address", vault({ address: "https://v.example.com/ui" }), "nothing behind it"],
    [
      "a login that is none",
      vault({ login: { method: "jwd" } }),
      'login.method: expected one of jwt, kubernetes, token (did you mean "jwt"?), got "jwd"',
    ],
    [
      "a login without its role",
      vault({ login: { method: "jwt", tokenFile: "/t" } }),
      "login.role: expected a string, got nothing",
    ],
    ["another login's key", vault({ login: { method: "token", role: "x" } }), "login.role: unknown key"],
    [
      "half a service account",
      vault({ login: { method: "kubernetes", role: "r", serviceAccount: "ci" } }),
      "expected <namespace>/<name>",
    ],
    [
      "a mount with a way out",
      vault({ login: { method: "jwt", role: "r", mount: "../sys", tokenFile: "/t" } }),
      "login.mount",
    ],
    ["shares of a Vault of others", vault({ shares: 3 }), "vault.shares: is for a Vault that is installed"],
    ["a CA that is none", vault({ ca: "none" }), "vault.ca: expected certificates in PEM"],
    ["a login to what is installed", install({}), undefined],
    ["three pods for people to unseal", install({ replicas: 3 }), "install.replicas: expected 1 with the seal shamir"],
    [
      "an even number of pods",
      install({ replicas: 4, seal: { type: "transit" } }),
      "install.replicas: expected an odd number",
    ],
    ["a cloud's seal without its plugin", install({ seal: { type: "awskms" } }), "seal.plugin: expected image"],
    [
      "a seal that OpenBao could not reach",
      install({ seal: { type: "transit" } }),
      "config.dayzero:vault.install.seal.egress: expected where the seal and its plugin's registry are (cidr and port)",
    ],
    [
      "a seal that nothing may be reached of",
      install({ seal: { type: "transit", egress: [] } }),
      "install.seal.egress: ",
    ],
    ["a mirror's image that can be replaced", install({ image: "mirror.example.com/openbao:2.7.1" }), "with a digest"],
    ["a quantity that is none", install({ storage: "much" }), "install.storage"],
    [
      "a repository of this machine",
      repository({ source: "/srv/fleet" }),
      "repository.source: expected an https address",
    ],
    ["a repository by ssh", repository({ source: "git@forge:fleet" }), "repository.source: expected an https address"],
    ["a name that is no label", repository({ name: "Fleet_1" }), "repository.name: expected lower-case"],
    [
      "a Secret that cannot be one",
      { ...EXTERNAL, "dayzero:gitops": { agentImage: IMAGE, adopt: "Repo_1" } },
      "gitops.adopt",
    ],
    [
      "an adoption of what its own Secret is called",
      { ...EXTERNAL, "dayzero:gitops": { agentImage: IMAGE, adopt: "repo-fleet" } },
      "set dayzero:repository.name",
    ],
    [
      "an adoption with a variant",
      { ...EXTERNAL, "dayzero:gitops": { agentImage: IMAGE, adopt: "repo", variant: "core" } },
      "gitops.variant: is for an Argo CD that is installed",
    ],
    ["an adoption that nothing would renew", { ...EXTERNAL, "dayzero:gitops": { adopt: "repo" } }, "needs agentImage"],
    ["an image that can be replaced", { ...EXTERNAL, "dayzero:gitops": { agentImage: "dayzero:1" } }, "with a digest"],
    [
      "a variant that is none",
      { ...EXTERNAL, "dayzero:gitops": { variant: "HA" } },
      'gitops.variant: expected one of core, ha (did you mean "ha"?)',
    ],
    [
      "an unknown program",
      { "dayzero:program": "exsting" },
      'dayzero:program: expected one of local, existing (did you mean "existing"?)',
    ],
    [
      "another program's key",
      { "dayzero:cluster": { kubeconfig: "/k" } },
      "config.dayzero:cluster: is for stacks with dayzero:program: existing",
    ],
  ])("refuses %s", (_what, config, message) => {
    if (message === undefined) expect(parse(config).vault.kind).toBe("in-cluster");
    else expect(refusal(config).message).toContain(message);
  });

  test.each([
    ["a kubeconfig that is written out", { ...EXTERNAL, "dayzero:cluster": { kubeconfig: "users:\n- token: HUSH" } }],
    ["an address with a password", vault({ address: "https://me:HUSH@vault.example.com" })],
    ["a repository with a token", repository({ source: "https://HUSH@git.example.com/fleet.git" })],
    ["a key beside a CA", vault({ ca: `${CA}-----BEGIN PRIVATE KEY-----\nHUSH\n-----END PRIVATE KEY-----` })],
    ["a login that is a token", vault({ login: "hvs.HUSHHUSHHUSHHUSHHUSHHUSHHUSH" })],
    ["a token beside a login", vault({ login: { method: "token", token: "hvs.HUSH" } })],
    [
      "a token as the path of its file",
      vault({ login: { method: "jwt", role: "r", tokenFile: "eyJHUSH.eyJHUSH.HUSH" } }),
    ],
    ["a seal with its token", install({ seal: { type: "transit", settings: { token: "HUSH" } } })],
    [
      "a seal with a token elsewhere",
      install({ seal: { type: "transit", settings: { note: "hvs.HUSHHUSHHUSHHUSHHUSHHUSH" } } }),
    ],
  ])("refuses %s and never repeats it", (_what, config) => {
    const error = refusal(config);
    expect(error.code).toBe("STACK_INVALID");
    expect(`${error.message} ${error.hint}`.toLowerCase()).not.toContain("hush");
  });

  test("refuses the flags of local stacks and names the key that takes their place", () => {
    const { message } = refusal(EXTERNAL, { flags: { source: "/mine", branch: "next" } });
    expect(message).toContain("--repo: is for stacks with dayzero:program: local");
    expect(message).toContain("set config.dayzero:repository.branch");
  });
});

describe("parsePulumiConfig()", () => {
  const at = { stack: "prod", directory: "/elsewhere", home: "/home/other" };
  const name = fc.stringMatching(/^[a-z]([a-z0-9-]{0,10}[a-z0-9])?$/);
  const host = name.map((label) => `https://${label}.example.com:8443`);
  const path = fc.constantFrom("~/a", "b/c", "/d", "../e");
  const some = <Value>(value: fc.Arbitrary<Value>) => fc.option(value, { nil: undefined });
  const login = fc.oneof(
    fc.record({ method: fc.constant("jwt"), mount: some(name), role: name, tokenFile: path }),
    fc.record({ method: fc.constant("kubernetes"), mount: some(name), role: name, serviceAccount: fc.constant("a/b") }),
    fc.constant({ method: "token" }),
  );
  const texts = fc.dictionary(
    name.filter((key) => !/^(token|pin|password)$/.test(key)),
    name,
  );
  const seal = fc.oneof(
    fc.constant({ type: "shamir" }),
    fc.record({
      type: fc.constant("transit"),
      settings: some(texts),
      podLabels: some(texts),
      egress: fc.constant([{ cidr: "203.0.113.7/32", port: 8200 }]),
    }),
  );
  const vault = fc.oneof(
    fc.record({ address: host, ca: some(fc.constant(CA)), login }),
    fc.record({
      address: host,
      install: fc.record({ image: some(fc.constant(IMAGE)), seal: some(seal), storage: some(fc.constant("1Gi")) }),
      shares: some(fc.integer({ min: 2, max: 9 })),
    }),
  );
  const existing = fc.record({
    "dayzero:program": fc.constant("existing"),
    "dayzero:state": some(path),
    "dayzero:cluster": fc.record({ kubeconfig: path, context: some(fc.string({ minLength: 1 })) }),
    "dayzero:vault": vault,
    "dayzero:repository": fc.record({
      source: host,
      name: some(name),
      branch: some(name),
      path: some(name),
      ca: some(fc.constant(CA)),
    }),
    "dayzero:gitops": some(
      fc.oneof(
        fc.record({ variant: some(fc.constantFrom("core", "ha")), agentImage: some(fc.constant(IMAGE)) }),
        fc.record({ agentImage: fc.constant(IMAGE), adopt: name }),
      ),
    ),
    "aws:region": some(fc.string()),
  });
  const local = fc.record({
    "dayzero:state": some(path),
    "dayzero:repository": some(
      fc.record({ source: some(path), name: some(name), branch: some(name), path: some(name) }),
    ),
    "dayzero:vault": some(fc.record({ shares: some(fc.integer({ min: 1, max: 9 })) })),
    "aws:tags": some(fc.jsonValue()),
  });

  test("gives back the very spec that toPulumiConfig() handed over, wherever it runs", () => {
    fc.assert(
      fc.property(fc.oneof(existing, local), (written) => {
        const config = Object.fromEntries(Object.entries(written).filter(([, value]) => value !== undefined));
        const spec: StackSpec = parseStackSpec({ stack: "prod", file: { config }, ...PLACE });
        expect(parsePulumiConfig(toPulumiConfig(spec), at)).toEqual(spec);
      }),
      { numRuns: 300 },
    );
  });

  test("reads what Pulumi makes of a file: text, and JSON for what has parts", () => {
    const config = Object.fromEntries(
      Object.entries(EXTERNAL).map(([key, value]) => [key, typeof value === "string" ? value : JSON.stringify(value)]),
    );
    expect(parsePulumiConfig(config, { stack: "prod", directory: "/project", home: "/home/me" })).toEqual(
      parse(EXTERNAL),
    );
    expect(() => parsePulumiConfig({ "dayzero:vault": "{" }, at)).toThrow(
      'config.dayzero:vault: expected a mapping, got "{"',
    );
  });
});
