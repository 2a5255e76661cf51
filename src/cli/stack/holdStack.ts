import { FileLock } from "../../machine/FileLock.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import type { Run } from "../Run.ts";
import { makeStateFolder } from "./stateFolder.ts";

/** Waits until nobody else on this machine changes the stack, and says whom it waits for. */
export async function holdStack(run: Run, stack: string, layout: StackLayout): Promise<FileLock> {
  await makeStateFolder(layout.directory);
  return FileLock.acquire({
    path: layout.lock,
    onWait: ({ pid }) =>
      run.narrator.tell({ kind: "note", message: `waiting for process ${pid}, which works on stack ${stack}` }),
    signal: run.signal,
  });
}
