import { Git } from "../../resources/git/Git.ts";
import type { Context } from "../../resources/Resource.ts";
import type { GitObject } from "./gitObjects.ts";
import type { Repository } from "./repositories.ts";

/** What people call an object: the file, and the last commit that changed it from or to this. */
export async function nameObject(
  { id, type }: Pick<GitObject, "id" | "type">,
  { name, directory }: Repository,
  ctx: Context,
): Promise<string> {
  if (type === "commit") return `the message of commit ${id} in ${name}`;
  const words = ["log", "--all", "--reflog", "-m", "-1", "--format=%H", "--name-only", `--find-object=${id}`];
  const { stdout } = await Git.of(ctx, directory).try(words);
  const [commit = "", path = ""] = stdout.split("\n").filter((line) => line !== "");
  return `${path === "" ? `${type} ${id}, which no branch leads to` : `${path} of commit ${commit}`} in ${name}`;
}
