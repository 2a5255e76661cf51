import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { coreLimit } from "../../support/coreLimit.ts";

const PACKAGE = fileURLToPath(new URL("../../../", import.meta.url));

const { hard } = await coreLimit("self");
if (hard === "0") console.info("skipped: this shell may not allow a core dump, so nothing can be taken away");

test.skipIf(hard === "0").each(["bin/dayzero.js", "src/cli/dayzero.js", "bin/pulumi-resource-dayzero"])(
  "%s, started from a shell that allows core dumps, allows none",
  async (command) => {
    const folder = await mkdtemp(join(tmpdir(), "dz-core-"));
    const words = command.endsWith(".js") ? ["provider"] : [];
    const script = 'ulimit -Sc "$(ulimit -Hc)"; exec "$@"';
    const child = spawn("/bin/sh", ["-c", script, "sh", join(PACKAGE, command), ...words], {
      cwd: folder,
      env: { PATH: process.env.PATH, HOME: folder },
      stdio: ["ignore", "pipe", "inherit"],
    });
    try {
      // The plugin's first word is the port that it listens on: by then it is what it is going to be.
      await once(child.stdout, "data");
      expect(await readFile(`/proc/${child.pid}/cmdline`, "utf8")).toMatch(/node\0.*provider/);
      expect(await coreLimit(child.pid ?? 0)).toEqual({ soft: "0", hard: "0" });
    } finally {
      child.kill("SIGKILL");
      await rm(folder, { recursive: true });
    }
  },
);
