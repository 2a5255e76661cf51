// A process that takes the lock at argv[2], tells when it holds it, and keeps it until told on its standard input.
// With argv[3] it then counts in that file without any other protection: two holders at once would lose a count.
import { readFile, writeFile } from "node:fs/promises";
import { FileLock } from "../../../src/machine/FileLock.ts";

const [path = "", counter] = process.argv.slice(2);
const rounds = counter === undefined ? 1 : 10;
for (let round = 0; round < rounds; round += 1) {
  const lock = await FileLock.acquire({ path, onWait: () => process.stdout.write("waiting\n") });
  if (counter === undefined) {
    process.stdout.write("held\n");
    await new Promise((resolve) => process.stdin.once("data", resolve));
  } else {
    const count = Number(await readFile(counter, "utf8"));
    await new Promise((resolve) => setImmediate(resolve));
    await writeFile(counter, String(count + 1));
  }
  await lock.release();
}
process.exit(0);
