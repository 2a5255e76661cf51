/**
 * Vault (or OpenBao) answered a request with an error.
 *
 * It holds what was asked for and Vault's own `errors` strings, never a body, a header or a token.
 */
export class VaultError extends Error {
  readonly status: number;
  /** Vault's own words, and after a login what is to be said of the clocks; empty where there is nothing. */
  readonly errors: readonly string[];
  readonly method: string;
  /** Below `/v1/`. */
  readonly path: string;

  constructor(response: { status: number; errors: readonly string[]; method: string; path: string }) {
    const said = response.errors.length === 0 ? "" : `: ${response.errors.map((error) => error.trim()).join("; ")}`;
    super(`vault answered ${response.status} to ${response.method} ${response.path}${said}`);
    this.name = "VaultError";
    this.status = response.status;
    this.errors = response.errors;
    this.method = response.method;
    this.path = response.path;
  }
}
