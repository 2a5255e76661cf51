import { createPrivateKey } from "node:crypto";
import type { Secret } from "../../credentials/Secret.ts";

/** A value with fewer characters is in too many texts by chance. */
export const SHORTEST_VALUE = 8;

/** Of a value, its end tells it apart: beginnings (`eyJ…`, `AGE-SECRET-KEY-1…`) are those of its kind. */
const TAIL_CHARACTERS = 32;
const TAIL_BYTES = 48;
/** Bytes from which base64 is long enough to be looked for in halves. */
const SPLIT_FROM = 24;

const PRIVATE_KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----([A-Za-z0-9+/=\s]+)-----END/;

/**
 * What to look for so that a value is found however it was written down: as it is, escaped as JSON, in base64 or base64url, whatever
 * stands before and after it in the same encoding and wherever lines of 64 characters or more are broken, and all but the last also
 * percent-encoded.
 *
 * Of a private key it is the private number alone: the rest of its file is public. So it is found in PEM of any line length, in
 * PKCS #8, PKCS #1, SEC 1, DER and JWK, and in base64 of its PEM (data of a Kubernetes Secret).
 *
 * None is shorter than {@link SHORTEST_VALUE}, nor is a value that it takes; each is a secret like the value.
 */
export function formsOf(value: Secret): Buffer[] {
  const text = value.reveal().trim();
  const body = PRIVATE_KEY.exec(text)?.[1]?.trim();
  const forms = body === undefined ? formsOfText(text) : formsOfKey(text, body);
  return [...new Set(forms)].map((form) => Buffer.from(form, "latin1"));
}

/** As strings of bytes, so that equal ones are told. */
function formsOfText(text: string): string[] {
  const tail = Array.from(text).slice(-TAIL_CHARACTERS).join("");
  const bytes = (form: string) => Buffer.from(form, "utf8");
  return [
    ...[tail, encodeURIComponent(tail), JSON.stringify(tail).slice(1, -1)].map((form) =>
      bytes(form).toString("latin1"),
    ),
    ...base64Of(bytes(text).subarray(-TAIL_BYTES)),
  ];
}

function formsOfKey(pem: string, body: string): string[] {
  const lines = body.split(/\s+/);
  const secret = privateNumber(pem);
  // A form that nobody here can read, such as OpenSSH's: it has its private part at the end.
  if (secret === undefined) return formsOfText(lines.join("").slice(-TAIL_BYTES));
  const whole = Buffer.from(lines.join(""), "base64");
  const at = whole.indexOf(secret);
  if (at < 0) return [secret.toString("latin1"), ...base64Of(secret)];
  const [from, to] = [Math.floor(at / 3) * 4, Math.ceil((at + secret.length) / 3) * 4];
  return [
    secret.toString("latin1"),
    ...base64Of(secret),
    ...base64Of(Buffer.from(longestWithin(lines, from, to).slice(-TAIL_BYTES))),
  ];
}

/** The end of it; `d` of RFC 7518 and RFC 8037, whatever the kind of key. */
function privateNumber(pem: string): Buffer | undefined {
  try {
    const { d } = createPrivateKey(pem).export({ format: "jwk" });
    return d === undefined ? undefined : Buffer.from(d, "base64url").subarray(-TAIL_BYTES);
  } catch {
    return undefined;
  }
}

/** Base64 that is the same wherever these bytes stand in what was encoded: for each way to meet its groups of three. */
function base64Of(bytes: Buffer): string[] {
  return [0, 1, 2].flatMap((skipped) => {
    const groups = Math.floor((bytes.length - skipped) / 3);
    const whole = bytes.subarray(skipped, skipped + groups * 3);
    const middle = Math.floor(groups / 2) * 3;
    // A line break lies in one half at most: together they are no longer than a line.
    const halves = whole.length < SPLIT_FROM ? [whole] : [whole.subarray(0, middle), whole.subarray(middle)];
    return halves.flatMap((half) => {
      const form = half.toString("base64");
      return [form, encodeURIComponent(form), half.toString("base64url")];
    });
  });
}

/** The longest piece of the characters `from` to `to` that one line holds. */
function longestWithin(lines: readonly string[], from: number, to: number): string {
  let start = 0;
  let longest = "";
  for (const line of lines) {
    const piece = line.slice(Math.max(0, from - start), Math.max(0, to - start));
    if (piece.length > longest.length) longest = piece;
    start += line.length;
  }
  return longest;
}
