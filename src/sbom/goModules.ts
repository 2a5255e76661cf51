/** A Go module that a build may take code from, as go.mod requires it after its replacements. */
export interface GoModule {
  readonly path: string;
  readonly version: string;
  /** The module's line of go.sum (`h1:…`), which Go compares what it downloads with. */
  readonly sum: string | undefined;
}

/**
 * The modules that go.mod requires, direct or not: since Go 1.17 all that its packages need, and more
 * (https://go.dev/ref/mod#graph-pruning). Reads the two forms that `go mod tidy` writes, lines and blocks.
 */
export function goModules(goMod: string, goSum: string): GoModule[] {
  const required: [path: string, version: string][] = [];
  const replaced = new Map<string, [path: string, version: string]>();
  let block = "";
  for (const raw of goMod.split("\n")) {
    const line = raw.replace(/\/\/.*/, "").trim();
    const opened = /^(\w+) \($/.exec(line)?.[1];
    if (opened !== undefined) block = opened;
    if (line === ")") block = "";
    const [verb, rest] = block === "" ? (/^(\w+)\s+(.*)$/.exec(line) ?? []).slice(1) : [block, line];
    const [path, version] = (rest ?? "").split(/\s+/);
    const replacement = /^(\S+)(?: \S+)? => (\S+) (\S+)$/.exec(rest ?? "");
    if (verb === "replace" && replacement?.[1] !== undefined)
      replaced.set(replacement[1], [replacement[2] ?? "", replacement[3] ?? ""]);
    else if (verb === "require" && path !== undefined && version !== undefined && opened === undefined)
      required.push([path, version]);
  }
  const sums = new Map(goSum.split("\n").map((line) => [line.slice(0, line.lastIndexOf(" ")), line.split(" ")[2]]));
  return required.map(([path, version]) => {
    const [actualPath, actualVersion] = replaced.get(path) ?? [path, version];
    return { path: actualPath, version: actualVersion, sum: sums.get(`${actualPath} ${actualVersion}`) };
  });
}
