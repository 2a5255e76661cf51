/** What every credential is replaced by, as `Secret` prints. */
const REDACTED = "[secret]";

/** Wider than what refuses inputs (looksLikeCredential.ts): a word too much left out of an error costs nothing. */
const FORMS: readonly (readonly [form: RegExp, replacement: string])[] = [
  [
    /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----[\s\S]*?(?:-----END (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----|$)/g,
    REDACTED,
  ],
  // RFC 3986, 3.2.1; `ssh://git@host` names a user, whom everybody knows.
  [/\b([a-z][a-z0-9+.-]*:\/\/)[^\s/?#"'`<>@:]*:[^\s/?#"'`<>]*@/gi, `$1${REDACTED}@`],
  [/\b(https?:\/\/)[^\s/?#"'`<>]+@/gi, `$1${REDACTED}@`],
  // RFC 9110, 11.6.2 and Vault's own header; RFC 6750, RFC 7617.
  [
    /\b((?:proxy-)?authorization|x-vault-token)(["']?\s*[:=]\s*["']?)(?:(?:Bearer|Basic|token)\s+)?[^\s"',;]+/gi,
    `$1$2${REDACTED}`,
  ],
  [/\b((?:set-)?cookie["']?\s*[:=]\s*["']?)[^\r\n"']+/gi, `$1${REDACTED}`],
  [/\b(Bearer|Basic) (?=[^\s]*[\d._~+/=-])[A-Za-z0-9._~+/=-]{8,}/gi, `$1 ${REDACTED}`],
  [
    /(["'](?:client_|access_|refresh_|id_|root_|bearer)?(?:token|password|passwd|secret|secret_id|private_key|jwt|unseal_key)["']\s*:\s*)(?:"[^"]*"|'[^']*')/gi,
    `$1"${REDACTED}"`,
  ],
  [/(?<![\w.-])(?:hv[sbr]\.[\w-]{20,}|[sbr]\.[A-Za-z0-9]{24,})/g, REDACTED],
  [/(?<![\w-])e[wy][\w-]{8,}\.[\w-]{8,}\.[\w-]*/g, REDACTED],
  [/AGE-SECRET-KEY-[A-Z0-9-]+/gi, REDACTED],
  [/(?<![A-Za-z0-9])(?:gh[pousr]_[A-Za-z0-9]{16,}|github_pat_\w{16,})/g, REDACTED],
  [/(?<![\w-])gl(?:pat|dt|rt|cbt|ptt|agent|oas|soat|ft|imt)-[\w-]{16,}/g, REDACTED],
];

/**
 * The text with whatever has the form of a credential left out: for messages of others (libraries, servers, git), which may quote
 * what they were given. Our own hold none.
 *
 * It knows credentials by their form or by what they stand behind (a header, a URL, a JSON key), so it cannot know all of them: what
 * it is called on must not be a request or a response, but what was said about one.
 */
export function redactCredentials(text: string): string {
  return FORMS.reduce((said, [form, replacement]) => said.replace(form, replacement), text);
}
