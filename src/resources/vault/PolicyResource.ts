import { z } from "zod";
import { VaultError } from "../../clients/VaultError.ts";
import { DayzeroError } from "../../config/DayzeroError.ts";
import { nameInVault } from "../../manifests/vault/trustNames.ts";
import type { Change, Context, Resource } from "../Resource.ts";
import { policyText } from "./policyText.ts";

/** As Vault knows it; see `nameInVault`. */
const name = z.string().regex(/^dayzero\.[a-z0-9-]+\.[a-z0-9-]+$/, "is not dayzero.<stack>.<name>");

const inputs = z
  .strictObject({
    name,
    /** File of bootstrap/vault, and the names that are filled in. */
    template: z.enum(["operator", "git-reader"]),
    values: z.record(z.string(), z.string().regex(/^[a-z0-9-]+$/, "expected a name")),
  })
  .transform(({ name, template, values }) => ({ name, text: policyText(template, values) }));

/** What a program says. */
export type PolicySource = z.input<typeof inputs>;

/** The policy in full, as it is compared with Vault's. */
export type PolicyInputs = z.output<typeof inputs>;

export interface PolicyLive {
  readonly name: string;
  readonly text: string;
}

/** An ACL policy; its first line is the stack's mark. Source: https://openbao.org/api-docs/system/policies/. */
export const policyResource: Resource<PolicyInputs, PolicyLive> = {
  type: "dayzero:vault:Policy",
  inputs,

  id: name,
  identify: ({ name }) => name,

  /** One without the mark is taken as it is when it says the same: an owner of Vault who lets nobody write policies wrote it. */
  async read(name, ctx, desired) {
    const found = await readPolicy(name, ctx);
    if (found === undefined) return undefined;
    const mark = markOf(ctx.stack);
    if (found.startsWith(mark)) return { name, text: found.slice(mark.length) };
    if (desired !== undefined && found.trim() === desired.text.trim()) return { name, text: desired.text };
    throw new DayzeroError(
      "VAULT_POLICY_NOT_OWN",
      `cannot manage vault policy "${name}": it lacks the mark of stack "${ctx.stack}"`,
      {
        hint: `delete the policy, or put "${mark.trim()}" into its first line if it is this stack's`,
      },
    );
  },

  plan(live, desired) {
    if (live === undefined) return [{ action: "create", path: "" }];
    return live.text === desired.text ? [] : textChanges(live.text, desired.text);
  },

  async apply(_changes, { name, text }, ctx) {
    const vault = await ctx.vault();
    try {
      await vault.write(`sys/policies/acl/${name}`, { policy: `${markOf(ctx.stack)}${text}` });
    } catch (cause) {
      if (!(cause instanceof VaultError) || cause.status !== 403) throw cause;
      throw new DayzeroError("VAULT_POLICY_REFUSED", `cannot write vault policy "${name}": ${cause.message}`, {
        cause,
        hint: "have somebody write it who may write policies in Vault: its text is in bootstrap/vault of Dayzero's package",
      });
    }
    return { name, text };
  },

  async owned(stack, ctx) {
    const vault = await ctx.vault();
    const names = (await vault.list("sys/policies/acl")).filter((name) => name.startsWith(nameInVault(stack, "")));
    const texts = await Promise.all(names.map((name) => readPolicy(name, ctx)));
    return names.filter((_, index) => texts[index]?.startsWith(markOf(stack)));
  },

  async remove(name, ctx) {
    if (!(await readPolicy(name, ctx))?.startsWith(markOf(ctx.stack))) return;
    await (await ctx.vault()).delete(`sys/policies/acl/${name}`);
  },
};

async function readPolicy(name: string, ctx: Context): Promise<string | undefined> {
  const vault = await ctx.vault();
  return (await vault.read<{ policy: string }>(`sys/policies/acl/${name}`))?.policy;
}

function markOf(stack: string): string {
  return `# dayzero.dev/stack: ${stack}\n`;
}

/** The lines that go and the lines that come. */
function textChanges(before: string, after: string): Change[] {
  const [old, next] = [before.split("\n"), after.split("\n")];
  const gone = old.filter((line) => !next.includes(line)).join("\n");
  const added = next.filter((line) => !old.includes(line)).join("\n");
  return [{ action: "update", path: "text", before: gone, after: added }];
}
