import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { link, mkdir, readdir, readFile, readlink, rename, rm, unlink, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { basename, dirname } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";

/** Who holds a lock: enough to tell a living holder from a dead one whose pid was given to another process. */
export interface LockHolder {
  /** Differs for every acquisition, also by the same process. */
  token: string;
  pid: number;
  /** When the process started: /proc/PID/stat field 22 (proc(5)) on Linux, `ps -o lstart=` elsewhere. */
  started: string;
  host: string;
  /** Linux boot id and pid namespace; "" where there is none. */
  boot: string;
  namespace: string;
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

  /** Who holds the lock at `path` now, alive or not; undefined when it is free. */
  static holderOf(path: string): Promise<LockHolder | undefined> {
    return readHolder(path);
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
  await mkdir(dirname(path), { recursive: true });
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

async function readHolder(path: string): Promise<LockHolder | undefined> {
  try {
    return JSON.parse(await readFile(path, "utf8")) as LockHolder;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw new Error(`cannot read lock ${path}`, { cause: error });
  }
}

async function ourselves(): Promise<LockHolder> {
  const started = await startOf(process.pid);
  if (started === undefined) throw new Error("cannot tell when this process started");
  return { token: randomBytes(8).toString("hex"), pid: process.pid, started, ...(await machine()) };
}

async function isAlive(holder: LockHolder): Promise<boolean> {
  const here = await machine();
  if (holder.host === here.host && holder.boot !== here.boot) return false;
  if (holder.boot !== here.boot || holder.namespace !== here.namespace) return true;
  if (here.boot === "" && holder.host !== here.host) return true;
  return processExists(holder.pid) && (await startOf(holder.pid)) === holder.started;
}

async function machine(): Promise<Pick<LockHolder, "host" | "boot" | "namespace">> {
  const [boot, namespace] = await Promise.all([
    readFile("/proc/sys/kernel/random/boot_id", "utf8").catch(() => ""),
    readlink("/proc/self/ns/pid").catch(() => ""),
  ]);
  return { host: hostname(), boot: boot.trim(), namespace };
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) === "EPERM";
  }
}

/** When a process started, in a form only good for comparing; undefined when there is none, or it is a zombie. */
export async function startOf(pid: number): Promise<string | undefined> {
  if (process.platform === "linux") {
    const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
    // Field 2 is the command in parentheses and may hold anything; count from its last parenthesis (proc(5)).
    const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
    return fields === undefined || /^[ZXx]$/.test(fields[0] ?? "") ? undefined : fields[19];
  }
  const ps = promisify(execFile)("ps", ["-o", "lstart=", "-p", String(pid)], {
    env: { LC_ALL: "C", TZ: "UTC", PATH: "/bin:/usr/bin" },
  });
  return ps.then(({ stdout }) => stdout.trim() || undefined).catch(() => undefined);
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
