import { type Document, parseDocument, YAMLMap } from "yaml";
import { DayzeroError } from "../../config/DayzeroError.ts";
import {
  dependenciesOf,
  IGNORED,
  INDEX_TS,
  PLUGIN,
  PLUGINS_YAML,
  type ProgramName,
  packageJson,
  projectYaml,
  STACK_YAML,
  type Versions,
} from "./projectFiles.ts";

export interface PlannedFile {
  /** Below the project's folder. */
  readonly path: string;
  readonly before: string | undefined;
  readonly after: string;
}

export interface ProjectPlan {
  /** In the order in which they are to be written: a folder is a project once its Pulumi.yaml is there. */
  readonly files: readonly PlannedFile[];
  /** The program is the person's own, and was not looked into. */
  readonly ownProgram: boolean;
  /** Whose file is among them. */
  readonly stack: { readonly name: string; readonly program: ProgramName } | undefined;
}

export interface ProjectChoice {
  /** What the stack whose file is wanted is. Without it: `local` for a named one and in a new project, none in one that is there. */
  readonly program: ProgramName | undefined;
  /** Its name; that of the program without it. */
  readonly stack: string | undefined;
  /** Name of the folder; names a new project. */
  readonly folder: string;
  readonly versions: Versions;
}

/** The text of a file of the folder, or undefined when there is none. */
type Read = (path: string) => Promise<string | undefined>;

type Mapping = Record<string, unknown>;

/**
 * What a folder lacks to be a Pulumi project that uses Dayzero. Writes nothing, and plans to replace nothing: a file that is there
 * keeps all it says. Throws `PROJECT_UNSUITABLE` for a folder that cannot be fitted out without changing what a person wrote.
 */
export async function planProject(read: Read, choice: ProjectChoice): Promise<ProjectPlan> {
  const project = await readProject(read);
  const manifest = await read("package.json");
  const name = projectName(choice.folder);
  const files: PlannedFile[] = [
    {
      path: "package.json",
      before: manifest,
      after:
        manifest === undefined
          ? packageJson(name, choice.versions)
          : completedManifest(manifest, { isNew: project === undefined, versions: choice.versions }),
    },
    await ignoredFiles(read),
  ];
  const wanted = choice.program ?? (project === undefined || choice.stack !== undefined ? "local" : undefined);
  const stack = wanted && { name: choice.stack ?? wanted, program: wanted };
  if (stack !== undefined) {
    const folder = project === undefined ? "stacks" : stackFolder(project.content);
    const path = `${folder === "" ? "" : `${folder}/`}Pulumi.${stack.name}.yaml`;
    const before = await read(path);
    files.push({ path, before, after: before ?? STACK_YAML[stack.program] });
  }
  const index = await read("index.ts");
  if (project === undefined) {
    if (index !== undefined && index !== INDEX_TS)
      throw unsuitable(
        "index.ts is there and Pulumi.yaml is not",
        "name an empty folder, or make this a Pulumi project",
      );
    files.push({ path: "index.ts", before: index, after: INDEX_TS });
  }
  files.push({
    path: "Pulumi.yaml",
    before: project?.text,
    after: project === undefined ? projectYaml(name) : withPlugin(project.text, project.content),
  });
  return { files: files.map(withItsLineEnds), ownProgram: project !== undefined && index !== INDEX_TS, stack };
}

/** A file whose lines end as on Windows goes on like that. */
function withItsLineEnds(file: PlannedFile): PlannedFile {
  const { before = "", after } = file;
  if (before === after || !before.includes("\n") || /(?<!\r)\n/.test(before)) return file;
  return { ...file, after: after.replace(/\r?\n/g, "\r\n") };
}

/** The Pulumi project of the folder, if it is one; checked to be of Node. */
async function readProject(read: Read): Promise<{ text: string; content: Mapping } | undefined> {
  for (const other of ["Pulumi.yml", "Pulumi.json"]) {
    if ((await read(other)) !== undefined)
      throw unsuitable(`the project is described by ${other}`, "make it a Pulumi.yaml: that is what Dayzero reads");
  }
  const text = await read("Pulumi.yaml");
  if (text === undefined) return undefined;
  const document = parseDocument(text);
  const content: unknown = document.errors.length > 0 ? undefined : document.toJS();
  // The parser's message quotes the file, so it is not passed on.
  if (!isMapping(content)) throw unsuitable("Pulumi.yaml is not a YAML mapping", "correct the file");
  const runtime = isMapping(content.runtime) ? content.runtime.name : content.runtime;
  if (runtime !== "nodejs")
    throw unsuitable(
      `the runtime of its Pulumi.yaml is ${JSON.stringify(runtime) ?? "missing"}, not "nodejs"`,
      "Dayzero's components are for Node: name a folder for a project of its own",
    );
  return { text, content };
}

/** package.json with what is missing of it; everything that it says stays, and so does how it is indented. */
function completedManifest(text: string, { isNew, versions }: { isNew: boolean; versions: Versions }): string {
  const manifest = parseManifest(text);
  if (manifest.name === "dayzero") throw unsuitable("this is Dayzero itself", "name a folder of your own");
  const declared: Mapping = {};
  for (const section of ["dependencies", "devDependencies", "peerDependencies"]) {
    const found = manifest[section] ?? {};
    if (!isMapping(found)) throw unsuitable(`"${section}" of package.json is not a mapping`, "correct the file");
    Object.assign(declared, found);
  }
  const missing = Object.entries(dependenciesOf(versions)).filter(([name]) => !(name in declared));
  const additions: Mapping = {};
  if (isNew && manifest.type !== "module") {
    if (manifest.type !== undefined)
      throw unsuitable(
        `"type" of package.json is ${JSON.stringify(manifest.type)}, and the program would be an ES module`,
        'make it "module", or name an empty folder',
      );
    additions.type = "module";
  }
  if (missing.length > 0)
    additions.dependencies = { ...(manifest.dependencies as Mapping | undefined), ...Object.fromEntries(missing) };
  if (Object.keys(additions).length === 0) return text;
  const indent = /^[\t ]+/m.exec(text)?.[0] ?? "  ";
  return `${JSON.stringify({ ...manifest, ...additions }, undefined, indent)}\n`;
}

function parseManifest(text: string): Mapping {
  try {
    const manifest: unknown = JSON.parse(text);
    if (isMapping(manifest)) return manifest;
  } catch {
    // Said below; the parser's message quotes the file.
  }
  throw unsuitable("package.json is not a JSON object", "correct the file");
}

async function ignoredFiles(read: Read): Promise<PlannedFile> {
  const path = ".gitignore";
  const before = await read(path);
  const lines = (before ?? "").split("\n").map((line) => line.trim().replace(/^\//, "").replace(/\/$/, ""));
  const missing = IGNORED.filter((name) => !lines.includes(name.replace(/\/$/, "")));
  const start = before === undefined || before === "" || before.endsWith("\n") ? "" : "\n";
  return {
    path,
    before,
    after: `${before ?? ""}${missing.map((name, at) => `${at === 0 ? start : ""}${name}\n`).join("")}`,
  };
}

/** Where the project keeps its stacks' files, `""` for beside Pulumi.yaml. */
function stackFolder(project: Mapping): string {
  const folder = project.stackConfigDir ?? ".";
  if (typeof folder !== "string") throw unsuitable('"stackConfigDir" of Pulumi.yaml is not a path', "correct the file");
  return folder
    .replace(/^(\.\/)+/, "")
    .replace(/\/+$/, "")
    .replace(/^\.$/, "");
}

/** Pulumi.yaml with the provider's entry; one that names another place of the provider stays. */
function withPlugin(text: string, project: Mapping): string {
  const plugins = project.plugins ?? {};
  const providers = isMapping(plugins) ? (plugins.providers ?? []) : undefined;
  if (!Array.isArray(providers))
    throw unsuitable('"plugins" of Pulumi.yaml is not a mapping with a list "providers"', "correct the file");
  if (providers.some((provider: unknown) => isMapping(provider) && provider.name === PLUGIN.name)) return text;
  if (project.plugins === undefined) {
    const appended = `${text}${text.endsWith("\n") ? "" : "\n"}${PLUGINS_YAML}`;
    // Not so in a mapping written with braces, or below the end of a document.
    if (isPlugged(parseDocument(appended))) return appended;
  }
  const document = parseDocument(text);
  // An empty `plugins:` or `providers:` is there, and holds nothing that could be added to.
  if (!(document.get("plugins") instanceof YAMLMap)) document.set("plugins", document.createNode({}));
  if (providers.length === 0) document.setIn(["plugins", "providers"], document.createNode([PLUGIN]));
  else document.addIn(["plugins", "providers"], document.createNode(PLUGIN));
  return document.toString({ lineWidth: 0 });
}

function isPlugged(document: Document): boolean {
  if (document.errors.length > 0) return false;
  const content: unknown = document.toJS();
  return isMapping(content) && isMapping(content.plugins);
}

/** A name that npm and Pulumi both take. */
function projectName(folder: string): string {
  const name = folder
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .replace(/^[^a-z0-9]+|[^a-z0-9]+$/g, "")
    .slice(0, 100);
  return name === "" || name === "dayzero" || name === "node_modules" ? "dayzero-stacks" : name;
}

function unsuitable(reason: string, hint: string): DayzeroError {
  return new DayzeroError("PROJECT_UNSUITABLE", `cannot make this a project of Dayzero: ${reason}`, { hint });
}

function isMapping(value: unknown): value is Mapping {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
