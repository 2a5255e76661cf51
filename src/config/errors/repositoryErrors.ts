import type { ErrorArea } from "./ErrorEntry.ts";

/** Repositories, what is in them, and the credentials that read them. */
export const repositoryErrors = {
  GIT_MISSING: {
    title: "there is no git on PATH",
    meaning: "Git is the one program that is not pinned: yours is the one that reaches your forge.",
    causes: ["git is not installed", "a PATH without it"],
    remedy: ["Install git and run it again."],
  },
  GIT_FAILED: {
    title: "a git command failed",
    meaning: "On a repository of the stack. The message has git's own last words.",
    causes: ["a folder that may not be written to", "a damaged repository", "a full disk"],
    remedy: ["See that the folder is writable and whole (`git fsck` in it), then run it again."],
  },
  REPOSITORY_SOURCE_UNREADABLE: {
    title: "the repository named with --repo cannot be read",
    meaning: "It was asked with your own git, and without a terminal to type on. Nothing was made for it.",
    causes: ["a wrong path or URL", "a forge that wants a login which git does not have at hand", "no network"],
    remedy: [
      "See that `git ls-remote URL` works for you without being asked for anything.",
      "For a folder name the top folder of a Git repository.",
    ],
  },
  AUDIT_SOURCE_UNREADABLE: {
    title: "the audit cannot copy the repository",
    meaning:
      "Its history is searched in a copy, which your own git makes without a terminal to type on. Its checks are unobservable.",
    causes: [
      "a forge that wants a login which git does not have at hand",
      "a repository too large for a minute",
      "no network",
    ],
    remedy: ["See that `git ls-remote URL` works for you without being asked for anything, then audit again."],
  },
  REPOSITORY_EMPTY: {
    title: "the repository has no commit",
    meaning: "There is nothing to reconcile. Nothing was made for it.",
    causes: ["a repository that was just made"],
    remedy: ["Commit something there first, or leave `--repo` out to begin with a scaffold."],
  },
  REPOSITORY_BRANCH_MISSING: {
    title: "there is no such branch",
    meaning: "The branch to reconcile is not in the repository, or its HEAD names none.",
    causes: ["a misspelt `--branch`", "a branch that was not pushed"],
    remedy: ["Name a branch that is there with `--branch`, or push it."],
  },
  REPOSITORY_PATH_MISSING: {
    title: "there is no such folder in the repository",
    meaning: "The folder to reconcile is not in the branch.",
    causes: ["a misspelt `--path`", "a folder on another branch"],
    remedy: ["Name the folder that Argo CD is to reconcile with `--path`."],
  },
  REPOSITORY_NO_MANIFESTS: {
    title: "there is no manifest in the folder",
    meaning: "Argo CD would have nothing to do, and would say that all is well.",
    causes: [
      "manifests in a folder below, with plain manifests",
      "files with another ending than .yaml, .yml or .json",
    ],
    remedy: ["Name the folder with the manifests with `--path`."],
  },
  REPOSITORY_MANIFESTS_INVALID: {
    title: "the manifests cannot be built or read",
    meaning: "What Kustomize or the parser said is in the message. The Application was left as it is.",
    causes: ["a mistake in a manifest or kustomization", "a remote base, which is not fetched here"],
    remedy: ["See that `kustomize build` works in that folder of a clone; commit and push."],
  },
  REPOSITORY_UNSUPPORTED: {
    title: "the embedded stack does not reconcile this kind of source",
    meaning: "Helm charts and Jsonnet are not supported there yet.",
    causes: ["a Chart.yaml or a .jsonnet file in the folder"],
    remedy: ["Name a folder with a kustomization or plain manifests with `--path`."],
  },
  REPOSITORY_NAMESPACE_RESERVED: {
    title: "the repository reaches into a reserved namespace",
    meaning:
      "Namespaces of the cluster and of the controller are not the repository's: from there it could take over the chain of trust.",
    causes: ["a manifest for `kube-system`, `argocd` or `dayzero-system`"],
    remedy: ["Move the object to another namespace."],
  },
  REPOSITORY_NOT_OWN: {
    title: "the repository on this machine is not the stack's",
    meaning: "A folder stands where the stack keeps its repository, without the stack's mark. It was left as it is.",
    causes: ["a repository that was copied there by hand"],
    remedy: ["Move it elsewhere, or name it as the source with `--repo`."],
  },
  REPOSITORY_HAS_COMMITS: {
    title: "the repository holds commits that exist nowhere else",
    meaning: "It is not removed, since they would be lost.",
    causes: ["somebody pushed to the stack's repository"],
    remedy: ["Push them elsewhere, or run `dayzero down --delete-repository`."],
  },
  REPOSITORY_SOURCE_CHANGED: {
    title: "the repository was made from another source",
    meaning: "A repository with commits of one source is not mixed with another. Nothing was changed.",
    causes: ["another `--repo` than at the first `up`"],
    remedy: ["Push what you want to keep elsewhere, then run `dayzero down --delete-repository`."],
  },
  REPOSITORY_MOVED: {
    title: "somebody pushes meanwhile",
    meaning: "Branches moved each time they were to be brought forward. Nothing was overwritten.",
    causes: ["a busy repository"],
    remedy: ["Run `dayzero up` again: it begins with what is there then."],
  },
  REPOSITORY_SECRET_MISSING: {
    title: "the repository Secret is gone",
    meaning: "There is nothing to renew: Argo CD has no credential for the repository.",
    causes: ["somebody deleted it"],
    remedy: ["Run `dayzero up`: it makes the Secret again."],
  },
  REPOSITORY_URL_CHANGED: {
    title: "the repository Secret is for another URL",
    meaning: "The renewing process was told one URL, and the Secret says another. It was left as it is.",
    causes: ["the Secret was edited", "the stack's URL changed, and the process has not been told"],
    remedy: ["Run `dayzero up`, which tells the renewing process the URL."],
  },
  SECRET_NOT_OWN: {
    title: "a Secret exists and is not the stack's",
    meaning: "It has the name that the stack needs, and not its label. It was left as it is.",
    causes: ["somebody made it by hand"],
    remedy: ["Delete it, if nobody needs it."],
  },
  CREDENTIAL_REFUSED: {
    title: "the Git server refuses a new credential",
    meaning:
      "A new credential is proved before it is used, and this one was refused. The old one stays in place until it ends.",
    causes: [
      "the server trusts another issuer, audience or repository",
      "a clock that is off",
      "a proxy that has not fetched the issuer's new keys yet",
    ],
    remedy: [
      "See that the Git server trusts this issuer, audience and repository; what that of an embedded stack expects is in etc/git-server.json.",
    ],
  },
  FORGE_CERTIFICATE_REFUSED: {
    title: "the Git server's certificate is not accepted",
    meaning: "No credential was sent. The message says what is wrong with the certificate.",
    causes: [
      "another certificate than the one whose CA the stack's file names",
      "a certificate that has ended, or a clock that is off",
      "somebody in between",
    ],
    remedy: [
      "If the server's CA was changed on purpose, name the new one in `dayzero:repository.ca` and run `dayzero up`.",
      "Else find out who answers at that address.",
    ],
  },
  CLOCK_OFF: {
    title: "this clock and the issuer's differ too much",
    meaning:
      "A new credential has ended already, or has not begun, by the clock here: renewing it again would never end.",
    causes: ["a clock that is not kept by NTP, here or where Vault runs", "a machine that was suspended"],
    remedy: ["Set both clocks right (`timedatectl`, NTP), then run it again."],
  },
  CREDENTIAL_SWAP_CONTENDED: {
    title: "somebody else keeps changing the repository Secret",
    meaning: "Each compare-and-swap found another version. Nothing was overwritten.",
    causes: ["a controller that writes the same Secret", "two stacks for one repository"],
    remedy: ["See in the API server's audit log (logs/audit.log) who writes this Secret."],
  },
  FORGE_UNREACHABLE: {
    title: "the Git server does not answer",
    meaning: "The new credential could not be proved. The old one stays in place until it ends.",
    causes: ["the server is down or elsewhere", "a certificate of another CA than `dayzero:repository.ca`"],
    remedy: ["See that it runs and is reached from here; of an embedded stack see logs/git-server.log."],
  },
  ISSUER_ROLE_MISSING: {
    title: "Vault has no OIDC role for the credential",
    meaning: "The role that signs the Git credential is gone.",
    causes: ["somebody deleted it", "a Vault that was restored from an older backup"],
    remedy: ["Run `dayzero up`: it makes the role again."],
  },
  ISSUER_TOKEN_INVALID: {
    title: "Vault's token lacks its times",
    meaning: "A credential whose expiry cannot be read is not used.",
    causes: ["a template of the OIDC role that was edited"],
    remedy: ["Run `dayzero up`, which puts Vault's OIDC roles right."],
  },
} satisfies ErrorArea;
