import { type Component, type Dependency, licensesOf, type Part, provenance } from "./Component.ts";
import { PACKAGE_ORIGINS } from "./origins.ts";
import { purl } from "./purl.ts";

/** What is used here of package.json. */
export interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly license?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/** What is used here of package-lock.json (version 3); the root and workspaces are keyed by their folders. */
export interface PackageLock {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly license?: string;
  readonly dev?: boolean;
  readonly optional?: boolean;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly devDependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** Where the lock keeps the root package. */
const ROOT = "";

/**
 * npm packages: of a checkout all that its lock has (what only tests use is `excluded`), the Node that it runs under among them;
 * of the installed package, which has no lock, the packages that it names itself. `root` is the reference of what depends on them.
 */
export function npmComponents(root: string, manifest: PackageManifest, lock: PackageLock | undefined): Part {
  if (lock === undefined) return directOnly(root, manifest);
  const installed = Object.entries(lock.packages).filter(([path, one]) => path.includes("node_modules/") && !one.link);
  const others = Object.entries(lock.packages).filter(([path]) => !path.includes("node_modules/"));
  const dependencies = [
    ...installed.map(([path, one]): Dependency => ({ ref: refOf(path), dependsOn: dependenciesOf(path, one, lock) })),
    { ref: root, dependsOn: [...new Set(others.flatMap(([, one]) => dependenciesOf(ROOT, one, lock)))] },
  ];
  return { components: installed.map(([path, one]) => packageComponent(path, one)), dependencies };
}

function directOnly(root: string, { dependencies = {} }: PackageManifest): Part {
  const components = Object.entries(dependencies).map(
    ([name, version]): Component => ({
      type: "library",
      "bom-ref": refOf(`node_modules/${name}`),
      ...nameOf(name),
      version,
      scope: "required",
      purl: purl.npm(name, version),
      properties: provenance("npm", "the package-lock.json of the project that installed Dayzero"),
    }),
  );
  return { components, dependencies: [{ ref: root, dependsOn: components.map((one) => one["bom-ref"]) }] };
}

function packageComponent(path: string, one: LockedPackage): Component {
  const name = path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
  const version = one.version ?? "";
  const [algorithm, digest = ""] = one.integrity?.split("-") ?? [];
  const origin = PACKAGE_ORIGINS[purl.npm(name, version).replace(/@[^@]*$/, "")];
  return {
    type: "library",
    "bom-ref": refOf(path),
    ...nameOf(name),
    version,
    ...(origin && { description: origin.description, supplier: origin.supplier }),
    scope: one.dev ? "excluded" : one.optional ? "optional" : "required",
    ...(algorithm === "sha512" && {
      hashes: [{ alg: "SHA-512", content: Buffer.from(digest, "base64").toString("hex") }],
    }),
    ...licensesOf(origin?.licence ?? one.license),
    purl: purl.npm(name, version),
    properties: provenance(
      "npm",
      one.integrity ? "integrity in package-lock.json" : "nothing: package-lock.json has no digest of it",
    ),
  };
}

function dependenciesOf(path: string, one: LockedPackage, lock: PackageLock): string[] {
  const names = { ...one.dependencies, ...one.devDependencies, ...one.optionalDependencies };
  return Object.keys(names).flatMap((name) => {
    const found = resolve(path, name, lock);
    return found === undefined ? [] : [refOf(found)];
  });
}

/** As Node looks for a package: in the folder of the one that wants it, then above (an optional one may be nowhere). */
function resolve(from: string, name: string, { packages }: PackageLock): string | undefined {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf("node_modules/") - 1))) {
    const path = `${folder}${folder === ROOT ? "" : "/"}node_modules/${name}`;
    if (packages[path] !== undefined) return path;
    if (folder === ROOT) return undefined;
  }
}

function nameOf(name: string): Pick<Component, "group" | "name"> {
  const [, group, rest] = /^(@[^/]+)\/(.+)$/.exec(name) ?? [];
  return group === undefined || rest === undefined ? { name } : { group, name: rest };
}

function refOf(path: string): string {
  return `npm:${path}`;
}
