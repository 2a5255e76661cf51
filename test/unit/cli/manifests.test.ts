import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { manifests } from "../../../src/cli/commands/manifests.ts";
import type { Run } from "../../../src/cli/Run.ts";
import { testRun } from "../../support/testRun.ts";

const IMAGE = `registry.example.com/dayzero@sha256:${"0".repeat(64)}`;
const GENERATION = "0a1b2c3d-0000-4000-8000-000000000000";
const STACK = `config:
  dayzero:program: existing
  dayzero:cluster: { kubeconfig: kubeconfig }
  dayzero:vault: { address: https://vault.example.com, login: { method: token } }
  dayzero:repository: { source: https://git.example.com/team/fleet.git }
`;

let directory: string;
let run: Run;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "dz-manifests-"));
  await writeFile(join(directory, "Pulumi.yaml"), "name: mine\nruntime: nodejs\n");
  await writeFile(join(directory, "Pulumi.prod.yaml"), STACK);
  run = testRun(directory);
});
afterAll(() => rm(directory, { recursive: true, force: true }));

const agent = (options: object) =>
  manifests(run, "agent", "prod", { image: IMAGE, generation: GENERATION, ...options });

describe("manifests agent", () => {
  test.each(["*/2 * * * *", "0-58/2 0,12 * JAN-DEC 1-5"])("--cron %j makes a CronJob of it", async (cron) => {
    const workload = { kind: "CronJob", spec: { schedule: cron } };
    const { items } = (await agent({ cron })).json as { items: object[] };
    expect(items.find((item) => "kind" in item && item.kind === "CronJob")).toMatchObject(workload);
  });

  test.each(["", "*/2", "* * * *", "* * * * * *", "@hourly", "* * * * $", "TZ=UTC * * * * *"])(
    "--cron %j is refused",
    async (cron) => {
      await expect(agent({ cron })).rejects.toMatchObject({
        code: "USAGE",
        message: `cannot use --cron ${JSON.stringify(cron)}: expected five fields`,
      });
    },
  );

  test.each([
    { generation: "../../x" },
    { generation: "" },
    { image: `evil image"@sha256:${"0".repeat(64)}` },
    { image: "registry.example.com/dayzero:latest" },
  ])("%j is refused", async (options) => {
    const [[name, value] = []] = Object.entries(options);
    await expect(agent(options)).rejects.toMatchObject({
      code: "USAGE",
      message: expect.stringContaining(`cannot use --${name} ${JSON.stringify(value)}: `),
    });
  });

  test("the image is the stack's agentImage where none is named; without either it says what to do", async () => {
    const without = { image: undefined };
    await expect(agent(without)).rejects.toMatchObject({
      code: "USAGE",
      message: 'cannot print the agent of stack "prod": no image of it is named',
      hint: expect.stringMatching(/--image .* or set dayzero:gitops\.agentImage/),
    });
    await writeFile(join(directory, "Pulumi.prod.yaml"), `${STACK}  dayzero:gitops: { agentImage: ${IMAGE} }\n`);
    try {
      expect((await agent(without)).text).toContain(`image: ${IMAGE}`);
      const other = IMAGE.replace("dayzero@", "other@");
      expect((await agent({ image: other })).text).toContain(`image: ${other}`);
    } finally {
      await writeFile(join(directory, "Pulumi.prod.yaml"), STACK);
    }
  });

  test.each(["dayzero", "ghcr.io/team/dayzero:1.2", "registry.example.com:5000/a_b/day-zero"])(
    "--image %s with a digest is taken",
    async (name) => {
      const image = `${name}@sha256:${"0".repeat(64)}`;
      expect((await agent({ image })).text).toContain(`image: ${image}`);
    },
  );
});
