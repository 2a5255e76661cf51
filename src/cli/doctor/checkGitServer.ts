import type { RemoteRepositorySpec } from "../../config/StackSpec.ts";
import { askHeaders, reasonOf } from "./askHeaders.ts";
import { type Finding, not, ok } from "./Finding.ts";

/** Of git-http-backend(1); without a credential. */
export function referencesUrl({ source }: Pick<RemoteRepositorySpec, "source">): string {
  return `${source}/info/refs?service=git-upload-pack`;
}

/** The Git server that the controller in the cluster is to fetch from: does it answer, and want a credential. */
export async function checkGitServer(
  repository: Pick<RemoteRepositorySpec, "source" | "ca">,
  environment: Readonly<Record<string, string>>,
): Promise<Finding> {
  const { source, ca } = repository;
  let status: number;
  try {
    ({ status } = await askHeaders(referencesUrl(repository), { ca, environment, method: "GET" }));
  } catch (error) {
    return not(
      "problem",
      `${source} does not answer from here (${reasonOf(error)})`,
      "see that the address is right and its certificate of dayzero:repository.ca, or of a public CA; the cluster may reach it all the same",
    );
  }
  if (status === 200) return ok(`${source} can be read without a credential`);
  if (status === 401 || status === 403 || status === 404)
    return ok(`${source} answers ${status} without a credential, as it should`);
  return not(
    status >= 500 ? "problem" : "warning",
    `${source} answers ${status}`,
    "see that it is the repository's address",
  );
}
