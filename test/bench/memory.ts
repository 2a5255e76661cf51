import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { StackLayout } from "../../src/machine/StackLayout.ts";
import { adminKubernetesClient } from "../../src/resources/cluster/adminKubernetesClient.ts";
import { peakMemory } from "../support/peakMemory.ts";
import { finish, Stack } from "../support/Stack.ts";
import type { Measure } from "./Measure.ts";

const DAEMONS = ["renewer", "git-server", "identity-broker"] as const;
/** The bounded load: so many clones and refreshes, so many at a time. */
const REQUESTS = 200;
const AT_ONCE = 8;

/**
 * Resident memory: the most that `up` and its program hold together, and each of the daemons right after `up` and at most under a load
 * of clones over HTTPS and of requests for a refresh. Linux only.
 */
export async function memory(): Promise<Measure[]> {
  const stack = await Stack.create();
  try {
    const up = stack.spawn("up", "--json");
    const [{ code, stdout, stderr }, peak] = await Promise.all([finish(up), peakMemory(up.pid ?? 0)]);
    if (code !== 0) throw new Error(`dayzero up exited ${code}\n${stdout}\n${stderr}`);
    const layout = new StackLayout(stack.directory);
    const idle = await Promise.all(DAEMONS.map((name) => megabytes(layout, name, "VmRSS")));
    await Promise.all([cloneOften(layout), refreshOften(layout)]);
    const most = await Promise.all(DAEMONS.map((name) => megabytes(layout, name, "VmHWM")));
    return [
      { what: "dayzero up and its program, peak", unit: "MB", values: [peak], goal: 350 },
      ...DAEMONS.flatMap((name, index): Measure[] => [
        { what: `${name}, after up`, unit: "MB", values: [idle[index] ?? Number.NaN], goal: 150 },
        { what: `${name}, peak under load`, unit: "MB", values: [most[index] ?? Number.NaN], goal: 150 },
      ]),
    ];
  } finally {
    await stack.dispose();
  }
}

/** A field of proc_pid_status(5). */
async function megabytes(layout: StackLayout, name: string, field: "VmRSS" | "VmHWM"): Promise<number> {
  const pid = (await readFile(layout.pidFile(name), "utf8")).split("\n")[0];
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) / 1024;
}

async function cloneOften(layout: StackLayout): Promise<void> {
  const client = await adminKubernetesClient(layout);
  const secret = await client.get({ apiVersion: "v1", kind: "Secret", namespace: "argocd", name: "repo-fleet" });
  await client.close();
  const data = (secret?.data ?? {}) as Record<string, string>;
  const [url = "", username, password] = ["url", "username", "password"].map((name) =>
    Buffer.from(data[name] ?? "", "base64").toString(),
  );
  const folder = await mkdtemp(join(tmpdir(), "dz-bench-"));
  try {
    // git asks for the credential: in an argument or a variable others could read it.
    const askPass = join(folder, "askpass");
    const answer = join(folder, "password");
    await writeFile(answer, password ?? "", { mode: 0o600 });
    await writeFile(askPass, `#!/bin/sh\nexec cat '${answer}'\n`, { mode: 0o700 });
    const env = {
      ...{ PATH: process.env.PATH, HOME: folder, GIT_ASKPASS: askPass, GIT_CONFIG_NOSYSTEM: "1" },
      GIT_SSL_CAINFO: layout.pki("platform", "ca.crt"),
    };
    const from = url.replace("https://", `https://${username}@`);
    await load(async (index) => {
      const target = join(folder, String(index));
      await promisify(execFile)("git", ["clone", "--quiet", "--bare", from, target], { env });
      await rm(target, { recursive: true });
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function refreshOften(layout: StackLayout): Promise<void> {
  return load(
    () =>
      new Promise((resolve, reject) => {
        const options = { socketPath: layout.renewerSocket, path: "/refresh", method: "POST", agent: false };
        const sent = request(options, (response) => response.resume().on("end", resolve));
        sent.on("error", reject).end();
      }),
  );
}

async function load(once: (index: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async () => {
    while (next < REQUESTS) await once(next++);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, worker));
}
