/** Something in which no credential may lie, or only its own. */
export interface Place {
  /** As evidence names it. */
  readonly name: string;
  /** In the ledger's words, where those are others: `environment of process argocd-repo-server`. */
  readonly where?: string;
  /** In pieces of any size, each of which is good until the next one. Rejects where it cannot be read. */
  content(): AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}
