import { createHmac, createPrivateKey, generateKeyPairSync, type KeyObject, randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { request } from "node:https";
import { decodeJwt, decodeProtectedHeader, type JWTPayload, SignJWT } from "jose";
import { beforeAll, expect, test } from "vitest";
import type { KubernetesClient } from "../../../src/clients/KubernetesClient.ts";
import type { StackLayout } from "../../../src/machine/StackLayout.ts";
import { auditEvents } from "../../support/auditLog.ts";
import { waitFor } from "../../support/waitFor.ts";

interface RunningCluster {
  readonly layout: StackLayout;
  /** The administrator's. */
  readonly kubernetes: KubernetesClient;
  readonly clusterCa: string;
}

/**
 * What the API server says to tokens that this test signs with the API server's own key, each good but for one thing: so it is that
 * thing which it refuses, and its audit log tells that it was asked.
 */
export function apiServerTokens(running: () => RunningCluster): void {
  let header: { alg: string; kid: string };
  /** Those of a token that the API server itself has just given out for the Git reader. */
  let claims: JWTPayload & { "kubernetes.io": { namespace: string; serviceaccount: { name: string; uid: string } } };
  let key: KeyObject;
  let publicKey: string;
  const now = Math.floor(Date.now() / 1000);

  beforeAll(async () => {
    const { kubernetes, layout } = running();
    const wish = { namespace: "dayzero-system", name: "git-reader", expirationSeconds: 600 };
    const { token } = await kubernetes.serviceAccountToken(wish);
    const { alg = "", kid = "" } = decodeProtectedHeader(token.reveal());
    header = { alg, kid };
    claims = decodeJwt(token.reveal());
    key = createPrivateKey(await readFile(layout.pki("kubernetes", "service-account.key"), "utf8"));
    publicKey = await readFile(layout.pki("kubernetes", "service-account.pub"), "utf8");
  });

  const sign = (change: JWTPayload = {}, by = { key, header }) =>
    new SignJWT({ ...claims, ...change }).setProtectedHeader(by.header).sign(by.key);
  const foreign = () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey;
  const account = (change: { name?: string; uid?: string }) => {
    const { namespace, serviceaccount } = claims["kubernetes.io"];
    const named = { ...serviceaccount, ...change };
    return {
      sub: `system:serviceaccount:${namespace}:${named.name}`,
      "kubernetes.io": { namespace, serviceaccount: named },
    };
  };
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString("base64url");

  /** Status of a request that any authenticated client may make, and what the audit log says of it. */
  async function present(token: string): Promise<{ status: number; audited: number | undefined }> {
    const { kubernetes, layout, clusterCa: ca } = running();
    const path = `/api/v1?test=${randomUUID()}`;
    const headers = { authorization: `Bearer ${token}` };
    const status = await new Promise<number>((resolve, reject) => {
      const sent = request(`${kubernetes.server}${path}`, { agent: false, ca, headers }, (response) => {
        response.resume();
        resolve(response.statusCode ?? 0);
      });
      sent.on("error", reject);
      sent.end();
    });
    let audited: number | undefined;
    await waitFor("the request in the audit log", async () => {
      const events = await auditEvents(layout.log("audit"));
      audited = events.find(({ requestURI }) => requestURI === path)?.responseStatus?.code;
      return audited !== undefined;
    });
    return { status, audited };
  }

  test("accepts a token that this test signed, so that the others can only be refused for what is wrong with them", async () => {
    expect(await present(await sign())).toEqual({ status: 200, audited: 200 });
  });

  test.each<[string, () => Promise<string>]>([
    ["for another audience", () => sign({ aud: ["vault"] })],
    ["of another issuer", () => sign({ iss: "https://kubernetes.other.svc" })],
    ["of a service account that does not exist", () => sign(account({ name: "nobody" }))],
    ["of a service account that was made again", () => sign(account({ uid: randomUUID() }))],
    ["of another generation's key", () => sign({}, { key: foreign(), header: { alg: header.alg, kid: "another" } })],
    ["of another generation's key under this one's name", () => sign({}, { key: foreign(), header })],
    ["with algorithm none", async () => `${encode({ ...header, alg: "none" })}.${encode(claims)}.`],
    [
      "signed by HS256 with the public key as secret",
      async () => {
        const input = `${encode({ ...header, alg: "HS256" })}.${encode(claims)}`;
        return `${input}.${createHmac("sha256", publicKey).update(input).digest("base64url")}`;
      },
    ],
    ["that has expired", () => sign({ iat: now - 1_000, nbf: now - 1_000, exp: now - 400 })],
    ["that is not valid yet", () => sign({ iat: now + 300, nbf: now + 300, exp: now + 900 })],
  ])("refuses a token %s, and the request arrived there", async (_what, make) => {
    expect(await present(await make())).toEqual({ status: 401, audited: 401 });
  });
}
