import type { IncomingMessage } from "node:http";
import { ASSUMED_NAMESPACE, type DeleteOptions, type ListOptions, type PatchType, type WriteOptions } from "../apimachinery/api-request.ts";
import type { GroupVersionResource } from "../apimachinery/group-version.ts";
import { StatusError, type Status } from "../apimachinery/status-error.ts";
import { parseJson } from "../lib/json.ts";

/** How requests of the API are written over HTTP, and what is read out of answers; the server asks others behind it by the same rules. */

export const PATCH_TYPES: Readonly<Record<PatchType, string>> = {
  json: "application/json-patch+json",
  merge: "application/merge-patch+json",
  strategic: "application/strategic-merge-patch+json",
  apply: "application/apply-patch+yaml",
};

/** With an empty namespace, the address of cluster-scoped objects or of those in all namespaces. */
export function collectionPath({ group, version, resource }: GroupVersionResource, namespace: string): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  return `${root}${namespace === "" ? "" : `/namespaces/${encodeURIComponent(namespace)}`}/${resource}`;
}

export function itemPath(resource: GroupVersionResource, namespace: string, name: string, subresource?: string): string {
  return `${collectionPath(resource, namespace)}/${encodeURIComponent(name)}${subresource === undefined ? "" : `/${subresource}`}`;
}

export function listQuery(options: ListOptions, isWatch = false): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(options)) if (value !== undefined) query.set(name, String(value));
  if (isWatch) query.set("watch", "true");
  return query.size === 0 ? "" : `?${query}`;
}

/** `namespace` is that of the object, where it has one. */
export function writeQuery(options: WriteOptions = {}, namespace = ""): string {
  const query = new URLSearchParams();
  if (options.dryRun === true) query.set("dryRun", "All");
  if (options.fieldManager !== undefined) query.set("fieldManager", options.fieldManager);
  if (options.fieldValidation !== undefined) query.set("fieldValidation", options.fieldValidation);
  if (options.force !== undefined) query.set("force", String(options.force));
  if (options.dryRun === true && options.assumedNamespaces?.has(namespace) === true) query.set(ASSUMED_NAMESPACE, namespace);
  return query.size === 0 ? "" : `?${query}`;
}

export function deleteBody({ dryRun, ...options }: DeleteOptions): unknown {
  return { kind: "DeleteOptions", apiVersion: "v1", ...options, ...(dryRun === true ? { dryRun: ["All"] } : {}) };
}

/** The object in an answer. Throws a StatusError for every failure. */
export function decodeAnswer(code: number, text: string): unknown {
  let body: unknown;
  try {
    body = text === "" ? {} : parseJson(text);
  } catch {
    body = undefined;
  }
  if (code >= 200 && code < 300 && body !== undefined) return body;
  if (typeof body === "object" && body !== null && (body as { kind?: unknown }).kind === "Status") throw StatusError.from(body as Status);
  throw new StatusError(
    code === 401 ? "Unauthorized" : code === 403 ? "Forbidden" : code === 404 ? "NotFound" : "InternalError",
    `the server answered ${code}: ${text.slice(0, 200)}`,
  );
}

/** The lines of a stream that never ends by itself; a broken connection ends it like the server's own end. */
export async function* answerLines(response: IncomingMessage): AsyncGenerator<string> {
  let rest = "";
  try {
    for await (const chunk of response.setEncoding("utf8")) {
      rest += chunk as string; // as above
      const parts = rest.split("\n");
      rest = parts.pop() ?? "";
      yield* parts.filter((part) => part !== "");
    }
  } catch {
    // The reader resumes from the last event it has seen, whatever ended the stream.
  } finally {
    response.destroy();
  }
}
