import { parse } from "yaml";
import type { KubernetesManifest } from "../../clients/KubernetesClient.ts";

/** A CustomResourceDefinition as its file says it: the specification stays text, and is the server's to read. */
export interface DefinitionText {
  /** All but the specification, where that could be told apart. */
  readonly head: KubernetesManifest;
  /** The whole, as YAML, with other metadata. */
  withMetadata(metadata: KubernetesManifest["metadata"]): string;
}

/**
 * Reads no more of a definition than what it is called: one of Argo CD's has 400 KB, and parsing it took 0.2 s of the time in which all
 * else waits for it. A top-level key of YAML's block style begins a line; in any other style the whole is parsed.
 */
export function definitionText(text: string): DefinitionText {
  const at = text.search(/^spec:/m);
  const isCut = at >= 0 && /^metadata:/m.test(text.slice(0, at));
  const spec = isCut ? text.slice(at) : "";
  const head = parse(isCut ? text.slice(0, at) : text) as KubernetesManifest;
  return {
    head,
    withMetadata(metadata) {
      // JSON is YAML.
      const lines = Object.entries({ ...head, metadata }).map(([key, value]) => `${key}: ${JSON.stringify(value)}`);
      return [...lines, spec].join("\n");
    },
  };
}
