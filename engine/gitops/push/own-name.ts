import { isIP } from "node:net";
import { bareHost } from "../../lib/net/ip-address.ts";

/**
 * Whether a server that knows nobody is called by a name of its own, by the Host of a request: an address, which no name leads to, localhost, or
 * what the machine itself is called. A page elsewhere may have its own name lead to the loopback, and a browser would let it read what is there
 * as its own (DNS rebinding); Vite, Jupyter and `kubectl proxy` look for the same.
 */
export function isOwnName(host: string | undefined, machine: string): boolean {
  const name = host === undefined ? undefined : URL.parse(`http://${host}`);
  return name != null && (isIP(bareHost(name)) !== 0 || /(^|\.)localhost\.?$/.test(name.hostname) || name.hostname === machine.toLowerCase());
}
