/**
 * The resource name under which the API server most probably serves a kind: `Ingress` -> `ingresses`.
 *
 * English plurals, as controller-gen makes them and as every built-in kind has them. `meta.UnsafeGuessKindToResource` of
 * k8s.io/apimachinery makes `ies` of every y (`gatewaies`); here a vowel before it keeps the y (`gateways`). A guess that is
 * wrong grants nothing useful: the sync is then refused by name.
 */
export function guessResource(kind: string): string {
  const singular = kind.toLowerCase();
  if (singular.endsWith("endpoints")) return singular;
  if (singular.endsWith("s")) return `${singular}es`;
  if (/[^aeiou]y$/.test(singular)) return `${singular.slice(0, -1)}ies`;
  return `${singular}s`;
}
