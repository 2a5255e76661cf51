import { Agent, request } from "undici";
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
 * `ca` (PEM) is the only CA trusted; without it the system's roots are. Throws CREDENTIAL_REFUSED when the server answers with anything but the references,
 * with `trust` as the hint where it is the credential that it refuses; FORGE_UNREACHABLE when it does not answer.
 */
export async function probeGit(url: string, credential: GitCredential, options: ProbeOptions): Promise<void> {
  const { ca, trust } = options;
  if (ca === undefined) trustSystemRoots();
  const connect = { timeout: TIMEOUT_MS, ...(ca === undefined ? {} : { ca }) };
  const agent = new Agent({ allowH2: false, connect, headersTimeout: TIMEOUT_MS });
  const basic = Buffer.from(`${credential.username}:${credential.password.reveal()}`).toString("base64");
  try {
    const response = await request(`${url}/info/refs?service=git-upload-pack`, {
      dispatcher: agent,
      headers: { authorization: `Basic ${basic}`, "git-protocol": "version=2" },
    }).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : "no answer";
      throw new DayzeroError("FORGE_UNREACHABLE", `cannot read ${url}: ${why}`, {
        cause,
        hint: "see that the Git server runs and is reached from here; of an embedded stack see logs/git-server.log",
      });
    });
    const type = response.headers["content-type"];
    if (response.statusCode === 200 && type === "application/x-git-upload-pack-advertisement") {
      await response.body.dump();
      return;
    }
    const said = (await response.body.text()).trim().split("\n")[0]?.slice(0, 100) ?? "";
    throw new DayzeroError(
      "CREDENTIAL_REFUSED",
      `cannot read ${url} with credential ${credential.fingerprint}: status ${response.statusCode}${said === "" ? "" : `, "${said}"`}`,
      {
        hint:
          response.statusCode === 401 || response.statusCode === 403
            ? trust
            : "see that the repository is at that address, and what the Git server's log says",
      },
    );
  } finally {
    await agent.destroy();
  }
}
