/** The one package that a requirements file pins, and the digests of the files that may be it. */
export interface Requirement {
  readonly name: string;
  readonly version: string;
  readonly hashes: readonly string[];
}

/** Reads a file of `pip download --require-hashes` that names one package by `==`. */
export function parseRequirements(text: string): Requirement {
  const [, name, version] = /^([\w.-]+)==(\S+)/m.exec(text) ?? [];
  const hashes = [...text.matchAll(/--hash=sha256:([0-9a-f]{64})/g)].map(([, hash]) => hash ?? "");
  if (name === undefined || version === undefined || hashes.length === 0)
    throw new RangeError("a requirements file has to pin one package by version and hash");
  return { name, version, hashes };
}
