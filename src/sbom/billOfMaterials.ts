import type { Component } from "./Component.ts";
import { licensesOf } from "./Component.ts";
import { imageComponents } from "./imageComponents.ts";
import { npmComponents, type PackageLock, type PackageManifest } from "./npmComponents.ts";
import { TOOL_ORIGINS } from "./origins.ts";
import { purl } from "./purl.ts";
import { type ToolMaterials, toolComponents } from "./toolComponents.ts";

/** What the bill is made of: the files that pin. */
export interface Materials {
  readonly tools: ToolMaterials;
  readonly manifest: PackageManifest;
  /** Of a checkout; the installed package has none. */
  readonly packageLock: PackageLock | undefined;
  /** What `up` runs in a cluster when its stack asks for an OpenBao there. */
  readonly vaultImage: string;
  /** What the agent's image is built from; of a checkout. */
  readonly baseImages: readonly string[];
}

export interface BillOfMaterials {
  readonly bomFormat: "CycloneDX";
  readonly components: readonly Component[];
  readonly [key: string]: unknown;
}

const ROOT = "dayzero";

/**
 * A CycloneDX 1.6 document of all that Dayzero brings to a machine or has a cluster pull: name, version, Package URL, maker, digests,
 * and in `dayzero:way` and `dayzero:verified-by` how it comes and why it is trusted. Pure, and without a date or a serial number: the
 * same pins make the same text, so two of them can be compared.
 *
 * It says what is pinned, not what was found: what is inside of images and of released binaries it does not know.
 */
export function billOfMaterials(materials: Materials): BillOfMaterials {
  const { manifest, packageLock } = materials;
  const tools = toolComponents(materials.tools);
  const npm = npmComponents(ROOT, manifest, packageLock);
  const images = [
    ...materials.tools.lock.pins.flatMap(({ name, version }) =>
      imageComponents(TOOL_ORIGINS[name]?.images ?? [], `named by ${name} ${version}`),
    ),
    ...imageComponents([materials.vaultImage], "OpenBao in a cluster"),
    ...imageComponents(materials.baseImages, "base of the agent's image"),
  ];
  const own = npm.dependencies.find(({ ref }) => ref === ROOT)?.dependsOn ?? [];
  const parts = [...tools.components.filter((one) => one.type !== "library"), ...images].map((one) => one["bom-ref"]);
  return {
    $schema: "http://cyclonedx.org/schema/bom-1.6.schema.json",
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: {
      component: {
        type: "application",
        "bom-ref": ROOT,
        name: manifest.name,
        version: manifest.version,
        ...licensesOf(manifest.license),
        purl: purl.npm(manifest.name, manifest.version),
      },
      properties: [
        {
          name: "dayzero:npm-packages",
          value: packageLock
            ? "all, from package-lock.json"
            : "direct dependencies only, from package.json: the package-lock.json of the project that installed Dayzero has the rest",
        },
        { name: "dayzero:not-listed", value: "what is inside of images and of released binaries" },
      ],
    },
    components: [...tools.components, ...images, ...npm.components],
    dependencies: [
      { ref: ROOT, dependsOn: [...parts, ...own] },
      ...tools.dependencies,
      ...npm.dependencies.filter(({ ref }) => ref !== ROOT),
    ],
  };
}
