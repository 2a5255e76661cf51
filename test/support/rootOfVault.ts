import { Agent } from "undici";
import { VaultClient } from "../../src/clients/VaultClient.ts";
import { Secret } from "../../src/credentials/Secret.ts";
import type { StackLayout } from "../../src/machine/StackLayout.ts";
import { socketPath } from "../../src/machine/socketPath.ts";
import { ageIdentities } from "../../src/resources/vault/ageIdentities.ts";
import { readSealedShares } from "../../src/resources/vault/SealedShares.ts";
import { openShares } from "../../src/resources/vault/unsealVault.ts";

/** The embedded Vault on its break-glass socket, without a token; the caller closes it. */
export function breakGlass(layout: StackLayout): VaultClient {
  const connect = { socketPath: socketPath(layout.run("vault.sock")) };
  return new VaultClient({ address: "http://vault", dispatcher: new Agent({ connect }) });
}

/** A root token from the unseal shares, as somebody makes one who holds them. */
export async function generateRoot(layout: StackLayout): Promise<Secret> {
  const vault = breakGlass(layout);
  try {
    const sealed = await readSealedShares(layout);
    if (sealed?.state !== "sealed") throw new Error("there are no shares");
    const [share] = await openShares(sealed, await ageIdentities(layout, new Map()));
    const { nonce, otp } = await vault.write<{ nonce: string; otp: string }>("sys/generate-root/attempt");
    const answer = await vault.write<{ encoded_token: string }>("sys/generate-root/update", {
      nonce,
      key: share?.reveal(),
    });
    const [encoded, pad] = [Buffer.from(answer.encoded_token, "base64"), Buffer.from(otp)];
    return new Secret(encoded.map((byte, index) => byte ^ (pad[index] ?? 0)).toString());
  } finally {
    await vault.close();
  }
}

/** Does something to the embedded Vault that only root may; the token ends with it. */
export async function asRoot(layout: StackLayout, work: (vault: VaultClient) => Promise<unknown>): Promise<void> {
  const token = await generateRoot(layout);
  const connection = breakGlass(layout);
  const vault = connection.withToken(token);
  try {
    await work(vault);
  } finally {
    await vault.write("auth/token/revoke-self");
    await connection.close();
  }
}
