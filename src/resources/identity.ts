import { z } from "zod";

/** One part of a path or an address: it leads nowhere else, and ends none of them. Kubernetes and Vault name nothing otherwise. */
const SEGMENT = String.raw`(?!\.{1,2}(?:/|$))[\w.:-]+`;

/** Identity that consists of `parts` names, with `/` between them. */
export function segments(parts: number): z.ZodType<string> {
  return matching(
    `${SEGMENT}(?:/${SEGMENT}){${parts - 1}}`,
    parts === 1 ? "is not a plain name" : "is not a pair of plain names",
  );
}

/** Names with `/` between them, at least two: a path of Vault's. */
export const segmentPath = matching(`${SEGMENT}(?:/${SEGMENT})+`, "is not a path of plain names");

/** `<group>/<Kind>/<namespace>/<name>`; no namespace for what is in none. */
export const objectIdentity = matching(
  String.raw`${SEGMENT}/${SEGMENT}/(?:${SEGMENT})?/(?!\.{1,2}$)[^/%?#\\\x00-\x20\x7f]+`,
  "is not <group>/<Kind>/<namespace>/<name>",
);

/** `<https address> <authority>`; the latter a folder of pki/ or `<namespace>/<secret>`. */
export const serverIdentity = matching(
  String.raw`https://[^\s/?#@\\]+/? ${SEGMENT}(?:/${SEGMENT})?`,
  "is not <https address> <authority>",
);

function matching(pattern: string, message: string): z.ZodType<string> {
  return z.string().regex(new RegExp(`^${pattern}$`), message);
}
