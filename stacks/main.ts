import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// Pulumi.yaml's one program: `dayzero:program` of the stack's configuration says which of these it is.
export default async function main(): Promise<object> {
  // Pulumi starts the program in a Node that compiles all of it anew each time; one that has a cache already keeps that.
  enableCompileCache(join(homedir(), ".cache", "dayzero", "compile"));
  const { readStackSpec } = await import("../src/components/readStackSpec.ts");
  const spec = readStackSpec();
  switch (spec.program) {
    case "local":
      return (await import("./local.ts")).default(spec);
    case "existing":
      return (await import("./existing.ts")).default(spec);
  }
}
