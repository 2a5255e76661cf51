import { isAbsolute, normalize } from "node:path";
import { z } from "zod";

/** A path below the state folder, as configuration refers to it: `etc/audit-policy.yaml`. */
export const relativePath = z
  .string()
  .min(1)
  .refine((path) => !isAbsolute(path) && normalize(path) === path && !path.startsWith("..") && !path.endsWith("/"), {
    error: "is not a plain path below the state folder",
  });
