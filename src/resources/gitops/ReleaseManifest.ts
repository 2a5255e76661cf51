import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { installation } from "../../manifests/argocd/installation.ts";
import type { Manifest } from "../../manifests/argocd/Manifest.ts";
import type { Context } from "../Resource.ts";
import type { InstallationInputs } from "./InstallationResource.ts";

/** A release of Argo CD as it is going to be applied. */
export interface ReleaseManifest {
  /** Of its own images: `3.6.1`. */
  readonly version: string;
  /** SHA-256 of the file and of what is put into it. */
  readonly digest: string;
  /** Parsing 2 MB takes a second, so that is left to who applies it. */
  objects(): Promise<Manifest[]>;
}

const IMAGE = /^\s*image: quay\.io\/argoproj\/argocd:v(\S+)$/m;

export async function readReleaseManifest(
  { namespace, variant, tool, authorities }: InstallationInputs,
  ctx: Pick<Context, "tool">,
): Promise<ReleaseManifest> {
  const text = await readFile(join(ctx.tool(tool)[0] ?? "", `${variant}-install.yaml`), "utf8");
  const version = IMAGE.exec(text)?.[1] ?? "";
  const digest = createHash("sha256")
    .update(text)
    .update(JSON.stringify([namespace, Object.entries(authorities).sort()]))
    .digest("hex");
  return {
    version,
    digest,
    async objects() {
      const { parseAllDocuments } = await import("yaml");
      const release = parseAllDocuments(text).flatMap((document) => (document.toJSON() as Manifest | null) ?? []);
      return installation(release, { namespace, authorities });
    },
  };
}
