// `x{24}x*` stands in these for `x{24,}`, and other repetitions have a bound: each step of such a one stays on the engine's stack, which a
// run of some millions would overflow; a star alone keeps none.

/** What a credential of each kind begins with or is made of. The boundaries keep words that merely contain it out. */
const FORMS: readonly (readonly [looksLike: string, form: RegExp])[] = [
  [
    "a private key",
    /-----BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:\s|\\[nr]){1,200}(?:[A-Za-z0-9+/]{16}|[A-Z][\w-]+:)/,
  ],
  ["a Vault token", /(?<![\w.-])(?:hv[sbr]\.[\w-]{24}|[sr]\.[A-Za-z0-9]{24}(?![\w(])|b\.AAAA[\w-]{60})/],
  ["an age identity", /(?<!\w)AGE-SECRET-KEY-(?:PQ-)?1[A-Z0-9]{50}/i],
  ["a GitHub token", /(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{40})/],
  ["a GitLab token", /(?<![\w-])gl(?:pat|dt|rt|cbt|ptt|agent|oas|soat|ft|imt)-[\w-]{20}/],
];

/** How credentials of the same kinds begin. */
const BEGINNINGS =
  /PRIVATE KEY|\b(?:hv|s|b)[sbr]?\.[\w-]{20}|AGE-SECRET-KEY-|\bgh[opsru]_|\bgithub_pat_|\bglpat-|\beyJ[\w-]+\.eyJ|:\/\/[^/\s"]*@/i;

const JWT = /(?<![\w-])(e[wy][\w-]{8}[\w-]*)\.[\w-]{2}[\w-]*\./g;
const URL_PASSWORD = /(?<![\w+.-])[a-z][a-z0-9+.-]*:\/\/[^\s/?#@:"'`]*:([^\s/?#@"'`]+)@[\w[{$]/gi;
/** What stands for a password that somebody else fills in. */
const PLACEHOLDER = /^(?:[$<{]|%s|\*+$)/;
const AWS_KEY_ID = /(?<![A-Za-z0-9])A[KS]IA[A-Z2-7]{16}(?![A-Za-z0-9])/;
const AWS_SECRET_KEY = /(?<![A-Za-z0-9/+])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])/g;
const BASE64_RUN = /[A-Za-z0-9+/]{24}[A-Za-z0-9+/]*={0,2}/g;
const BASE64_WHOLE = /^[A-Za-z0-9+/]{24}[A-Za-z0-9+/]*={0,2}$/;
/** Secret data that holds a kubeconfig that holds a key. */
const LAYERS = 2;

/**
 * What credential the text is or holds, `a private key`; `undefined` for what looks like none: public keys, certificates,
 * digests, identifiers. It knows credentials by the form that their makers gave them, also inside base64 (data of a Kubernetes
 * Secret), so it cannot know passwords.
 */
export function looksLikeCredential(text: string): string | undefined {
  return look(text, LAYERS);
}

/**
 * The same for what is about to be shown, where a doubt costs nothing: half of a credential, one cut or mistyped, or whatever stands
 * before the host of a URL.
 */
export function mayHoldCredential(text: string): boolean {
  return BEGINNINGS.test(text) || looksLikeCredential(text) !== undefined;
}

/** An id is public; it says that a secret key is to be expected near it. */
export function holdsAwsKeyId(text: string): boolean {
  return AWS_KEY_ID.test(text) || decoded(text).some((inner) => AWS_KEY_ID.test(inner));
}

/** Forty random characters, which is much else too: to be asked only where {@link holdsAwsKeyId} said so. */
export function holdsAwsSecretKey(text: string): boolean {
  return [text, ...decoded(text)].some((inner) =>
    Array.from(inner.matchAll(AWS_SECRET_KEY)).some(
      ([key]) => /[A-Z]/.test(key) && /[a-z]/.test(key) && /\d/.test(key),
    ),
  );
}

function look(text: string, layers: number): string | undefined {
  const known = FORMS.find(([, form]) => form.test(text));
  if (known !== undefined) return known[0];
  if (Array.from(text.matchAll(JWT)).some(([, header = ""]) => isJoseHeader(header))) return "a signed token (JWT)";
  if (Array.from(text.matchAll(URL_PASSWORD)).some(([, password = ""]) => !PLACEHOLDER.test(password))) {
    return "a password in a URL";
  }
  if (layers === 0) return undefined;
  for (const inner of decoded(text)) {
    const found = look(inner, layers - 1);
    if (found !== undefined) return found;
  }
  return undefined;
}

function isJoseHeader(part: string): boolean {
  try {
    const header: unknown = JSON.parse(Buffer.from(part, "base64url").toString("utf8"));
    return typeof (header as { alg?: unknown } | null)?.alg === "string";
  } catch {
    return false;
  }
}

/** Texts that lie in base64 in the text; all of it may be one, in lines. */
function decoded(text: string): string[] {
  const whole = text.replace(/\s+/g, "");
  const runs = BASE64_WHOLE.test(whole) ? [whole] : (text.match(BASE64_RUN) ?? []);
  // No character of any known form needs more than ASCII, and binary data must not cost anything.
  return runs.map((run) => Buffer.from(run, "base64").toString("latin1"));
}
