import { readFile } from "node:fs/promises";
import { endianness } from "node:os";

const TABLES = ["/proc/net/tcp", "/proc/net/tcp6"];
const ESTABLISHED = "01";

/**
 * Whether the other end of a loopback connection is a process of this user, by the kernel's tables of sockets (proc_net_tcp(5)).
 *
 * `peer` is `address:port` of that end, `port` this one's. One whose process has closed it belongs to nobody any more. True where
 * there are no such tables: Linux alone has them.
 */
export async function isOwnPeer(peer: string, port: number): Promise<boolean> {
  const uid = process.getuid?.();
  const tables = await Promise.all(TABLES.map((table) => readFile(table, "latin1").catch(() => "")));
  const rows = tables.flatMap((table) => table.split("\n").slice(1)).map((row) => row.trim().split(/\s+/));
  if (uid === undefined || rows.length === 0) return true;
  const at = peer.lastIndexOf(":");
  const octets = peer
    .slice(0, at)
    .split(".")
    .map((octet) => hexadecimal(Number(octet), 2));
  const address = (endianness() === "LE" ? octets.reverse() : octets).join("");
  const [from, to] = [`${address}:${hexadecimal(Number(peer.slice(at + 1)), 4)}`, `:${hexadecimal(port, 4)}`];
  return rows.some(
    ([, local, remote, state, , , , owner]) =>
      local?.endsWith(from) && remote?.endsWith(to) && state === ESTABLISHED && Number(owner) === uid,
  );
}

function hexadecimal(value: number, digits: number): string {
  return value.toString(16).toUpperCase().padStart(digits, "0");
}
