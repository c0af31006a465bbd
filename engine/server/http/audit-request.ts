import { readHeaderText } from "../../lib/header-text.ts";
import type { UserInfo } from "../../apimachinery/api-request.ts";
import type { RequestNotes } from "../../apimachinery/request-notes.ts";
import { parseRequestTarget } from "../../lib/net/request-url.ts";
import type { AuditRecord, Auditor } from "../audit/auditor.ts";
import { requestVerb } from "./http-request.ts";
import { isLongRunning, parseRequestPath } from "./request-info.ts";
import type { RawResponse } from "./response.ts";

/** A request as it arrived, before anybody has looked at what it wants. */
export interface Arrival {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly remoteAddress: string | undefined;
  readonly auditId: string;
  /** What was remarked before, and will be until it is answered. */
  readonly notes: RequestNotes;
  /** Who is connected, whomever he acts as. Undefined for who could not prove who he is. */
  readonly caller: UserInfo | undefined;
}

/** Begins the record of an HTTP request; undefined when none is kept. */
export function beginRecord(auditor: Auditor | undefined, arrival: Arrival): AuditRecord | undefined {
  if (auditor === undefined) return undefined;
  const url = parseRequestTarget(arrival.url);
  const { pathname, searchParams } = url ?? { pathname: arrival.url, searchParams: new URLSearchParams() };
  const info = parseRequestPath(pathname);
  const verb = info.is === "resource" ? requestVerb(arrival.method, info, searchParams) : arrival.method.toLowerCase();
  const userAgent = arrival.headers["user-agent"];
  return auditor.begin({
    auditId: arrival.auditId,
    requestUri: arrival.url,
    path: pathname,
    verb,
    user: arrival.caller,
    resource:
      info.is === "resource"
        ? {
            group: info.group,
            version: info.version,
            resource: info.resource,
            subresource: info.subresource ?? "",
            // A namespace is in itself, as upstream has it.
            namespace: info.group === "" && info.resource === "namespaces" ? (info.name ?? "") : info.namespace,
            name: info.name ?? "",
          }
        : undefined,
    sourceIps: sourceAddresses(arrival),
    userAgent: typeof userAgent === "string" ? readHeaderText(userAgent) : "",
    isLongRunning: isLongRunning(info, searchParams),
    notes: arrival.notes,
  });
}

/** Lets the record hear when the answer begins, and lets the answer end when the record has been kept, where somebody waits for that. */
export function observeAnswer(raw: RawResponse, record: AuditRecord | undefined): void {
  if (record === undefined) return;
  const writeHead = raw.writeHead.bind(raw);
  const end = raw.end.bind(raw);
  raw.writeHead = (code, headers) => {
    record.started(code);
    return writeHead(code, headers);
  };
  raw.end = (chunk) => {
    const kept = record.complete();
    return kept === undefined ? end(chunk) : kept.then(() => raw.destroyed || end(chunk));
  };
}

/** Where a request comes from, the first of its proxies' reports first; they may lie, and the last one is what we saw. */
function sourceAddresses({ headers, remoteAddress }: Arrival): readonly string[] {
  const forwarded = [headers["x-forwarded-for"] ?? []]
    .flat()
    .flatMap((text) => text.split(","))
    .map((address) => address.trim());
  const real = [headers["x-real-ip"] ?? []].flat();
  const own = remoteAddress === undefined ? [] : [remoteAddress];
  return [...new Set([...forwarded, ...real, ...own])].filter((address) => address !== "");
}
