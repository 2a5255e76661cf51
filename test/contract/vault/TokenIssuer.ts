import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import type { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import { Secret } from "../../../src/credentials/Secret.ts";

/** `iss` of the tokens. */
export const ISSUER = "https://kubernetes.default.svc";

/** Stands for one cluster's API server: its service-account signing key, and its TokenRequest. */
export class TokenIssuer {
  readonly generation: string;
  /** PEM. */
  readonly publicKey: string;
  /** PEM; a stand-in's key, worth nothing. */
  readonly privateKey: string;
  readonly #key: KeyObject;
  readonly #algorithm: string;

  constructor(known: { generation: string; privateKey: string } | undefined = undefined, curve?: "P-256" | "P-384") {
    this.generation = known?.generation ?? crypto.randomUUID();
    this.#key = known
      ? createPrivateKey(known.privateKey)
      : curve
        ? generateKeyPairSync("ec", { namedCurve: curve }).privateKey
        : generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
    this.#algorithm = curve === undefined ? "RS256" : curve === "P-256" ? "ES256" : "ES384";
    this.privateKey = this.#key.export({ format: "pem", type: "pkcs8" }).toString();
    this.publicKey = createPublicKey(this.#key).export({ format: "pem", type: "spki" }).toString();
  }

  /** A token of a service account for Vault, good unless told otherwise. */
  async token(name: string, claims: Record<string, unknown> = {}): Promise<Secret> {
    const now = Math.floor(Date.now() / 1000);
    const payload = {
      iss: ISSUER,
      aud: ["vault"],
      sub: `system:serviceaccount:dayzero-system:${name}`,
      iat: now,
      nbf: now,
      exp: now + 600,
      ...claims,
    };
    return new Secret(await new SignJWT(payload).setProtectedHeader({ alg: this.#algorithm }).sign(this.#key));
  }

  /** The two calls of an API server that the operator's login makes. */
  get kubernetes(): KubernetesClient {
    const client = {
      get: async () => ({ metadata: { name: "kube-system", uid: this.generation } }),
      serviceAccountToken: async ({ name, audiences }: { name: string; audiences: string[] }) => ({
        token: await this.token(name, { aud: audiences }),
        expiresAt: new Date(Date.now() + 600_000),
      }),
    };
    return client as unknown as KubernetesClient;
  }
}
