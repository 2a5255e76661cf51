import { all, output } from "@pulumi/pulumi/output.js";
import { ArgoCd } from "../src/components/ArgoCd.ts";
import { ClusterTrust } from "../src/components/ClusterTrust.ts";
import { ExistingCluster } from "../src/components/ExistingCluster.ts";
import { OpenBao } from "../src/components/OpenBao.ts";
import { RemoteRepository } from "../src/components/RemoteRepository.ts";
import { RepositoryTrust } from "../src/components/RepositoryTrust.ts";
import type { ExistingSpec, InClusterVaultSpec } from "../src/config/StackSpec.ts";
import { agentConfigurationOf } from "../src/manifests/agent/agentConfigurationOf.ts";
import { gitAuthorities } from "../src/manifests/argocd/installation.ts";
import { gitReaderAccount } from "../src/manifests/gitReaderAccess.ts";
import { openBaoSpecOf } from "../src/manifests/openbao/openBaoSpecOf.ts";
import { OPERATOR, oidcKeysUrl } from "../src/manifests/vault/trustNames.ts";

/** A cluster that there is a kubeconfig for: Argo CD in it, and a repository that it reads with what Vault signs. */
export default function existing(spec: ExistingSpec): object {
  const { vault: vaultSpec, repository, gitops } = spec;
  const inCluster = vaultSpec.kind === "in-cluster";
  const reader = gitReaderAccount(spec.stack);
  const accounts = [reader, ...(inCluster ? [OPERATOR.serviceAccount] : [])];
  const cluster = new ExistingCluster("cluster", { accounts });
  // One that runs already stays with whoever installed it.
  const argocd =
    gitops.adopt === undefined
      ? new ArgoCd("argocd", { variant: gitops.variant, authorities: gitAuthorities(repository) })
      : undefined;
  const vault = inCluster ? openBao(vaultSpec, cluster) : { address: vaultSpec.address, ca: vaultSpec.ca };
  const about = {
    generation: cluster.generation,
    issuerKeys: cluster.issuerKeys,
    issuer: cluster.issuer,
    repository: repository.name,
    reader,
  };
  const trust =
    vault instanceof OpenBao
      ? new ClusterTrust("trust", { ...about, vault }, { dependsOn: cluster.ready })
      : new RepositoryTrust("trust", about);
  const source = new RemoteRepository("source", {
    repository,
    generation: cluster.generation,
    vault,
    trust,
    serviceAccount: reader,
    agent: all([cluster.generation, vault.ca]).apply(([generation, ca]) =>
      agentConfigurationOf(spec, { generation, ...(ca === undefined ? {} : { vaultCa: ca }) }),
    ),
    agentImage: gitops.agentImage,
    adopt: gitops.adopt,
    after: [...cluster.ready, ...(argocd?.ready ?? [])],
  });
  return {
    generation: cluster.generation,
    ...(argocd && { argocdVersion: argocd.version }),
    secretName: source.secretName,
    // What the Git server has to be told: whose tokens it takes, and which of them.
    gitTrust: {
      issuer: source.tokenIssuer,
      keys: output(vault.address).apply(oidcKeysUrl),
      audience: trust.audience,
      repository: repository.name,
      generation: cluster.generation,
    },
  };
}

function openBao(spec: InClusterVaultSpec, cluster: ExistingCluster): OpenBao {
  const { address, recipients, shares, threshold } = spec;
  return new OpenBao("vault", {
    spec: openBaoSpecOf(spec),
    address,
    recipients,
    shares,
    threshold,
    after: cluster.ready,
  });
}
