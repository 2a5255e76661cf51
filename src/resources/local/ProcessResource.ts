import { readdir, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { type DetachedProcess, findDetached } from "../../machine/DetachedProcess.ts";
import { findUnrecorded } from "../../machine/findUnrecorded.ts";
import { isPortFree } from "../../machine/freePorts.ts";
import { readIfThere } from "../../machine/readIfThere.ts";
import { removeTree } from "../../machine/removeTree.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { removePidFile, startDetached } from "../../machine/startDetached.ts";
import { stopProcess } from "../../machine/stopProcess.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";
import type { Context, Resource } from "../Resource.ts";
import { awaitReady } from "./awaitReady.ts";
import { isReady, readinessPort } from "./isReady.ts";
import { type ProcessInputs, processDigest, processInputs, processName } from "./ProcessInputs.ts";
import { launchDigest, prepareLaunch, resolveTools } from "./ProcessLaunch.ts";
import { ProcessLog } from "./ProcessLog.ts";
import { portTaken, processFailure } from "./processFailure.ts";

export interface ProcessLive {
  name: string;
  pid: number;
  /** Tells this process from a later one with the same pid; only good for comparing. */
  startTime: string;
  /** Digest of the inputs it runs with, or `outdated` when it was started with other ones or other tools than are recorded. */
  digest: string;
  ready: boolean;
  /** Variables of its environment that hold a secret. */
  secretEnvironment: string[];
}

const OUTDATED = "outdated";
const STOP_GRACE_MS = 10_000;
/** One that has run for this long has started, and gets no more than a moment to answer. */
const STARTED_AFTER_MS = 60_000;
const MOMENT_SECONDS = 5;

/**
 * `dayzero:local:Process`: a server of this machine that runs on when we end.
 *
 * What it is meant to run as is written to `run/<name>.json` before it starts; `run/<name>.pid` says which process it is and
 * what that was started as. The dead are started, those started otherwise are restarted, and whoever runs is waited for.
 *
 * With it goes what it kept in `tmp/<name>`. Its log stays, for whoever asks why; so does `data/<name>`, which is a resource of its own.
 */
export const processResource: Resource<ProcessInputs, ProcessLive> = {
  type: "dayzero:local:Process",

  inputs: processInputs,

  id: processName,
  identify: (inputs) => inputs.name,

  async read(name, ctx) {
    const layout = new StackLayout(ctx.directory);
    const running = await findDetached(layout.pidFile(name), ctx.directory);
    if (running === undefined) return undefined;
    const spec = await readProcessSpec(layout, name);
    const current = spec !== undefined && running.digest === launchDigest(spec, resolveTools(spec, ctx));
    return {
      name,
      pid: running.pid,
      startTime: running.startTime,
      digest: current ? processDigest(spec) : OUTDATED,
      ready: spec !== undefined && (await isReady(spec.ready, ctx)),
      secretEnvironment: Object.keys(spec?.secretEnvironment ?? {}),
    };
  },

  plan(live, desired) {
    if (live === undefined) return [{ action: "create", path: "" }];
    const digest = processDigest(desired);
    if (live.digest !== digest) {
      return [
        {
          action: "update",
          path: "",
          before: `started as ${short(live.digest)}`,
          after: `restarted as ${short(digest)}`,
        },
      ];
    }
    return live.ready ? [] : [{ action: "update", path: "ready", before: "false", after: "true" }];
  },

  async apply(_changes, desired, ctx) {
    const layout = new StackLayout(ctx.directory);
    const { name } = desired;
    const tools = resolveTools(desired, ctx);
    const digest = launchDigest(desired, tools);
    const found = await findDetached(layout.pidFile(name), ctx.directory);
    if (found?.digest === digest) {
      await writeSpec(layout, desired);
      const outcome = await awaitReady(desired, found, ctx, await patienceSeconds(desired, layout, ctx));
      if (outcome === "ready") return live(desired, found);
      ctx.narrate(outcome === "ended" ? `${name} has just ended` : `${name} does not get ready: restarting it`);
    }
    let stale = found;
    for (;;) {
      if (stale !== undefined) await stopProcess(stale, { graceMs: STOP_GRACE_MS, signal: ctx.signal });
      await writeSpec(layout, desired);
      await stopUnrecorded(name, ctx);
      const port = readinessPort(desired.ready);
      if (port !== undefined && !(await isPortFree(port))) throw portTaken(name, layout, port);
      const launch = await prepareLaunch(desired, tools, ctx);
      const log = await ProcessLog.here(launch.logFile);
      ctx.narrate(`starting ${name}`);
      const started = await startDetached(launch);
      // A launcher left behind by an `up` that was killed may come first, with what was desired then.
      if (started !== undefined && started.digest !== digest) {
        stale = started;
        continue;
      }
      if (started === undefined) throw await processFailure(desired, layout, "ended", log);
      const outcome = await awaitReady(desired, started, ctx);
      if (outcome !== "ready") throw await processFailure(desired, layout, outcome, log);
      return live(desired, started);
    }
  },

  async owned(_stack, ctx) {
    const names = await readdir(join(ctx.directory, "run")).catch(() => []);
    return names.filter((name) => name.endsWith(".json")).map((name) => name.slice(0, -5));
  },

  async remove(name, ctx) {
    const layout = new StackLayout(ctx.directory);
    const running = await findDetached(layout.pidFile(name), ctx.directory);
    if (running !== undefined) await stopProcess(running, { graceMs: STOP_GRACE_MS, signal: ctx.signal });
    await stopUnrecorded(name, ctx);
    await removePidFile(layout.pidFile(name));
    for (const links of ["bin", "files"]) await rm(layout.run(join(links, name)), { recursive: true, force: true });
    await removeTree(layout.temporary(name));
    await rm(layout.processSpec(name), { force: true });
  },

  ledger: (name, live) =>
    live.secretEnvironment.map((variable) => ({
      what: `${variable} in a process environment`,
      where: `environment of process ${name}`,
      expiresAt: null,
      residual: true,
      reason: "the program reads it from nowhere else; only the same user and root can look",
    })),
};

/** Without its pid file nothing tells what a server was started as: it is ended, so that another one can have its port and data. */
async function stopUnrecorded(name: string, ctx: Context): Promise<void> {
  for (const lost of await findUnrecorded(ctx.directory)) {
    if (lost.name !== name) continue;
    ctx.narrate(`stopping ${name} (pid ${lost.pid}), which runs without a pid file`);
    await stopProcess(lost, { graceMs: STOP_GRACE_MS, signal: ctx.signal });
  }
}

/** How long a process that runs may take to get ready: the launcher wrote the pid file when it started. */
async function patienceSeconds(inputs: ProcessInputs, layout: StackLayout, ctx: Context): Promise<number> {
  const started = await stat(layout.pidFile(inputs.name)).catch(() => undefined);
  const hasStarted = started !== undefined && ctx.now().getTime() - started.mtimeMs > STARTED_AFTER_MS;
  return hasStarted ? Math.min(MOMENT_SECONDS, inputs.readySeconds) : inputs.readySeconds;
}

function live(inputs: ProcessInputs, { pid, startTime }: DetachedProcess): ProcessLive {
  const { name, secretEnvironment } = inputs;
  return {
    name,
    pid,
    startTime,
    digest: processDigest(inputs),
    ready: true,
    secretEnvironment: Object.keys(secretEnvironment),
  };
}

async function writeSpec(layout: StackLayout, inputs: ProcessInputs): Promise<void> {
  await writeFileAtomic(layout.processSpec(inputs.name), `${JSON.stringify(inputs, null, 2)}\n`);
}

/** What a process is meant to run as; `undefined` when there is none, it is in pieces, or it was written by another version of this program. */
export async function readProcessSpec(layout: StackLayout, name: string): Promise<ProcessInputs | undefined> {
  const text = await readIfThere(layout.processSpec(name));
  try {
    return text === undefined ? undefined : processInputs.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}

function short(digest: string): string {
  return digest.slice(0, 8);
}
