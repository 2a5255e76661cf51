import { readFile, stat } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { parseYaml } from "../../config/parseYaml.ts";
import { readIfThere } from "../../machine/readIfThere.ts";

/** A Pulumi project: what its Pulumi.yaml says to a run. */
export interface Project {
  /** Folder of Pulumi.yaml: where relative paths of stack files start. */
  readonly directory: string;
  readonly name: string;
  /** Absolute folder of the stack files (`Pulumi.<stack>.yaml`). */
  readonly stackFiles: string;
  /** Folder of the stacks' state where nobody names one. */
  readonly state: string;
}

interface ProjectFile {
  readonly name?: unknown;
  readonly runtime?: unknown;
  readonly main?: unknown;
  readonly stackConfigDir?: unknown;
}

const FILE = "Pulumi.yaml";

/**
 * The nearest project at or above the working directory, else this package's own, whose stacks are kept in the working directory.
 * Throws `PROJECT_INVALID`.
 */
export async function findProject(from: { workingDirectory: string; packageDirectory: string }): Promise<Project> {
  const { workingDirectory, packageDirectory } = from;
  for (let directory = workingDirectory; ; directory = dirname(directory)) {
    const text = await readIfThere(join(directory, FILE)).catch((cause: unknown) => {
      throw invalid(directory, "it cannot be read", "make it a file that you may read", cause);
    });
    if (text !== undefined) return describe(directory, text, directory);
    if (directory === dirname(directory)) break;
  }
  return describe(packageDirectory, await readFile(join(packageDirectory, FILE), "utf8"), workingDirectory);
}

/** Where the project keeps the stack's configuration. */
export function stackFileOf({ stackFiles }: Project, stack: string): string {
  return join(stackFiles, `Pulumi.${stack}.yaml`);
}

function describe(directory: string, text: string, stateIn: string): Project {
  const { name, stackConfigDir } = parseProject(directory, text);
  if (typeof name !== "string" || name === "") throw invalid(directory, "it has no name", "give the project a name");
  return {
    directory,
    name,
    stackFiles: resolve(directory, typeof stackConfigDir === "string" ? stackConfigDir : "."),
    state: join(stateIn, ".dayzero"),
  };
}

/**
 * The file of the project's program: `main` of Pulumi.yaml, or what Node would start in that folder. Throws `PROJECT_INVALID` where
 * there is none, or the program is none for Node.
 */
export async function findProgram({ directory }: Project): Promise<string> {
  const { main, runtime } = parseProject(directory, await readFile(join(directory, FILE), "utf8"));
  const language = typeof runtime === "object" ? (runtime as { name?: unknown } | null)?.name : runtime;
  if (language !== "nodejs")
    throw invalid(directory, `its runtime is ${JSON.stringify(language)}, not "nodejs"`, "run it with `pulumi up`");
  const path = resolve(directory, typeof main === "string" ? main : ".");
  for (const candidate of [path, ...(await entriesOf(path))]) {
    const found = await stat(candidate).catch(() => undefined);
    if (found?.isFile()) return candidate;
  }
  throw invalid(directory, `there is no program at ${relative(directory, path) || "."}`, "correct its main");
}

async function entriesOf(folder: string): Promise<string[]> {
  const text = await readFile(join(folder, "package.json"), "utf8").catch(() => "{}");
  let main: unknown;
  try {
    main = (JSON.parse(text) as { main?: unknown } | null)?.main;
  } catch {
    // A broken one names no program.
  }
  return [...(typeof main === "string" ? [main] : []), "index.ts", "index.js"].map((file) => join(folder, file));
}

function parseProject(directory: string, text: string): ProjectFile {
  try {
    const file = parseYaml(text);
    if (typeof file === "object" && file !== null) return file;
  } catch {
    // Said below: the parser's message quotes the file.
  }
  throw invalid(directory, "it is not a mapping in YAML", "correct the file");
}

function invalid(directory: string, what: string, hint: string, cause?: unknown): DayzeroError {
  return new DayzeroError("PROJECT_INVALID", `cannot use ${join(directory, FILE)}: ${what}`, { hint, cause });
}
