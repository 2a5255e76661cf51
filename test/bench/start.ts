import { spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createAuthority } from "../../src/machine/issueCertificate.ts";
import { StackLayout } from "../../src/machine/StackLayout.ts";
import { writeFileAtomic } from "../../src/machine/writeFileAtomic.ts";
import { type Measure, median, ratios } from "./Measure.ts";

const ENTRY = fileURLToPath(new URL("../../src/cli/dayzero.js", import.meta.url));
/** Pairs in a round: each takes a tenth of a second. */
const PAIRS = 5;

/**
 * How long commands take that start nothing, over a Node that does nothing: `--help`, a command that finds no stack, and the exec plugin
 * that signs an administrator's certificate. Pairs, each command beside its own bare Node; the first one of each, which fills the
 * compile cache, does not count.
 */
export async function start(rounds: number): Promise<Measure[]> {
  const folder = await mkdtemp(join(tmpdir(), "dz-bench-"));
  try {
    const layout = new StackLayout(join(folder, "state", "local"));
    await layAuthority(layout);
    const commands: [string, readonly string[], number?][] = [
      ["--help", ["--help"], 6],
      ["status of a stack that is not there", ["status", "absent", "--state", join(folder, "state")]],
      ["credential admin (exec plugin)", ["credential", "admin", "--directory", layout.directory]],
    ];
    const bare: number[] = [];
    const measures = commands.flatMap(([what, words, goal]): Measure[] => {
      const pairs = Array.from({ length: rounds * PAIRS + 1 }, () => [
        milliseconds(folder, [ENTRY, ...words]),
        milliseconds(folder, ["-e", "0"]),
      ]).slice(1);
      const [times, floor] = [0, 1].map((side) => pairs.map((pair) => pair[side] ?? Number.NaN)) as [
        number[],
        number[],
      ];
      bare.push(...floor);
      return [
        { what, unit: "ms", values: times },
        { what: `${what}, over bare Node`, unit: "x", values: ratios(times, floor), ...(goal && { goal }) },
      ];
    });
    return [{ what: "node -e 0", unit: "ms", values: [median(bare)] }, ...measures];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function milliseconds(folder: string, words: readonly string[]): number {
  const started = performance.now();
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache");
  const env = { PATH: process.env.PATH, HOME: folder, XDG_CACHE_HOME: cache };
  const { error } = spawnSync(process.execPath, words, { cwd: folder, env });
  if (error !== undefined) throw error;
  return performance.now() - started;
}

/** All of a stack that the exec plugin needs. */
async function layAuthority(layout: StackLayout): Promise<void> {
  const now = new Date();
  const { certificate, key } = await createAuthority("bench", { now, notAfter: new Date(now.getTime() + 3_600_000) });
  await writeFileAtomic(layout.pki("kubernetes", "ca.key"), key.reveal());
  await writeFileAtomic(layout.pki("kubernetes", "ca.crt"), certificate);
}
