import type { VaultClient } from "../../clients/VaultClient.ts";

export interface AuthMount {
  /** Below `auth/`, without a slash at its end. */
  readonly path: string;
  readonly type: string;
}

/** Every auth mount of a Vault. */
export async function authMounts(vault: VaultClient): Promise<AuthMount[]> {
  const mounts = (await vault.read<Record<string, { type: string }>>("sys/auth")) ?? {};
  return Object.entries(mounts).map(([path, { type }]) => ({ path: path.replace(/\/$/, ""), type }));
}
