import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { processesIn } from "../support/processesIn.ts";
import { finish, Stack } from "../support/Stack.ts";
import { type Measure, ratios } from "./Measure.ts";
import { secondsOfChildren, secondsOfServers } from "./processorSeconds.ts";
import { recordRecipe } from "./recordRecipe.ts";

const FLOOR = fileURLToPath(new URL("floor/floor.ts", import.meta.url));
const WITHIN_MS = 120_000;

interface Run {
  readonly seconds: number;
  /** Of processor time, servers included. */
  readonly processor: number;
  /** What was there after how many ms. */
  readonly marks: Readonly<Record<string, number>>;
}

/**
 * `dayzero up` from nothing, with the programs in the cache, over a floor that brings up the same by bare calls (floor/floor.ts): pairs,
 * one of each, by turns first.
 *
 * One `up` that is not measured comes before them: it fills the caches, and is what the floor's recipe is recorded from.
 */
export async function bootstrap(rounds: number): Promise<Measure[]> {
  const folder = await mkdtemp(join(tmpdir(), "dz-bench-"));
  const recorded = await Stack.create();
  try {
    await recorded.json("up");
    const recipe = join(folder, "recipe.json");
    await writeFile(recipe, JSON.stringify(await recordRecipe(recorded.name, recorded.directory)));
    // Its servers would take their share of the processor.
    for (const { pid } of await processesIn(recorded.directory)) process.kill(pid, "SIGKILL");
    await runFloor(folder, recipe);
    const ups: Run[] = [];
    const floors: Run[] = [];
    for (let round = 0; round < rounds; round++) {
      const turns = [async () => ups.push(await runUp()), async () => floors.push(await runFloor(folder, recipe))];
      for (const turn of round % 2 === 0 ? turns : turns.reverse()) await turn();
      console.error(`pair ${round + 1} of ${rounds}: ${JSON.stringify({ up: ups.at(-1), floor: floors.at(-1) })}`);
    }
    const [up, floor] = [seconds(ups), seconds(floors)];
    const [upProcessor, floorProcessor] = [processor(ups), processor(floors)];
    return [
      { what: "dayzero up", unit: "s", values: up, goal: 11 },
      { what: "floor", unit: "s", values: floor },
      { what: "dayzero up over the floor", unit: "x", values: ratios(up, floor), goal: 1.25 },
      { what: "processor time of dayzero up", unit: "s", values: upProcessor },
      { what: "processor time of the floor", unit: "s", values: floorProcessor },
      { what: "processor time over the floor's", unit: "x", values: ratios(upProcessor, floorProcessor) },
    ];
  } finally {
    await recorded.dispose();
    await rm(folder, { recursive: true, force: true });
  }
}

function seconds(runs: readonly Run[]): number[] {
  return runs.map((run) => run.seconds);
}

function processor(runs: readonly Run[]): number[] {
  return runs.map((run) => run.processor);
}

async function runUp(): Promise<Run> {
  const stack = await Stack.create();
  try {
    const before = await secondsOfChildren();
    const { code, stdout, stderr, milliseconds } = await finish(stack.spawn("up", "--json"));
    if (code !== 0) throw new Error(`dayzero up exited ${code}\n${stdout}\n${stderr}`);
    const processor = (await secondsOfChildren()) - before + (await secondsOfServers(stack.directory));
    const { phases } = JSON.parse(stdout) as { phases: { name: string; ms: number }[] };
    const marks = Object.fromEntries(phases.map(({ name, ms }) => [name, ms]));
    return { seconds: milliseconds / 1000, processor, marks };
  } finally {
    await stack.dispose();
  }
}

async function runFloor(folder: string, recipe: string): Promise<Run> {
  const directory = await mkdtemp(join(folder, "floor-"));
  try {
    const before = await secondsOfChildren();
    const floor = spawn(process.execPath, [FLOOR, recipe, directory, join(folder, "compiled")], {
      stdio: ["ignore", "pipe", "pipe"],
      timeout: WITHIN_MS,
    });
    const { code, stdout, stderr, milliseconds } = await finish(floor);
    if (code !== 0) throw new Error(`the floor exited ${code}\n${stderr}`);
    const processor = (await secondsOfChildren()) - before + (await secondsOfServers(directory));
    return { seconds: milliseconds / 1000, processor, marks: JSON.parse(stdout) };
  } finally {
    for (const { pid } of await processesIn(directory)) process.kill(pid, "SIGKILL");
    await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}
