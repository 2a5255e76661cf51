import { relative } from "node:path";
import { oncePerAudit } from "../oncePerAudit.ts";
import { valueSearchOf } from "../search/valueSearchOf.ts";
import { filesBelow } from "./filesBelow.ts";
import { searchPlaces } from "./searchPlaces.ts";

/** The state folder, file by file, as the ledger names them; those of an embedded etcd are among them. */
export const searchStateFiles = oncePerAudit(async (subject) => {
  const { directory } = subject.layout;
  const files = filesBelow(directory, { name: (path) => relative(directory, path) });
  return searchPlaces(files, await valueSearchOf(subject));
});
