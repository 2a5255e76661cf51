import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, inject, test } from "vitest";
import { TOOL_ORIGINS } from "../../../src/sbom/origins.ts";

test("the bill of materials has the images that Argo CD's manifests name, and no other", () => {
  const folder = inject("tools")["argocd-manifests"] ?? "";
  const named = readdirSync(folder).flatMap((file) =>
    [...readFileSync(join(folder, file), "utf8").matchAll(/^\s*(?:- )?image: (\S+)$/gm)].map(([, image]) => image),
  );
  expect([...new Set(named)].sort()).toEqual(TOOL_ORIGINS["argocd-manifests"]?.images);
});
