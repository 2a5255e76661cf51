import { EXIT } from "../exitCodes.ts";
import { formatTable } from "../formatTable.ts";
import { provideTools } from "../provideTools.ts";
import type { Outcome, Run } from "../Run.ts";

/** `dayzero tools`: every pinned tool on this machine, and where it is. */
export async function tools(run: Run, options: { mirror?: string }): Promise<Outcome> {
  const found = (await provideTools(run, options)).map(({ name, version, path, source }) => ({
    name,
    version,
    path,
    source,
  }));
  const rows = found.map((tool) => [tool.name, tool.version, tool.source, tool.path]);
  return { exitCode: EXIT.ok, json: found, text: `${formatTable(["name", "version", "source", "path"], rows)}\n` };
}
