/**
 * Runs a Pulumi program for the converge host; the main file of the child process.
 *
 * Standard input brings one line of JSON, a {@link ProgramSpec}, and stays open: when it ends, the host is gone and so is this process.
 * Exits 0 only when the program settled without an error and said so to the monitor, 32 after an error that was reported there.
 * The SDK's submodules and the compile cache halve what its own `cmd/run` takes in time and memory.
 */
import { enableCompileCache } from "node:module";
import { pathToFileURL } from "node:url";

export interface ProgramSpec {
  readonly program: string;
  readonly project: string;
  readonly stack: string;
  readonly dryRun: boolean;
  /** gRPC target of both the resource monitor and the engine. */
  readonly address: string;
  readonly config: Readonly<Record<string, string>>;
  readonly compileCache: string;
}

/** The SDK's own code for "failed, and the user was told why". */
const REPORTED = 32;

const spec = await readSpec();
enableCompileCache(spec.compileCache);
const { default: settings } = await import("@pulumi/pulumi/runtime/settings.js");
const { default: config } = await import("@pulumi/pulumi/runtime/config.js");
const { default: stack } = await import("@pulumi/pulumi/runtime/stack.js");
const { default: log } = await import("@pulumi/pulumi/log/index.js");

settings.resetOptions(spec.project, spec.stack, 0, spec.address, spec.address, spec.dryRun, "organization");
config.setAllConfig({ ...spec.config });

let failed = false;
let settled = false;
let signalled = false;

process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
// The event loop is empty: every registration was answered, or never will be.
process.on("beforeExit", (code) => {
  if (failed || signalled || code !== 0) return;
  if (!settled) {
    fail(new Error("the program waits for something that can no longer happen"));
    return;
  }
  signalled = true;
  settings.signalAndWaitForShutdown().then(
    () => settings.disconnectSync(),
    (error: unknown) => fail(error),
  );
});

try {
  await settings.awaitFeatureSupport();
  await stack.runInPulumiStack(async () => {
    const module = (await import(pathToFileURL(spec.program).href)) as Record<string, unknown>;
    const exported = "default" in module ? module.default : { ...module };
    return (typeof exported === "function" ? await exported() : exported) as Record<string, unknown> | undefined;
  });
  settled = true;
} catch (error) {
  fail(error);
}

function fail(error: unknown): void {
  if (failed) return;
  failed = true;
  const { message, stack: trace } = error as Error;
  log.error(trace ?? message ?? String(error)).finally(() => process.exit(REPORTED));
}

async function readSpec(): Promise<ProgramSpec> {
  let text = "";
  process.stdin.setEncoding("utf8");
  for await (const chunk of process.stdin.iterator({ destroyOnReturn: false })) {
    text += chunk;
    if (text.includes("\n")) break;
  }
  process.stdin.on("end", () => process.exit(1));
  process.stdin.resume();
  // Without this an idle pipe would keep the event loop from ever being empty.
  (process.stdin as unknown as { unref(): void }).unref();
  return JSON.parse(text) as ProgramSpec;
}
