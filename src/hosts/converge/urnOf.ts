/** Type of the root component. */
export const STACK_TYPE = "pulumi:pulumi:Stack";

/** A resource's URN: its type is prefixed by its parents' types, but not by the stack's (as the Pulumi engine does). */
export function urnOf(resource: {
  project: string;
  stack: string;
  parent: string;
  type: string;
  name: string;
}): string {
  const { project, stack, parent, type, name } = resource;
  const above = parent === "" ? "" : typesOf(parent);
  const types = above === "" || above === STACK_TYPE ? type : `${above}$${type}`;
  return `urn:pulumi:${stack}::${project}::${types}::${name}`;
}

function typesOf(urn: string): string {
  return urn.split("::")[2] ?? "";
}
