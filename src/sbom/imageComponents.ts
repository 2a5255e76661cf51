import { type Component, provenance } from "./Component.ts";
import { IMAGE_ORIGINS } from "./origins.ts";
import { parseImage, purl } from "./purl.ts";

/** Container images that a cluster or a build pulls. `why` says what names them. */
export function imageComponents(references: readonly string[], why: string): Component[] {
  return references.map((reference) => {
    const image = parseImage(reference);
    const supplier = IMAGE_ORIGINS[image.repository];
    const version = image.tag ?? image.digest;
    return {
      type: "container",
      "bom-ref": `image:${reference}`,
      name: `${image.registry}/${image.repository}`,
      ...(version !== undefined && { version }),
      description: why,
      ...(supplier && { supplier }),
      ...(image.digest && { hashes: [{ alg: "SHA-256", content: image.digest.slice("sha256:".length) }] }),
      purl: purl.image(image),
      properties: provenance(
        "image",
        image.digest ? "the digest here, part of its name" : "nothing: it is named by tag",
      ),
    };
  });
}
