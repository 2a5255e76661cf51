import { mkdir, mkdtemp, readdir, readFile, realpath, rm } from "node:fs/promises";
import { dirname, join, sep } from "node:path";
import { parseAllDocuments } from "yaml";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { StackLayout } from "../../machine/StackLayout.ts";
import type { RepositoryKind } from "../../manifests/argocd/repositoryNeeds.ts";
import type { Context } from "../Resource.ts";
import type { BareRepository } from "./BareRepository.ts";
import { hermetic } from "./Git.ts";

const KUSTOMIZATIONS = ["kustomization.yaml", "kustomization.yml", "Kustomization"];
const TIMEOUT_MS = 60_000;

/** Begins the name of the folders that revisions are unpacked into, beside the repositories. */
export const RENDER_PREFIX = ".render-";

/**
 * What kinds of objects a folder of a revision holds, found the way Argo CD finds them: built by Kustomize where there is a
 * kustomization, else from the YAML and JSON files of that folder itself.
 *
 * Throws a DayzeroError for a folder that is missing, holds no manifest, does not build, or needs what the embedded stack lacks.
 */
export async function renderManifests(
  repository: BareRepository,
  at: { revision: string; path: string },
  ctx: Context,
): Promise<RepositoryKind[]> {
  const work = await mkdtemp(join(dirname(repository.directory), RENDER_PREFIX));
  try {
    const tree = join(work, "tree");
    await mkdir(tree);
    const environment = { GIT_INDEX_FILE: join(work, "index") };
    await repository.git.run(["read-tree", at.revision], { environment });
    await repository.git.run([`--work-tree=${tree}`, "checkout-index", "--all", "--force"], {
      environment: { ...environment, GIT_WORK_TREE: tree },
    });
    const folder = join(tree, at.path);
    const names = await readdir(folder).catch(() => undefined);
    if (names === undefined || !(await realpath(folder)).startsWith(await realpath(tree))) {
      throw await missing(tree, at);
    }
    const objects = names.some((name) => KUSTOMIZATIONS.includes(name))
      ? readBuilt(await kustomize(folder, at, ctx), at)
      : await readPlain(folder, names, at, await realpath(tree));
    if (objects.length === 0) {
      throw new DayzeroError("REPOSITORY_NO_MANIFESTS", `cannot reconcile ${place(at)}: there is no manifest in it`, {
        hint: "name the folder that Argo CD is to reconcile with --path",
      });
    }
    return summarize(objects);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

interface ManifestObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata?: { readonly name?: unknown; readonly namespace?: unknown };
  readonly items?: unknown;
}

async function kustomize(folder: string, at: { revision: string; path: string }, ctx: Context): Promise<string> {
  const { execa } = await import("execa");
  const [program = "kustomize", ...prefix] = ctx.tool("kustomize");
  const { home } = new StackLayout(ctx.directory);
  const result = await execa(program, [...prefix, "build", "."], {
    cwd: folder,
    env: hermetic(home, ctx.tool("git")[0] ?? "git"),
    extendEnv: false,
    stdin: "ignore",
    reject: false,
    timeout: TIMEOUT_MS,
    cancelSignal: ctx.signal,
  });
  ctx.signal.throwIfAborted();
  if (!result.failed) return result.stdout;
  if (result.code !== undefined) throw new Error(`cannot run ${program}: ${result.code}`);
  const said = result.timedOut
    ? `no result within ${TIMEOUT_MS / 1000} s`
    : result.stderr.replaceAll(folder, at.path).trim().split("\n").slice(-3).join("; ");
  throw new DayzeroError("REPOSITORY_MANIFESTS_INVALID", `cannot build ${place(at)} with Kustomize: ${said}`, {
    hint: "see that `kustomize build` works in that folder of a clone, commit and push",
  });
}

function readBuilt(text: string, at: { revision: string; path: string }): ManifestObject[] {
  const { objects, problem } = parse(text, "what Kustomize built", at);
  if (problem !== undefined) throw invalid(`what Kustomize built from ${place(at)}`, problem);
  return objects;
}

/** Source: Argo CD, reposerver/repository/repository.go, findManifests. */
async function readPlain(
  folder: string,
  names: readonly string[],
  at: { revision: string; path: string },
  root: string,
): Promise<ManifestObject[]> {
  const unsupported = names.includes("Chart.yaml")
    ? "a Helm chart"
    : names.some((name) => name.endsWith(".jsonnet"))
      ? "Jsonnet"
      : undefined;
  if (unsupported !== undefined) {
    throw new DayzeroError(
      "REPOSITORY_UNSUPPORTED",
      `cannot reconcile ${place(at)}: it is ${unsupported}, not supported by the embedded stack yet`,
      {
        hint: "name a folder with a kustomization or plain manifests with --path",
      },
    );
  }
  const objects: ManifestObject[] = [];
  let unread: DayzeroError | undefined;
  for (const name of names.filter((entry) => /\.(yaml|yml|json)$/.test(entry)).sort()) {
    const real = await realpath(join(folder, name)).catch(() => undefined);
    if (real === undefined) continue;
    if (!real.startsWith(root + sep))
      throw invalid(`${at.path}/${name}`, "it is a link that leads out of the repository");
    const text = await readFile(real, "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const found = parse(text, name, at);
    // A YAML file that is something else altogether is not Argo CD's business.
    const looksLikeManifest = ["apiVersion:", "kind:", "metadata:"].every((field) => text.includes(field));
    if (found.problem !== undefined && (found.objects.length > 0 || looksLikeManifest || name.endsWith(".json"))) {
      throw invalid(`${at.path}/${name}`, found.problem);
    }
    if (found.malformed && found.problem !== undefined) unread ??= invalid(`${at.path}/${name}`, found.problem);
    objects.push(...found.objects);
  }
  // Only beside manifests is it something else: here it may well be the one that is missed.
  if (objects.length === 0 && unread !== undefined) throw unread;
  return objects;
}

/** Objects up to the first document that is none; the parser's own words would quote the text, so only the place is told. */
function parse(
  text: string,
  name: string,
  at: { revision: string; path: string },
): { objects: ManifestObject[]; problem?: string; malformed?: true } {
  const objects: ManifestObject[] = [];
  const documents = parseAllDocuments(text, { uniqueKeys: false, logLevel: "silent" });
  for (const [number, document] of (Array.isArray(documents) ? documents : []).entries()) {
    const [error] = document.errors;
    if (error !== undefined) {
      return { objects, problem: `${error.code} at line ${error.linePos?.[0].line ?? "?"}`, malformed: true };
    }
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 1000 });
    } catch {
      // Aliases that multiply: a few lines would become gigabytes.
      return { objects, problem: `document ${number + 1} has more aliases than can be followed`, malformed: true };
    }
    if (value === null) continue;
    const items: unknown[] =
      isManifest(value) && value.kind.endsWith("List") && Array.isArray(value.items) ? value.items : [value];
    for (const [index, item] of items.entries()) {
      if (isManifest(item)) {
        objects.push(item);
        continue;
      }
      const which = `${item === value ? "" : `item ${index + 1} of `}document ${number + 1}`;
      return { objects, problem: `${which} of ${name} in ${place(at)} has no apiVersion and kind` };
    }
  }
  return { objects };
}

function isManifest(value: unknown): value is ManifestObject {
  if (typeof value !== "object" || value === null) return false;
  const { apiVersion, kind } = value as Partial<ManifestObject>;
  return typeof apiVersion === "string" && typeof kind === "string";
}

function summarize(objects: readonly ManifestObject[]): RepositoryKind[] {
  const kinds = new Map<string, RepositoryKind>();
  for (const { apiVersion, kind, metadata } of objects) {
    const slash = apiVersion.indexOf("/");
    const group = slash < 0 ? "" : apiVersion.slice(0, slash);
    const version = apiVersion.slice(slash + 1);
    // A Namespace is where it itself is, so that the one which holds nothing else is known as well.
    const inside = group === "" && kind === "Namespace" ? metadata?.name : metadata?.namespace;
    const namespace = typeof inside === "string" ? inside : undefined;
    const found = { group, version, kind, ...(namespace === undefined ? {} : { namespace }) };
    kinds.set(JSON.stringify([group, kind, version, namespace ?? ""]), found);
  }
  return [...kinds.keys()].sort().flatMap((key) => kinds.get(key) ?? []);
}

async function missing(tree: string, at: { revision: string; path: string }): Promise<DayzeroError> {
  const folders = (await readdir(tree, { withFileTypes: true })).filter((entry) => entry.isDirectory());
  const names = folders.map(({ name }) => name).slice(0, 8);
  const seen = names.length === 0 ? "there are no folders at its top" : `at its top are ${names.join(", ")}`;
  return new DayzeroError(
    "REPOSITORY_PATH_MISSING",
    `cannot reconcile ${place(at)}: there is no such folder; ${seen}`,
    {
      hint: "name the folder that Argo CD is to reconcile with --path",
    },
  );
}

function invalid(file: string, problem: string): DayzeroError {
  return new DayzeroError("REPOSITORY_MANIFESTS_INVALID", `cannot read ${file}: ${problem}`, {
    hint: "correct the file, commit and push; or name another folder with --path",
  });
}

function place({ revision, path }: { revision: string; path: string }): string {
  return `${path === "." ? "the top folder" : `"${path}"`} of ${revision.slice(0, 8)}`;
}
