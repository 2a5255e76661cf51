import { Secret } from "../../credentials/Secret.ts";
import { generateIdentity, parseIdentities, recipientOf } from "../../credentials/sealing.ts";
import { readIfThere } from "../../machine/readIfThere.ts";
import type { StackLayout } from "../../machine/StackLayout.ts";
import { writeFileAtomic } from "../../machine/writeFileAtomic.ts";

/** Key of the run's memory under which the command line puts the content of `--identity FILE`. */
const SUPPLIED = "age-identity";

/** Every age identity this run may use: the stack's own, and what was supplied for this run. */
export async function ageIdentities(
  layout: StackLayout,
  memory: ReadonlyMap<string, Secret>,
): Promise<readonly Secret[]> {
  const own = await localIdentity(layout);
  const supplied = memory.get(SUPPLIED);
  return [...own, ...(supplied === undefined ? [] : parseIdentities(supplied, "the identity file"))];
}

/** Recipient of the stack's own identity, which is made if there is none. */
export async function localRecipient(layout: StackLayout): Promise<string> {
  const [existing] = await localIdentity(layout);
  if (existing !== undefined) return recipientOf(existing);
  const identity = await generateIdentity();
  const recipient = await recipientOf(identity);
  await writeFileAtomic(layout.vault("identity.txt"), `# public key: ${recipient}\n${identity.reveal()}\n`);
  return recipient;
}

async function localIdentity(layout: StackLayout): Promise<Secret[]> {
  const path = layout.vault("identity.txt");
  const text = await readIfThere(path);
  return text === undefined ? [] : parseIdentities(new Secret(text), path);
}
