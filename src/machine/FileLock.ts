import { randomBytes } from "node:crypto";
import { link, readdir, rename, rm, unlink, writeFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { makeFolder } from "./makeFolder.ts";
import { type MachineIdentity, machineIdentity, processExists, processStartTime } from "./processIdentity.ts";
import { readIfThere } from "./readIfThere.ts";

/** Who holds a lock: enough to tell a living holder from a dead one whose pid was given to another process. */
export interface LockHolder extends MachineIdentity {
  /** Differs for every acquisition, also by the same process. */
  token: string;
  pid: number;
  /** When the process started: /proc/PID/stat field 22 (proc(5)) on Linux, `ps -o lstart=` elsewhere. */
  started: string;
}

export interface AcquireOptions {
  path: string;
  /** Called when waiting starts, and again whenever another holder came first. */
  onWait?: (holder: LockHolder) => void;
  signal?: AbortSignal;
}

const POLL_MS = 50;

/**
 * A lock between processes of one machine: a file that names its holder.
 *
 * The file appears by link(2) with its whole content, so it is never seen half written. A holder that died (SIGKILL, reboot) is
 * recognised by pid, start time and boot id, and is replaced. To replace holder T a process must first hold the lock
 * `PATH.T`, taken by this same algorithm, and then find that PATH still names T; as T is dead and only the holder of `PATH.T`
 * may replace T, nobody else can change PATH in between: of two takers one wins, and the late one sees another
 * holder and waits. A taker that dies leaves a guard which is itself a lock with a dead holder, and so is taken over too.
 *
 * A holder in another pid namespace or on another host cannot be judged: it counts as alive (`onWait` tells who it is).
 * The folder must be on a file system with hard links.
 */
export class FileLock {
  readonly path: string;
  readonly holder: LockHolder;

  private constructor(path: string, holder: LockHolder) {
    this.path = path;
    this.holder = holder;
  }

  /** Waits until the lock is held; rejects with the signal's reason when aborted. */
  static async acquire(options: AcquireOptions): Promise<FileLock> {
    let announced: string | undefined;
    for (;;) {
      options.signal?.throwIfAborted();
      const result = await attempt(options.path);
      if ("lock" in result) return result.lock;
      if (result.holder.token !== announced) {
        announced = result.holder.token;
        options.onWait?.(result.holder);
      }
      await delay(POLL_MS, undefined, options.signal ? { signal: options.signal } : {});
    }
  }

  /** The lock, or undefined when a living process holds it. */
  static async tryAcquire(options: { path: string }): Promise<FileLock | undefined> {
    const result = await attempt(options.path);
    return "lock" in result ? result.lock : undefined;
  }

  /** Gives the lock back; harmless when called twice. */
  async release(): Promise<void> {
    const current = await readHolder(this.path);
    if (current?.token === this.holder.token) await rm(this.path, { force: true });
  }

  /** Only for {@link attempt}: makes the value for a file that already names `holder`. */
  static held(path: string, holder: LockHolder): FileLock {
    return new FileLock(path, holder);
  }
}

type Attempt = { lock: FileLock } | { holder: LockHolder };

async function attempt(path: string): Promise<Attempt> {
  await makeFolder(dirname(path));
  for (;;) {
    const current = await readHolder(path);
    if (current === undefined) {
      const lock = await place(path, "create");
      if (lock) return { lock };
      continue;
    }
    if (await isAlive(current)) return { holder: current };
    const guard = await attempt(`${path}.${current.token}`);
    if ("holder" in guard) return guard;
    try {
      if ((await readHolder(path))?.token !== current.token) continue;
      const lock = await place(path, "replace");
      if (lock) return { lock };
    } finally {
      await guard.lock.release();
    }
  }
}

/** Puts our name at `path`; undefined when another one was faster to create it. */
async function place(path: string, how: "create" | "replace"): Promise<FileLock | undefined> {
  const holder = await ourselves();
  const draft = `${path}.${process.pid}-${holder.token}.new`;
  await writeFile(draft, JSON.stringify(holder), { mode: 0o600, flag: "wx" });
  try {
    if (how === "replace") await rename(draft, path);
    else await link(draft, path);
  } catch (error) {
    if (how === "create" && codeOf(error) === "EEXIST") return undefined;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
  await sweep(path);
  return FileLock.held(path, holder);
}

/**
 * Removes what killed takers left beside a lock that we hold. Guards guard a dead holder and we are alive, so none is in
 * use; a late taker that loses its guard here finds our name at `path` and steps back.
 */
async function sweep(path: string): Promise<void> {
  const prefix = `${basename(path)}.`;
  for (const name of await readdir(dirname(path))) {
    if (!name.startsWith(prefix)) continue;
    const rest = name.slice(prefix.length);
    const draftPid = /^(?:[0-9a-f]{16}\.)*(\d+)-[0-9a-f]{16}\.new$/.exec(rest)?.[1];
    const isGuard = /^[0-9a-f]{16}(\.[0-9a-f]{16})*$/.test(rest);
    const abandoned = draftPid !== undefined ? !processExists(Number(draftPid)) : isGuard;
    if (abandoned) await unlink(`${dirname(path)}/${name}`).catch(() => undefined);
  }
}

/**
 * Stands for the holder that a lock in pieces does not name any more. No process leaves one, alive or killed: the machine went down
 * before the file was on the disk, and the holder with it.
 */
const FORGOTTEN: LockHolder = { token: "0".repeat(16), pid: 0, started: "", host: "", boot: "", namespace: "" };

async function readHolder(path: string): Promise<LockHolder | undefined> {
  const text = await readIfThere(path);
  try {
    return text === undefined ? undefined : (JSON.parse(text) as LockHolder);
  } catch {
    return FORGOTTEN;
  }
}

async function ourselves(): Promise<LockHolder> {
  const started = await processStartTime(process.pid);
  if (started === undefined) throw new Error("cannot tell when this process started");
  return { token: randomBytes(8).toString("hex"), pid: process.pid, started, ...(await machineIdentity()) };
}

async function isAlive(holder: LockHolder): Promise<boolean> {
  if (holder.token === FORGOTTEN.token) return false;
  const here = await machineIdentity();
  if (holder.host === here.host && holder.boot !== here.boot) return false;
  if (holder.boot !== here.boot || holder.namespace !== here.namespace) return true;
  if (here.boot === "" && holder.host !== here.host) return true;
  return processExists(holder.pid) && (await processStartTime(holder.pid)) === holder.started;
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
