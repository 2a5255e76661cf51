import { Cluster } from "../../../src/components/Cluster.ts";
import { ClusterTrust } from "../../../src/components/ClusterTrust.ts";
import { GitAccess } from "../../../src/components/GitAccess.ts";
import { Vault } from "../../../src/components/Vault.ts";
import { Definitions } from "../../../src/resources/cluster/index.ts";
import { KubernetesObject } from "../../../src/resources/kubernetes/index.ts";

// A stack without Argo CD, whose part the test plays; of that only the Application's definition is there.
const repository = "fleet";
const namespace = "argocd";

const cluster = new Cluster("cluster", {});
const vault = new Vault("vault", { cluster, recipients: [], shares: 1, threshold: 1 });
const trust = new ClusterTrust(
  "trust",
  { generation: cluster.generation, issuerKeys: cluster.issuerKeys, issuer: cluster.issuer, vault, repository },
  { dependsOn: cluster.accounts },
);
const home = new KubernetesObject(
  "namespace",
  { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } },
  { deletedWith: cluster.data, dependsOn: cluster.served },
);
const definitions = new Definitions(
  "definitions",
  { name: "argocd", tool: "argocd-crds", files: ["application-crd.yaml"] },
  { dependsOn: cluster.served },
);
new GitAccess("git", {
  repository,
  source: { kind: "scaffold" },
  cluster,
  vault,
  trust,
  controllerNamespace: namespace,
  application: "root",
  after: [...cluster.accounts, home, definitions],
});
