import { generateKeyPairSync } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FormSearch } from "../../../src/audit/search/FormSearch.ts";

const KEY = generateKeyPairSync("ec", { namedCurve: "P-256" })
  .privateKey.export({ format: "pem", type: "pkcs8" })
  .toString();
const TOKEN = `${Buffer.from('{"alg":"RS256"}').toString("base64url")}.${Buffer.from('{"sub":"x"}').toString("base64url")}.c2lnbmF0dXJl`;

function look(pieces: Iterable<Uint8Array>) {
  const search = new FormSearch();
  for (const piece of pieces) search.push(piece);
  return search.matches();
}

function cut(text: string, at: readonly number[]): Buffer[] {
  const bytes = Buffer.from(text);
  const cuts = [0, ...at.map((place) => place % bytes.length).sort((one, other) => one - other), bytes.length];
  return cuts.slice(1).map((end, index) => bytes.subarray(cuts[index], end));
}

const lines = fc.nat({ max: 40 }).map((count) => 'level=info msg="reconciled" revision=665349dd\n'.repeat(count));

describe("FormSearch", () => {
  test("finds a token and a key, and says the line, wherever the text is cut", () => {
    fc.assert(
      fc.property(lines, lines, fc.array(fc.nat(), { maxLength: 20 }), (before, after, cuts) => {
        const text = `${before}token ${TOKEN}\n${after}${KEY}${after}`;
        const line = before.split("\n").length;
        expect(look(cut(text, cuts))).toEqual([
          { looksLike: "a signed token (JWT)", line },
          { looksLike: "a private key", line: line + after.split("\n").length },
        ]);
      }),
      { numRuns: 300 },
    );
  });

  test("finds a token in a line of several megabytes, in any part of it", () => {
    for (const before of [0, 1 << 19, (1 << 20) - 40, 3 << 20]) {
      const text = `${"x ".repeat(before / 2)}${TOKEN}${" x".repeat(1 << 20)}`;
      const pieces = text.match(/.{1,65536}/g) ?? [];
      expect(look(pieces.map((piece) => Buffer.from(piece))), `${before} before it`).toEqual([
        { looksLike: "a signed token (JWT)", line: 1 },
      ]);
    }
  });

  test("finds nothing in lines that hold none, certificates and digests included", () => {
    const certificate = `-----BEGIN CERTIFICATE-----\n${"MIIB".repeat(40)}\n-----END CERTIFICATE-----\n`;
    const audit = '{"kind":"Event","user":{"extra":{"authentication.kubernetes.io/credential-id":["JTI=2a1f"]}}}\n';
    expect(look([Buffer.from(`${certificate}${audit}hmac-sha256:${"ab".repeat(32)}\n`)])).toEqual([]);
  });
});
