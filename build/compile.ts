/**
 * Compiles the checkout into `dist/`, for `npm pack` and `npm publish`.
 *
 * `dist/` mirrors the checkout, what is not code included, so that a path relative to a module means the same in both. It is made
 * anew each time and holds nothing that is not made from the checkout: to lose it, or to be killed here, costs nothing.
 */
import { spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("..", import.meta.url));
const DIST = join(ROOT, "dist");

rmSync(DIST, { recursive: true, force: true });
const tsc = join(createRequire(import.meta.url).resolve("typescript/package.json"), "..", "bin", "tsc");
// To standard error: standard output is npm's, for `npm pack --json`.
const { status } = spawnSync(process.execPath, [tsc, "--project", join(ROOT, "build", "tsconfig.json")], {
  stdio: ["ignore", 2, 2],
});
if (status !== 0) process.exit(1);

cpSync(join(ROOT, "bootstrap"), join(DIST, "bootstrap"), { recursive: true });
cpSync(join(ROOT, "package.json"), join(DIST, "package.json"));
for (const name of readdirSync(join(ROOT, "stacks")).filter((name) => name.endsWith(".yaml")))
  cpSync(join(ROOT, "stacks", name), join(DIST, "stacks", name));

// The one place outside the code that names a module.
const project = readFileSync(join(ROOT, "Pulumi.yaml"), "utf8");
const main = /^main: (.+)\.ts$/m.exec(project)?.[1];
if (main === undefined || !existsSync(join(DIST, `${main}.js`)))
  throw new Error("Pulumi.yaml has no main that was compiled");
writeFileSync(join(DIST, "Pulumi.yaml"), project.replace(`main: ${main}.ts`, `main: ${main}.js`));
