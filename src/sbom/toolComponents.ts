import type { Pin, ReleaseFile, Source, ToolchainLock } from "../toolchain/ToolchainLock.ts";
import { lastPart } from "../toolchain/ToolchainLock.ts";
import { type Component, type Dependency, licensesOf, type Part, type Property, provenance } from "./Component.ts";
import type { GoModule } from "./goModules.ts";
import { type Origin, PACKAGE_ORIGINS, TOOL_ORIGINS } from "./origins.ts";
import type { Requirement } from "./parseRequirements.ts";
import { purl } from "./purl.ts";

export interface ToolMaterials {
  readonly lock: ToolchainLock;
  /** By the folder in bootstrap/toolchain/go. */
  readonly goModules: ReadonlyMap<string, readonly GoModule[]>;
  /** By the file in bootstrap/toolchain/pip. */
  readonly requirements: ReadonlyMap<string, Requirement>;
}

/**
 * Every pinned tool; below it each way that it can come, of which a machine uses the first that works; and the modules that a
 * build from source takes code from.
 */
export function toolComponents(materials: ToolMaterials): Part {
  const tools = materials.lock.pins.map((pin) => toolComponent(pin, materials));
  const ways = tools.map(
    (tool): Dependency => ({
      ref: tool["bom-ref"],
      dependsOn: (tool.components ?? []).map((way) => way["bom-ref"]),
    }),
  );
  const builds = materials.lock.pins.flatMap((pin) =>
    pin.sources.flatMap((source): Dependency[] => {
      if (source.kind !== "go-build") return [];
      const modules = modulesOf(source.module, materials);
      return [{ ref: refOf(pin, source), dependsOn: [...new Set(modules.map(moduleRef))] }];
    }),
  );
  const modules = new Map([...materials.goModules.values()].flat().map((module) => [moduleRef(module), module]));
  return { components: [...tools, ...[...modules.values()].map(moduleComponent)], dependencies: [...ways, ...builds] };
}

function toolComponent(pin: Pin, materials: ToolMaterials): Component {
  const origin = TOOL_ORIGINS[pin.name];
  return {
    type: pin.probe === undefined ? "file" : "application",
    "bom-ref": `tool:${pin.name}`,
    name: pin.name,
    version: pin.version,
    ...(origin && { supplier: origin.supplier, ...licensesOf(origin.licence), purl: origin.purl(pin.version) }),
    components: pin.sources.flatMap((source) => wayComponents(pin, source, materials)),
  };
}

function wayComponents(pin: Pin, source: Source, materials: ToolMaterials): Component[] {
  const version = source.version ?? pin.version;
  const ref = refOf(pin, source);
  switch (source.kind) {
    case "path":
      return [
        {
          type: "file",
          "bom-ref": ref,
          name: pin.name,
          version,
          properties: provenance(
            "path",
            "nothing: a program of this name on PATH that says this version is used as it is",
          ),
        },
      ];
    case "release":
      return Object.entries(source.files).map(([platform, file]) =>
        releaseComponent(`${ref}/${platform}`, version, file, [{ name: "dayzero:platform", value: platform }]),
      );
    case "release-set":
      return Object.entries(source.files).map(([name, file]) => releaseComponent(`${ref}/${name}`, version, file));
    case "go-build":
      return [goBuildComponent(ref, source.package, modulesOf(source.module, materials))];
    case "go-module":
      return [
        {
          type: "library",
          "bom-ref": ref,
          name: source.module,
          version: source.moduleVersion,
          purl: purl.golang(source.module, source.moduleVersion),
          properties: provenance("go-module", "the SHA-256 of each file, pinned in the toolchain lock"),
          components: Object.values(source.files).map(({ path, sha256 }) => ({
            type: "file",
            "bom-ref": `${ref}/${path}`,
            name: path,
            hashes: [{ alg: "SHA-256", content: sha256 }],
          })),
        },
      ];
    case "wheel":
      return [pythonComponent(ref, "wheel", source.requirements, materials)];
    case "make":
      return [
        "requirements" in source.archive
          ? pythonComponent(ref, "source archive of a Python package", source.archive.requirements, materials)
          : releaseComponent(ref, version, source.archive),
      ];
  }
}

function releaseComponent(ref: string, version: string, file: ReleaseFile, more: Property[] = []): Component {
  const verifiedBy = file.sha256
    ? "the SHA-256 here, pinned in the toolchain lock"
    : `the publisher's own ${file.checksums}, read at download`;
  return {
    type: "file",
    "bom-ref": ref,
    name: lastPart(file.url),
    version,
    ...(file.sha256 && { hashes: [{ alg: "SHA-256", content: file.sha256 }] }),
    externalReferences: [{ type: "distribution", url: file.url }],
    properties: provenance("release", verifiedBy, more),
  };
}

/** The module that holds the package is its longest prefix. */
function goBuildComponent(ref: string, packagePath: string, modules: readonly GoModule[]): Component {
  const [module] = modules
    .filter(({ path }) => packagePath === path || packagePath.startsWith(`${path}/`))
    .sort((one, other) => other.path.length - one.path.length);
  if (module === undefined) throw new RangeError(`no module in go.mod holds ${packagePath}`);
  return { ...moduleComponent(module), "bom-ref": ref, properties: goProperties("go-build", module) };
}

function moduleComponent(module: GoModule): Component {
  return {
    type: "library",
    "bom-ref": moduleRef(module),
    name: module.path,
    version: module.version,
    purl: purl.golang(module.path, module.version),
    properties: goProperties("go-build", module),
  };
}

/** An h1 sum is no hash of a file, so it is a property (https://go.dev/ref/mod#go-sum-files). */
function goProperties(way: string, { sum }: GoModule): Property[] {
  if (sum === undefined) return provenance(way, "go.sum has no line: the build does not read it");
  return provenance(way, "go.sum", [{ name: "dayzero:go-sum", value: sum }]);
}

/** pip takes any file of the version that has one of these digests; which platform each is for, only the file's comment says. */
function pythonComponent(ref: string, way: string, file: string, { requirements }: ToolMaterials): Component {
  const found = requirements.get(file);
  if (found === undefined) throw new RangeError(`no requirements file ${file}`);
  const { name, version, hashes } = found;
  const origin: Origin | undefined = PACKAGE_ORIGINS[purl.pypi(name, version).replace(/@.*/, "")];
  return {
    type: "library",
    "bom-ref": ref,
    name,
    version,
    ...(origin && { description: origin.description, supplier: origin.supplier, ...licensesOf(origin.licence) }),
    purl: purl.pypi(name, version),
    hashes: hashes.map((content) => ({ alg: "SHA-256", content })),
    properties: provenance(way, `one of the SHA-256 here, pinned in bootstrap/toolchain/pip/${file}`),
  };
}

function modulesOf(folder: string, { goModules }: ToolMaterials): readonly GoModule[] {
  return goModules.get(folder) ?? [];
}

function refOf(pin: Pin, source: Source): string {
  const same = pin.sources.filter(({ kind }) => kind === source.kind);
  const number = same.length > 1 ? `-${same.indexOf(source) + 1}` : "";
  return `tool:${pin.name}/${source.kind}${number}`;
}

function moduleRef({ path, version }: GoModule): string {
  return `go:${path}@${version}`;
}
