import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, open, readdir, rm } from "node:fs/promises";
import { basename, dirname } from "node:path";
import type { Readable } from "node:stream";
import { type DetachedProcess, findDetached } from "./DetachedProcess.ts";
import { FileLock } from "./FileLock.ts";

export interface Launch {
  /** Working directory. */
  readonly directory: string;
  readonly pidFile: string;
  /** Standard output and error are appended here; mode 0600. */
  readonly logFile: string;
  /** Program and arguments; never a secret. */
  readonly command: readonly [string, ...string[]];
  /** The whole environment. */
  readonly environment: Readonly<Record<string, string>>;
  /** Says what is started; without line breaks. */
  readonly digest: string;
}

/**
 * Writes its own pid file and then becomes the server: `exec` keeps pid and start time.
 *
 * The file appears by link(2): with its whole content, and only if there is none, so of two launchers one becomes the server
 * and the other one steps back. Descriptor 3 is the starter's: it closes when the launcher has stepped back or is about to exec.
 */
const LAUNCHER = `
umask 077
ulimit -c 0
pidfile=$1 digest=$2
shift 2
boot= stat=
if [ -r /proc/self/stat ]; then
  read -r boot </proc/sys/kernel/random/boot_id
  read -r stat <"/proc/$$/stat"
else
  stat=$(LC_ALL=C TZ=UTC ps -o lstart= -p "$$")
fi
printf '%s\\n' "$$" "$digest" "$boot" "$stat" >"$pidfile.$$" || exit 1
ln "$pidfile.$$" "$pidfile" 2>/dev/null || { rm -f "$pidfile.$$"; exit 0; }
rm -f "$pidfile.$$"
unset pidfile digest boot stat
exec "$@" 3>&-
`;

/**
 * Starts a server that outlives this process, in a session of its own, without core dumps.
 *
 * Its pid file is there before the server is, so whoever dies, whenever, no server runs without one: a launcher that is
 * overtaken by a later start finds the pid file taken and ends. Returns the process that holds the pid file, which may
 * be that of another start (its digest tells), or `undefined` when it has ended already.
 */
export async function startDetached(launch: Launch): Promise<DetachedProcess | undefined> {
  await mkdir(dirname(launch.pidFile), { recursive: true, mode: 0o700 });
  await mkdir(dirname(launch.logFile), { recursive: true, mode: 0o700 });
  // One start at a time: another's check would else lie between this one's check and its removal of a dead server's pid file.
  const lock = await FileLock.acquire({ path: `${launch.pidFile}.lock` });
  try {
    const running = await findDetached(launch.pidFile, launch.directory);
    if (running !== undefined) return running;
    await removePidFile(launch.pidFile);
    await runLauncher(launch);
  } finally {
    await lock.release();
  }
  return findDetached(launch.pidFile, launch.directory);
}

/** Resolves when the launcher has become the server, or has stepped back. */
async function runLauncher(launch: Launch): Promise<void> {
  const log = await open(launch.logFile, "a", 0o600);
  try {
    const child = spawn("/bin/sh", ["-c", LAUNCHER, "sh", launch.pidFile, launch.digest, ...launch.command], {
      cwd: launch.directory,
      env: launch.environment,
      detached: true,
      stdio: ["ignore", log.fd, log.fd, "pipe"],
    });
    await once(child, "spawn");
    child.unref();
    const undecided = child.stdio[3] as Readable;
    const decided = once(undecided, "close");
    undecided.resume();
    await decided;
  } finally {
    await log.close();
  }
}

/** Removes the pid file of a process that has ended, with what killed launchers left beside it. */
export async function removePidFile(pidFile: string): Promise<void> {
  await rm(pidFile, { force: true });
  const names = await readdir(dirname(pidFile)).catch(() => []);
  for (const name of names) {
    const rest = name.startsWith(`${basename(pidFile)}.`) ? name.slice(basename(pidFile).length + 1) : "";
    if (/^\d+$/.test(rest)) await rm(`${dirname(pidFile)}/${name}`, { force: true });
  }
}
