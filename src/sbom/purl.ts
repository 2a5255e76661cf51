/** Package URLs (https://github.com/package-url/purl-spec), one function for each type that is used here. */
export const purl = {
  github: (repository: string, tag: string, subpath?: string) =>
    `pkg:github/${repository}@${encodeURIComponent(tag)}${subpath === undefined ? "" : `#${subpath}`}`,
  golang: (module: string, version: string) => `pkg:golang/${module.toLowerCase()}@${encodeURIComponent(version)}`,
  npm: (name: string, version: string) => `pkg:npm/${name.replace(/^@/, "%40")}@${encodeURIComponent(version)}`,
  pypi: (name: string, version: string) => `pkg:pypi/${name.toLowerCase().replaceAll("_", "-")}@${version}`,
  /** By digest where the reference has one (type oci), else by tag (type docker). */
  image({ registry, repository, tag, digest }: ImageName): string {
    if (digest === undefined) return `pkg:docker/${repository}@${tag}?repository_url=${registry}`;
    const name = repository.split("/").at(-1);
    const at = encodeURIComponent(`${registry}/${repository}`);
    return `pkg:oci/${name}@${encodeURIComponent(digest)}?repository_url=${at}${tag === undefined ? "" : `&tag=${tag}`}`;
  },
};

export interface ImageName {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

/** Parts of `registry/repository:tag@digest`. */
export function parseImage(reference: string): ImageName {
  const [, registry, repository, tag, digest] =
    /^([^/]+)\/([^:@]+)(?::([^@]+))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(reference) ?? [];
  if (registry === undefined || repository === undefined)
    throw new RangeError(`not an image with its registry: ${reference}`);
  return { registry, repository, tag, digest };
}
