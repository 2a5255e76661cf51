import { isIPv6 } from "node:net";

/** The one spelling of an IP address (RFC 5952): IPv6 has many, certificates show a long one, and some parsers do not know all. */
export function canonicalAddress(address: string): string {
  return isIPv6(address) ? new URL(`http://[${address}]`).hostname.slice(1, -1) : address;
}
