import { DayzeroError } from "../config/DayzeroError.ts";
import { Secret } from "./Secret.ts";

/** Seals in memory so that each of the recipients alone can open it; ASCII armor. Format: C2SP age specification. */
export async function seal(secret: Secret, recipients: readonly string[]): Promise<string> {
  const { Encrypter, armor } = await import("age-encryption");
  const encrypter = new Encrypter();
  for (const recipient of recipients) encrypter.addRecipient(recipient);
  return armor.encode(await encrypter.encrypt(secret.reveal()));
}

/**
 * `undefined` when none of the identities opens it. Throws `SEALED_UNREADABLE` for what is no whole age file and `AGE_IDENTITY_INVALID` for a
 * damaged identity; `source` says where it stands.
 */
export async function unseal(
  sealed: string,
  identities: readonly Secret[],
  source = "what was sealed",
): Promise<Secret | undefined> {
  const { Decrypter, armor } = await import("age-encryption");
  const decrypters = identities.map((identity) => {
    const decrypter = new Decrypter();
    try {
      decrypter.addIdentity(identity.reveal());
    } catch {
      // Without the library's words, which may quote it.
      throw new DayzeroError("AGE_IDENTITY_INVALID", `cannot open ${source}: an age identity at hand is damaged`, {
        hint: "put the identity file back as age-keygen, or dayzero up, wrote it",
      });
    }
    return decrypter;
  });
  try {
    const file = armor.decode(sealed);
    for (const decrypter of decrypters) {
      const text = await decrypter.decrypt(file, "text").catch((error: unknown) => {
        if (error instanceof Error && error.message.startsWith("no identity matched")) return undefined;
        throw error;
      });
      if (text !== undefined) return new Secret(text);
    }
    return undefined;
  } catch (cause) {
    throw new DayzeroError("SEALED_UNREADABLE", `cannot read ${source}: it is no whole age file`, {
      cause,
      hint: "put the file back from a backup",
    });
  }
}

/** Throws `AGE_RECIPIENT_INVALID` for the first recipient that nothing can be sealed to, checksum included; `path` says where the list stands. */
export async function checkRecipients(recipients: readonly string[], path: string): Promise<void> {
  const { Encrypter } = await import("age-encryption");
  for (const [index, recipient] of recipients.entries()) {
    try {
      new Encrypter().addRecipient(recipient);
    } catch (cause) {
      throw new DayzeroError(
        "AGE_RECIPIENT_INVALID",
        `cannot seal to ${path}[${index}]: ${JSON.stringify(recipient)} is not an age recipient`,
        { cause, hint: "take the public key that `age-keygen -y` prints: age1… with 62 characters" },
      );
    }
  }
}

/** A new X25519 identity, the secret half. */
export async function generateIdentity(): Promise<Secret> {
  const { generateX25519Identity } = await import("age-encryption");
  return new Secret(await generateX25519Identity());
}

/** The recipient that belongs to an identity. */
export async function recipientOf(identity: Secret): Promise<string> {
  const { identityToRecipient } = await import("age-encryption");
  return identityToRecipient(identity.reveal());
}

/** Identities of an age identity file: one a line, with comments and empty lines. Throws `AGE_IDENTITY_INVALID`, naming the line only. */
export function parseIdentities(file: Secret, source: string): Secret[] {
  return file
    .reveal()
    .split("\n")
    .map((line, index) => ({ text: line.trim(), number: index + 1 }))
    .filter(({ text }) => text !== "" && !text.startsWith("#"))
    .map(({ text, number }) => {
      if (/^AGE-SECRET-KEY-(PQ-)?1[02-9AC-HJ-NP-Z]+$/.test(text)) return new Secret(text);
      throw new DayzeroError("AGE_IDENTITY_INVALID", `cannot use line ${number} of ${source} as age identity`, {
        hint: "give a file as age-keygen writes it; identities of plugins and SSH keys are not supported",
      });
    });
}
