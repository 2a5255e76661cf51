export interface HeadersAnswer {
  readonly status: number;
  /** RFC 9110, 6.6.1; to the second. */
  readonly date: Date | undefined;
}

export interface HeadersQuestion {
  /** PEM of the one CA that is trusted, instead of the system's. */
  readonly ca?: string | undefined;
  /** For HTTP(S)_PROXY and NO_PROXY. */
  readonly environment?: Readonly<Record<string, string>>;
  readonly method?: "GET" | "HEAD";
}

const TIMEOUT_MS = 4_000;

/** Status and time of whoever answers at the URL, whatever the answer is; no credential is sent. Rejects when nobody does. */
export async function askHeaders(
  url: string,
  { ca, environment = {}, method = "HEAD" }: HeadersQuestion = {},
): Promise<HeadersAnswer> {
  const { EnvHttpProxyAgent, interceptors, request } = await import("undici");
  const proxy = (name: string) => environment[name.toLowerCase()] ?? environment[name] ?? "";
  const trust = ca === undefined ? {} : { ca };
  const agent = new EnvHttpProxyAgent({
    httpProxy: proxy("HTTP_PROXY"),
    httpsProxy: proxy("HTTPS_PROXY"),
    noProxy: proxy("NO_PROXY"),
    connect: { timeout: TIMEOUT_MS, ...trust },
    requestTls: { timeout: TIMEOUT_MS, ...trust },
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
  });
  try {
    const dispatcher = agent.compose(interceptors.redirect({ maxRedirections: 5 }));
    const { statusCode, headers, body } = await request(url, {
      dispatcher,
      method,
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    body.on("error", () => undefined).destroy();
    return { status: statusCode, date: headers.date === undefined ? undefined : new Date(String(headers.date)) };
  } finally {
    await agent.destroy();
  }
}

/** Why nobody answered, in a word: `ECONNREFUSED`. */
export function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  const [first] = (error as { errors?: NodeJS.ErrnoException[] }).errors ?? [];
  return code ?? first?.code ?? message;
}
