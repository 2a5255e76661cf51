import { execFile } from "node:child_process";
import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join, posix } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const CHECKOUT = fileURLToPath(new URL("../../..", import.meta.url));
const run = promisify(execFile);

/** The Node that runs these tests comes first, as in any npm script. */
const environment = {
  ...process.env,
  PATH: [dirname(process.execPath), process.env.PATH].join(delimiter),
  npm_config_prefer_offline: "true",
  npm_config_audit: "false",
  npm_config_fund: "false",
};

interface Packed {
  readonly filename: string;
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly mode: number }[];
}

let root: string;
let copy: string;
let project: string;
let packed: Packed;

/** Runs in the project that installed the package; npx may use nothing but what is installed there. */
async function dayzero(...words: string[]): Promise<string> {
  const options = { cwd: project, env: environment, maxBuffer: 2 ** 26 };
  return (await run("npx", ["--no", "--", "dayzero", ...words], options)).stdout;
}

beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), "dz-package-"));
  copy = join(root, "checkout");
  project = join(root, "project");
  await Promise.all([mkdir(copy), mkdir(project)]);
  // A copy: packing makes dist/, and two runs in one checkout would take it from each other.
  const names = ["package.json", ".npmrc", "tsconfig.json", "build", "bin", "src", "stacks", "bootstrap", "test"];
  for (const name of [...names, "Containerfile", "docs", "Pulumi.yaml", "README.md", "LICENSE"])
    await cp(join(CHECKOUT, name), join(copy, name), { recursive: true });
  await symlink(join(CHECKOUT, "node_modules"), join(copy, "node_modules"));
  const { stdout } = await run("npm", ["pack", "--json"], { cwd: copy, env: environment, maxBuffer: 2 ** 26 });
  // npm 11 gives a list, npm 12 a mapping by name.
  packed = Object.values(JSON.parse(stdout) as Record<string, Packed>)[0] as Packed;
  await run("npm", ["install", join(copy, packed.filename)], { cwd: project, env: environment });
}, 300_000);

afterAll(() => rm(root, { recursive: true, force: true }));

describe("the packed package", () => {
  test("holds what is compiled, what is started and what is read: no source, no test", () => {
    const paths = packed.files.map(({ path }) => path);
    expect(paths.filter((path) => !/^(dist|docs)\//.test(path)).sort()).toEqual([
      "Containerfile",
      "LICENSE",
      "README.md",
      "bin/dayzero.js",
      "bin/pulumi-resource-dayzero",
      "bootstrap/vault/external-operator.hcl",
      "bootstrap/vault/git-reader.hcl",
      "bootstrap/vault/operator.hcl",
      "package.json",
    ]);
    expect(paths.filter((path) => /(?<!\.d)\.ts$|(^|\/)(test|build|node_modules)\//.test(path))).toEqual([]);
    expect(paths).toEqual(
      expect.arrayContaining(["dist/Pulumi.yaml", "dist/bootstrap/toolchain/lock.json", "dist/stacks/main.js"]),
    );
    expect(packed.size).toBeLessThan(1_000_000);
    console.info(`package: ${Math.round(packed.size / 1000)} kB, ${paths.length} files`);
  });

  test("holds its documentation, and all that this links to", async () => {
    const paths = new Set(packed.files.map(({ path }) => path));
    const pages = [...paths].filter((path) => path.endsWith(".md"));
    expect(pages).toEqual(expect.arrayContaining(["README.md", "docs/existing-cluster.md", "docs/npm-package.md"]));
    const broken: string[] = [];
    for (const page of pages) {
      const text = await readFile(join(project, "node_modules/dayzero", page), "utf8");
      for (const [, link = ""] of text.matchAll(/\]\(([^)#\s]+)[^)]*\)/g)) {
        if (!/^https?:/.test(link) && !paths.has(posix.join(dirname(page), link))) broken.push(`${page}: ${link}`);
      }
    }
    expect(broken).toEqual([]);
  });

  test("its commands may be executed", async () => {
    for (const name of ["dayzero.js", "pulumi-resource-dayzero"])
      expect((await stat(join(project, "node_modules/dayzero/bin", name))).mode & 0o111).toBe(0o111);
  });

  test("asks for no Node and runs nothing when it is installed", async () => {
    const manifest = JSON.parse(await readFile(join(project, "node_modules/dayzero/package.json"), "utf8"));
    expect(manifest).not.toHaveProperty("optionalDependencies");
    expect(manifest).not.toHaveProperty("private");
    for (const script of ["preinstall", "install", "postinstall", "prepare"])
      expect(manifest.scripts).not.toHaveProperty(script);
    expect((await readdir(join(project, "node_modules"))).filter((name) => /^node-(linux|darwin)/.test(name))).toEqual(
      [],
    );
  });

  test("no file of it names a path of the machine that packed it", async () => {
    const folder = join(project, "node_modules/dayzero");
    const places = [root, CHECKOUT.replace(/\/$/, ""), ...(homedir().length > 1 ? [`${homedir()}/`] : [])];
    const naming: string[] = [];
    for (const { path } of packed.files) {
      const text = await readFile(join(folder, path), "utf8");
      if (places.some((place) => text.includes(place))) naming.push(path);
    }
    expect(naming).toEqual([]);
  });

  test("packing leaves no dist/ and changes nothing else of the checkout", async () => {
    expect(await readdir(copy)).not.toContain("dist");
    for (const name of ["package.json", "Pulumi.yaml"])
      expect(await readFile(join(copy, name), "utf8")).toBe(await readFile(join(CHECKOUT, name), "utf8"));
  });
});

describe("a project that uses the package", () => {
  test("dayzero init completes the folder that npm install made", async () => {
    const { files } = JSON.parse(await dayzero("init", "--json")) as { files: { path: string; action: string }[] };
    expect(Object.fromEntries(files.map(({ path, action }) => [path, action]))).toEqual({
      "package.json": "completed",
      ".gitignore": "created",
      "stacks/Pulumi.local.yaml": "created",
      "index.ts": "created",
      "Pulumi.yaml": "created",
    });
  });

  test("its programs type-check, and wrong ones do not", async () => {
    const compilerOptions = {
      target: "es2024",
      module: "nodenext",
      strict: true,
      noEmit: true,
      skipLibCheck: true,
      types: [],
    };
    await writeFile(join(project, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["index.ts", "own.ts"] }));
    await writeFile(
      join(project, "own.ts"),
      `import { kubernetes, type LocalSpec, readStackSpec } from "dayzero";
import local from "dayzero/stacks/local";

export default function program(): object {
  const spec = readStackSpec();
  if (spec.program !== "local") throw new Error(\`no program for \${spec.program}\`);
  // @ts-expect-error: types are types, not any
  const wrong: LocalSpec = { program: 1 };
  // @ts-expect-error: a manifest names its kind
  new kubernetes.KubernetesObject("object", { apiVersion: "v1", metadata: { name: "object" } });
  return { ...local(spec), wrong };
}
`,
    );
    const tsc = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin/tsc");
    const checked = run(process.execPath, [tsc, "--project", project], { cwd: project });
    await checked.catch((error: { stdout: string }) => expect(error.stdout).toBe(""));
  });

  test("dayzero tools --sbom has the pinned tools, and of npm what the package names itself", async () => {
    const { metadata, components } = JSON.parse(await dayzero("tools", "--sbom")) as {
      metadata: object;
      components: { "bom-ref": string }[];
    };
    expect(JSON.stringify(metadata)).toContain("direct dependencies only");
    const refs = components.map((one) => one["bom-ref"]);
    expect(refs).toEqual(expect.arrayContaining(["tool:etcd", "npm:node_modules/zod"]));
    expect(refs).not.toContain("npm:node_modules/vitest");
  });

  test("plan, up, plan and down run the stack, from nothing and back to it", async () => {
    const before = JSON.parse(await dayzero("plan", "--json")) as { changes: unknown[] };
    expect(before.changes.length).toBeGreaterThan(10);
    try {
      expect(JSON.parse(await dayzero("up", "--json"))).toMatchObject({ ok: true });
      expect(JSON.parse(await dayzero("plan", "--json"))).toMatchObject({ changes: [] });
    } finally {
      await dayzero("down", "--yes");
    }
    expect(await readdir(join(project, ".dayzero"))).toEqual([]);
  }, 240_000);

  test("dayzero --help takes at most 6 times as long as a bare node", async () => {
    const milliseconds = async (...words: string[]) => {
      const started = performance.now();
      await run(process.execPath, words, { cwd: project });
      return performance.now() - started;
    };
    const ratios: number[] = [];
    // The first pair fills the compile cache.
    for (let round = 0; round < 8; round++)
      ratios.push((await milliseconds("node_modules/.bin/dayzero", "--help")) / (await milliseconds("-e", "0")));
    const median = ratios.slice(1).sort((a, b) => a - b)[3] ?? Number.NaN;
    console.info(`packaged --help: ${median.toFixed(1)} x bare node`);
    expect(median).toBeLessThanOrEqual(6);
  });
});
