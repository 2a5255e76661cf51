import { join } from "node:path";
import { converge } from "../../../src/hosts/converge/converge.ts";
import { BoxStore } from "./BoxStore.ts";

/** A host whose only resource never becomes ready: `node endlessHost.ts DIRECTORY`. Prints what its program prints. */
const directory = process.argv[2] ?? "";
const store = new BoxStore();
store.during = () => new Promise(() => undefined);
const keepAlive = setInterval(() => undefined, 1_000);
const { signal } = new AbortController();
const absent = (): Promise<never> => Promise.reject(new Error("none"));

await converge({
  stack: "test",
  project: "endless",
  program: join(import.meta.dirname, "../../support/programs/pid.ts"),
  config: {},
  dryRun: false,
  context: {
    stack: "test",
    directory,
    dryRun: false,
    signal,
    now: () => new Date(),
    tool: () => [],
    narrate: () => undefined,
    kubernetes: absent,
    vault: absent,
    memory: new Map(),
  },
  handlers: async () => store.resource,
  types: [],
  onEvent: (event) => {
    if (event.kind === "log" || event.kind === "narration") process.stdout.write(`${event.message}\n`);
  },
  node: process.execPath,
  environment: {},
  signal,
});
clearInterval(keepAlive);
