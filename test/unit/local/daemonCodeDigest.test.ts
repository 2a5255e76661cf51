import { appendFile, cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { daemonCodeDigest } from "../../../src/resources/local/daemonCodeDigest.ts";
import { processInputs } from "../../../src/resources/local/ProcessInputs.ts";
import { launchDigest, resolveTools } from "../../../src/resources/local/ProcessLaunch.ts";
import { localContext } from "../../support/localContext.ts";

const ROOT = fileURLToPath(new URL("../../../", import.meta.url));

test("daemonCodeDigest(), follows the code of the daemons and of what they import", async () => {
  const copy = await mkdtemp(join(tmpdir(), "dz-code-"));
  try {
    for (const part of ["package.json", "src"]) await cp(join(ROOT, part), join(copy, part), { recursive: true });
    const before = daemonCodeDigest(copy);
    await appendFile(join(copy, "src/hosts/converge/converge.ts"), "// another host\n");
    expect(daemonCodeDigest(copy)).toBe(before);
    await appendFile(join(copy, "src/clients/KubernetesClient.ts"), "// another client\n");
    expect(daemonCodeDigest(copy)).not.toBe(before);
  } finally {
    await rm(copy, { recursive: true });
  }
});

test("launchDigest(), tells a daemon of this program by its code", () => {
  const ready = { kind: "unix", path: "run/a.sock" };
  const inputs = processInputs.parse({ name: "a", tool: "dayzero", args: [], ready });
  const tools = resolveTools(inputs, localContext("/state", { tools: { sh: "/bin/sh" } }));
  expect(launchDigest(inputs, { ...tools, code: "another" })).not.toBe(launchDigest(inputs, tools));
  expect(resolveTools({ ...inputs, tool: "sh" }, localContext("/state", { tools: { sh: "/bin/sh" } })).code).toBe(
    undefined,
  );
});
