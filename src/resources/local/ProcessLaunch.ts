import { createHash } from "node:crypto";
import { chmod, mkdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { compileCache } from "../../machine/compileCache.ts";
import { quoteForShell } from "../../machine/quoteForShell.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import type { Launch } from "../../machine/startDetached.ts";
import type { Context } from "../Resource.ts";
import { daemonCodeDigest } from "./daemonCodeDigest.ts";
import { type ProcessInputs, processDigest } from "./ProcessInputs.ts";

/** Where git, sh and ps are on the systems that are supported; the person's own PATH is not used. */
const SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin:/opt/homebrew/bin";

/** Which commands a process means on this machine now. They are a part of its identity: another version of a tool restarts it. */
export interface ResolvedTools {
  readonly command: readonly string[];
  readonly links: Readonly<Record<string, readonly string[]>>;
  /** Where the tool is this program itself: a pinned tool's path names its digest, ours does not. */
  readonly code: string | undefined;
}

let ownCode: string | undefined;

export function resolveTools(inputs: ProcessInputs, ctx: Context): ResolvedTools {
  const links = Object.entries(inputs.links).map(([name, tool]) => [name, ctx.tool(tool)] as const);
  const isOwn = inputs.tool === "dayzero";
  if (isOwn) ownCode ??= daemonCodeDigest(fileURLToPath(new URL("../../../", import.meta.url)));
  return { command: ctx.tool(inputs.tool), links: Object.fromEntries(links), code: isOwn ? ownCode : undefined };
}

/** Digest of a process together with the tools it runs; stands in its pid file. */
export function launchDigest(inputs: ProcessInputs, tools: ResolvedTools): string {
  const resolved = JSON.stringify([tools.command, Object.entries(tools.links).sort(), tools.code ?? null]);
  return createHash("sha256").update(processDigest(inputs)).update(resolved).digest("hex");
}

/** Makes the folders and links that a process expects, and says how to start it. It must not be running. */
export async function prepareLaunch(inputs: ProcessInputs, tools: ResolvedTools, ctx: Context): Promise<Launch> {
  const { directory } = ctx;
  const layout = new StackLayout(directory);
  const { name } = inputs;
  const temporary = layout.temporary(name);
  for (const folder of [layout.home, layout.data(name), temporary])
    await mkdir(folder, { recursive: true, mode: 0o700 });
  const bin = layout.run(join("bin", name));
  const links = { ...tools.links, ...(inputs.argv0 === undefined ? {} : { [inputs.argv0]: tools.command }) };
  await makeLinks(bin, links);
  await linkFiles(layout.run(join("files", name)), inputs.files, directory);
  const [program = "", ...rest] = tools.command;
  const inPlace = (text: string) => text.replaceAll("{directory}", directory);
  const fixed = {
    PATH: Object.keys(links).length === 0 ? SYSTEM_PATH : `${bin}:${SYSTEM_PATH}`,
    LANG: "C.UTF-8",
    HOME: layout.home,
    TMPDIR: temporary,
    // Else this program would keep its compiled modules below HOME. In `up`'s own cache it finds those of the stack before: a third of the time.
    ...(inputs.tool === "dayzero" ? { NODE_COMPILE_CACHE: compileCache() ?? layout.run("compile") } : {}),
  };
  const declared = Object.entries(inputs.environment).map(([key, value]) => [key, inPlace(value)]);
  return {
    directory,
    pidFile: layout.pidFile(name),
    logFile: layout.log(name),
    command: [inputs.argv0 === undefined ? program : join(bin, inputs.argv0), ...rest, ...inputs.args.map(inPlace)],
    environment: { ...fixed, ...Object.fromEntries(declared), ...(await readSecrets(inputs, directory)) },
    digest: launchDigest(inputs, tools),
  };
}

async function readSecrets(inputs: ProcessInputs, directory: string): Promise<Record<string, string>> {
  const values = Object.entries(inputs.secretEnvironment).map(async ([variable, path]) => {
    try {
      return [variable, (await readFile(join(directory, path), "utf8")).replace(/\n$/, "")] as const;
    } catch (cause) {
      throw new DayzeroError(
        "PROCESS_SECRET_MISSING",
        `cannot read ${path}, the value of ${variable} of process "${inputs.name}"`,
        { cause, hint: "run `dayzero up` again: it makes the stack's secret files that are missing" },
      );
    }
  });
  return Object.fromEntries(await Promise.all(values));
}

async function linkFiles(folder: string, files: Readonly<Record<string, string>>, directory: string): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  for (const [name, target] of Object.entries(files)) {
    const link = join(folder, name);
    await mkdir(dirname(link), { recursive: true, mode: 0o700 });
    await symlink(join(directory, target), link);
  }
}

/** Symbolic links; a small script where the tool is more than one word. */
async function makeLinks(folder: string, links: Readonly<Record<string, readonly string[]>>): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  if (Object.keys(links).length > 0) await mkdir(folder, { recursive: true, mode: 0o700 });
  for (const [name, command] of Object.entries(links)) {
    const file = join(folder, name);
    const [program = "", ...rest] = command;
    if (rest.length === 0) {
      await symlink(program, file);
      continue;
    }
    await writeFile(file, `#!/bin/sh\nexec ${command.map(quoteForShell).join(" ")} "$@"\n`, { mode: 0o700 });
    await chmod(file, 0o700);
  }
}
