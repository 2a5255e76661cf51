import { createPublicKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { inspect } from "node:util";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { LiveSecret } from "../../../src/audit/LiveSecret.ts";
import { ValueSearch } from "../../../src/audit/search/ValueSearch.ts";
import { Secret } from "../../../src/credentials/Secret.ts";

const live = (value: string, what = "the value"): LiveSecret => ({ what, value: new Secret(value), belongs: [] });

function found(search: ValueSearch, pieces: readonly Uint8Array[]): number[] {
  const text = search.begin();
  for (const piece of pieces) text.push(piece);
  return text.matches.map(({ offset }) => offset);
}

/** Cuts a text at the given places, whatever they are. */
function cut(text: Buffer, at: readonly number[]): Buffer[] {
  const cuts = [0, ...at.map((place) => place % (text.length + 1)).sort((one, other) => one - other), text.length];
  return cuts.slice(1).map((end, index) => text.subarray(cuts[index], end));
}

const value = fc.stringMatching(/^[\x21-\x7e]{8,120}$/);
const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes));

describe("ValueSearch", () => {
  test("finds a value wherever the text is cut", () => {
    fc.assert(
      fc.property(value, noise, noise, fc.array(fc.nat(), { maxLength: 30 }), (secret, before, after, cuts) => {
        const text = Buffer.concat([before, Buffer.from(secret), after]);
        const [at] = found(new ValueSearch([live(secret)]), cut(text, cuts));
        expect(at).toBeLessThanOrEqual(before.length + secret.length);
      }),
      { numRuns: 2000 },
    );
  });

  test("finds each of many values, and nothing in what holds none", () => {
    fc.assert(
      fc.property(fc.uniqueArray(value, { minLength: 1, maxLength: 20 }), fc.nat(), (secrets, chosen) => {
        const search = new ValueSearch(secrets.map((secret) => live(secret)));
        const one = secrets[chosen % secrets.length] ?? "";
        expect(search.within(`noise ${one} noise`).map((match) => match.secret.value.reveal())).toContain(one);
        expect(search.within(randomBytes(4096))).toEqual([]);
      }),
    );
  });

  test("finds what Buffer.indexOf finds of every form, at the first place of it", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[ab]{8,12}$/), fc.stringMatching(/^[ab]{0,200}$/), (secret, text) => {
        const [match] = new ValueSearch([live(secret)]).within(text);
        const at = text.indexOf(secret);
        expect(match?.offset ?? -1).toBe(at);
      }),
      { numRuns: 2000 },
    );
  });

  test("finds it in base64 and base64url, whatever is around it and wherever lines of 64 characters or more break", () => {
    fc.assert(
      fc.property(
        value,
        noise,
        noise,
        fc.integer({ min: 64, max: 120 }),
        fc.constantFrom("base64" as const, "base64url" as const),
        (secret, before, after, width, encoding) => {
          const encoded = Buffer.concat([before, Buffer.from(secret), after]).toString(encoding);
          const lines = encoded.match(new RegExp(`.{1,${width}}`, "g")) ?? [];
          for (const text of [encoded, lines.join("\n"), lines.join("\r\n    ")]) {
            expect(new ValueSearch([live(secret)]).within(text)).toHaveLength(1);
          }
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("finds it percent-encoded and escaped as JSON", () => {
    fc.assert(
      fc.property(fc.string({ minLength: 8, maxLength: 60, unit: "grapheme" }), (secret) => {
        fc.pre(Array.from(secret.trim()).length >= 8 && secret.isWellFormed());
        const search = new ValueSearch([live(secret)]);
        expect(search.within(`https://example.org/?token=${encodeURIComponent(secret)}`)).toHaveLength(1);
        expect(search.within(JSON.stringify({ token: secret }))).toHaveLength(1);
      }),
    );
  });

  test("finds a token in the header of basic authentication", () => {
    const token = `eyJhbGciOiJSUzI1NiJ9.${randomBytes(200).toString("base64url")}.${randomBytes(256).toString("base64url")}`;
    const search = new ValueSearch([live(token)]);
    for (const user of ["x", "git", "dayzero", "x-access-token"]) {
      expect(search.within(`Authorization: Basic ${Buffer.from(`${user}:${token}`).toString("base64")}`)).toHaveLength(
        1,
      );
    }
    expect(search.within(token.split(".").slice(0, 2).join("."))).toEqual([]);
  });

  test("refuses a value that is too short, without showing it", () => {
    expect(() => new ValueSearch([live("hunter2", "password of Secret a/b")])).toThrow(/^password of Secret a\/b has/);
  });

  test("shows none of the values", () => {
    const secret = randomBytes(32).toString("hex");
    const search = new ValueSearch([live(secret)]);
    const shown =
      inspect(search, { depth: 9, showHidden: true }) + JSON.stringify(search) + inspect(search.within(secret));
    expect(shown).not.toContain(secret.slice(-8));
    expect(shown).toContain("[secret]");
  });
});

const KEYS: Readonly<Record<string, () => KeyObject>> = {
  "P-256": () => generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey,
  "P-384": () => generateKeyPairSync("ec", { namedCurve: "P-384" }).privateKey,
  RSA: () => generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey,
  Ed25519: () => generateKeyPairSync("ed25519").privateKey,
};

describe.each(Object.keys(KEYS))("ValueSearch for a private key, %s", (kind) => {
  const key = (KEYS[kind] as () => KeyObject)();
  const pem = key.export({ format: "pem", type: "pkcs8" }).toString();
  const search = new ValueSearch([live(pem)]);
  const body = pem.split("\n").slice(1, -2).join("");

  test("finds it in PEM of any line length, also inside JSON and in base64", () => {
    for (let width = 64; width <= body.length; width++) {
      const lines = body.match(new RegExp(`.{1,${width}}`, "g")) ?? [];
      expect(search.within(lines.join("\n")), `lines of ${width}`).toHaveLength(1);
    }
    expect(search.within(JSON.stringify({ key: pem }))).toHaveLength(1);
    expect(search.within(encodeURIComponent(pem))).toHaveLength(1);
    for (const before of ["", "k", "ke", "key"]) {
      expect(search.within(Buffer.from(before + pem).toString("base64")), `base64 after "${before}"`).toHaveLength(1);
    }
  });

  test("finds it in DER and JWK, and where OpenSSL would write another format", () => {
    const legacy = kind === "RSA" ? "pkcs1" : kind.startsWith("P-") ? "sec1" : "pkcs8";
    const others = [
      key.export({ format: "der", type: "pkcs8" }),
      JSON.stringify(key.export({ format: "jwk" })),
      key.export({ format: "pem", type: legacy as "pkcs8" }).toString(),
    ];
    for (const other of others) expect(search.within(other as string)).toHaveLength(1);
  });

  test("does not find it in its public half, nor in another key of its kind", () => {
    const half = createPublicKey(key);
    expect(search.within(half.export({ format: "pem", type: "spki" }).toString())).toEqual([]);
    expect(search.within(half.export({ format: "der", type: "spki" }))).toEqual([]);
    const another = (KEYS[kind] as () => KeyObject)();
    expect(search.within(another.export({ format: "pem", type: "pkcs8" }).toString())).toEqual([]);
  });
});
