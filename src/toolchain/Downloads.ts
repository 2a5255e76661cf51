import { createHash } from "node:crypto";
import { createReadStream, createWriteStream } from "node:fs";
import { copyFile, mkdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { trustSystemRoots } from "../clients/trustSystemRoots.ts";
import { DayzeroError } from "../config/DayzeroError.ts";
import type { ReleaseFile } from "./ToolchainLock.ts";
import { isTrustedTransport, lastPart, mirrorName } from "./ToolchainLock.ts";

export interface DownloadsOptions {
  /** Where partial downloads are kept, so that the next run goes on where this one ended. */
  directory: string;
  /** For HTTP(S)_PROXY and NO_PROXY. */
  environment: Record<string, string>;
  mirror?: string;
  signal?: AbortSignal;
}

const CONNECT_MS = 3_000;
const STALLED_MS = 30_000;
const TRIES = 4;

/**
 * Fetches files and hands out none that is not what its digest says.
 *
 * One instance serves one run: a host that cannot be reached is remembered, so that the other tools do not wait for it as well.
 * Every failure is a DayzeroError: DOWNLOAD_FAILED (another source may serve) or DOWNLOAD_DIGEST_MISMATCH (stop and look).
 */
export class Downloads {
  readonly #options: DownloadsOptions;
  readonly #unreachable = new Map<string, Promise<string | undefined>>();

  constructor(options: DownloadsOptions) {
    this.#options = options;
  }

  /** The verified file's path, from its publisher. */
  async release(file: ReleaseFile): Promise<string> {
    const digest =
      file.sha256 ?? digestIn(await this.#text(required(file.checksums)), lastPart(file.url), required(file.checksums));
    return this.#verified(file.url, mirrorName(file), digest);
  }

  /**
   * The verified file's path, from the mirror: a folder or a URL that holds files by mirrorName(). A pinned digest is
   * enforced here as well; a file without one needs `<file>.sha256` beside it, and is then as good as the mirror's keeper. From
   * a URL such a digest is only taken over HTTPS, or from this machine.
   */
  async mirrored(file: ReleaseFile): Promise<string> {
    const mirror = required(this.#options.mirror);
    const name = mirrorName(file);
    if (/^https?:\/\//.test(mirror)) {
      const url = new URL(encodeURIComponent(name), mirror.endsWith("/") ? mirror : `${mirror}/`).href;
      return this.#verified(url, name, file.sha256 ?? (await this.#mirroredDigest(`${url}.sha256`, name)));
    }
    const source = join(mirror, name);
    const digest = file.sha256 ?? digestIn(await readText(`${source}.sha256`), name, `${source}.sha256`);
    const target = await this.#target(digest, name);
    await copyFile(source, target).catch((cause: unknown) => {
      throw failed(source, "not in the mirror folder", cause);
    });
    return this.#accept(source, target, digest, await sha256Of(target));
  }

  async #mirroredDigest(url: string, name: string): Promise<string> {
    if (isTrustedTransport(url)) return digestIn(await this.#text(url), name, url);
    throw new DayzeroError(
      "DOWNLOAD_FAILED",
      `cannot trust ${url}: plain HTTP would bring the file and its digest alike`,
      {
        hint: "name the mirror by an https URL or as a folder",
      },
    );
  }

  async #target(digest: string, name: string): Promise<string> {
    await mkdir(this.#options.directory, { recursive: true });
    return join(this.#options.directory, `${digest.slice(0, 16)}-${name}`);
  }

  async #verified(url: string, name: string, digest: string): Promise<string> {
    const target = await this.#target(digest, name);
    const resumed = (await sizeOf(target)) > 0;
    if (resumed && (await sha256Of(target)) === digest) return target;
    await this.#fetchInto(url, target);
    const actual = await sha256Of(target);
    if (actual === digest || !resumed) return this.#accept(url, target, digest, actual);
    // The first part may have come from another file: once more, from the start.
    await rm(target, { force: true });
    await this.#fetchInto(url, target);
    return this.#accept(url, target, digest, await sha256Of(target));
  }

  async #accept(from: string, target: string, digest: string, actual: string): Promise<string> {
    if (actual === digest) return target;
    await rm(target, { force: true });
    throw new DayzeroError(
      "DOWNLOAD_DIGEST_MISMATCH",
      `cannot trust ${from}: its SHA-256 is ${actual}, not ${digest}`,
      {
        hint: "the file was changed since it was pinned, or something on the way changes downloads: find out which before going on",
      },
    );
  }

  /** Appends to `target` until the server says that it is whole; goes on after an interruption as long as bytes keep coming. */
  async #fetchInto(url: string, target: string): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const before = await sizeOf(target);
      try {
        const response = await this.#request(url, before > 0 ? { range: `bytes=${before}-` } : {});
        if (response.statusCode === 416) {
          await response.body.dump();
          await rm(target, { force: true });
          throw failed(url, "the partial download is longer than the file");
        }
        if (response.statusCode !== 200 && response.statusCode !== 206) {
          await response.body.dump();
          throw final(failed(url, `status ${response.statusCode}`));
        }
        await pipeline(response.body, createWriteStream(target, { flags: response.statusCode === 206 ? "a" : "w" }));
        return;
      } catch (error) {
        this.#options.signal?.throwIfAborted();
        const after = await sizeOf(target);
        if ((error as { final?: boolean }).final || tries >= TRIES || (tries > 1 && after <= before)) {
          throw error instanceof DayzeroError
            ? error
            : failed(url, `broken off after ${after} bytes: ${reasonOf(error)}`, error);
        }
      }
    }
  }

  async #text(url: string): Promise<string> {
    const response = await this.#request(url, {});
    const text = await response.body.text().catch((cause: unknown) => {
      throw failed(url, `broken off: ${reasonOf(cause)}`, cause);
    });
    if (response.statusCode !== 200) throw failed(url, `status ${response.statusCode}`);
    return text;
  }

  async #request(url: string, headers: Record<string, string>) {
    const { host } = new URL(url);
    const known = await this.#unreachable.get(host);
    if (known !== undefined) throw final(failed(url, known));
    let settle: (reason: string | undefined) => void = () => undefined;
    // The first request to a host decides for those that come meanwhile: they wait for its connection, not for their own.
    if (!this.#unreachable.has(host)) this.#unreachable.set(host, new Promise((resolve) => (settle = resolve)));
    try {
      const response = await this.#get(url, headers);
      settle(undefined);
      return response;
    } catch (error) {
      // Before anything else: those who wait for this connection have to end as well.
      if (this.#options.signal?.aborted) settle(undefined);
      this.#options.signal?.throwIfAborted();
      const reason = `${host} cannot be reached (${reasonOf(error)})`;
      const broken = CONNECTION_BROKEN.has((error as NodeJS.ErrnoException).code ?? "");
      settle(broken ? undefined : reason);
      if (!broken) this.#unreachable.set(host, Promise.resolve(reason));
      throw broken ? failed(url, reasonOf(error), error) : final(failed(url, reason, error));
    }
  }

  async #get(url: string, headers: Record<string, string>) {
    const { EnvHttpProxyAgent, interceptors, request } = await import("undici");
    const proxy = (name: string) =>
      this.#options.environment[name.toLowerCase()] ?? this.#options.environment[name] ?? "";
    const agent = new EnvHttpProxyAgent({
      httpProxy: proxy("HTTP_PROXY"),
      httpsProxy: proxy("HTTPS_PROXY"),
      noProxy: proxy("NO_PROXY"),
      connect: { timeout: CONNECT_MS },
      headersTimeout: STALLED_MS,
      bodyTimeout: STALLED_MS,
      // One request for each agent: a connection kept open would only keep the process alive.
      pipelining: 0,
    }).compose(interceptors.redirect({ maxRedirections: 5 }));
    const signal = this.#options.signal;
    if (url.startsWith("https:")) trustSystemRoots();
    return request(url, { dispatcher: agent, headers, ...(signal ? { signal } : {}) });
  }
}

/** The connection was made and then ended: this says nothing about the host. */
const CONNECTION_BROKEN = new Set(["ECONNRESET", "UND_ERR_SOCKET", "UND_ERR_HEADERS_TIMEOUT", "UND_ERR_BODY_TIMEOUT"]);

function digestIn(text: string, name: string, from: string): string {
  const rows = text.split("\n").map((line) => line.trim().split(/\s+\*?/));
  const digest = rows.find((row) => row[1] === name)?.[0] ?? (rows[0]?.length === 1 ? rows[0][0] : undefined);
  if (digest !== undefined && /^[0-9a-f]{64}$/.test(digest)) return digest;
  throw failed(from, `it has no SHA-256 for ${name}`);
}

/** The SHA-256 of a file, in lower-case hex. */
export async function sha256Of(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}

function readText(path: string): Promise<string> {
  return readFile(path, "utf8").catch((cause: unknown) => {
    throw failed(path, "not in the mirror folder", cause);
  });
}

function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

function failed(what: string, why: string, cause?: unknown): DayzeroError {
  return new DayzeroError("DOWNLOAD_FAILED", `cannot download ${what}: ${why}`, {
    cause,
    hint: "check the network, or name a mirror that holds the file",
  });
}

function final<E extends Error>(error: E): E {
  return Object.assign(error, { final: true });
}

function reasonOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}

function required<T>(value: T | undefined): T {
  if (value === undefined) throw new TypeError("the toolchain lock was not parsed");
  return value;
}
