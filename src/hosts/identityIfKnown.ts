import type { AnyHandler } from "./Handler.ts";
import { UNKNOWN } from "./propertyValues.ts";

/** Identity of a resource of which some values may not be known yet: `parsed` is what its schema made of `values`. */
export function identityIfKnown(
  handler: AnyHandler,
  parsed: { readonly data?: unknown },
  values: unknown,
): string | undefined {
  try {
    const id = handler.identify(parsed.data ?? values);
    // Inputs that do not parse may lack what the identity is made of: a template then says "undefined", or it throws.
    return id.includes(UNKNOWN) || (parsed.data === undefined && id.includes("undefined")) ? undefined : id;
  } catch {
    return undefined;
  }
}
