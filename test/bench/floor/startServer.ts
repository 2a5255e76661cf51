import { spawn } from "node:child_process";
import { mkdir, open, readFile, symlink } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fill, type RecordedServer } from "./Recipe.ts";

/** Starts a server as recorded: detached, without core dumps, with an environment of its own and an empty HOME. */
export async function startServer(
  name: string,
  server: RecordedServer,
  values: ReadonlyMap<string, string>,
): Promise<void> {
  const directory = values.get("directory") ?? "";
  const bin = join(directory, "run", "bin", name);
  const temporary = join(directory, "tmp", name);
  await Promise.all([
    ...[bin, temporary, join(directory, "data", name)].map(makeFolder),
    makeFolder(join(directory, "logs")),
  ]);
  const links = { ...server.links, ...(server.argv0 === undefined ? {} : { [server.argv0]: server.program }) };
  await Promise.all(Object.entries(links).map(([link, program]) => symlink(program, join(bin, link))));
  for (const [link, file] of Object.entries(server.files)) {
    const path = join(directory, "run", "files", name, link);
    await makeFolder(dirname(path));
    await symlink(join(directory, file), path);
  }
  const secrets = Object.entries(server.secretEnvironment).map(
    async ([variable, file]) => [variable, await readFile(join(directory, file), "utf8")] as const,
  );
  const log = await open(join(directory, "logs", `${name}.log`), "a");
  const program = server.argv0 === undefined ? server.program : join(bin, server.argv0);
  const words = ["-c", 'ulimit -c 0; exec "$@"', "sh", program, ...fill(server.args, values)];
  spawn("/bin/sh", words, {
    cwd: directory,
    detached: true,
    stdio: ["ignore", log.fd, log.fd],
    env: {
      PATH: `${bin}:/usr/local/bin:/usr/bin:/bin`,
      LANG: "C.UTF-8",
      HOME: join(directory, "home"),
      TMPDIR: temporary,
      ...fill(server.environment, values),
      ...Object.fromEntries(await Promise.all(secrets)),
    },
  }).unref();
  await log.close();
}

async function makeFolder(path: string): Promise<void> {
  await mkdir(path, { recursive: true });
}
