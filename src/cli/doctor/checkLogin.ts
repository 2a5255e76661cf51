import type { VaultClient } from "../../clients/VaultClient.ts";
import type { VaultLogin } from "../../config/StackSpec.ts";
import { type Finding, not, ok } from "./Finding.ts";

/** That the login to a Vault of others works; the session ends with the run. Nobody is asked for a token. Throws `VAULT_LOGIN_FAILED`. */
export async function checkLogin(login: VaultLogin, logIn: () => Promise<VaultClient>): Promise<Finding> {
  if (login.method === "token") {
    return not(
      "unknown",
      "its token is asked for on the terminal, and was not",
      "have one at hand that bootstrap/vault/external-operator.hcl allows what it says",
    );
  }
  await logIn();
  return ok(`role "${login.role}" at auth/${login.mount} lets this login in`);
}
