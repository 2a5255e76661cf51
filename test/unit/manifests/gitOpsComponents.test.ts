import { type Output, output } from "@pulumi/pulumi/output.js";
import * as runtime from "@pulumi/pulumi/runtime/index.js";
import { beforeAll, expect, test } from "vitest";
import type { Cluster } from "../../../src/components/Cluster.ts";

const registered = new Map<string, { type: string; inputs: Record<string, unknown> }>();
const order: string[] = [];
const ports = {
  redis: 7001,
  "argocd-repo-server": 7002,
  "argocd-repo-server-metrics": 7003,
  "argocd-controller-metrics": 7004,
};

const value = <T>(later: Output<T>): Promise<T> => new Promise((resolve) => later.apply(resolve));

beforeAll(async () => {
  await runtime.setMocks(
    {
      call: async () => ({}),
      newResource: async ({ name, type, inputs }) => {
        registered.set(name, { type, inputs: inputs as Record<string, unknown> });
        order.push(name);
        const made: Record<string, object> = {
          "dayzero:local:File": { digest: `digest of ${name}` },
          "dayzero:local:SecretFile": { drawn: `drawing of ${name}` },
          "dayzero:local:Authority": { ca: "CA", certificateDigests: { "repo-server": "certificate" } },
        };
        return { id: name, state: { ...inputs, ...made[type] } };
      },
    },
    "dayzero",
    "local",
  );
  const [{ GitOpsController }, { GitOpsSource }, { Authority, DataFolder, Process }] = await Promise.all([
    import("../../../src/components/GitOpsController.ts"),
    import("../../../src/components/GitOpsSource.ts"),
    import("../../../src/resources/local/index.ts"),
  ]);
  const cluster = {
    ports: output(ports),
    server: output("https://127.0.0.1:6443"),
    ca: output("CA"),
    command: output("/state/bin/dayzero"),
    directory: output("/state"),
    generation: output("0a1b2c3d"),
    platform: new Authority("platform", { name: "platform", leaves: [] }),
    data: new DataFolder("etcd-data", { path: "data/etcd" }),
    served: [],
    broker: new Process("identity-broker", {
      name: "identity-broker",
      tool: "dayzero",
      args: [],
      ready: { kind: "unix", path: "run/identity.sock" },
    }),
  } as unknown as Cluster;
  const controller = new GitOpsController("controller", { cluster });
  const access = {
    repository: "fleet",
    url: "https://127.0.0.1:7005/fleet.git",
    branch: "main",
    path: ".",
    revision: "0123abcd",
    kinds: [
      { group: "apps", version: "v1", kind: "Deployment", namespace: "staging" },
      { group: "", version: "v1", kind: "ConfigMap" },
    ],
    secretName: "repo-fleet",
  };
  const source = new GitOpsSource("source", { controller, access }, { deletedWith: cluster.data });
  await value(source.revision);
});

test("GitOpsController runs the cache, the repo server and the controller on the stack's ports", () => {
  expect(registered.get("controller-redis")?.inputs).toMatchObject({ ready: { kind: "redis", port: 7001 } });
  expect(registered.get("controller-repo-server")?.inputs).toMatchObject({
    argv0: "argocd-repo-server",
    args: expect.arrayContaining(["--address=127.0.0.1", "--port=7002", "--metrics-address=127.0.0.1"]),
    triggers: ["certificate", "drawing of controller-redis-password"],
  });
  expect(registered.get("controller-application-controller")?.inputs).toMatchObject({
    argv0: "argocd-application-controller",
    args: expect.arrayContaining(["--repo-server=127.0.0.1:7002", "--repo-server-strict-tls"]),
  });
});

test("GitOpsController puts no credential into an input: passwords are paths, the kubeconfig calls a command", () => {
  for (const server of ["controller-repo-server", "controller-application-controller"]) {
    expect(registered.get(server)?.inputs.secretEnvironment).toEqual({ REDIS_PASSWORD: "etc/redis.password" });
  }
  const kubeconfig = JSON.parse(String(registered.get("controller-kubeconfig")?.inputs.content)) as {
    users: [{ user: object }];
  };
  expect(Object.keys(kubeconfig.users[0].user)).toEqual(["exec"]);
});

test("GitOpsController restarts the application controller when the settings change that it reads at its start", () => {
  const { triggers } = registered.get("controller-application-controller")?.inputs ?? {};
  expect(triggers).toEqual(expect.arrayContaining([expect.stringContaining("respectRBAC")]));
});

test("GitOpsSource makes a namespace and a role for each destination, then the Application", () => {
  const made = order.filter((name) => name.startsWith("source-"));
  expect(new Set(made)).toEqual(
    new Set([
      "source-namespace-fleet",
      "source-namespace-staging",
      "source-role-fleet",
      "source-role-staging",
      "source-rolebinding-fleet",
      "source-rolebinding-staging",
      "source-cluster",
      "source-project",
      "source-application",
    ]),
  );
  expect(made.at(-1)).toBe("source-application");
  expect(made.indexOf("source-cluster")).toBeGreaterThan(made.indexOf("source-rolebinding-staging"));
});

test("GitOpsSource asks for the commit to be awaited, in the namespace of manifests that name none", () => {
  expect(registered.get("source-application")?.inputs).toMatchObject({
    metadata: { name: "root", annotations: { "dayzero.dev/await-revision": "0123abcd" } },
    spec: { project: "fleet", destination: { namespace: "fleet" } },
  });
});
