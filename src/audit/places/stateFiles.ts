import { join, relative } from "node:path";
import { oncePerAudit } from "../oncePerAudit.ts";
import { valueSearchOf } from "../search/valueSearchOf.ts";
import { filesBelow } from "./filesBelow.ts";
import { searchPlaces } from "./searchPlaces.ts";

/** Argo CD takes the right to list this from itself (mode 0300), so that only root may look. */
const CHECKOUTS = "tmp/argocd-repo-server/_argocd-repo";

/**
 * The state folder, file by file, as the ledger names them; those of an embedded etcd are among them. Where Argo CD's checkouts are
 * closed they are left out: what they hold is in the history of the repository, which is looked through by itself.
 */
export const searchStateFiles = oncePerAudit(async (subject) => {
  const { directory } = subject.layout;
  const closed = process.getuid?.() === 0 ? undefined : join(directory, CHECKOUTS);
  const files = filesBelow(directory, {
    name: (path) => relative(directory, path),
    takes: (path) => path !== closed,
  });
  return searchPlaces(files, await valueSearchOf(subject));
});
