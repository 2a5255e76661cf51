/** The part of CycloneDX 1.6 that is used here (https://cyclonedx.org/docs/1.6/json/). */
export interface Component {
  readonly type: "application" | "container" | "file" | "library";
  readonly "bom-ref": string;
  readonly group?: string;
  readonly name: string;
  readonly version?: string;
  readonly description?: string;
  readonly supplier?: { readonly name: string; readonly url?: readonly string[] };
  readonly scope?: "required" | "optional" | "excluded";
  readonly hashes?: readonly Hash[];
  readonly licenses?: readonly (
    | { readonly license: { readonly id: string } | { readonly name: string } }
    | { readonly expression: string }
  )[];
  readonly purl?: string;
  readonly externalReferences?: readonly { readonly type: "distribution"; readonly url: string }[];
  /** What it can come from, each way with its own digest; or the files of a set. */
  readonly components?: readonly Component[];
  readonly properties?: readonly Property[];
}

export interface Hash {
  readonly alg: "SHA-256" | "SHA-512";
  readonly content: string;
}

export interface Property {
  readonly name: `dayzero:${string}`;
  readonly value: string;
}

export interface Dependency {
  readonly ref: string;
  readonly dependsOn: readonly string[];
}

/** What one room of the bill adds to it. */
export interface Part {
  readonly components: readonly Component[];
  readonly dependencies: readonly Dependency[];
}

/** How a component reaches a machine, and why what arrives is the right thing. */
export function provenance(way: string, verifiedBy: string, more: readonly Property[] = []): Property[] {
  return [{ name: "dayzero:way", value: way }, { name: "dayzero:verified-by", value: verifiedBy }, ...more];
}

/** SPDX says it as an identifier, as an expression, or not at all: then it is the words of the publisher. */
export function licensesOf(licence: string | undefined): Pick<Component, "licenses"> {
  if (licence === undefined) return {};
  if (/^SEE LICENSE/.test(licence)) return { licenses: [{ license: { name: licence } }] };
  if (/[\s(]/.test(licence)) return { licenses: [{ expression: licence }] };
  return { licenses: [{ license: { id: licence } }] };
}
