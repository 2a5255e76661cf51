import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import type { Pin } from "./ToolchainLock.ts";

/** The first executable of the pin's name on `path`, and the version it tells; undefined if there is none, or it tells none. */
export async function findOnPath(
  pin: Pin,
  path: string,
  environment: Record<string, string>,
): Promise<{ path: string; version: string } | undefined> {
  for (const folder of path.split(delimiter).filter((one) => one !== "")) {
    const candidate = join(folder, pin.name);
    const executable = await access(candidate, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (!executable) continue;
    const version = await versionOf(pin, candidate, environment);
    return version === undefined ? undefined : { path: candidate, version };
  }
  return undefined;
}

/** The version that an executable tells when asked as the pin says; undefined when it cannot be run or says something else. */
export async function versionOf(
  pin: Pin,
  path: string,
  environment: Record<string, string>,
): Promise<string | undefined> {
  if (pin.probe === undefined) return undefined;
  const { execa } = await import("execa");
  const { all } = await execa(path, pin.probe.arguments, {
    env: environment,
    extendEnv: false,
    reject: false,
    all: true,
    stdin: "ignore",
    timeout: 10_000,
  });
  return new RegExp(pin.probe.pattern).exec(all ?? "")?.[1];
}
