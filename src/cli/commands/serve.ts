import { flushCompileCache } from "node:module";
import { resolve } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { EXIT } from "../exitCodes.ts";
import type { Outcome, Run } from "../Run.ts";

const PARTS = {
  git: async () => (await import("../../daemons/git/gitServer.ts")).serveGit,
  "identity-broker": async () => (await import("../../daemons/identity/identityBroker.ts")).serveIdentityBroker,
  renewer: async () => (await import("../../daemons/renewer/renewer.ts")).serveRenewer,
} as const;

/** `dayzero serve <part>`: what keeps running after `up`; ends on SIGTERM. Started by the stack, not by people. */
export async function serve(run: Run, part: string, directory: string): Promise<Outcome> {
  if (!Object.hasOwn(PARTS, part)) {
    const known = Object.keys(PARTS).join(", ");
    throw new DayzeroError("USAGE", `cannot serve ${JSON.stringify(part)}`, { hint: `known parts are ${known}` });
  }
  const start = await PARTS[part as keyof typeof PARTS]();
  // It runs for days, and only at its end would Node write down what it has compiled.
  flushCompileCache();
  await start({ directory: resolve(run.workingDirectory, directory), signal: run.signal });
  return { exitCode: EXIT.ok, json: { ok: true }, text: "" };
}
