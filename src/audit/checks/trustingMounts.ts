import type { VaultClient } from "../../clients/VaultClient.ts";
import { ownMounts } from "../../resources/vault/JwtAuthResource.ts";
import type { Subject } from "../Subject.ts";

/** An auth mount that lets signed tokens in, those of a cluster or of CI. */
export interface TrustingMount {
  /** Below `auth/`, without a slash at its end. */
  readonly path: string;
  readonly type: "jwt" | "kubernetes";
  /** Of the stack. */
  readonly isOwn: boolean;
  /** In a Vault of somebody else and not of the stack: its owner's to prove. */
  readonly isOthers: boolean;
}

/** Every such mount that a login may see. In a Vault that the stack initialized none is anybody else's. */
export async function trustingMounts({ context, spec }: Subject, vault: VaultClient): Promise<TrustingMount[]> {
  const [mounts = {}, own] = await Promise.all([
    vault.read<Record<string, { type: string }>>("sys/auth"),
    ownMounts(vault, context.stack),
  ]);
  const isShared = spec.program === "existing" && spec.vault.kind === "external";
  return Object.entries(mounts).flatMap(([name, { type }]) => {
    const path = name.replace(/\/$/, "");
    if (type !== "jwt" && type !== "kubernetes") return [];
    const isOwn = own.includes(path);
    return [{ path, type, isOwn, isOthers: isShared && !isOwn }];
  });
}
