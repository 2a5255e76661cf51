import { DayzeroError } from "../config/DayzeroError.ts";
import { propertyPath } from "./propertyPath.ts";

/** Stands for a value that a preview does not know yet (rpc.js of the Pulumi SDK, as are the signatures below). */
export const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const SECRET = "1b47061264138c4ac30d75fd1eb44270";
const KINDS: Readonly<Record<string, string>> = {
  "5cf8f73096256a8f31e491e813e4eb8e": "a resource",
  c44067f5952c0a294b673a41bacd8c17: "an asset",
  "0def7320c3a5731c473e5ecbe6d01bc7": "an archive",
  d0e6a833031e9bbcd3f4e8bde6ca49a4: "an output value",
};

/** Properties as they came over the wire, made plain. */
export interface Properties {
  /** Secrets are unwrapped: to be kept in memory and shown to nobody. Unknown values are {@link UNKNOWN}. */
  readonly values: Record<string, unknown>;
  /** Property paths of the values that are not known yet. */
  readonly unknown: readonly string[];
  /** Top-level properties that are or hold a secret. */
  readonly secret: ReadonlySet<string>;
}

/** Unwraps Pulumi's property values. Throws PROPERTY_UNSUPPORTED for a resource, an asset or an archive. */
export function decodeProperties(wire: Record<string, unknown>): Properties {
  const unknown: string[] = [];
  const secret = new Set<string>();
  const decode = (value: unknown, path: readonly [top: string, ...(string | number)[]]): unknown => {
    if (value === UNKNOWN) {
      unknown.push(propertyPath(path));
      return value;
    }
    if (Array.isArray(value)) return value.map((item, index) => decode(item, [...path, index]));
    if (typeof value !== "object" || value === null) return value;
    const fields = value as Record<string, unknown>;
    const signature = fields[SIGNATURE];
    if (signature === SECRET) {
      secret.add(path[0]);
      return decode(fields.value, path);
    }
    if (typeof signature === "string") {
      const kind = KINDS[signature] ?? `a value of kind ${signature}`;
      throw new DayzeroError(
        "PROPERTY_UNSUPPORTED",
        `"${propertyPath(path)}" is ${kind}, which cannot be an input here`,
        {
          hint: "pass one of its outputs (`resource.id`) or plain text",
        },
      );
    }
    return Object.fromEntries(Object.entries(fields).map(([key, item]) => [key, decode(item, [...path, key])]));
  };
  const values = Object.fromEntries(Object.entries(wire).map(([key, value]) => [key, decode(value, [key])]));
  return { values, unknown, secret };
}

/** A value as a secret of Pulumi's, which its engine encrypts and never shows. */
export function secretValue(value: unknown): Record<string, unknown> {
  return { [SIGNATURE]: SECRET, value };
}

/** The same properties with every secret shown as `[secret]`: for people. */
export function redactProperties(wire: Record<string, unknown>): Record<string, unknown> {
  const redact = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(redact);
    if (typeof value !== "object" || value === null) return value;
    if ((value as Record<string, unknown>)[SIGNATURE] === SECRET) return "[secret]";
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, redact(item)]));
  };
  return redact(wire) as Record<string, unknown>;
}
