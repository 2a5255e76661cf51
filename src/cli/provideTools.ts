import type { Tool, ToolchainOptions, ToolProgress } from "../toolchain/ensureTools.ts";
import { formatElapsed } from "./narrator/formatElapsed.ts";
import type { Narrator } from "./narrator/Narrator.ts";
import { cacheDirectory, type Run } from "./Run.ts";

/** What builds and downloads see of the person's environment: where things are, which registries and proxies to use. */
const PASSED =
  /^(PATH|HOME|LANG|LC_\w+|TMPDIR|XDG_\w+|GO[A-Z0-9]+|CGO_\w+|CC|CXX|PIP_\w+|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|(https?|all|no)_proxy)$/i;

/** The pinned tools, all or those named, made where they are missing; told to the narrator while it goes on. */
export async function provideTools(
  run: Pick<Run, "environment" | "narrator" | "signal">,
  options: { mirror?: string | undefined; names?: readonly string[] | undefined },
): Promise<Tool[]> {
  const { ensureTools } = await import("../toolchain/ensureTools.ts");
  return ensureTools({
    ...(await toolchainOptions(run, options)),
    onProgress: toolNarration(run.narrator),
    signal: run.signal,
  });
}

/** Which tools, where they are kept, and all that getting them may see. */
export async function toolchainOptions(
  { environment }: Pick<Run, "environment">,
  options: { mirror?: string | undefined; names?: readonly string[] | undefined },
): Promise<ToolchainOptions> {
  const { readToolchainLock } = await import("../toolchain/ToolchainLock.ts");
  return {
    cacheDir: cacheDirectory(environment),
    ...(options.mirror === undefined ? {} : { mirror: options.mirror }),
    ...(options.names === undefined ? {} : { names: [...options.names] }),
    ...(environment.PATH === undefined ? {} : { path: environment.PATH }),
    environment: Object.fromEntries(Object.entries(environment).filter(([name]) => PASSED.test(name))),
    lock: await readToolchainLock(),
  };
}

function toolNarration(narrator: Narrator): (event: ToolProgress) => void {
  const since = new Map<string, number>();
  return (event) => {
    if (event.kind === "estimate") {
      const most = formatElapsed(event.seconds * 1000);
      const message = `getting ${event.tools.join(", ")}: ${most} at most where nothing can be downloaded, once`;
      narrator.tell({ kind: "note", message });
      return;
    }
    const phase = `tool ${event.tool}`;
    if (event.kind === "output") {
      narrator.tell({ kind: "detail", phase, message: event.line });
      return;
    }
    const started = since.get(phase);
    if (started === undefined) {
      since.set(phase, performance.now());
      narrator.tell({ kind: "phase-started", phase });
    }
    if (event.kind === "done") {
      since.delete(phase);
      const ms =
        event.seconds === undefined ? performance.now() - (started ?? performance.now()) : event.seconds * 1000;
      narrator.tell({ kind: "phase-finished", phase, ms, ok: true });
    } else {
      narrator.tell({ kind: "waiting", phase, message: event.how });
    }
  };
}
