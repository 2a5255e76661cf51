import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, onTestFinished, test } from "vitest";

const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));
const run = promisify(execFile);

/** `npm run pulumi -- preview` with a PATH on which no `pulumi` is but the one of `folders`. */
function pulumi(...folders: string[]): Promise<{ stdout: string }> {
  const others = (process.env.PATH ?? "").split(delimiter).filter((folder) => !existsSync(join(folder, "pulumi")));
  const PATH = [...folders, ...others].join(delimiter);
  return run("npm", ["run", "--silent", "pulumi", "--", "preview", "a b"], {
    cwd: CHECKOUT,
    env: { ...process.env, PATH },
  });
}

test("npm run pulumi hands its words to the pulumi on PATH, for which node is the pinned one", async () => {
  const folder = await mkdtemp(join(tmpdir(), "dz-pulumi-"));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  await writeFile(join(folder, "pulumi"), '#!/bin/sh\ncommand -v node\nprintf "%s\\n" "$@"\n', { mode: 0o755 });
  expect((await pulumi(folder)).stdout).toBe(`${join(CHECKOUT, "node_modules/.bin/node")}\npreview\na b\n`);
});

test("npm run pulumi says that there is no pulumi", async () => {
  await expect(pulumi()).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("pulumi is not on PATH; its CLI comes from"),
  });
});
