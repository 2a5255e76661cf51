import { z } from "zod";
import type { Change, Resource, Stay } from "../../../src/resources/Resource.ts";

interface BoxInputs {
  readonly name: string;
  readonly size: number;
  readonly label?: string | undefined;
}

export interface BoxLive extends BoxInputs {
  readonly token: string;
}

/** Where the boxes of a test live, and what was done to them. */
export class BoxStore {
  boxes = new Map<string, BoxLive>();
  /** Boxes that are not removed, and what becomes of them. */
  readonly staying = new Map<string, Stay["as"]>();
  /** Runs while a box is being removed. */
  removing: (name: string) => void = () => undefined;
  /** Whether a plan knows the token that a box is going to have. */
  foresees = false;
  /** `apply a`, `applied a`, `remove a`: in the order in which they happened. */
  readonly log: string[] = [];
  /** Runs while a box is being made. */
  during: (name: string, signal: AbortSignal) => Promise<void> = () => Promise.resolve();

  readonly resource: Resource<BoxInputs, BoxLive> = {
    type: "dayzero:test:Box",
    inputs: z.object({ name: z.string(), size: z.number().positive(), label: z.string().optional() }),
    id: z.string(),
    identify: ({ name }) => name,
    read: async (id) => this.boxes.get(id),
    plan: (live, desired) => planBox(live, desired),
    foresee: (_live, desired) => (this.foresees ? { token: `token of ${desired.name}` } : {}),
    apply: async (_changes, desired, ctx) => {
      this.log.push(`apply ${desired.name}`);
      ctx.narrate(`filling ${desired.name}`);
      await this.during(desired.name, ctx.signal);
      const live = { ...desired, token: `token of ${desired.name}` };
      this.boxes.set(desired.name, live);
      this.log.push(`applied ${desired.name}`);
      return live;
    },
    owned: async () => [...this.boxes.keys()],
    stays: async (id) => {
      const as = this.staying.get(id);
      return as && { as, note: `${as} ${id}: it is full` };
    },
    remove: async (id) => {
      this.log.push(`remove ${id}`);
      this.removing(id);
      this.boxes.delete(id);
    },
  };
}

function planBox(live: BoxLive | undefined, desired: BoxInputs): Change[] {
  if (live === undefined) return [{ action: "create", path: "" }];
  const changes: Change[] = [];
  for (const path of ["size", "label"] as const) {
    if (live[path] === desired[path]) continue;
    const action = path === "label" ? "replace" : "update";
    changes.push({ action, path, before: String(live[path]), after: String(desired[path]) });
  }
  return changes;
}
