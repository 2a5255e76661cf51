// `npm run bench -- bootstrap|start|memory|again [--json] [--rounds N]`: what Dayzero takes in time and memory, beside what it could take.
import { parseArgs } from "node:util";
import { formatMeasures, isMet, type Measure } from "./Measure.ts";

const BENCHES: Readonly<Record<string, (rounds: number) => Promise<Measure[]>>> = {
  bootstrap: async (rounds) => (await import("./bootstrap.ts")).bootstrap(rounds),
  start: async (rounds) => (await import("./start.ts")).start(rounds),
  memory: async () => (await import("./memory.ts")).memory(),
  again: async (rounds) => (await import("./again.ts")).again(rounds),
};

const { positionals, values } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean", default: false }, rounds: { type: "string", default: "5" } },
});
const [name = ""] = positionals;
const bench = BENCHES[name];
const rounds = Number(values.rounds);
if (bench === undefined || !(rounds >= 1)) {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join("|")} [--json] [--rounds N]`);
  process.exit(2);
}
const measures = await bench(Math.floor(rounds));
console.log(values.json ? JSON.stringify({ bench: name, measures }) : formatMeasures(measures));
process.exitCode = measures.every(isMet) ? 0 : 1;
