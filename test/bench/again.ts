import { Stack } from "../support/Stack.ts";
import type { Measure } from "./Measure.ts";

/** What a run takes that finds everything as it should be: `up`, `plan` and `status` of a stack that is up, by turns. */
export async function again(rounds: number): Promise<Measure[]> {
  const stack = await Stack.create();
  try {
    await stack.json("up");
    const times = { up: [] as number[], plan: [] as number[], status: [] as number[] };
    for (let round = 0; round < rounds; round++) {
      for (const command of ["up", "plan", "status"] as const) {
        const { code, stdout, stderr, milliseconds } = await stack.run(command, "--json");
        if (code !== 0) throw new Error(`dayzero ${command} exited ${code}\n${stdout}\n${stderr}`);
        times[command].push(milliseconds / 1000);
      }
    }
    return [
      { what: "dayzero up, converged", unit: "s", values: times.up, goal: 3 },
      { what: "dayzero plan", unit: "s", values: times.plan },
      { what: "dayzero status", unit: "s", values: times.status },
    ];
  } finally {
    await stack.dispose();
  }
}
