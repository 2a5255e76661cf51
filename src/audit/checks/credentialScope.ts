import { randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { Secret } from "../../credentials/Secret.ts";
import { type GitAnswer, GitProbe } from "../../issuers/GitProbe.ts";
import { readRepositorySecret } from "../../issuers/swapRepositorySecret.ts";
import { ARGOCD_NAMESPACE } from "../../manifests/argocd/controllerIdentity.ts";
import { repositorySecretName } from "../../manifests/repositorySecret.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import type { Subject } from "../Subject.ts";
import { secretData } from "./secretData.ts";

/** Statuses by which a server refuses a credential; with 404 it may also say that there is nothing. */
const REFUSED = [401, 403];

/**
 * What the credential opens is asked of the server with the credential itself. The write that is tried deletes a ref that does not
 * exist: a server that lets it through has changed nothing. Source: https://git-scm.com/docs/http-protocol.
 */
export const credentialScope: Check = {
  id: "credential-scope",
  promise: "the credential that Argo CD reads Git with opens one repository, for reading only",
  remedy:
    "see that the Git server checks repository and scope of the tokens that it takes; `dayzero up` repairs that of a local stack",

  async look(subject) {
    const evidence = new Evidence();
    const { context, spec } = subject;
    const name = `${ARGOCD_NAMESPACE}/${repositorySecretName(spec.repository.name)}`;
    const secret = await evidence.look(`Secret ${name}`, `leave to read it`, async () => {
      const found = await readRepositorySecret(await context.kubernetes(), {
        namespace: ARGOCD_NAMESPACE,
        repository: spec.repository.name,
      });
      if (found === undefined) throw new Error("there is none");
      const [url = "", username = "", password = ""] = ["url", "username", "password"].map((key) =>
        secretData(found, key),
      );
      return { url, username, password: new Secret(password) };
    });
    if (secret === undefined) return evidence.finding;
    const { url } = secret;
    await evidence.look(`the Git server of ${url}`, "a way to it", async () => {
      const probe = new GitProbe({ ...secret, ca: await authorityOf(subject) });
      try {
        await tryScope(evidence, probe, url);
      } finally {
        await probe.close();
      }
    });
    return evidence.finding;
  },
};

async function tryScope(evidence: Evidence, probe: GitProbe, url: string): Promise<void> {
  const { status, served, said } = await probe.advertised(url, "git-upload-pack");
  if (!served) {
    // What is good for nothing is refused everywhere.
    evidence.unobservable(`it does not read ${url}: status ${status}${said}`);
    return;
  }
  evidence.proved(`it reads ${url}`);
  const offer = await probe.advertised(url, "git-receive-pack");
  // Of a server that offers to take a push enough is known; another may answer the second request without the first.
  const noRef = `refs/dayzero/${randomBytes(8).toString("hex")}`;
  judgeWrite(evidence, url, offer.served ? [offer] : [offer, await probe.deleteRef(url, noRef)]);
  const other = neighbourOf(url);
  judgeOther(evidence, other, await probe.advertised(other, "git-upload-pack"));
}

function judgeWrite(evidence: Evidence, url: string, answers: readonly GitAnswer[]): void {
  const taken = answers.find(({ served }) => served);
  const told = answers.map(({ request, status, said }) => `${request}: ${status}${said}`).join(", ");
  if (taken !== undefined) evidence.violated(`it may push to ${url}: the server took ${taken.request}`);
  else if (answers.every(({ status }) => status < 500)) evidence.proved(`a push to ${url} is refused (${told})`);
  else evidence.unobservable(`a push to ${url} failed, and was not refused (${told})`);
}

function judgeOther(evidence: Evidence, url: string, { status, served, said }: GitAnswer): void {
  if (served) evidence.violated(`it reads ${url} as well`);
  else if (REFUSED.includes(status)) evidence.proved(`another repository, ${url}, is refused: status ${status}${said}`);
  else {
    evidence.unobservable(
      `another repository, ${url}: status ${status}${said}, which a server may also say of one that is not there`,
    );
  }
}

/** A repository that is not the credential's, where the server has its repositories. */
function neighbourOf(url: string): string {
  const suffix = url.endsWith(".git") ? ".git" : "";
  return `${url.slice(0, url.length - suffix.length)}-other${suffix}`;
}

async function authorityOf({ spec, layout }: Subject): Promise<string | undefined> {
  return spec.program === "local" ? readFile(layout.pki("platform", "ca.crt"), "utf8") : spec.repository.ca;
}
