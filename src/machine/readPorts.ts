import { z } from "zod";
import { DayzeroError } from "../config/DayzeroError.ts";
import { readIfThere } from "./readIfThere.ts";
import type { PortName, StackLayout } from "./StackLayout.ts";

const schema = z.record(z.string(), z.number().int().min(1).max(65_535));

/** The ports that a stack remembers; `undefined` when none were chosen. Throws `PORTS_UNREADABLE` for what nobody can read as ports. */
export async function readPorts(layout: StackLayout): Promise<Partial<Record<PortName, number>> | undefined> {
  const text = await readIfThere(layout.ports);
  if (text === undefined) return undefined;
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    throw new DayzeroError("PORTS_UNREADABLE", `cannot read the stack's ports from ${layout.ports}`, {
      cause,
      hint: "put the file back, or remove it: `dayzero up` then chooses other ports, and restarts what listens on the old ones",
    });
  }
}

/** URL of one of the stack's servers; throws `PORT_UNKNOWN` before its port was chosen. */
export async function serverUrl(layout: StackLayout, name: PortName): Promise<string> {
  const port = (await readPorts(layout))?.[name];
  if (port !== undefined) return `https://127.0.0.1:${port}`;
  throw new DayzeroError("PORT_UNKNOWN", `${layout.ports} names no port for ${name}`, { hint: "run dayzero up" });
}
