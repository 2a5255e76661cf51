import { type Finding, not, ok } from "./Finding.ts";

/** The oldest that strips types by itself: `engines` of package.json. */
const OLDEST = [22, 19] as const;

/** The Node that this runs under, `v24.21.0`; a checkout brings its own. */
export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, "").split(".").map(Number);
  if (major > OLDEST[0] || (major === OLDEST[0] && minor >= OLDEST[1])) return ok(version);
  return not(
    "problem",
    `${version}, which cannot run TypeScript programs`,
    `use Node ${OLDEST.join(".")} or later; in a checkout, npm ci brings one`,
  );
}
