/** Something in which no credential may lie, or only its own. */
export interface Place {
  /** As evidence names it; where a credential belongs, in the ledger's words: `pki/etcd/ca.key`, `Secret argocd/repo-fleet`. */
  readonly name: string;
  /** In pieces of any size, which are good until the next one. Rejects where it cannot be read. */
  content(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

/** A place that is in memory already. */
export function textPlace(name: string, text: string | Uint8Array): Place {
  return { name, content: () => [typeof text === "string" ? Buffer.from(text) : text] };
}
