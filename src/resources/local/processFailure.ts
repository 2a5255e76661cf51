import { statfs } from "node:fs/promises";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import type { ProcessInputs } from "./ProcessInputs.ts";
import type { ProcessLog } from "./ProcessLog.ts";

/** Enough to see what went wrong, and few enough to stay on the screen. */
const TAIL_LINES = 15;

/** The error for a process that did not get ready, with the last lines it said. */
export async function processFailure(
  inputs: ProcessInputs,
  layout: StackLayout,
  how: "ended" | "late",
  log: ProcessLog,
): Promise<DayzeroError> {
  const lines = await log.lines();
  const port = /:(\d{2,5}): bind: address already in use|EADDRINUSE.*:(\d{2,5})/.exec(lines.join("\n"));
  if (how === "ended" && port !== null) return portTaken(inputs.name, layout, Number(port[1] ?? port[2]));
  if (await isDiskFull(lines, layout)) return diskFull(inputs.name, layout);
  const said =
    lines.length === 0
      ? "it said nothing"
      : `its last lines:\n${lines
          .slice(-TAIL_LINES)
          .map((line) => `  ${line}`)
          .join("\n")}`;
  const hint = `read ${log.file}`;
  return how === "ended"
    ? new DayzeroError("PROCESS_EXITED", `process "${inputs.name}" ended before it was ready; ${said}`, { hint })
    : new DayzeroError(
        "PROCESS_NOT_READY",
        `process "${inputs.name}" was not ready after ${inputs.readySeconds} s; ${said}`,
        { hint },
      );
}

/** With less free than this, a server cannot even say why it ended: its log is on the same disk. */
const NO_ROOM_BYTES = 1_048_576;

async function isDiskFull(lines: readonly string[], { directory }: StackLayout): Promise<boolean> {
  if (lines.some((line) => /no space left on device|ENOSPC/i.test(line))) return true;
  const disk = await statfs(directory).catch(() => undefined);
  return disk !== undefined && disk.bavail * disk.bsize < NO_ROOM_BYTES;
}

function diskFull(name: string, { directory }: StackLayout): DayzeroError {
  return new DayzeroError("DISK_FULL", `cannot start "${name}": there is no space left on the disk of ${directory}`, {
    hint: "make room on the disk and run it again: it goes on where this run ended",
  });
}

export function portTaken(name: string, layout: StackLayout, port: number): DayzeroError {
  return new DayzeroError(
    "PORT_TAKEN",
    `cannot start "${name}": port ${port} of 127.0.0.1 is taken by another program`,
    {
      hint: `end what listens there (ss -ltnp 'sport = :${port}'), or remove ${layout.ports} and run \`dayzero up\`: other ports are then chosen`,
    },
  );
}
