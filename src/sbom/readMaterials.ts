import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { OPENBAO_IMAGE } from "../manifests/openbao/openBaoSpecOf.ts";
import { readToolchainLock } from "../toolchain/ToolchainLock.ts";
import type { Materials } from "./billOfMaterials.ts";
import { goModules } from "./goModules.ts";
import { parseRequirements } from "./parseRequirements.ts";

/** Reads the files that pin, from the folder of this package: a checkout, or what npm installed. Nothing is fetched. */
export async function readMaterials(packageDirectory: string): Promise<Materials> {
  const text = (...path: string[]) => readFile(join(packageDirectory, ...path), "utf8");
  const optional = (name: string) =>
    text(name).catch((error: NodeJS.ErrnoException) => {
      if (error.code === "ENOENT") return undefined;
      throw error;
    });
  const lock = await readToolchainLock();
  const [go, pip] = [join(lock.directory, "go"), join(lock.directory, "pip")];
  const [modules, requirements, manifest, packageLock, containerfile] = await Promise.all([
    eachIn(go, async (folder) => {
      const [mod, sum] = ["go.mod", "go.sum"].map((name) => readFile(join(go, folder, name), "utf8"));
      return goModules((await mod) ?? "", (await sum) ?? "");
    }),
    eachIn(pip, async (file) => parseRequirements(await readFile(join(pip, file), "utf8"))),
    text("package.json"),
    optional("package-lock.json"),
    optional("Containerfile"),
  ]);
  return {
    tools: { lock, goModules: modules, requirements },
    manifest: JSON.parse(manifest),
    packageLock: packageLock === undefined ? undefined : JSON.parse(packageLock),
    vaultImage: OPENBAO_IMAGE,
    baseImages: [...(containerfile ?? "").matchAll(/^ARG \w+_IMAGE=(\S+)$/gm)].map(([, image]) => image ?? ""),
  };
}

async function eachIn<T>(folder: string, read: (name: string) => Promise<T>): Promise<Map<string, T>> {
  const names = (await readdir(folder)).sort();
  return new Map(await Promise.all(names.map(async (name) => [name, await read(name)] as const)));
}
