import { findDetached } from "../../machine/DetachedProcess.ts";
import { freePorts, isPortFree } from "../../machine/freePorts.ts";
import { readPorts } from "../../machine/readPorts.ts";
import { PORT_NAMES, type PortName, type StackLayout } from "../../machine/StackLayout.ts";
import { type Finding, not, ok } from "./Finding.ts";

/** Whose port it is, where that is not its name. */
const PROCESS_OF: Readonly<Partial<Record<PortName, string>>> = {
  "etcd-peer": "etcd",
  "vault-cluster": "vault",
  git: "git-server",
  "argocd-repo-server-metrics": "argocd-repo-server",
  "argocd-controller-metrics": "argocd-application-controller",
};

/** The ports that the stack remembers are free, or its own processes listen there; of a new stack, whether there are enough free ones. */
export async function checkPorts(layout: StackLayout): Promise<Finding> {
  const known = Object.entries((await readPorts(layout)) ?? {}) as [PortName, number][];
  if (known.length === 0) {
    const ports = await freePorts(PORT_NAMES.length, new Set());
    return ok(`none chosen yet; ${ports.length} are free on 127.0.0.1`);
  }
  const ports = await Promise.all(
    known.map(async ([name, port]) => ({ name, port, is: await stateOf(name, port, layout) })),
  );
  const taken = ports.filter(({ is }) => is === "taken").map(({ name, port }) => `${port} (${name})`);
  if (taken.length > 0) {
    return not(
      "problem",
      `another program listens on ${taken.join(", ")} of 127.0.0.1`,
      `end it (ss -ltnp shows it), or, with the stack down, remove ${layout.ports}: other ports are then chosen`,
    );
  }
  const used = ports.filter(({ is }) => is === "own").length;
  return ok(`${ports.length} remembered: ${used} in use by the stack, ${ports.length - used} free`);
}

async function stateOf(name: PortName, port: number, layout: StackLayout): Promise<"free" | "own" | "taken"> {
  if (await isPortFree(port)) return "free";
  const server = await findDetached(layout.pidFile(PROCESS_OF[name] ?? name), layout.directory);
  return server === undefined ? "taken" : "own";
}
