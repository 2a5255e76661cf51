export const GIB = 1024 ** 3;

/** For people: `11.9 GiB`. */
export function formatBytes(bytes: number): string {
  return bytes < GIB
    ? `${Math.floor(bytes / 1024 ** 2)} MiB`
    : `${(Math.floor((bytes / GIB) * 10) / 10).toFixed(1)} GiB`;
}
