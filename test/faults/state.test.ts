import { execFile } from "node:child_process";
import { cp, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Stack } from "../support/Stack.ts";

const run = promisify(execFile);

interface Failure {
  readonly error: { readonly code: string; readonly message: string; readonly hint: string };
}
interface Status {
  readonly healthy: boolean;
  readonly processes: readonly { readonly name: string; readonly pid: number | null }[];
}

let stack: Stack;
/** Where the state lies: a file system of its own, whose size the test can change; undefined where that takes rights it has not. */
let disk: string | undefined;
/** Values that stand in the state folder in files of 0600, and nowhere else. */
let secrets: string[] = [];
const said: string[] = [];

beforeAll(async () => {
  stack = await Stack.create();
  const state = join(stack.root, "state");
  await mkdir(state);
  const mounted = await run("mount", ["-t", "tmpfs", "-o", "size=4k,mode=700", "tmpfs", state]).then(
    () => true,
    (error: Error) => void process.stderr.write(`no full disk is tested here, for that takes root: ${error.message}\n`),
  );
  if (mounted === true) disk = state;
});

afterAll(async () => {
  if (disk !== undefined) await resize("1g");
  await stack?.run("down", "--yes", "--delete-repository");
  if (disk !== undefined) await run("umount", ["--lazy", disk]);
  await stack?.dispose();
});

async function resize(size: string): Promise<void> {
  await run("mount", ["-o", `remount,size=${size}`, disk ?? ""]);
}

async function failure(): Promise<Failure["error"]> {
  const up = await stack.run("up", "--json");
  said.push(up.stdout, up.stderr);
  expect(up.code, `${up.stdout} ${up.stderr}`).toBeGreaterThan(0);
  expect(`${up.stdout} ${up.stderr}`).not.toMatch(/^\s+at /m);
  return (JSON.parse(up.stdout) as Failure).error;
}

/** `up` finds all of them well, there is one of every server, and no draft of a file is left. */
async function expectConverged(): Promise<void> {
  const up = await stack.run("up");
  said.push(up.stdout, up.stderr);
  expect(up.code, up.stderr).toBe(0);
  const folder = join(stack.directory, "run");
  const pidFiles = (await readdir(folder)).filter((file) => file.endsWith(".pid"));
  const pids = await Promise.all(pidFiles.map((file) => readFile(join(folder, file), "utf8")));
  const known = new Set(pids.map((text) => Number.parseInt(text, 10)));
  expect(known.size, "no server has two").toBe(10);
  const servers = (await stack.processes()).filter(({ arguments: words }) =>
    /\b(etcd|kube-|bao server|redis-server|serve |argocd-(app|repo))/.test(words),
  );
  expect(servers.filter(({ pid, arguments: words }) => !known.has(pid) && !/credential|git/.test(words))).toEqual([]);
  const files = await readdir(stack.directory, { recursive: true });
  expect(files.filter((file) => /\.new$|\.pid\.\d+$/.test(file) && !/^(tmp|data|home)\//.test(file))).toEqual([]);
}

describe("a disk that is full", () => {
  // Each size lets a run come further than the one before: to the first file, the certificates, the servers' data.
  test.each(["4k", "300k", "3m", "60m"])("of %s: up says so, and goes on when there is room", async (size) => {
    if (disk === undefined) return;
    await resize(size);
    const error = await failure();
    expect(`${error.message} ${error.hint}`).toMatch(/space|ENOSPC|disk/i);
    expect(error.hint).not.toMatch(/defect/);
  });

  test("that has room again: what was begun is finished", async () => {
    if (disk !== undefined) await resize("1g");
    await expectConverged();
    expect((await stack.json<{ changes: unknown[] }>("plan")).changes).toEqual([]);
  });

  test("while a stack that runs is changed: nothing is half written", async () => {
    if (disk === undefined) return;
    const file = join(stack.directory, "etc", "git-server.json");
    const before = await readFile(file, "utf8");
    await rm(file);
    await fill();
    const error = await failure();
    expect(`${error.message} ${error.hint}`).toMatch(/space|ENOSPC/i);
    expect(await readdir(join(stack.directory, "etc"))).not.toContain("git-server.json");
    await rm(join(disk, "ballast"));
    await expectConverged();
    expect(await readFile(file, "utf8")).toBe(before);
  });

  /** Leaves not one page. */
  async function fill(): Promise<void> {
    await run("dd", ["if=/dev/zero", `of=${disk}/ballast`, "bs=64k"]).catch(() => undefined);
    await run("sh", ["-c", `while printf %4096s >> ${disk}/ballast; do :; done`]).catch(() => undefined);
  }
});

describe("a file of the state that was cut short", () => {
  beforeAll(async () => {
    const names = ["pki/platform/ca.key", "pki/kubernetes/ca.key", "vault/identity.txt"];
    const texts = await Promise.all(names.map((name) => readFile(join(stack.directory, name), "utf8")));
    secrets = texts.map((text) => text.split("\n").at(1) ?? "").filter((line) => line.length > 20);
  });

  test.each<[file: string, keep: number]>([
    ["stack.lock", 10],
    ["run/git-server.pid", 9],
    ["run/git-server.json", 20],
    ["run/vault.json", 0],
    ["etc/git-server.json", 10],
    ["owned/file/etc%2Fgit-server.json.json", 8],
    ["owned/data-folder/data%2Fetcd.json", 1],
    ["pki/platform/git.crt", 100],
    ["pki/platform/git.key", 0],
    ["kubeconfig", 12],
    ["git/fleet.git/dayzero-rendered.json", 5],
  ])("%s, of which %i bytes are left, is healed", async (file, keep) => {
    const path = join(stack.directory, file);
    // One of a machine that went down: whoever ends in good order leaves none.
    if (file === "stack.lock") await writeFile(path, '{"token":"0123456789abcdef"', { mode: 0o600 });
    const mode = (await stat(path)).mode & 0o777;
    await truncate(path, keep);
    await expectConverged();
    if (file !== "stack.lock") expect((await stat(path)).mode & 0o777).toBe(mode);
  });

  test.each<[file: string, keep: number, code: string, says: RegExp]>([
    ["stack.json", 9, "STACK_FILE_UNREADABLE", /stack\.json/],
    ["ports.json", 30, "PORTS_UNREADABLE", /ports\.json/],
    ["vault/shares.age.json", 40, "VAULT_SHARES_UNREADABLE", /shares\.age\.json/],
    ["pki/kubernetes/ca.key", 60, "AUTHORITY_BROKEN", /kubernetes/],
    ["pki/kubernetes/service-account.key", 90, "AUTHORITY_BROKEN", /service-account/],
    ["pki/platform/ca.crt", 300, "AUTHORITY_BROKEN", /platform/],
    ["etc/encryption.json", 30, "SECRET_FILE_LOST", /encryption/],
  ])(
    "%s, of which %i bytes are left, is refused by name, and all is well when it is back",
    async (file, keep, code, says) => {
      const path = join(stack.directory, file);
      await cp(path, `${stack.root}/kept`, { preserveTimestamps: true });
      await truncate(path, keep);
      try {
        const error = await failure();
        expect(error).toMatchObject({ code, message: expect.stringMatching(says) });
        expect(error.hint).not.toMatch(/defect/);
        expect((await stat(path)).size, "it is left as it was found").toBe(keep);
      } finally {
        await cp(`${stack.root}/kept`, path);
      }
      await expectConverged();
    },
  );

  test("vault/identity.txt is missed when it is needed: when Vault has to be unsealed", async () => {
    const path = join(stack.directory, "vault/identity.txt");
    const text = await readFile(path, "utf8");
    const { processes } = await stack.json<Status>("status");
    const vault = processes.find(({ name }) => name === "vault");
    process.kill(vault?.pid ?? 0, "SIGKILL");
    await truncate(path, text.length - 20);
    expect(await failure()).toMatchObject({
      code: "AGE_IDENTITY_INVALID",
      message: expect.stringMatching(/age identity/),
    });
    await writeFile(path, text);
    await expectConverged();
  });

  test("ports.json may be removed, as the error says: up chooses other ports, and nothing listens on the old ones", async () => {
    await rm(join(stack.directory, "ports.json"));
    await expectConverged();
    expect((await stack.json<{ changes: unknown[] }>("plan")).changes).toEqual([]);
  });

  test("in none of this a secret was told", async () => {
    expect(secrets.length).toBeGreaterThan(0);
    const logs = join(stack.directory, "logs");
    const texts = await Promise.all((await readdir(logs)).map((name) => readFile(join(logs, name), "latin1")));
    expect([...said, ...texts].filter((text) => secrets.some((secret) => text.includes(secret)))).toEqual([]);
  });
});
