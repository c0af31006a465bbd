import type { UserInfo } from "../../apimachinery/api-request.ts";
import { readHeaderText } from "../../lib/header-text.ts";
import type { ClientCertificate } from "../authenticate.ts";
import type { CertificateVerifier } from "./client-certificate.ts";

export type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

/** A proxy before us that has authenticated the caller itself and says who it is in headers. */
export interface FrontProxy {
  readonly verifier: CertificateVerifier;
  /** Common names of proxies; any that the authority has signed when empty. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraHeaderPrefixes: readonly string[];
}

/** Who the proxy says is calling; undefined when it is no such proxy, or says nothing. */
export function userOfProxy(proxy: FrontProxy, certificate: ClientCertificate, headers: Headers, nowMs: number): UserInfo | undefined {
  const username = firstOf(headers, proxy.usernameHeaders);
  if (username === undefined || !proxy.verifier.isTrusted(certificate, nowMs)) return undefined;
  if (proxy.allowedNames.length > 0 && !proxy.allowedNames.includes(certificate.commonName)) return undefined;
  const uid = firstOf(headers, proxy.uidHeaders);
  const groups = proxy.groupHeaders.flatMap((name) => valuesOf(headers[name.toLowerCase()])).filter((group) => group !== "");
  const extra = new Map<string, readonly string[]>();
  for (const prefix of proxy.extraHeaderPrefixes.map((one) => one.toLowerCase())) {
    for (const [name, value] of Object.entries(headers)) {
      if (!name.startsWith(prefix)) continue;
      const key = decodeKey(name.slice(prefix.length));
      extra.set(key, [...(extra.get(key) ?? []), ...valuesOf(value)]);
    }
  }
  return { username, groups, ...(uid === undefined ? {} : { uid }), ...(extra.size === 0 ? {} : { extra: Object.fromEntries(extra) }) };
}

function firstOf(headers: Headers, names: readonly string[]): string | undefined {
  for (const name of names) {
    const [value] = valuesOf(headers[name.toLowerCase()]);
    if (value !== undefined && value !== "") return value;
  }
  return undefined;
}

/** What a header says, one value each time it came: commas are part of names. */
function valuesOf(value: string | readonly string[] | undefined): readonly string[] {
  return value === undefined ? [] : [value].flat().map((part) => readHeaderText(part.trim()));
}

/** Keys of extras may hold what headers may not, percent-encoded. */
export function decodeKey(key: string): string {
  try {
    return decodeURIComponent(key);
  } catch {
    return key; // a percent sign of its own
  }
}
