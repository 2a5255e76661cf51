// Runs ensureTools() as a process of its own: argv[2] the lock file, argv[3] the cache. One JSON line for each event.
import { ensureTools } from "../../../src/toolchain/ensureTools.ts";
import { readToolchainLock } from "../../../src/toolchain/ToolchainLock.ts";

const [lockFile, cacheDir = ""] = process.argv.slice(2);
const say = (value: unknown) => process.stdout.write(`${JSON.stringify(value)}\n`);
const tools = await ensureTools({
  cacheDir,
  environment: { PATH: process.env.PATH ?? "" },
  lock: await readToolchainLock(lockFile),
  onProgress: say,
});
say({ kind: "tools", tools });
