/**
 * Runs a Pulumi program for the converge host; the main file of the child process.
 *
 * Standard input brings one line of JSON, a {@link ProgramSpec}, and stays open: when it ends, the host is gone and so is this process.
 * Exits 0 only when the program settled without an error and said so to the monitor, 32 after an error that was reported there.
 * The SDK's submodules and the compile cache halve what its own `cmd/run` takes in time and memory.
 */
import { enableCompileCache } from "node:module";
import { pathToFileURL } from "node:url";
import { FATAL_STREAM, LEFT_OUT_STREAM, type ProgramSpec } from "./ProgramSpec.ts";

/** What of the SDK's settings a language host calls; half of it is left out of its declarations. */
interface Settings {
  resetOptions(
    project: string,
    stack: string,
    parallel: number,
    engine: string,
    monitor: string,
    preview: boolean,
    organization: string,
  ): void;
  awaitFeatureSupport(): Promise<void>;
  signalAndWaitForShutdown(): Promise<void>;
  disconnectSync(): void;
}

/** An output as the SDK sees it. */
interface Value {
  readonly isKnown: Promise<boolean>;
}

/** The SDK's own code for "failed, and the user was told why". */
const REPORTED = 32;

const spec = await readSpec();
enableCompileCache(spec.compileCache);
const settings = (await import("@pulumi/pulumi/runtime/settings.js")).default as unknown as Settings;
const { default: config } = await import("@pulumi/pulumi/runtime/config.js");
const { default: stack } = await import("@pulumi/pulumi/runtime/stack.js");
const { default: log } = await import("@pulumi/pulumi/log/index.js");

// The SDK's debug messages quote property values, secrets too, and each is a call to the host.
(log as { debug: typeof log.debug }).debug = () => Promise.resolve();

settings.resetOptions(spec.project, spec.stack, 0, spec.address, spec.address, spec.dryRun, "organization");
config.setAllConfig({ ...spec.config });

if (spec.dryRun) await noticeLeftOut();

let failed = false;
let settled = false;
let signalled = false;

process.on("uncaughtException", fail);
process.on("unhandledRejection", fail);
// Of the SDK's promises some are looked at late when a resource fails early. It is told already, and Node would warn of it on the terminal.
process.on("rejectionHandled", () => undefined);
// The event loop is empty: every registration was answered, or never will be.
process.on("beforeExit", (code) => {
  if (failed || signalled || code !== 0) return;
  if (log.hasErrors()) {
    // As under the Pulumi CLI: a program that logs an error has failed.
    process.exit(REPORTED);
  }
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
  const said = error instanceof Error ? (error.stack ?? error.message) : String(error);
  log.error(said, undefined, FATAL_STREAM).finally(() => process.exit(REPORTED));
}

/** A callback whose value is not known is never called, and nobody can tell whether it would have registered something. */
async function noticeLeftOut(): Promise<void> {
  const { Output } = (await import("@pulumi/pulumi/output.js")) as unknown as {
    Output: { prototype: { apply(this: Value, ...args: unknown[]): unknown } };
  };
  const { apply } = Output.prototype;
  let told = false;
  Output.prototype.apply = function (callback, withUnknowns) {
    const tell = (known: boolean) => {
      if (known || told) return;
      told = true;
      log.info("left out", undefined, LEFT_OUT_STREAM).catch(() => undefined);
    };
    // What is wrong with it, the callback's own output tells.
    if (withUnknowns !== true) this.isKnown.then(tell, () => undefined);
    return apply.call(this, callback, withUnknowns);
  };
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
