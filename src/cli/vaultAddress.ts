import { readFile } from "node:fs/promises";
import type { PortName, StackLayout } from "../machine/StackLayout.ts";

/** URL of the stack's embedded Vault; rejects before its port was chosen. */
export async function vaultAddress(layout: StackLayout): Promise<string> {
  const ports = JSON.parse(await readFile(layout.ports, "utf8")) as Partial<Record<PortName, number>>;
  return `https://127.0.0.1:${ports.vault}`;
}
