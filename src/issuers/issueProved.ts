import { setTimeout as delay } from "node:timers/promises";
import { DayzeroError } from "../config/DayzeroError.ts";
import type { GitCredential, Issuer } from "./Issuer.ts";

/** A forge may take a moment until it knows a key or a token that was made just now. */
const PATIENCE_MS = 4_000;
const PAUSE_MS = 500;

/** A new credential that the forge has accepted; nothing else is worth swapping in. */
export async function issueProved(issuer: Issuer, signal: AbortSignal): Promise<GitCredential> {
  const credential = await issuer.issue();
  const deadline = performance.now() + PATIENCE_MS;
  for (;;) {
    try {
      await issuer.probe(credential);
      return credential;
    } catch (error) {
      const refused = error instanceof DayzeroError && error.code === "CREDENTIAL_REFUSED";
      if (!refused || performance.now() > deadline) throw error;
      await delay(PAUSE_MS, undefined, { signal });
    }
  }
}
