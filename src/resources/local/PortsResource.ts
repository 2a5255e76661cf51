import { readdir, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { freePorts } from "../../machine/freePorts.ts";
import { readPorts } from "../../machine/readPorts.ts";
import { PORT_NAMES, type PortName, StackLayout } from "../../machine/StackLayout.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";
import type { Resource } from "../Resource.ts";

export interface PortsLive {
  /** The state folder, absolute. */
  directory: string;
  ports: Partial<Record<PortName, number>>;
}

const ID = "ports";

/** `dayzero:local:Ports`: loopback ports, chosen once among the free ones and remembered in `ports.json`. */
export const portsResource: Resource<Record<string, never>, PortsLive> = {
  type: "dayzero:local:Ports",

  inputs: z.strictObject({}) as z.ZodType<Record<string, never>>,

  id: z.literal(ID),
  identify: () => ID,

  async read(_id, ctx) {
    const ports = await readPorts(new StackLayout(ctx.directory));
    return ports === undefined ? undefined : { directory: ctx.directory, ports };
  },

  plan(live) {
    if (live === undefined) return [{ action: "create", path: "" }];
    const missing = PORT_NAMES.filter((name) => live.ports[name] === undefined);
    return missing.map((name) => ({ action: "update", path: `ports.${name}`, after: "a free port" }));
  },

  async apply(_changes, _desired, ctx) {
    const layout = new StackLayout(ctx.directory);
    const known = (await readPorts(layout)) ?? {};
    const missing = PORT_NAMES.filter((name) => known[name] === undefined);
    const taken = new Set([...Object.values(known), ...(await portsOfSiblings(ctx.directory))]);
    const chosen = await freePorts(missing.length, taken);
    const ports = { ...known, ...Object.fromEntries(missing.map((name, index) => [name, chosen[index] as number])) };
    await writeFileAtomic(layout.ports, `${JSON.stringify(ports, null, 2)}\n`);
    return { directory: ctx.directory, ports };
  },

  async owned(_stack, ctx) {
    return (await readPorts(new StackLayout(ctx.directory))) === undefined ? [] : [ID];
  },

  async remove(_id, ctx) {
    await rm(new StackLayout(ctx.directory).ports, { force: true });
  },
};

/** What the stacks beside this one remember, also while they are down. */
async function portsOfSiblings(directory: string): Promise<number[]> {
  const parent = dirname(directory);
  const names = await readdir(parent).catch(() => []);
  const layouts = names.map((name) => new StackLayout(join(parent, name)));
  const siblings = await Promise.all(layouts.map((layout) => readPorts(layout).catch(() => undefined)));
  return siblings.flatMap((ports) => Object.values(ports ?? {}));
}
