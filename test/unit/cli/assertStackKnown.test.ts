import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { assertStackKnown } from "../../../src/cli/stack/assertStackKnown.ts";
import { locateStack } from "../../../src/cli/stack/loadStack.ts";
import { rememberStack } from "../../../src/cli/stack/StackMemory.ts";
import { testRun } from "../../support/testRun.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dayzero-known-"));
  await mkdir(join(directory, "project", "stacks"), { recursive: true });
  await writeFile(join(directory, "project", "Pulumi.yaml"), "name: mine\nruntime: nodejs\nstackConfigDir: stacks\n");
  await writeFile(join(directory, "project", "stacks", "Pulumi.production.yaml"), "config: {}\n");
});
afterEach(() => rm(directory, { recursive: true, force: true }));

async function check(stack: string, folder = "project"): Promise<void> {
  const run = testRun(join(directory, folder), { packageDirectory: join(directory, "project") });
  await assertStackKnown(run, stack, await locateStack(run, stack, {}));
}

test.each(["local", "production"])(
  "assertStackKnown() takes %s: the default one, or one with a file",
  async (stack) => {
    await check(stack);
  },
);

test("assertStackKnown() takes one that an earlier run made, though its file is gone", async () => {
  const { layout } = await locateStack(testRun(join(directory, "project")), "second", {});
  // A plan leaves a folder, and no stack.
  await mkdir(layout.directory, { recursive: true });
  await expect(check("second")).rejects.toMatchObject({ code: "STACK_UNKNOWN" });
  await rememberStack(layout, {});
  await check("second");
  await expect(check("secnd")).rejects.toMatchObject({ hint: expect.stringContaining('did you mean "second"?') });
});

test.each([
  [
    "prodution",
    'did you mean "production"? for a new local stack write "config: {}" into stacks/Pulumi.prodution.yaml',
  ],
  ["locl", 'did you mean "local"? for a new local stack write "config: {}" into stacks/Pulumi.locl.yaml'],
  ["elsewhere", 'for a new local stack write "config: {}" into stacks/Pulumi.elsewhere.yaml'],
])("assertStackKnown() refuses %s and says what to do", async (stack, hint) => {
  await expect(check(stack)).rejects.toMatchObject({
    code: "STACK_UNKNOWN",
    message: `there is no stack "${stack}": it has neither stacks/Pulumi.${stack}.yaml nor a state`,
    hint,
  });
});

test("assertStackKnown() sends whoever is in no project to dayzero init", async () => {
  await mkdir(join(directory, "empty"));
  await expect(check("elsewhere", "empty")).rejects.toMatchObject({
    hint: "for a new stack make a project: dayzero init --stack elsewhere",
  });
});
