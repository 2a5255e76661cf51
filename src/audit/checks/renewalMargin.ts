import type { VaultClient } from "../../clients/VaultClient.ts";
import { MINT_SECONDS, renewalMargin as marginOf, OUTAGE_BUDGET_SECONDS } from "../../issuers/renewalMargin.ts";
import { GIT_READER, jwtMountName, oidcRoleName } from "../../manifests/vault/trustNames.ts";
import { generationResource } from "../../resources/cluster/GenerationResource.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";

/**
 * The credential that Argo CD holds is the one link that has to last; the links that it is earned with are made for each renewal and
 * have to last that long. Lives are read from Vault, not taken from what is declared.
 */
export const renewalMargin: Check = {
  id: "renewal-margin",
  promise: "the Git credential is renewed early enough to outlive an outage of what renews it",
  remedy: "run `dayzero up`, which gives Vault's roles their declared lives again",

  async look({ context, spec }) {
    const evidence = new Evidence();
    const vault = await evidence.look("Vault", "a login", () => context.vault());
    if (vault === undefined) return evidence.finding;
    const oidcRole = `identity/oidc/role/${oidcRoleName(context.stack, spec.repository.name)}`;
    await evidence.look("life of the Git credential", `read on ${oidcRole} and its key`, async () => {
      const role = await vault.read<{ ttl: number; key: string }>(oidcRole);
      if (role === undefined) throw new Error("Vault has no such role");
      judgeLife(evidence, role.ttl);
      await judgeKey(evidence, vault, role);
    });
    await evidence.look("life of the login that earns it", "read on the Git reader's role", async () => {
      const generation = await generationResource.read("generation", context);
      if (generation === undefined) throw new Error("the cluster has no namespace kube-system");
      const path = `auth/${jwtMountName(context.stack, generation.uid)}/role/${GIT_READER.role}`;
      const role = await vault.read<{ token_ttl: number }>(path);
      if (role === undefined) throw new Error(`Vault has no ${path}`);
      judgeLogin(evidence, role.token_ttl);
    });
    return evidence.finding;
  },
};

function judgeLife(evidence: Evidence, life: number): void {
  const { interval, needed, margin } = marginOf(life);
  const sum = `renewed after ${interval} s + ${OUTAGE_BUDGET_SECONDS} s outage + ${MINT_SECONDS} s to mint = ${needed} s`;
  if (margin > 0) evidence.proved(`Git credential: ${sum}, of a life of ${life} s`);
  else evidence.violated(`Git credential: ${sum}, and its life is ${life} s`);
}

/** A token whose key is not published any more ends before its time. */
async function judgeKey(evidence: Evidence, vault: VaultClient, role: { ttl: number; key: string }): Promise<void> {
  const key = await vault.read<{ verification_ttl: number }>(`identity/oidc/key/${role.key}`);
  if (key === undefined) throw new Error(`Vault has no OIDC key ${role.key}`);
  const published = `its key is published for ${key.verification_ttl} s after it was replaced`;
  if (key.verification_ttl >= role.ttl) evidence.proved(`Git credential: ${published}`);
  else evidence.violated(`Git credential: ${published}, and it lives ${role.ttl} s`);
}

function judgeLogin(evidence: Evidence, life: number): void {
  const line = `Vault token that earns it: lives ${life} s, and a renewal takes at most ${MINT_SECONDS} s`;
  if (life > MINT_SECONDS) evidence.proved(line);
  else evidence.violated(line);
}
