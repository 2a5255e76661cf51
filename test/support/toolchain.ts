import { homedir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { ensureTools } from "../../src/toolchain/ensureTools.ts";
import { readToolchainLock } from "../../src/toolchain/ToolchainLock.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Paths of the pinned tools by name: `inject("tools").etcd`. */
    tools: Record<string, string>;
  }
}

/** Makes the pinned tools, in the cache that `dayzero` itself uses; a cold one takes minutes and says so. */
export default async function toolchain(project: TestProject): Promise<void> {
  const environment = Object.fromEntries(
    Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
  const tools = await ensureTools({
    cacheDir: join(environment.XDG_CACHE_HOME || join(homedir(), ".cache"), "dayzero"),
    ...(environment.PATH === undefined ? {} : { path: environment.PATH }),
    environment,
    onProgress: (event) => {
      if (event.kind === "estimate")
        process.stderr.write(`tools: ${event.tools.join(", ")}, up to ${event.seconds} s\n`);
      else if (event.kind !== "output") process.stderr.write(`tools: ${event.tool}: ${event.how}\n`);
    },
    lock: await readToolchainLock(),
  });
  project.provide("tools", Object.fromEntries(tools.map(({ name, path }) => [name, path])));
}
