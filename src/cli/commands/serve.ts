import { flushCompileCache } from "node:module";
import { resolve } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import type { Daemon } from "../../daemons/upkeep/watchPeers.ts";
import { withUpkeep } from "../../daemons/upkeep/withUpkeep.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import { EXIT } from "../exitCodes.ts";
import type { Outcome, Run } from "../Run.ts";

type Serve = (options: { directory: string; signal: AbortSignal }) => Promise<void>;

/** By their names on the command line, with the names of their processes. */
const PARTS: Readonly<Record<string, { process: Daemon; load: () => Promise<Serve> }>> = {
  git: { process: "git-server", load: async () => (await import("../../daemons/git/gitServer.ts")).serveGit },
  "identity-broker": {
    process: "identity-broker",
    load: async () => (await import("../../daemons/identity/identityBroker.ts")).serveIdentityBroker,
  },
  renewer: { process: "renewer", load: async () => (await import("../../daemons/renewer/renewer.ts")).serveRenewer },
};

/** `dayzero serve <part>`: what keeps running after `up`; ends on SIGTERM. Started by the stack, not by people. */
export async function serve(run: Run, part: string, folder: string): Promise<Outcome> {
  const found = Object.hasOwn(PARTS, part) ? PARTS[part] : undefined;
  if (found === undefined) {
    const known = Object.keys(PARTS).join(", ");
    throw new DayzeroError("USAGE", `cannot serve ${JSON.stringify(part)}`, { hint: `known parts are ${known}` });
  }
  const directory = resolve(run.workingDirectory, folder);
  const { program, signal } = run;
  const start = await found.load();
  // It runs for days, and only at its end would Node write down what it has compiled.
  flushCompileCache();
  await withUpkeep({ layout: new StackLayout(directory), self: found.process, program, signal }, () =>
    start({ directory, signal }),
  );
  return { exitCode: EXIT.ok, json: { ok: true }, text: "" };
}
