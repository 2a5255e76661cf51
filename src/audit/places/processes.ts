import { readdir, readFile } from "node:fs/promises";
import { findDetached } from "../../machine/DetachedProcess.ts";
import { readStat } from "../../machine/processIdentity.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { filePlace } from "./filesBelow.ts";
import type { Place } from "./Place.ts";

/** What one process was started with, as the kernel shows it. */
export interface SeenProcess {
  readonly pid: number;
  readonly name: string;
  /** Server of the stack that it is, or was started by. */
  readonly server: string | undefined;
  readonly arguments: Place;
  readonly environment: Place;
}

const SUFFIX = ".pid";

/** Every process of this machine; the stack's and what they started come first. Linux only: proc(5). */
export async function processesOf(layout: StackLayout): Promise<SeenProcess[]> {
  const [pids, servers] = await Promise.all([readdir("/proc"), serversOf(layout)]);
  const read = await Promise.all(
    pids
      .filter((name) => /^\d+$/.test(name))
      .map(async (pid) => {
        const [stat, name] = await Promise.all([
          readStat(`/proc/${pid}/stat`),
          readFile(`/proc/${pid}/comm`, "utf8").catch(() => ""),
        ]);
        return { pid: Number(pid), parent: stat?.parent ?? 0, name: name.trim() };
      }),
  );
  const parents = new Map(read.map(({ pid, parent }) => [pid, parent]));
  const serverOf = (pid: number): string | undefined => {
    const parent = parents.get(pid);
    return servers.get(pid) ?? (parent === undefined || parent === pid ? undefined : serverOf(parent));
  };
  return read
    .map(({ pid, name }) => seen(pid, name, serverOf(pid)))
    .sort((one, other) => Number(other.server !== undefined) - Number(one.server !== undefined));
}

function seen(pid: number, name: string, server: string | undefined): SeenProcess {
  const of = `process ${pid} (${name}${server === undefined ? "" : `, of ${server}`})`;
  const environment = filePlace(`/proc/${pid}/environ`, `the environment of ${of}`);
  return {
    ...{ pid, name, server },
    arguments: filePlace(`/proc/${pid}/cmdline`, `the arguments of ${of}`),
    environment: server === undefined ? environment : { ...environment, where: `environment of process ${server}` },
  };
}

async function serversOf(layout: StackLayout): Promise<Map<number, string>> {
  const files = await readdir(layout.run("")).catch(() => []);
  const names = files.filter((file) => file.endsWith(SUFFIX)).map((file) => file.slice(0, -SUFFIX.length));
  const found = await Promise.all(
    names.map(async (name) => ({ name, process: await findDetached(layout.pidFile(name), layout.directory) })),
  );
  return new Map(found.flatMap(({ name, process }) => (process === undefined ? [] : [[process.pid, name]])));
}
