import { checkRecipients as assertRecipients } from "../../credentials/sealing.ts";
import { type Finding, ok } from "./Finding.ts";

/** That something can be sealed to each recipient of the unseal shares, checksums included. Throws `AGE_RECIPIENT_INVALID`. */
export async function checkRecipients(recipients: readonly string[]): Promise<Finding> {
  if (recipients.length === 0) return ok("none: an identity is made on this machine, and listed as residual");
  await assertRecipients(recipients, "dayzero:vault.recipients");
  return ok(`${recipients.length} valid`);
}
