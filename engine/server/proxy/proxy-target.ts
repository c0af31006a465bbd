import { isIPv4, isIPv6 } from "node:net";
import { badRequest } from "../../apimachinery/status-error.ts";
import type { Dial } from "../../lib/net/dial.ts";
import { canonicalAddress } from "../../lib/net/ip-address.ts";

/** Where a request of somebody is passed on to. */
export interface ProxyTarget {
  /** For messages: `node n1`, `pod shop/web`. */
  readonly description: string;
  readonly scheme: "http" | "https";
  readonly host: string;
  readonly port: number;
  /** Escaped as it goes over the wire, with its query. */
  readonly path: string;
  /** Whether the server shows its own certificate, and expects one of the cluster's; other ends are not verified, as upstream has it. */
  readonly isAgent: boolean;
  /** How it is connected to; directly when absent. */
  readonly dial?: Dial | undefined;
  /** Whether an answer that sends the client elsewhere is none; it is passed on when absent. */
  readonly isRedirectRefused?: boolean;
  /** How the other end is known, and what it is shown, where that is said; then nothing else is. */
  readonly tls?: { readonly servername: string; readonly rejectUnauthorized: boolean; readonly ca?: string; readonly cert?: string; readonly key?: string };
  /** Sent beside the caller's headers. */
  readonly headers?: Readonly<Record<string, string | readonly string[]>>;
}

/** What `[scheme:]name[:port]` in a proxy's address says. */
export interface ProxyName {
  readonly scheme: "" | "http" | "https";
  readonly name: string;
  /** A number or a port's name; empty for the default. */
  readonly port: string;
}

/** Reads a proxy's name. Throws 400 for what is none. */
export function parseProxyName(text: string): ProxyName {
  const parts = text.split(":");
  const [scheme = "", name = "", port = ""] = parts.length === 1 ? ["", parts[0]] : parts.length === 2 ? ["", parts[0], parts[1]] : parts;
  const isRead = parts.length <= 3 && name !== "" && (scheme === "" || scheme === "http" || scheme === "https");
  if (!isRead) throw badRequest(`invalid proxy address ${JSON.stringify(text)}: it is [http:|https:]name[:port]`);
  return { scheme: scheme as ProxyName["scheme"], name, port }; // just looked at
}

/** Throws 400 for addresses that belong to the server's own machine or to nobody: nobody may reach them through it. */
export function requireProxyable(address: string): void {
  // One address has many ways to be written, and one of IPv4 some of IPv6: none of them is a way around this.
  const isOwn = isIPv4(address)
    ? /^(127\.|169\.254\.|0\.0\.0\.0$|22[4-9]\.|23\d\.|255\.255\.255\.255$)/.test(address)
    : isIPv6(address)
      ? address.includes("%") || /^(::1?$|::ffff:|fe[89ab]|ff)/.test(canonicalAddress(address)) || isIPv4(canonicalAddress(address))
      : true;
  if (isOwn) throw badRequest(`address not allowed: ${JSON.stringify(address)}`);
}

/** The part of a proxy's URL that is the other end's, escaped as it came: path, then query. Undefined when it is no proxy's URL. */
export function proxiedPath(url: string): { readonly path: string; readonly query: string; readonly prefix: string } | undefined {
  const match = /^(\/api\/v1\/(?:namespaces\/[^/?]+\/(?:pods|services)|nodes)\/[^/?]+\/proxy)(\/[^?]*)?(\?.*)?$/.exec(url);
  return match === null ? undefined : { prefix: match[1] ?? "", path: match[2] ?? "", query: match[3] ?? "" };
}
