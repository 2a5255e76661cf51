import { exportJWK, generateKeyPair, type JWK } from "jose";
import { beforeAll, expect, test } from "vitest";
import { JWKS_MAX_AGE_MS, JwksCache, JwksUnavailable } from "../../../src/daemons/git/JwksCache.ts";

const published: JWK[] = [];
let asked = 0;
let clock = 0;
let down = false;

beforeAll(async () => {
  const { publicKey } = await generateKeyPair("ES256");
  published.push({ ...(await exportJWK(publicKey)), kid: "one", alg: "ES256" });
});

function cache(): JwksCache {
  asked = 0;
  clock = 0;
  down = false;
  return new JwksCache({
    fetch: async () => {
      asked++;
      if (down) throw new Error("connection refused");
      return { keys: [...published] };
    },
    now: () => clock,
  });
}

const one = { alg: "ES256", kid: "one" };

test("JwksCache asks once for what it knows", async () => {
  const keys = cache();
  await Promise.all([keys.find(one), keys.find(one), keys.find(one)]);
  clock = JWKS_MAX_AGE_MS - 1;
  expect(await keys.find(one)).toBeDefined();
  expect(asked).toBe(1);
});

test("JwksCache drops a key that is no longer published when thirty seconds have passed", async () => {
  const keys = cache();
  expect(await keys.find(one)).toBeDefined();
  const [removed] = published.splice(0, 1);
  clock = JWKS_MAX_AGE_MS;
  expect(await keys.find(one)).toBeUndefined();
  if (removed !== undefined) published.push(removed);
});

test("JwksCache looks again for an unknown key, but not at once", async () => {
  const keys = cache();
  await keys.find(one);
  clock = 999;
  expect(await keys.find({ alg: "ES256", kid: "two" })).toBeUndefined();
  expect(asked).toBe(1);
  clock = 1_000;
  await keys.find({ alg: "ES256", kid: "two" });
  await keys.find({ alg: "ES256", kid: "three" });
  expect(asked).toBe(2);
});

test("JwksCache says that nothing can be told rather than use stale keys", async () => {
  const keys = cache();
  await keys.find(one);
  down = true;
  clock = JWKS_MAX_AGE_MS;
  await expect(keys.find(one)).rejects.toThrow(JwksUnavailable);
  down = false;
  expect(await keys.find(one)).toBeDefined();
});

test("JwksCache never gives out a symmetric key", async () => {
  const keys = new JwksCache({
    fetch: async () => ({ keys: [{ kty: "oct", k: "c2VjcmV0", kid: "one" }] }),
    now: () => 0,
  });
  expect(await keys.find({ alg: "HS256", kid: "one" })).toBeUndefined();
});
