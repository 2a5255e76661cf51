import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve, sep } from "node:path";
import { parse } from "yaml";
import { exists } from "../../machine/exists.ts";
import type { Subject } from "../Subject.ts";
import { filePlace, filesBelow } from "./filesBelow.ts";
import type { Place } from "./Place.ts";

/** What Pulumi keeps of the stack, as far as it is to be had here. */
export interface PulumiStates {
  readonly places: readonly Place[];
  /** What keeps the rest from being seen. */
  readonly unseen: string | undefined;
}

/** Below the folder of a file backend: the state, what it was after each run, and what it was before. */
const KEPT = ["stacks", "history", "backups"];
const EXPORT_MS = 30_000;
const HOW = "run `pulumi stack export > FILE` where the stack is known, and name the file with --pulumi-state";

/** From the file that was named, from the folder of a file backend, or from `pulumi stack export`, in this order. */
export async function pulumiStates(subject: Subject): Promise<PulumiStates> {
  const { auditor } = subject;
  if (auditor.pulumiState !== undefined) return { places: [filePlace(auditor.pulumiState)], unseen: undefined };
  const backend = await fileBackend(auditor);
  return backend === undefined ? exported(subject) : { places: await filesOf(backend, subject), unseen: undefined };
}

/** Source: https://www.pulumi.com/docs/iac/concepts/state-and-backends/ (local file system); the variable comes before the file. */
async function fileBackend({ environment, project }: Subject["auditor"]): Promise<string | undefined> {
  const file = await readFile(join(project, "Pulumi.yaml"), "utf8").catch(() => "");
  const { backend } = (parse(file) ?? {}) as { backend?: { url?: unknown } };
  const url = environment.PULUMI_BACKEND_URL ?? backend?.url;
  if (typeof url === "string" && url !== "") {
    const [, path] = /^file:\/\/(.*)$/.exec(url) ?? [];
    return path === undefined
      ? undefined
      : join(resolve(project, path.replace(/^~/, environment.HOME ?? homedir())), ".pulumi");
  }
  const beside = join(project, ".pulumi");
  return (await exists(join(beside, "stacks"))) ? beside : undefined;
}

/** Named after the stack, or in a folder of its name. */
async function filesOf(backend: string, { context: { stack } }: Subject): Promise<Place[]> {
  const isOwn = (path: string) => path.split(sep).some((part) => part === stack || part.startsWith(`${stack}.`));
  const places: Place[] = [];
  for (const folder of KEPT.map((name) => join(backend, name))) {
    const takes: Parameters<typeof filesBelow>[1] = {
      takes: (path, stats) => stats.isDirectory() || isOwn(path.slice(folder.length)),
    };
    for await (const place of filesBelow(folder, takes)) places.push(place);
  }
  return places;
}

/** By the person's own pulumi, in their own environment, as they would do it. Values that Pulumi encrypts are shown, to be searched. */
async function exported({ auditor: { environment, project }, context }: Subject): Promise<PulumiStates> {
  const { execa } = await import("execa");
  const words = ["stack", "export", "--show-secrets", "--non-interactive", "--stack", context.stack];
  const { exitCode, stdout, stderr, code } = await execa("pulumi", words, {
    cwd: project,
    env: { ...environment },
    extendEnv: false,
    reject: false,
    stdin: "ignore",
    timeout: EXPORT_MS,
    cancelSignal: context.signal,
    maxBuffer: 1 << 30,
  });
  if (code === "ENOENT")
    return { places: [], unseen: `there is no pulumi on PATH: if this stack was ever under it, ${HOW}` };
  if (exitCode === 0)
    return { places: [{ name: "Pulumi's state", content: () => [Buffer.from(stdout)] }], unseen: undefined };
  if (/no stack named/.test(stderr)) return { places: [], unseen: undefined };
  return { places: [], unseen: `pulumi could not export the stack: ${HOW}` };
}
