import { isAbsolute } from "node:path";
import { Cluster } from "../src/components/Cluster.ts";
import { ClusterTrust } from "../src/components/ClusterTrust.ts";
import { GitAccess } from "../src/components/GitAccess.ts";
import { GitOpsController } from "../src/components/GitOpsController.ts";
import { GitOpsSource } from "../src/components/GitOpsSource.ts";
import { Vault } from "../src/components/Vault.ts";
import type { LocalSpec } from "../src/config/StackSpec.ts";
import { ARGOCD_NAMESPACE } from "../src/manifests/argocd/controllerIdentity.ts";
import { ROOT_APPLICATION } from "../src/manifests/argocd/rootApplication.ts";
import type { RepositorySource } from "../src/resources/git/RepositorySource.ts";

/** One machine, from nothing: a control plane, OpenBao, a Git server and Argo CD as processes of their own. */
export default function local({ repository, vault: sealing }: LocalSpec): object {
  const cluster = new Cluster("cluster", {});
  const vault = new Vault("vault", { cluster, ...sealing });
  const trust = new ClusterTrust(
    "trust",
    {
      generation: cluster.generation,
      issuerKeys: cluster.issuerKeys,
      issuer: cluster.issuer,
      vault,
      repository: repository.name,
    },
    { dependsOn: cluster.accounts },
  );
  const controller = new GitOpsController("controller", { cluster });
  const access = new GitAccess("git", {
    repository: repository.name,
    source: sourceOf(repository.source),
    branch: repository.branch,
    path: repository.path,
    cluster,
    vault,
    trust,
    controllerNamespace: ARGOCD_NAMESPACE,
    application: ROOT_APPLICATION,
    after: [...cluster.accounts, ...controller.home],
  });
  const source = new GitOpsSource("source", { controller, access }, { deletedWith: cluster.data });
  return { generation: cluster.generation, bareRepository: access.bareRepository, revision: source.revision };
}

function sourceOf(source: string | undefined): RepositorySource {
  if (source === undefined) return { kind: "scaffold" };
  return isAbsolute(source) ? { kind: "path", path: source } : { kind: "url", url: source };
}
