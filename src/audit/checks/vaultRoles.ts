import type { VaultClient } from "../../clients/VaultClient.ts";
import type { Check } from "../Check.ts";
import { Evidence } from "../Evidence.ts";
import type { Subject } from "../Subject.ts";
import { roleProblems } from "./roleProblems.ts";
import { type TrustingMount, trustingMounts } from "./trustingMounts.ts";

/** What of Vault decides who is trusted, and for what. */
const TRUST = ["Policy", "JwtAuth", "JwtRole", "OidcKey", "OidcRole"].map((kind) => `dayzero:vault:${kind}`);
const ROLE = "dayzero:vault:JwtRole";

/**
 * Who may log in to Vault with a token of a cluster or of CI. In a Vault that is the stack's own every role counts; in somebody else's
 * those of the stack do, and the others are their owner's.
 */
export const vaultRoles: Check = {
  id: "vault-roles",
  promise:
    "every role that a signed token can log in to Vault with names one subject and audience exactly, and is as declared",
  remedy: "run `dayzero up`, which writes the stack's roles again; narrow or delete what is not the stack's",

  async look(subject) {
    const evidence = new Evidence();
    const { context } = subject;
    // To a dry run a Vault that does not answer is one that is yet to be made: nothing would be there.
    const vault = await evidence.look("Vault", "a login", () => context.vault());
    if (vault === undefined) return evidence.finding;
    const declared = readBack(subject, evidence);
    await evidence.look("auth mounts of Vault", "read on sys/auth", async () => {
      const mounts = await trustingMounts(subject, vault);
      await Promise.all(
        mounts.map(async (mount) => {
          const { path, type, isOwn, isOthers } = mount;
          if (isOthers) evidence.proved(`auth/${path} (${type}) is not the stack's, and its owner's to prove`);
          else await judgeMount(evidence, vault, mount, isOwn ? await declared : undefined);
        }),
      );
    });
    await declared;
    return evidence.finding;
  },
};

/** Compares what the program declares with what is there; the identities of the declared roles, where that is known. */
async function readBack({ declared }: Subject, evidence: Evidence): Promise<ReadonlySet<string> | undefined> {
  const all = await evidence.look("what is declared", "a dry run of the stack's program", declared);
  if (all === undefined) return undefined;
  const trust = all.filter(({ type }) => TRUST.includes(type));
  for (const { type, id, urn, changes, waits } of trust) {
    const what = `${type} ${id ?? urn.split("::").at(-1)}`;
    const seen = changes.map(({ path, before = "(none)", after = "(none)" }) =>
      path === "" ? "not there" : `${path} is ${before}, declared is ${after}`,
    );
    if (waits) evidence.unobservable(`${what} is not compared: it depends on what \`up\` has to change first`);
    else if (changes.length > 0) evidence.violated(`${what} is not as declared: ${seen.join("; ")}`);
  }
  const asDeclared = trust.filter(({ changes }) => changes.length === 0).length;
  if (asDeclared > 0)
    evidence.proved(`${asDeclared} of ${trust.length} policies, mounts, roles and keys read back as declared`);
  const roles = trust.filter(({ type }) => type === ROLE).map(({ id }) => id);
  return roles.includes(undefined) ? undefined : new Set(roles.filter((id) => id !== undefined));
}

async function judgeMount(
  evidence: Evidence,
  vault: VaultClient,
  { path: mount, type }: TrustingMount,
  declared: ReadonlySet<string> | undefined,
): Promise<void> {
  const folder = `auth/${mount}/role`;
  await evidence.look(`roles of auth/${mount} (${type})`, `list and read on ${folder}`, async () => {
    for (const name of await vault.list(folder)) {
      const role = await vault.read<Record<string, unknown>>(`${folder}/${name}`);
      // Deleted meanwhile.
      if (role === undefined) continue;
      const problems = [
        ...(declared !== undefined && !declared.has(`${mount}/${name}`) ? ["is not declared"] : []),
        ...roleProblems(type, role),
      ];
      if (problems.length > 0) evidence.violated(`role ${folder}/${name} ${problems.join(", ")}`);
      else evidence.proved(`role ${folder}/${name} is for ${whomOf(role)}`);
    }
  });
}

function whomOf(role: Readonly<Record<string, unknown>>): string {
  const { bound_subject: subject, bound_service_account_names: names, bound_service_account_namespaces: spaces } = role;
  const audience = role.bound_audiences ?? role.audience;
  return `${subject ?? `${spaces}/${names}`} with audience ${audience}`;
}
