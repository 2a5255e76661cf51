import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Git } from "../../../src/resources/git/Git.ts";
import { waitFor } from "../../support/waitFor.ts";

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "dz-git-"));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** A git that is a shell script. */
async function scripted(script: string, signal?: AbortSignal): Promise<Git> {
  const program = join(directory, "git");
  await writeFile(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return new Git({ directory, command: [program], home: directory, ...(signal ? { signal } : {}) });
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("Git.try()", () => {
  test("ends a git that says nothing, with the ssh that it waits for", async () => {
    const git = await scripted(`sleep 60 & echo $! >${directory}/pid; wait`);
    const result = await git.try(["ls-remote"], { personal: true, silence: 300 });
    expect(result).toEqual({ exitCode: 124, stdout: "", stderr: "no answer within 0.3 s" });
    const pid = Number(await readFile(join(directory, "pid"), "utf8"));
    await waitFor("the end of ssh", async () => !isRunning(pid));
  });

  test("waits as long as git says something", async () => {
    const git = await scripted("for i in 1 2 3 4 5 6; do echo $i >&2; sleep 0.1; done; echo done");
    expect(await git.try(["fetch"], { personal: true, silence: 400 })).toMatchObject({ exitCode: 0, stdout: "done\n" });
  });

  test("gives a git that reaches the person's forge no terminal to ask on", async () => {
    const git = await scripted("(: </dev/tty) 2>/dev/null && echo asked; exit 0");
    expect(await git.try(["ls-remote"], { personal: true })).toMatchObject({ exitCode: 0, stdout: "" });
  });

  test("tells the failure and not the progress", async () => {
    const git = await scripted(
      "printf 'remote: Counting objects: 50%% (1/2)\\rremote: Counting objects: 100%% (2/2), done.\\nfatal: no\\n' >&2; exit 128",
    );
    expect((await git.try(["fetch"])).stderr).toBe("fatal: no");
  });

  test("ends git when the run is interrupted", async () => {
    const stop = new AbortController();
    const git = await scripted(`echo $$ >${directory}/pid; exec sleep 60`, stop.signal);
    const running = git.try(["fetch"], { personal: true });
    await waitFor("git", async () => (await readFile(join(directory, "pid"), "utf8").catch(() => "")) !== "");
    stop.abort(new Error("stopped"));
    await expect(running).rejects.toThrow("stopped");
  });
});
