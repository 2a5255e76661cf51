import { readStackSpec } from "../src/components/readStackSpec.ts";

// Pulumi.yaml's one program: `dayzero:program` of the stack's configuration says which of these it is.
export default async function main(): Promise<object> {
  const spec = readStackSpec();
  switch (spec.program) {
    case "local":
      return (await import("./local.ts")).default(spec);
    case "existing":
      return (await import("./existing.ts")).default(spec);
  }
}
