import type { RegisterResourceRequest } from "@pulumi/pulumi/proto/resource_pb.js";
import * as runtime from "@pulumi/pulumi/runtime/index.js";
import { beforeEach, expect, test } from "vitest";
import { parseStackSpec } from "../../../src/config/parseStackSpec.ts";
import type { ExistingSpec, LocalSpec, StackSpec } from "../../../src/config/StackSpec.ts";

/** What is inside an embedded server, and what it is therefore deleted with. */
const ETCD = /\$dayzero:local:DataFolder::etcd-data$/;
const VAULT = /\$dayzero:vault:Storage::vault-storage$/;
const INSIDE: Readonly<Record<string, RegExp>> = {
  "dayzero:kubernetes:Object": ETCD,
  "dayzero:cluster:Definitions": ETCD,
  "dayzero:gitops:RepositoryCredential": ETCD,
  "dayzero:vault:Policy": VAULT,
  "dayzero:vault:JwtAuth": VAULT,
  "dayzero:vault:JwtRole": VAULT,
  "dayzero:vault:OidcIssuer": VAULT,
  "dayzero:vault:OidcKey": VAULT,
  "dayzero:vault:OidcRole": VAULT,
  "dayzero:vault:RootToken": VAULT,
};
/** On this machine; a cluster's generation is found, and what Vault's initialization leaves are sealed shares, here. */
const BESIDE = [
  ...["Ports", "Authority", "File", "SecretFile", "DataFolder", "Process"].map((kind) => `dayzero:local:${kind}`),
  ...["dayzero:git:Repository", "dayzero:cluster:Generation", "dayzero:vault:Storage", "dayzero:vault:Initialization"],
];

const GENERATION = "0a1b2c3d-0000-4000-8000-000000000000";
const OUTPUTS: Readonly<Record<string, object>> = {
  "dayzero:local:Ports": { directory: "/state", ports: {} },
  "dayzero:local:Authority": { ca: "CA", caFingerprint: "0", certificateDigests: {} },
  "dayzero:local:File": { digest: "0" },
  "dayzero:local:SecretFile": { drawn: "0" },
  "dayzero:cluster:Generation": { uid: GENERATION, publicKeys: ["KEY"], issuer: "https://kubernetes.default.svc" },
  "dayzero:git:Repository": {
    ...{ directory: "/state/git/fleet.git", git: "git", branch: "main", revision: "0123abcd", path: "." },
    kinds: [{ group: "apps", version: "v1", kind: "Deployment", namespace: "staging" }],
  },
  "dayzero:gitops:RepositoryCredential": { secretName: "repo-fleet" },
  "dayzero:vault:Initialization": { initialized: true },
  "dayzero:vault:ServerCertificate": { ca: "CA", digest: "0" },
  "dayzero:vault:RootToken": { state: "revoked" },
};

/** Type and `deletedWith` of everything that the program made, its components aside. */
let made: { type: string; name: string; deletedWith: string }[];

beforeEach(async () => {
  made = [];
  await runtime.setMocks(
    {
      call: async () => ({}),
      newResource: async ({ name, type, inputs }) => ({ id: name, state: { ...inputs, ...OUTPUTS[type] } }),
    },
    "dayzero",
    "prod",
  );
  // What mocks are told leaves the options out.
  const monitor = runtime.getMonitor() as unknown as Record<"registerResource", Register>;
  const register = monitor.registerResource.bind(monitor);
  monitor.registerResource = (request, callback) => {
    const [type, name, deletedWith] = [request.getType(), request.getName(), request.getDeletedwith()];
    if (request.getCustom()) made.push({ type, name, deletedWith });
    return register(request, callback);
  };
});

type Register = (request: RegisterResourceRequest, callback: unknown) => unknown;

function specOf(config: object): StackSpec {
  const place = { fileDirectory: "/project", flags: {}, workingDirectory: "/project", home: "/home/me" };
  return parseStackSpec({ stack: "prod", file: { config }, ...place });
}

test("local: whatever is inside an embedded server is deleted with that server's data, and nothing else is", async () => {
  const { default: local } = await import("../../../stacks/local.ts");
  local(specOf({}) as LocalSpec);
  await runtime.disconnect();
  expect(new Set(made.map(({ type }) => type))).toEqual(new Set([...Object.keys(INSIDE), ...BESIDE]));
  for (const { type, name, deletedWith } of made) {
    expect(deletedWith, `${type} ${name}`).toMatch(INSIDE[type] ?? /^$/);
  }
});

const EXTERNAL = { address: "https://vault.example.com", login: { method: "token" } };
const IN_CLUSTER = { address: "https://bao.example.com", install: {} };

async function existingWith(vault: object): Promise<void> {
  const { default: existing } = await import("../../../stacks/existing.ts");
  const config = {
    "dayzero:program": "existing",
    "dayzero:cluster": { kubeconfig: "~/.kube/config" },
    "dayzero:vault": vault,
    "dayzero:repository": { source: "https://git.example.com/team/fleet.git" },
  };
  existing(specOf(config) as ExistingSpec);
  await runtime.disconnect();
  expect(made.map(({ type }) => type)).toEqual(expect.arrayContaining(["dayzero:vault:JwtAuth"]));
}

test("existing, with an external Vault: nothing is deleted with anything, since all of it is somebody else's", async () => {
  await existingWith(EXTERNAL);
  expect(made.filter(({ deletedWith }) => deletedWith !== "")).toEqual([]);
});

test("existing, with a Vault in the cluster: what is inside it is deleted with its nodes, and nothing else is", async () => {
  await existingWith(IN_CLUSTER);
  for (const { type, name, deletedWith } of made) {
    const expected = INSIDE[type] === VAULT ? /\$dayzero:kubernetes:Object::vault-nodes$/ : /^$/;
    expect(deletedWith, `${type} ${name}`).toMatch(expected);
  }
});
