import { isIPv6 } from "node:net";
import { CelError } from "../cel-error.ts";
import { fn, method, traversal, type Library } from "../functions.ts";
import { BOOL, listOf, mapOf, opaque, STRING } from "../types.ts";
import { MapValue, OpaqueValue } from "../values.ts";

const URL_TYPE = opaque("kubernetes.URL");

/** An absolute URI or an absolute path, its parts as they were written. */
class UrlValue extends OpaqueValue {
  readonly typeName = "kubernetes.URL";
  readonly text: string;
  readonly scheme: string;
  readonly host: string;
  readonly path: string;
  readonly query: string;

  constructor(text: string, [scheme, host, path, query]: readonly [string, string, string, string]) {
    super();
    this.text = text;
    this.scheme = scheme;
    this.host = host;
    this.path = path;
    this.query = query;
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof UrlValue && this.text === other.text;
  }
}

const HOST_LETTERS = /[^A-Za-z0-9\-._~!$&'()*+,;=:[\]<>"%\u0080-\uffff]/;
const USER_LETTERS = /^[A-Za-z0-9\-._:~!$&'()*+,;=%@]*$/;
const PATH_AS_WRITTEN = /^[A-Za-z0-9\-._~!$&'()*+,;=:@/%[\]]*$/;
const ESCAPE = /%[0-9a-fA-F]{2}|%.{0,2}/gs;

/** What Go's net/url has against a text as the address of a request: a fragment is none there, it belongs to what it stands behind. */
export function goUrlProblem(text: string): string | undefined {
  if (/[\x00-\x1f\x7f]/.test(text)) return "net/url: invalid control character in URL";
  if (text === "") return "empty url";
  if (text === "*") return undefined;
  if (text.startsWith(":")) return "missing protocol scheme";
  const { scheme, authority, path } = split(text);
  if (scheme === "" && !text.startsWith("/")) return "invalid URI for request";
  return (scheme === "" || authority === undefined ? undefined : authorityProblem(scheme, authority)) ?? escapeProblem(path);
}

function authorityProblem(scheme: string, authority: string): string | undefined {
  const at = authority.lastIndexOf("@");
  const [user, host] = [authority.slice(0, Math.max(at, 0)), authority.slice(at + 1)];
  const bracket = host.lastIndexOf("[");
  if (bracket > 0) return "invalid IP-literal";
  const end = host.lastIndexOf("]");
  if (bracket === 0 && end < 0) return "missing ']' in host";
  // Of addresses on the Web only the last colon may stand before a port; others list several hosts.
  const colon = scheme === "http" || scheme === "https" ? host.indexOf(":") : host.lastIndexOf(":");
  const port = bracket === 0 ? host.slice(end + 1) : colon < 0 ? "" : host.slice(colon);
  if (!/^(:[0-9]*)?$/.test(port)) return `invalid port ${JSON.stringify(port)} after host`;
  const letter = HOST_LETTERS.exec(host);
  if (letter !== null) return `invalid character ${JSON.stringify(letter[0])} in host name`;
  const escape = host.match(ESCAPE)?.find((found) => !/^%([89a-fA-F][0-9a-fA-F]|25)$/.test(found));
  if (escape !== undefined) return `invalid URL escape ${JSON.stringify(escape)}`;
  if (bracket === 0 && !isIPv6(host.slice(1, end).replace("%25", "%"))) return "invalid IP-literal";
  return USER_LETTERS.test(user) ? escapeProblem(user) : "net/url: invalid userinfo";
}

function escapeProblem(text: string): string | undefined {
  const escape = text.match(ESCAPE)?.find((found) => !/^%[0-9a-fA-F]{2}$/.test(found));
  return escape === undefined ? undefined : `invalid URL escape ${JSON.stringify(escape)}`;
}

/** No authority where no two slashes begin one; no path where what follows the scheme is no path. */
function split(text: string): { readonly scheme: string; readonly authority: string | undefined; readonly path: string; readonly query: string } {
  const [, scheme = "", rest = ""] = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(.*)$/s.exec(text) ?? [];
  const [, hierarchy = "", query = ""] = /^([^?]*)\??(.*)$/s.exec(rest) ?? [];
  const [, authority, path = ""] = /^(?:\/\/([^/]*))?(.*)$/s.exec(hierarchy) ?? [];
  return { scheme: scheme.toLowerCase(), authority, path: hierarchy.startsWith("/") || scheme === "" ? path : "", query };
}

function urlOf(text: string): UrlValue {
  const problem = goUrlProblem(text);
  if (problem !== undefined) throw new CelError(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: ${problem}`);
  const { scheme, authority = "", path, query } = split(text.replace(/#.*$/s, ""));
  return new UrlValue(text, [scheme, unescaped(authority.slice(authority.lastIndexOf("@") + 1)).toString(), path, query]);
}

function unescaped(text: string): Buffer {
  const pieces = text.split(/(%[0-9a-fA-F]{2})/);
  return Buffer.concat(pieces.map((piece, index) => (index % 2 === 1 ? Buffer.from(piece.slice(1), "hex") : Buffer.from(piece))));
}

const hostname = (host: string) => (host.startsWith("[") ? host.slice(1, host.indexOf("]")) : host.replace(/:\d*$/, ""));

function queryOf(query: string): MapValue {
  const values = new Map<string, string[]>();
  const pairs = query.split("&").filter((pair) => !pair.includes(";") && escapeProblem(pair) === undefined);
  for (const [name, value] of new URLSearchParams(pairs.join("&"))) values.set(name, [...(values.get(name) ?? []), value]);
  return new MapValue(values);
}

/** As it was written, if it may be written so. */
function escapedPath(path: string): string {
  if (PATH_AS_WRITTEN.test(path)) return path;
  return [...unescaped(path)]
    .map((byte) =>
      /[A-Za-z0-9$&+,/:;=@\-_.~]/.test(String.fromCharCode(byte)) ? String.fromCharCode(byte) : `%${byte.toString(16).toUpperCase().padStart(2, "0")}`,
    )
    .join("");
}

type One = readonly [UrlValue];

export const urlLibrary: Library = [
  fn<readonly [string]>("url", [STRING], URL_TYPE, ([text]) => urlOf(text), traversal()),
  fn<readonly [string]>("isURL", [STRING], BOOL, ([text]) => goUrlProblem(text) === undefined, traversal()),
  method<One>("getScheme", [URL_TYPE], STRING, ([url]) => url.scheme),
  method<One>("getHost", [URL_TYPE], STRING, ([url]) => url.host),
  method<One>("getHostname", [URL_TYPE], STRING, ([url]) => hostname(url.host)),
  method<One>("getPort", [URL_TYPE], STRING, ([url]) => /:(\d*)$/.exec(url.host.replace(/^\[[^\]]*\]/, ""))?.[1] ?? ""),
  method<One>("getEscapedPath", [URL_TYPE], STRING, ([url]) => escapedPath(url.path)),
  method<One>("getQuery", [URL_TYPE], mapOf(STRING, listOf(STRING)), ([url]) => queryOf(url.query)),
];
