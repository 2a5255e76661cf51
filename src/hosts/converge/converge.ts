import { join } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { LedgerEntry } from "../../credentials/LedgerEntry.ts";
import { compileCache } from "../../machine/compileCache.ts";
import type { Context } from "../../resources/Resource.ts";
import { resourceTypes } from "../../resources/registry.ts";
import type { AnyHandler } from "../Handler.ts";
import { leased } from "../LeasedCluster.ts";
import type { ConvergeEvent } from "./ConvergeEvent.ts";
import { Deployment, type RegisteredResource, type ResourceChange } from "./Deployment.ts";
import { KubernetesProviders } from "./KubernetesProviders.ts";
import { ProgramServer } from "./ProgramServer.ts";
import { ProtectedMarks } from "./ProtectedMarks.ts";
import { removeDropped } from "./removeDropped.ts";
import { type Program, startProgram } from "./startProgram.ts";

export interface ConvergeOptions {
  readonly stack: string;
  readonly project: string;
  /** Absolute path of the Pulumi program, a `.ts` or `.js` file. */
  readonly program: string;
  /** Pulumi configuration by full key (`dayzero:repo`). Not for secrets. */
  readonly config: Readonly<Record<string, string>>;
  /** Only find out what would be done. */
  readonly dryRun: boolean;
  readonly context: Context;
  /** Whether its systems are reached from other machines too: the Lease is then taken before any step, not with the first use of the cluster. */
  readonly shared?: boolean;
  /** The implementation of a `dayzero:*` type; `undefined` when there is none. */
  readonly handlers: (type: string) => Promise<AnyHandler | undefined>;
  /** The types that may own something, in the order in which things are made; by default the registry's. */
  readonly types?: readonly string[];
  /** What is worth loading while the program starts, beside the implementations: those are all needed in the end. */
  readonly preload?: () => Promise<unknown>;
  readonly onEvent: (event: ConvergeEvent) => void;
  /** The Node executable that runs the program. */
  readonly node: string;
  /** All that the program and the `exec` commands of kubeconfigs get as environment. */
  readonly environment: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
  /** Folder of compiled code, writable by this user only; by default this process's own, else one in the state folder. */
  readonly compileCache?: string;
}

export interface ConvergeResult {
  /** Every resource, what was dropped last. */
  readonly changes: readonly ResourceChange[];
  /** The program's stack outputs; secrets show as `[secret]`. */
  readonly outputs: Readonly<Record<string, unknown>>;
  readonly registered: readonly RegisteredResource[];
  /** Credentials that exist because of the registered resources. */
  readonly ledger: readonly LedgerEntry[];
}

/**
 * Runs a Pulumi program and makes the world what it says: for each resource read, plan, apply; then what the program no longer
 * declares is removed. With `dryRun` nothing is changed.
 *
 * Keeps no state: it discovers. Rejects with a DayzeroError that names the resource and its cause, after everything in flight has come
 * to its end and without removing anything; with the signal's reason when aborted.
 */
export async function converge(options: ConvergeOptions): Promise<ConvergeResult> {
  options.signal.throwIfAborted();
  const { dryRun, project, handlers, onEvent: emit } = options;
  const lost = new AbortController();
  const signal = AbortSignal.any([options.signal, lost.signal]);
  const own: Context = { ...options.context, dryRun, signal };
  const cluster = leased(own, { onLost: (error) => lost.abort(error) });
  const { context, assertHeld } = cluster;
  const providers = new KubernetesProviders({ context: own, cluster, environment: options.environment });
  const deployment = new Deployment({
    ...{ project, dryRun, context, handlers, emit, providers },
    assertWritable: assertHeld,
  });
  try {
    if (options.shared === true && !dryRun) await context.kubernetes();
    await runProgram(options, deployment, signal);
    const marks = new ProtectedMarks(context.directory);
    if (!dryRun) await marks.remember(deployment.registered);
    const dropped = await removeDropped({
      dryRun,
      registered: deployment.registered,
      leftOut: deployment.leftOut,
      handlers: [...(await implementations(options)), ...providers.others()],
      marks,
      stack: options.stack,
      contextFor: (resource) => deployment.contextFor(resource),
      emit,
      assertWritable: () => {
        signal.throwIfAborted();
        assertHeld();
      },
    });
    const { outputs, registered, ledger } = deployment;
    return { changes: [...deployment.changes, ...dropped], outputs, registered, ledger };
  } catch (error) {
    // Whatever an interrupted step says, the interruption is the reason.
    signal.throwIfAborted();
    throw error;
  } finally {
    await cluster.release();
    await providers.close();
  }
}

async function runProgram(options: ConvergeOptions, deployment: Deployment, signal: AbortSignal): Promise<void> {
  const { node, environment, program: path, project, stack, dryRun, config } = options;
  const server = await ProgramServer.listen(options.context.directory, deployment);
  let program: Program | undefined;
  const lastLines: string[] = [];
  try {
    // Nothing is awaited between here and the listener below.
    signal.throwIfAborted();
    program = startProgram({
      node,
      environment,
      spec: {
        program: path,
        project,
        stack,
        dryRun,
        config,
        address: server.address,
        compileCache: options.compileCache ?? compileCache() ?? join(options.context.directory, "cache", "compiled"),
      },
      onLine: (line, stream) => {
        if (stream === "stderr") lastLines.push(line);
        deployment.log(stream === "stderr" ? "warning" : "info", line);
      },
    });
    // While the program starts there is nothing else to do. Whoever needs one of them is told what is wrong with it.
    Promise.all([implementations(options), options.preload?.()]).catch(() => undefined);
    const aborted = new Promise<undefined>((resolve) => {
      signal.addEventListener("abort", () => resolve(undefined), { once: true });
    });
    const exit = await Promise.race([program.exited, deployment.failed, aborted]);
    await deployment.idle();
    signal.throwIfAborted();
    if (deployment.failure !== undefined) throw deployment.failure;
    if (exit?.code !== 0 || !deployment.programSucceeded) {
      throw programFailed(path, exit, deployment.programError ?? lastLines.slice(-5).join("\n"));
    }
  } finally {
    program?.kill();
    server.close();
  }
}

async function implementations({ handlers, types = resourceTypes }: ConvergeOptions): Promise<AnyHandler[]> {
  const found = await Promise.all(types.map((type) => handlers(type)));
  return found.filter((handler) => handler !== undefined);
}

/** Of a program that cannot be parsed, Node tells the place first and the error some lines below. */
function firstSaid(said: string): string | undefined {
  const lines = said.split("\n").filter((line) => line.trim() !== "");
  const [first] = lines;
  const error = lines.find((line) => /^\w*Error\b/.test(line));
  return error === undefined || error === first ? first : `${first}: ${error}`;
}

function programFailed(
  path: string,
  exit: { code: number | null; signal: string | null } | undefined,
  said: string,
): DayzeroError {
  const first = firstSaid(said);
  const how = exit?.signal ? `signal ${exit.signal}` : `exit code ${exit?.code ?? "unknown"}`;
  return new DayzeroError("PROGRAM_FAILED", `the program ${path} failed: ${first ?? how}`, {
    ...(first === undefined ? {} : { cause: Object.assign(new Error(first), { stack: said }) }),
    hint: exit?.signal
      ? "run `dayzero up` again; nothing was removed"
      : "correct the program (--debug tells where it failed) and run `dayzero up` again; nothing was removed",
  });
}
