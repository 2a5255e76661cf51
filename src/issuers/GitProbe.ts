import { Agent, request } from "undici";
import type { Secret } from "../credentials/Secret.ts";

const TIMEOUT_MS = 10_000;

export type GitService = "git-upload-pack" | "git-receive-pack";

/** How a server answered one request. */
export interface GitAnswer {
  /** `GET info/refs?service=git-receive-pack` */
  readonly request: string;
  readonly status: number;
  /** Whether it did what was asked for. */
  readonly served: boolean;
  /** The first words of a refusal, with a space before them; "" for none. */
  readonly said: string;
}

/**
 * Asks a Git server, over smart HTTP and with one credential, what that may do. `ca` (PEM) is the only CA trusted; without it the
 * system's roots are. Redirects are not followed. Rejects when the server does not answer.
 *
 * Source: https://git-scm.com/docs/http-protocol
 */
export class GitProbe {
  readonly #agent: Agent;
  readonly #authorization: string;
  readonly #password: Secret;

  constructor({ username, password, ca }: { username: string; password: Secret; ca: string | undefined }) {
    const connect = { timeout: TIMEOUT_MS, ...(ca === undefined ? {} : { ca }) };
    this.#agent = new Agent({ allowH2: false, connect, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
    this.#password = password;
    this.#authorization = `Basic ${Buffer.from(`${username}:${password.reveal()}`).toString("base64")}`;
  }

  /** The first request of a fetch or a push. */
  advertised(url: string, service: GitService): Promise<GitAnswer> {
    const path = `info/refs?service=${service}`;
    return this.#ask("GET", url, path, { answer: `application/x-${service}-advertisement` });
  }

  /** The second request of a push that deletes a ref; one that does not exist is deleted without a change. */
  deleteRef(url: string, ref: string): Promise<GitAnswer> {
    const command = `${"1".repeat(40)} ${"0".repeat(40)} ${ref}\0report-status delete-refs`;
    const service = "application/x-git-receive-pack";
    return this.#ask("POST", url, "git-receive-pack", {
      answer: `${service}-result`,
      body: `${(command.length + 4).toString(16).padStart(4, "0")}${command}0000`,
      type: `${service}-request`,
    });
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #ask(
    method: "GET" | "POST",
    url: string,
    path: string,
    { answer, body, type }: { answer: string; body?: string; type?: string },
  ): Promise<GitAnswer> {
    const response = await request(`${url}/${path}`, {
      method,
      dispatcher: this.#agent,
      headers: { authorization: this.#authorization, ...(type === undefined ? {} : { "content-type": type }) },
      ...(body === undefined ? {} : { body }),
    });
    const served = response.statusCode === 200 && response.headers["content-type"] === answer;
    const text = served ? "" : this.#firstLine(await response.body.text());
    if (served) await response.body.dump();
    return { request: `${method} ${path}`, status: response.statusCode, served, said: text === "" ? "" : ` "${text}"` };
  }

  /** Of a server that repeats what it was given, nothing. */
  #firstLine(text: string): string {
    if ([this.#password.reveal(), this.#authorization.slice("Basic ".length)].some((own) => text.includes(own)))
      return "";
    return text.trim().split("\n")[0]?.slice(0, 100) ?? "";
  }
}
