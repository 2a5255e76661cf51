import { lstat, readFile } from "node:fs/promises";
import { basename, join, relative, resolve } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { problemsError } from "../../config/Problem.ts";
import { checkName } from "../../config/stackRules.ts";
import { quoteForShell } from "../../machine/quoteForShell.ts";
import { readIfThere } from "../../machine/readIfThere.ts";
import { EXIT } from "../exitCodes.ts";
import { type PlannedFile, type ProjectPlan, planProject } from "../init/planProject.ts";
import type { ProgramName, Versions } from "../init/projectFiles.ts";
import { writeProject } from "../init/writeProject.ts";
import type { Outcome, Run } from "../Run.ts";

type FileAction = "created" | "completed" | "kept";

/** `dayzero init`: makes a Pulumi project that uses Dayzero, or gives one what it lacks; all of it or nothing. */
export async function init(
  run: Run,
  folder: string | undefined,
  { program, stack }: { program?: ProgramName; stack?: string },
): Promise<Outcome> {
  const problems = stack === undefined ? [] : checkName("--stack", stack);
  if (problems.length > 0) throw problemsError("cannot make a stack", problems);
  const directory = resolve(run.workingDirectory, folder ?? ".");
  const planned = await planProject((path) => readText(join(directory, path)), {
    program,
    stack,
    folder: basename(directory),
    versions: await readVersions(),
  });
  const { files } = planned;
  const changed = files.filter(({ before, after }) => before !== after);
  await writeProject(directory, changed);

  const results = files.map((file) => ({ path: file.path, action: actionOf(file) }));
  const next = nextSteps(relative(run.workingDirectory, directory), changed, planned);
  const text = [
    changed.length === 0 ? `${directory} is a project of Dayzero already, nothing was changed` : `project ${directory}`,
    ...(changed.length === 0 ? [] : results.map(({ path, action }) => `  ${action.padEnd(9)}  ${path}`)),
    "next",
    ...next.map((step) => `  ${step}`),
  ];
  return {
    exitCode: EXIT.ok,
    json: { folder: directory, changed: changed.length > 0, files: results, next },
    text: `${text.join("\n")}\n`,
  };
}

function actionOf({ before, after }: PlannedFile): FileAction {
  if (before === undefined) return "created";
  return before === after ? "kept" : "completed";
}

function nextSteps(folder: string, changed: readonly PlannedFile[], { ownProgram, stack }: ProjectPlan): string[] {
  const file = `Pulumi.${stack?.name}.yaml`;
  const written = stack !== undefined && changed.some(({ path }) => basename(path) === file);
  return [
    ...(folder === "" ? [] : [`cd ${/^[\w./-]+$/.test(folder) ? folder : quoteForShell(folder)}`]),
    ...(changed.some(({ path }) => path === "package.json") ? ["npm install"] : []),
    ...(ownProgram ? [`use the components of "dayzero" in your program`] : []),
    ...(written && stack.program === "existing" ? [`correct the values of ${file}`] : []),
    `npx dayzero plan ${written ? stack.name : "<stack>"}`,
  ];
}

/** Of this very package, so that what runs `init` is what the project gets. */
async function readVersions(): Promise<Versions> {
  const manifest = JSON.parse(await readFile(new URL("../../../package.json", import.meta.url), "utf8")) as {
    version: string;
    dependencies: Record<"@pulumi/pulumi", string>;
  };
  return { dayzero: manifest.version, pulumi: manifest.dependencies["@pulumi/pulumi"] };
}

async function readText(path: string): Promise<string | undefined> {
  try {
    const text = await readIfThere(path);
    // What is written there would take the place of the link, and not come to where it leads.
    if (text === undefined && (await lstat(path).catch(() => undefined))?.isSymbolicLink())
      throw Object.assign(new Error(path), { code: "it is a link that leads nowhere" });
    return text;
  } catch (cause) {
    throw new DayzeroError("PROJECT_UNSUITABLE", `cannot read ${path}: ${(cause as NodeJS.ErrnoException).code}`, {
      cause,
      hint: "make it a file that you may read, or name another folder",
    });
  }
}
