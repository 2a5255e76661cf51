import { readStackSpec } from "../../../src/components/readStackSpec.ts";
import { KubernetesObject } from "../../../src/resources/kubernetes/index.ts";

// A person's own program: what it was told, and what it sees of the person, in an object that a test can read.
export default function ownProject(): object {
  const spec = readStackSpec();
  new KubernetesObject("told", {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "told", namespace: "default" },
    data: {
      source: spec.repository.source ?? "",
      seen: [...Object.keys(process.env).sort(), ...process.argv.slice(2)].join(" "),
    },
  });
  return {};
}
