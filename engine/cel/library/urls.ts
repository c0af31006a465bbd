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

const PARTS = /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?$/;

function parse(text: string): UrlValue | undefined {
  const match = PARTS.exec(text);
  if (match === null || /[\x00-\x20\x7f<>"]/.test(text) || /%(?![0-9a-fA-F]{2})/.test(text)) return undefined;
  const [, scheme = "", authority = "", path = "", query = ""] = match;
  if (scheme === "" && !path.startsWith("/") && authority === "") return undefined;
  const host = authority.slice(authority.lastIndexOf("@") + 1);
  if (/[^\]]:[^\d]|:\d*[^\d]+$/.test(host.replace(/^\[[^\]]*\]/, "h")) || /^\[[^\]]*$/.test(host)) return undefined;
  return new UrlValue(text, [scheme.toLowerCase(), host, path, query]);
}

function urlOf(text: string): UrlValue {
  const parsed = parse(text);
  if (parsed === undefined) throw new CelError(`URL parse error during conversion from string: parse ${JSON.stringify(text)}: invalid URI for request`);
  return parsed;
}

const hostname = (host: string) => (host.startsWith("[") ? host.slice(1, host.indexOf("]")) : host.replace(/:\d*$/, ""));

function queryOf(query: string): MapValue {
  const values = new Map<string, string[]>();
  for (const [name, value] of new URLSearchParams(query)) values.set(name, [...(values.get(name) ?? []), value]);
  return new MapValue(values);
}

function escapedPath(path: string): string {
  return path.replace(/[^A-Za-z0-9\-._~!$&'()*+,;=:@/%]/gu, (letter) => encodeURIComponent(letter));
}

type One = readonly [UrlValue];

export const urlLibrary: Library = [
  fn<readonly [string]>("url", [STRING], URL_TYPE, ([text]) => urlOf(text), traversal()),
  fn<readonly [string]>("isURL", [STRING], BOOL, ([text]) => parse(text) !== undefined, traversal()),
  method<One>("getScheme", [URL_TYPE], STRING, ([url]) => url.scheme),
  method<One>("getHost", [URL_TYPE], STRING, ([url]) => url.host),
  method<One>("getHostname", [URL_TYPE], STRING, ([url]) => hostname(url.host)),
  method<One>("getPort", [URL_TYPE], STRING, ([url]) => /:(\d*)$/.exec(url.host.replace(/^\[[^\]]*\]/, ""))?.[1] ?? ""),
  method<One>("getEscapedPath", [URL_TYPE], STRING, ([url]) => escapedPath(url.path)),
  method<One>("getQuery", [URL_TYPE], mapOf(STRING, listOf(STRING)), ([url]) => queryOf(url.query)),
];
