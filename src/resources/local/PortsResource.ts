import { readdir, readFile, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { z } from "zod";
import { freePorts } from "../../machine/freePorts.ts";
import { PORT_NAMES, StackLayout } from "../../machine/StackLayout.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";
import type { Resource } from "../Resource.ts";

export interface PortsInputs {
  /** Those of the embedded servers unless told. */
  names: string[];
}

export interface PortsLive {
  /** The state folder, absolute. */
  directory: string;
  ports: Record<string, number>;
}

const ID = "ports";
const portsSchema = z.record(z.string(), z.number().int().min(1).max(65_535));

/** `dayzero:local:Ports`: loopback ports, chosen once among the free ones and remembered in `ports.json`. */
export const portsResource: Resource<PortsInputs, PortsLive> = {
  type: "dayzero:local:Ports",

  inputs: z.strictObject({
    names: z
      .array(z.string())
      .min(1)
      .default([...PORT_NAMES]),
  }),

  identify: () => ID,

  async read(_id, ctx) {
    const ports = await readPorts(new StackLayout(ctx.directory).ports);
    return ports === undefined ? undefined : { directory: ctx.directory, ports };
  },

  plan(live, desired) {
    if (live === undefined) return [{ action: "create", path: "" }];
    const missing = desired.names.filter((name) => live.ports[name] === undefined);
    return missing.map((name) => ({ action: "update", path: `ports.${name}`, after: "a free port" }));
  },

  async apply(_changes, desired, ctx) {
    const file = new StackLayout(ctx.directory).ports;
    const known = (await readPorts(file)) ?? {};
    const missing = desired.names.filter((name) => known[name] === undefined);
    const taken = new Set([...Object.values(known), ...(await portsOfSiblings(ctx.directory))]);
    const chosen = await freePorts(missing.length, taken);
    const ports = { ...known, ...Object.fromEntries(missing.map((name, index) => [name, chosen[index] as number])) };
    await writeFileAtomic(file, `${JSON.stringify(ports, null, 2)}\n`);
    return { directory: ctx.directory, ports };
  },

  async owned(_stack, ctx) {
    return (await readPorts(new StackLayout(ctx.directory).ports)) === undefined ? [] : [ID];
  },

  async remove(_id, ctx) {
    await rm(new StackLayout(ctx.directory).ports, { force: true });
  },
};

/** What the stacks beside this one remember, also while they are down. */
async function portsOfSiblings(directory: string): Promise<number[]> {
  const parent = dirname(directory);
  const names = await readdir(parent).catch(() => []);
  const files = names.map((name) => new StackLayout(join(parent, name)).ports);
  const siblings = await Promise.all(files.map((file) => readPorts(file).catch(() => undefined)));
  return siblings.flatMap((ports) => Object.values(ports ?? {}));
}

async function readPorts(file: string): Promise<Record<string, number> | undefined> {
  try {
    return portsSchema.parse(JSON.parse(await readFile(file, "utf8")));
  } catch (error) {
    if (["ENOENT", "ENOTDIR"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw new Error(`cannot read ${file}`, { cause: error });
  }
}
