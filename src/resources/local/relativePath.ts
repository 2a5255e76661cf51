import { isAbsolute, normalize } from "node:path";
import { z } from "zod";

/** A path below the state folder, as configuration refers to it: `etc/audit-policy.yaml`. */
export const relativePath = z
  .string()
  .min(1)
  .refine((path) => isPlain(path), {
    error: "is not a plain path below the state folder",
  });

function isPlain(path: string): boolean {
  const inside = !isAbsolute(path) && normalize(path) === path && path !== "." && !path.startsWith("..");
  return inside && !path.endsWith("/") && !/\p{Cc}/u.test(path);
}
