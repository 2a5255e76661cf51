import type { Log } from "sarif";
import type { CheckResult } from "./audit.ts";
import type { Verdict } from "./Check.ts";

/** How SARIF says a verdict; what is proved is no result. */
const LEVELS: Readonly<Record<Exclude<Verdict, "proved">, "error" | "warning">> = {
  violated: "error",
  unobservable: "warning",
};

/**
 * An audit as SARIF 2.1.0: each check is a rule, each check that is not proved a result. Its location is the project's file, because
 * readers of SARIF want one, and the fingerprint tells the same finding of two runs.
 *
 * Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
 */
export function toSarif(
  results: readonly CheckResult[],
  about: { readonly stack: string; readonly version: string },
): Log {
  const { stack, version } = about;
  return {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "dayzero",
            version,
            rules: results.map(({ check: { id, promise, remedy } }) => ({
              id,
              shortDescription: { text: sentence(promise) },
              help: { text: sentence(remedy) },
            })),
          },
        },
        results: results.flatMap(({ check: { id, promise }, verdict, evidence }, ruleIndex) => {
          if (verdict === "proved") return [];
          const text = [`${verdict}: ${promise}`, ...evidence].join("\n");
          return [
            {
              ruleId: id,
              ruleIndex,
              level: LEVELS[verdict],
              message: { text },
              locations: [
                {
                  physicalLocation: { artifactLocation: { uri: "Pulumi.yaml" } },
                  logicalLocations: [{ name: stack, kind: "stack" }],
                },
              ],
              partialFingerprints: { "stackAndCheck/v1": `${stack}/${id}` },
            },
          ];
        }),
      },
    ],
  };
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
