import { parse } from "yaml";

/**
 * A document of YAML 1.2; `null` for an empty one. Throws the parser's error, whose message quotes the text. Of what is merely odd,
 * such as an unknown tag, it says nothing: by itself the parser would quote that line on standard error.
 */
export function parseYaml(text: string): unknown {
  return parse(text, { logLevel: "error" }) as unknown;
}
