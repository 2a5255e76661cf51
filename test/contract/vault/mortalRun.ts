/**
 * A run of `up` that dies of SIGKILL at its n-th event: a request to Vault sent, its answer received, a file renamed or removed.
 *
 * Reads `{plan, issuer, from, dieAt}` from stdin; exits 0 when the run ended before it came to that event.
 */
import { subscribe } from "node:diagnostics_channel";
import promises from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { text } from "node:stream/consumers";
import { TokenIssuer } from "./TokenIssuer.ts";
import { VaultStack, type VaultStackPlan } from "./VaultStack.ts";

interface MortalRun {
  readonly plan: VaultStackPlan;
  readonly issuer: { readonly generation: string; readonly privateKey: string };
  readonly from: "initialization" | "trust";
  readonly dieAt: number;
}

const { plan, issuer, from, dieAt } = JSON.parse(await text(process.stdin)) as MortalRun;
let events = 0;
const event = (): void => {
  events += 1;
  if (events === dieAt) process.kill(process.pid, "SIGKILL");
};

const { rename, rm } = promises;
promises.rename = async (...args) => rename(...args).then(event);
promises.rm = async (...args) => rm(...args).then(event);
syncBuiltinESMExports();
subscribe("undici:client:sendHeaders", event);
subscribe("undici:request:trailers", event);

const stack = new VaultStack(plan, new TokenIssuer(issuer));
if (from === "initialization") await stack.initialization();
else await stack.trust();
