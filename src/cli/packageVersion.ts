import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/** Of this package, whether it runs from source or compiled. */
export async function packageVersion(): Promise<string> {
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    const text = await readFile(join(folder, "package.json"), "utf8").catch(() => "{}");
    const { name, version } = JSON.parse(text) as { name?: string; version?: string };
    if (name === "dayzero" && version !== undefined) return version;
    if (folder === dirname(folder)) return "0.0.0";
  }
}
