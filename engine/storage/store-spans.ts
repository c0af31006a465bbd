import type { ListOptions } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { describeError } from "../lib/log.ts";
import type { Attributes, Span } from "../lib/tracing/span.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import { encodeStorable } from "./encoded-object.ts";
import type { CommitResult } from "./storage.ts";

/** What traces tell of the store: upstream's names, attributes and events. Whatever the store is, one looks for those of etcd. */

type Kind = Pick<ResourceDefinition, "group" | "resource">;

/** Work whose span, where there is one, ends with it. */
export function inSpan<R>(span: Span | undefined, work: Promise<R>): Promise<R> {
  return span === undefined ? work : work.finally(() => span.end());
}

/** Of a kind. */
export function kindAttributes({ group, resource }: Kind): Attributes {
  return { type: group === "" ? resource : `${resource}.${group}` };
}

/** Of an object of a kind. */
export function objectAttributes({ group, resource }: Kind, key: string): Attributes {
  return { key, group, resource };
}

/** Of a list that the store is asked for. */
export function pastListAttributes(key: string, { resourceVersion = "", resourceVersionMatch, limit = 0, continue: token = "" }: ListOptions): Attributes {
  return { key, resourceVersion, resourceVersionMatch: resourceVersionMatch ?? "", limit, continue: token };
}

export function encodeInSpan(definition: Kind, object: KubeObject, span: Span | undefined): Buffer {
  span?.event("About to Encode");
  const value = encodeStorable(definition, object);
  span?.event("Encode succeeded", { len: value.length });
  return value;
}

export async function commitInSpan(committing: Promise<CommitResult>, span: Span): Promise<CommitResult> {
  try {
    const result = await committing;
    span.event("Txn call succeeded");
    return result;
  } catch (error) {
    span.event("Txn call failed", { err: describeError(error) });
    throw error;
  }
}
