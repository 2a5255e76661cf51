import { execFile } from "node:child_process";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { StackLayout } from "../../src/machine/StackLayout.ts";
import { adminKubernetesClient } from "../../src/resources/cluster/adminKubernetesClient.ts";
import { Stack } from "../support/Stack.ts";
import { waitFor } from "../support/waitFor.ts";

const run = promisify(execFile);
const settings = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings", namespace: "team-a" },
  data: { greeting: "hello" },
};

let stack: Stack;
let own: string;

async function commit(folder: string, file: string, manifest: object): Promise<string> {
  await writeFile(join(folder, file), JSON.stringify(manifest));
  const git = (...words: string[]) =>
    run("git", ["-C", folder, "-c", "user.name=p", "-c", "user.email=p@example.org", ...words]);
  await git("add", "-A");
  await git("commit", "-qm", file);
  return (await git("rev-parse", "HEAD")).stdout.trim();
}

beforeAll(async () => {
  stack = await Stack.create("own");
  own = join(stack.root, "my repository");
  await mkdir(own);
  await run("git", ["init", "-q", "-b", "trunk", own]);
});

afterAll(() => stack.dispose());

test("up --repo refuses an empty repository in one clear error, and leaves nothing running", async () => {
  const up = await stack.run("up", "--json", "--repo", own);
  expect(up.code).not.toBe(0);
  const { ok, error } = JSON.parse(up.stdout) as {
    ok: boolean;
    error: { code: string; message: string; hint: string };
  };
  expect(ok).toBe(false);
  expect(error.message).toContain(own);
  expect(error.hint).not.toBe("");
  expect(up.stderr).not.toMatch(/^\s+at /m);
});

test("up --repo reconciles the person's own repository, with rights for exactly what is in it", async () => {
  const revision = await commit(own, "settings.json", settings);
  const up = await stack.json<{ ok: boolean; revision: string }>("up", "--repo", own);
  expect(up).toMatchObject({ ok: true, revision });
  const kubernetes = await adminKubernetesClient(new StackLayout(stack.directory));
  try {
    const reference = { apiVersion: "v1", kind: "ConfigMap", namespace: "team-a", name: "settings" };
    expect(await kubernetes.get<typeof settings>(reference)).toMatchObject({ data: settings.data });
    const review = (resource: string, group = "") =>
      kubernetes.request<{ status: { allowed: boolean } }>(
        "POST",
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        {
          body: {
            apiVersion: "authorization.k8s.io/v1",
            kind: "SubjectAccessReview",
            spec: {
              user: "system:serviceaccount:argocd:argocd-application-controller",
              resourceAttributes: { namespace: "team-a", verb: "create", resource, group },
            },
          },
        },
      );
    expect((await review("configmaps")).status.allowed).toBe(true);
    expect((await review("secrets")).status.allowed).toBe(false);
    expect((await review("deployments", "apps")).status.allowed).toBe(false);

    // The source moves on; the next `up` brings it, remembered without --repo.
    const next = await commit(own, "settings.json", { ...settings, data: { greeting: "hello again" } });
    expect(await stack.json("up")).toMatchObject({ ok: true, revision: next });
    await waitFor(
      "the new settings",
      async () => (await kubernetes.get<typeof settings>(reference))?.data.greeting === "hello again",
    );
  } finally {
    kubernetes.close();
  }
});

test("up says which object is not there and why when the cluster refuses one", async () => {
  await commit(own, "refused.json", {
    ...settings,
    metadata: { name: "refused", namespace: "team-a" },
    data: { nested: { not: "a string" } },
  });
  const up = await stack.run("up", "--json");
  expect(up.code).not.toBe(0);
  const { error } = JSON.parse(up.stdout) as { error: { message: string; hint: string } };
  expect(error.message).toMatch(/refused/);
});
