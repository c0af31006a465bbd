import { withoutEndSlashes } from "../../lib/end-slashes.ts";

/** What a URL's path addresses, after upstream's RequestInfo. */
export type RequestInfo =
  | {
      readonly is: "resource";
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      readonly namespace: string;
      readonly name?: string;
      readonly subresource?: string;
      /** What follows the subresource, for proxies. */
      readonly rest: readonly string[];
      /** By an address of the older form, `/api/v1/watch/…`: the same place, watched. */
      readonly isWatch?: true;
    }
  | { readonly is: "path"; readonly path: string };

export type ResourceInfo = Extract<RequestInfo, { readonly is: "resource" }>;

/** Subresources of a namespace itself; any other second part after its name is a resource inside it. */
const NAMESPACE_SUBRESOURCES: ReadonlySet<string> = new Set(["status", "finalize"]);

const LONG_RUNNING: ReadonlySet<string> = new Set(["log", "exec", "attach", "portforward", "proxy"]);

/** Whether a GET of it watches: of one object only by an address of the older form. */
export function asksForWatch({ isWatch, name }: ResourceInfo, query: URLSearchParams): boolean {
  return isWatch === true || (name === undefined && saysWatch(query));
}

/** Whether a query says that something be watched. */
export function saysWatch(query: URLSearchParams): boolean {
  const watch = query.get("watch");
  return watch !== null && watch !== "false" && watch !== "0";
}

/** Whether a request's answer goes on for as long as somebody looks: watches, logs and what is passed on to pods and nodes. */
export function isLongRunning(info: RequestInfo, query: URLSearchParams): boolean {
  if (info.is !== "resource") return false;
  return info.subresource === undefined ? asksForWatch(info, query) : LONG_RUNNING.has(info.subresource);
}

/** Slashes at the end mean nothing; two in a row leave a name empty, as upstream's reading does, and at the beginning there is nothing to be found. */
export function parseRequestPath(path: string): RequestInfo {
  const [, root, ...others] = withoutEndSlashes(path).split("/").map(decodePart);
  const [group, version, whole] = root === "api" ? ["", others[0], others.slice(1)] : root === "apis" ? [others[0], others[1], others.slice(2)] : [];
  if (group === undefined || version === undefined || whole === undefined || whole.length === 0) return { is: "path", path };
  const isWatch = whole[0] === "watch" && whole.length > 1;
  const tail = isWatch ? whole.slice(1) : whole;
  const place = { is: "resource" as const, group, version, ...(isWatch ? { isWatch: true as const } : {}) };
  const isInside = tail[0] === "namespaces" && tail.length >= 3 && !(tail.length === 3 && NAMESPACE_SUBRESOURCES.has(tail[2] ?? ""));
  const info = { ...place, namespace: isInside ? (tail[1] ?? "") : "", ...named(isInside ? tail.slice(2) : tail) };
  return info.resource === "" ? { is: "path", path } : info;
}

function named([resource = "", name = "", subresource = "", ...rest]: readonly string[]) {
  return { resource, ...(name === "" ? {} : { name }), ...(subresource === "" ? {} : { subresource }), rest };
}

function decodePart(part: string): string {
  if (!part.includes("%")) return part;
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // not an escape: it names nothing that exists
  }
}
