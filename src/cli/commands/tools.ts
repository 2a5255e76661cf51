import { EXIT } from "../exitCodes.ts";
import { formatTable } from "../formatTable.ts";
import { provideTools } from "../provideTools.ts";
import type { Outcome, Run } from "../Run.ts";

/** `dayzero tools`: every pinned tool on this machine, and where it is; with `--sbom` what is pinned, and nothing is fetched. */
export async function tools(run: Run, options: { mirror?: string; sbom?: boolean }): Promise<Outcome> {
  if (options.sbom) return bill(run);
  const found = (await provideTools(run, options)).map(({ name, version, path, source }) => ({
    name,
    version,
    path,
    source,
  }));
  const rows = found.map((tool) => [tool.name, tool.version, tool.source, tool.path]);
  return { exitCode: EXIT.ok, json: found, text: `${formatTable(["name", "version", "source", "path"], rows)}\n` };
}

async function bill(run: Run): Promise<Outcome> {
  const [{ billOfMaterials }, { readMaterials }] = await Promise.all([
    import("../../sbom/billOfMaterials.ts"),
    import("../../sbom/readMaterials.ts"),
  ]);
  const json = billOfMaterials(await readMaterials(run.packageDirectory));
  return { exitCode: EXIT.ok, json, text: `${JSON.stringify(json, undefined, 2)}\n` };
}
