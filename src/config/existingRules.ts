import { mayHoldCredential } from "./looksLikeCredential.ts";
import type { Problem } from "./Problem.ts";
import type { ClusterSpec, InClusterVaultSpec, RemoteRepositorySpec } from "./StackSpec.ts";
import { isBranchName, isInnerFolder, isRepositoryName } from "./stackRules.ts";
import type { GitOpsFile, VaultFile } from "./stackSchema.ts";

/** RFC 1123 label and subdomain: names of Kubernetes objects. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;
/** Resource quantity of Kubernetes, of those that storage is asked for in. */
const QUANTITY = /^[1-9]\d*(Ki|Mi|Gi|Ti|Pi|k|M|G|T|P)?$/;
/** Path of an auth mount or name of a role: both become part of a URL. */
const VAULT_NAME = /^[\w.-]+(\/[\w.-]+)*$/;
const PINNED_IMAGE = /^\S+@sha256:[0-9a-f]{64}$/;
const CIDR = /^[0-9a-f.:]+\/\d{1,3}$/i;
/** Parameters of seals that are credentials (https://openbao.org/docs/configuration/seal/). */
const CREDENTIAL_SETTING = /^(token|access_key|secret_key|session_token|client_secret|credentials|password|pin)$/;
const CERTIFICATES = /^\s*(-----BEGIN CERTIFICATE-----[A-Za-z0-9+/=\s]+-----END CERTIFICATE-----\s*)+$/;

/** Where its kubeconfig is; `undefined` when nothing is said of it. */
export function checkCluster(cluster: ClusterSpec | undefined): Problem[] {
  const path = "config.dayzero:cluster.kubeconfig";
  if (cluster === undefined) return [{ path, message: "expected the path of a kubeconfig", seen: undefined }];
  // Not shown: one that is written out holds credentials.
  if (/[\n{]/.test(cluster.kubeconfig))
    return [{ path, message: "expected the path of a kubeconfig, never its content" }];
  const problems: Problem[] = [];
  if (cluster.kubeconfig === "") problems.push({ path, message: "expected the path of a kubeconfig", seen: "" });
  if (cluster.context === "")
    problems.push({ path: "config.dayzero:cluster.context", message: "expected the name of a context", seen: "" });
  return problems;
}

/** What the controller in the cluster can fetch: nothing of this machine, and nothing with a credential in it. */
export function checkExistingRepository({ name, source, branch, path, ca }: RemoteRepositorySpec): Problem[] {
  const at = (field: string) => `config.dayzero:repository.${field}`;
  const problems: Problem[] = [];
  const address = checkHttps(source);
  if (address !== undefined) problems.push({ path: at("source"), message: address, seen: source || undefined });
  if (!isRepositoryName(name)) problems.push({ path: at("name"), message: LABEL_EXPECTED, seen: name });
  if (branch !== undefined && !isBranchName(branch))
    problems.push({ path: at("branch"), message: "expected the name of a branch", seen: branch });
  if (!isInnerFolder(path))
    problems.push({ path: at("path"), message: "expected a folder inside the repository", seen: path });
  return [...problems, ...checkCa(at("ca"), ca)];
}

const PINNED_IMAGE_EXPECTED = "expected an image with a digest, so that nobody can put another in its place";
/** Of a seal that is elsewhere. */
export const SEAL_EGRESS_EXPECTED =
  "expected where the seal and its plugin's registry are (cidr and port): OpenBao may reach nothing else outside the cluster";
const LABEL_EXPECTED = "expected lower-case letters, digits and dashes, 40 at most";

/** A Vault that is there, as the file says it. */
export function checkExternalVault({ address, ca, login, ...more }: VaultFile): Problem[] {
  const at = (field: string) => `config.dayzero:vault.${field}`;
  const problems: Problem[] = [...checkAddress(at("address"), address), ...checkCa(at("ca"), ca)];
  for (const [key, seen] of Object.entries(more)) {
    if (seen !== undefined)
      problems.push({ path: at(key), message: "is for a Vault that is installed in the cluster (install)", seen });
  }
  if (login === undefined) {
    problems.push({ path: at("login"), message: "expected a login (method: jwt, kubernetes or token)", seen: login });
    return problems;
  }
  if (login.method === "token") return problems;
  const names = { mount: login.mount, role: login.role };
  for (const [field, seen] of Object.entries(names)) {
    if (seen !== undefined && (!VAULT_NAME.test(seen) || /(^|\/)\.\.?(\/|$)/.test(seen)))
      problems.push({ path: at(`login.${field}`), message: "expected a name as Vault has it", seen });
  }
  if (
    login.method === "jwt" &&
    (login.tokenFile === "" || /\n/.test(login.tokenFile) || mayHoldCredential(login.tokenFile))
  )
    problems.push({ path: at("login.tokenFile"), message: "expected the path of a file that holds the token" });
  if (login.method === "kubernetes") {
    const [namespace = "", name = "", ...rest] = login.serviceAccount.split("/");
    if (!LABEL.test(namespace) || !SUBDOMAIN.test(name) || rest.length > 0)
      problems.push({
        path: at("login.serviceAccount"),
        message: "expected <namespace>/<name> of a service account",
        seen: login.serviceAccount,
      });
  }
  return problems;
}

/** OpenBao in the cluster; `file` tells what was written that does not belong to it. */
export function checkInstall({ install }: InClusterVaultSpec, file: VaultFile): Problem[] {
  const at = (field: string) => `config.dayzero:vault.${field}`;
  const problems = checkAddress(at("address"), file.address);
  for (const field of ["login", "ca"] as const) {
    if (file[field] !== undefined)
      problems.push({ path: at(field), message: "is for an external Vault; one that is installed has its own" });
  }
  const { namespace, image, replicas, storage, storageClass, networks, seal } = install;
  if (!LABEL.test(namespace))
    problems.push({ path: at("install.namespace"), message: "expected the name of a namespace", seen: namespace });
  if (image !== undefined && !PINNED_IMAGE.test(image))
    problems.push({ path: at("install.image"), message: PINNED_IMAGE_EXPECTED, seen: image });
  if (replicas % 2 === 0)
    problems.push({
      path: at("install.replicas"),
      message: "expected an odd number: a majority decides",
      seen: replicas,
    });
  if (!QUANTITY.test(storage))
    problems.push({ path: at("install.storage"), message: "expected a quantity such as 10Gi", seen: storage });
  if (storageClass !== undefined && !SUBDOMAIN.test(storageClass))
    problems.push({
      path: at("install.storageClass"),
      message: "expected the name of a storage class",
      seen: storageClass,
    });
  networks.forEach((seen, index) => {
    if (!CIDR.test(seen)) problems.push({ path: at(`install.networks[${index}]`), message: "expected a CIDR", seen });
  });
  if (seal.type === "shamir") {
    if (replicas > 1)
      problems.push({
        path: at("install.replicas"),
        message: "expected 1 with the seal shamir: people would have to unseal each pod after each start",
        seen: replicas,
      });
    return problems;
  }
  for (const [key, value] of Object.entries(seal.settings)) {
    if (CREDENTIAL_SETTING.test(key) || mayHoldCredential(value))
      problems.push({
        path: at(`install.seal.settings.${key}`),
        message: "a credential is not taken: it would end up in files (environmentSecret, or an identity of the pods)",
      });
  }
  if (seal.type !== "transit" && seal.plugin === undefined)
    problems.push({
      path: at("install.seal.plugin"),
      message: `expected image, version, binary and sha256: OpenBao has no ${seal.type} built in`,
      seen: undefined,
    });
  if (seal.plugin !== undefined && !/^[0-9a-f]{64}$/.test(seal.plugin.sha256))
    problems.push({
      path: at("install.seal.plugin.sha256"),
      message: "expected a SHA-256 in hexadecimal",
      seen: seal.plugin.sha256,
    });
  if (seal.environmentSecret !== undefined && !SUBDOMAIN.test(seal.environmentSecret))
    problems.push({
      path: at("install.seal.environmentSecret"),
      message: "expected the name of a Secret",
      seen: seal.environmentSecret,
    });
  if (seal.egress.length === 0)
    problems.push({
      path: at("install.seal.egress"),
      message: `${SEAL_EGRESS_EXPECTED}, such as [{ cidr: 203.0.113.10/32, port: 443 }]`,
      seen: undefined,
    });
  seal.egress.forEach(({ cidr: seen }, index) => {
    if (!CIDR.test(seen))
      problems.push({ path: at(`install.seal.egress[${index}].cidr`), message: "expected a CIDR", seen });
  });
  return problems;
}

export function checkGitOps({ variant, adopt, agentImage }: GitOpsFile, repository: string | undefined): Problem[] {
  const problems: Problem[] = [];
  if (agentImage !== undefined && !PINNED_IMAGE.test(agentImage))
    problems.push({ path: "config.dayzero:gitops.agentImage", message: PINNED_IMAGE_EXPECTED, seen: agentImage });
  if (adopt === undefined) return problems;
  const path = "config.dayzero:gitops.adopt";
  if (!SUBDOMAIN.test(adopt)) problems.push({ path, message: "expected the name of a Secret", seen: adopt });
  // Its own would take the place of the old one before anything proved that it can be renewed.
  if (repository !== undefined && adopt === `repo-${repository}`) {
    problems.push({
      path,
      message: "is what Dayzero's own Secret is called: set dayzero:repository.name",
      seen: adopt,
    });
  }
  if (variant !== undefined) {
    const message = "is for an Argo CD that is installed: one that is adopted stays as it is";
    problems.push({ path: "config.dayzero:gitops.variant", message, seen: variant });
  }
  if (agentImage === undefined) {
    problems.push({ path, message: "needs agentImage: what renews the credential has to run before the token goes" });
  }
  return problems;
}

function checkAddress(path: string, address: string | undefined): Problem[] {
  if (address !== undefined && URL.canParse(address) && new URL(address).pathname !== "/")
    return [{ path, message: "expected https://host[:port], with nothing behind it", seen: address }];
  const wrong = checkHttps(address ?? "");
  return wrong === undefined ? [] : [{ path, message: wrong, seen: address }];
}

/** What is wrong with an address; undefined when nothing is. */
function checkHttps(address: string): string | undefined {
  if (!/^https:\/\//i.test(address) || !URL.canParse(address)) return "expected an https address";
  const { username, password, search, hash } = new URL(address);
  if (username !== "" || password !== "")
    return "an address with a credential in it is not taken: it would end up in files";
  if (search !== "" || hash !== "") return "expected an https address without ? and #";
  return undefined;
}

function checkCa(path: string, ca: string | undefined): Problem[] {
  if (ca === undefined || CERTIFICATES.test(ca)) return [];
  return [{ path, message: "expected certificates in PEM, and nothing else" }];
}
