import { Config } from "@pulumi/pulumi/config.js";
import { secret } from "@pulumi/pulumi/output.js";
import type { CustomResourceOptions } from "@pulumi/pulumi/resource.js";
import { Box, Shelf } from "./Box.ts";

/** One box of the program, as its configuration lists them. */
export interface BoxSpec {
  readonly name: string;
  readonly size: number;
  readonly shelf?: string;
  readonly dependsOn?: string;
  /** Its label is the token of this box. */
  readonly labelOf?: string;
  readonly secretLabel?: string;
  readonly options?: CustomResourceOptions;
}

const specs = new Config("dayzero").requireObject<BoxSpec[]>("boxes");
const boxes = new Map<string, Box>();

const make = ({ name, size, dependsOn, labelOf, secretLabel, options }: BoxSpec, parent?: Shelf): Box => {
  const before = dependsOn === undefined ? undefined : boxes.get(dependsOn);
  const label = secretLabel === undefined ? boxes.get(labelOf ?? "")?.token : secret(secretLabel);
  const box = new Box(
    name,
    { size, ...(label === undefined ? {} : { label }) },
    { ...(before ? { dependsOn: before } : {}), ...(parent ? { parent } : {}), ...options },
  );
  boxes.set(name, box);
  return box;
};

for (const shelf of new Set(specs.map((spec) => spec.shelf))) {
  const own = specs.filter((spec) => spec.shelf === shelf);
  if (shelf === undefined) for (const spec of own) make(spec);
  else new Shelf(shelf, (parent) => own.map((spec) => make(spec, parent)));
}

export const names = specs.map(({ name }) => name);
export const hidden = secret("only the program may see this");
