import { readdir, readFile, readlink } from "node:fs/promises";

export interface Listener {
  readonly pid: number;
  readonly address: string;
  readonly port: number;
}

/** TCP sockets that these processes listen on, from /proc/net/tcp and tcp6 (Linux). */
export async function listeners(pids: readonly number[]): Promise<Listener[]> {
  const owners = new Map<string, number>();
  for (const pid of pids) {
    for (const descriptor of await readdir(`/proc/${pid}/fd`).catch(() => [])) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1];
      if (inode !== undefined) owners.set(inode, pid);
    }
  }
  const found: Listener[] = [];
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of (await readFile(table, "utf8")).split("\n").slice(1)) {
      const fields = line.trim().split(/\s+/);
      const [, local, , state] = fields;
      const pid = owners.get(fields[9] ?? "");
      if (local === undefined || state !== "0A" || pid === undefined) continue;
      const [address = "", port = ""] = local.split(":");
      found.push({ pid, address: addressOf(address), port: Number.parseInt(port, 16) });
    }
  }
  return found;
}

/** The kernel prints each 32-bit word of an address in host (little-endian) order. */
function addressOf(hex: string): string {
  const bytes = (hex.match(/.{8}/g) ?? []).flatMap((word) => (word.match(/../g) ?? []).reverse());
  if (bytes.length === 4) return bytes.map((byte) => Number.parseInt(byte, 16)).join(".");
  if (hex === "0".repeat(32)) return "::";
  const tail = bytes.slice(12).map((byte) => Number.parseInt(byte, 16));
  return hex.startsWith("0000000000000000FFFF0000") ? tail.join(".") : bytes.join("");
}
