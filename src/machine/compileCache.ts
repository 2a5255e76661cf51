import { getCompileCacheDir } from "node:module";
import { dirname } from "node:path";

/** The folder in which this process keeps compiled modules, for its children to share; `undefined` where it keeps none. */
export function compileCache(): string | undefined {
  // Node's own answer has a folder for its version below that one.
  const own = getCompileCacheDir();
  return own === undefined ? undefined : dirname(own);
}
