/** As Pulumi writes property paths (`ready.url`, `args[2]`, `values["a.b"]`): what its engine cannot parse, it dies of. */
export function propertyPath(segments: readonly PropertyKey[]): string {
  let path = "";
  for (const segment of segments) {
    if (typeof segment === "number") path += `[${segment}]`;
    else if (/^[A-Za-z_$][\w$-]*$/.test(String(segment))) path += path === "" ? String(segment) : `.${String(segment)}`;
    else path += `[${JSON.stringify(String(segment))}]`;
  }
  return path;
}

/** The path of a resource's `Change`, which is meant for people: where it is no property path, it becomes one segment. */
export function changePath(path: string): string {
  return /^[A-Za-z_$][\w$-]*(\.[A-Za-z_$][\w$-]*|\[\d+\]|\["[^"\\]*"\])*$/.test(path) ? path : propertyPath([path]);
}

/** The top-level property that a path begins with. */
export function topOf(path: string): string {
  const quoted = /^\["((?:[^"\\]|\\.)*)"\]/.exec(path);
  if (quoted !== null) return JSON.parse(`"${quoted[1]}"`) as string;
  return /^[^.[]*/.exec(path)?.[0] ?? path;
}

/** Whether one of them is the other, or lies in it. */
export function pathsMeet(one: string, other: string): boolean {
  const [short, long] = one.length <= other.length ? [one, other] : [other, one];
  return short === "" || long === short || (long.startsWith(short) && /^[.[]/.test(long.slice(short.length)));
}
