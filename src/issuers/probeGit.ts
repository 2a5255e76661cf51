import { setTimeout as delay } from "node:timers/promises";
import { Agent, type Dispatcher, request } from "undici";
import { COMPARE_CLOCKS, certificateProblem } from "../clients/certificateProblem.ts";
import { clockNote } from "../clients/clockNote.ts";
import { retryPause, TURNED_AWAY } from "../clients/retryPause.ts";
import { trustSystemRoots } from "../clients/trustSystemRoots.ts";
import { DayzeroError } from "../config/DayzeroError.ts";
import type { GitCredential } from "./Issuer.ts";

const TIMEOUT_MS = 10_000;

export interface ProbeOptions {
  readonly ca: string | undefined;
  readonly trust: string;
}

/**
 * Asks a repository for its references over smart HTTP, as `git ls-remote` does, and reads no further than the answer's status.
 *
 * `ca` (PEM) is the only CA trusted; without it the system's roots are. What a rate limit turned away is asked again when the server says.
 * Throws CREDENTIAL_REFUSED when the server answers with anything but the references, with `trust` as the hint where it is the credential
 * that it refuses; FORGE_CERTIFICATE_REFUSED when its certificate is from nobody who is trusted; FORGE_UNREACHABLE when it does not
 * answer, or only that it cannot now.
 */
export async function probeGit(url: string, credential: GitCredential, options: ProbeOptions): Promise<void> {
  const { ca, trust } = options;
  if (ca === undefined) trustSystemRoots();
  const connect = { timeout: TIMEOUT_MS, ...(ca === undefined ? {} : { ca }) };
  const agent = new Agent({ allowH2: false, connect, headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
  try {
    const response = await ask(url, credential, agent);
    const type = response.headers["content-type"];
    if (response.statusCode === 200 && type === "application/x-git-upload-pack-advertisement") {
      await response.body.dump();
      return;
    }
    const said = (await response.body.text()).trim().split("\n")[0]?.slice(0, 100) ?? "";
    const status = `status ${response.statusCode}${said === "" ? "" : `, "${said}"`}`;
    if (response.statusCode === 429 || response.statusCode >= 500) {
      throw new DayzeroError("FORGE_UNREACHABLE", `cannot read ${url}: ${status}`, {
        hint: "the Git server cannot answer now: see that it is well, and run it again later",
      });
    }
    const clock = clockNote(response.headers.date, Date.now());
    throw new DayzeroError(
      "CREDENTIAL_REFUSED",
      `cannot read ${url} with credential ${credential.fingerprint}: ${status}${clock === undefined ? "" : `; ${clock}`}`,
      {
        hint:
          response.statusCode === 401 || response.statusCode === 403
            ? trust
            : "see that the repository is at that address, and what the Git server's log says",
      },
    );
  } catch (error) {
    throw error instanceof DayzeroError ? error : unanswered(url, error);
  } finally {
    await agent.destroy();
  }
}

async function ask(url: string, credential: GitCredential, dispatcher: Agent): Promise<Dispatcher.ResponseData> {
  const basic = Buffer.from(`${credential.username}:${credential.password.reveal()}`).toString("base64");
  for (let attempt = 1; ; attempt++) {
    const response = await request(`${url}/info/refs?service=git-upload-pack`, {
      dispatcher,
      headers: { authorization: `Basic ${basic}`, "git-protocol": "version=2" },
    });
    const pause = response.statusCode === 429 ? retryPause(response.headers["retry-after"], Date.now()) : undefined;
    if (pause === undefined || attempt === TURNED_AWAY) return response;
    await response.body.dump();
    await delay(pause);
  }
}

function unanswered(url: string, cause: unknown): DayzeroError {
  const why = cause instanceof Error ? cause.message : "no answer";
  const problem = certificateProblem(cause);
  if (problem === undefined) {
    return new DayzeroError("FORGE_UNREACHABLE", `cannot read ${url}: ${why}`, {
      cause,
      hint: "see that the Git server runs and is reached from here; of an embedded stack see logs/git-server.log",
    });
  }
  return new DayzeroError("FORGE_CERTIFICATE_REFUSED", `cannot read ${url}: its certificate is not accepted: ${why}`, {
    cause,
    hint:
      problem === "time"
        ? COMPARE_CLOCKS
        : "if the Git server's certificate was changed on purpose, set config.dayzero:repository.ca to the CA that signed it; if not, somebody may be in between",
  });
}
