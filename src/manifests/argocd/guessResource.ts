/**
 * The resource name under which the API server most probably serves a kind: `Ingress` -> `ingresses`.
 *
 * Follows `meta.UnsafeGuessKindToResource` of k8s.io/apimachinery, which is right for every built-in kind and for custom
 * resources that keep the convention. A guess that is wrong grants nothing useful: the sync is then refused by name.
 */
export function guessResource(kind: string): string {
  const singular = kind.toLowerCase();
  if (singular.endsWith("endpoints")) return singular;
  if (singular.endsWith("s")) return `${singular}es`;
  if (singular.endsWith("y")) return `${singular.slice(0, -1)}ies`;
  return `${singular}s`;
}
