import { formatApiVersion } from "../apimachinery/group-version.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { Schema } from "../apimachinery/schema.ts";
import { trackUpdate } from "../apimachinery/server-side-apply/server-side-apply.ts";
import type { Conformed } from "../apimachinery/structural-schema.ts";
import { resetFieldsOf } from "../registry/before-update.ts";
import { fieldManagerOf, nowText, type Exchange, type RequestOf } from "./exchange.ts";

/** The kind of what is created where it is not that of the address, as a TokenRequest's below an account. */
interface BodyKind {
  readonly group: string;
  readonly version: string;
  readonly schema: Schema;
}

/** The new object with its writer as the owner of every field in it, also of those that `emptied` tells of (see Conformed). */
export function trackCreation<T extends KubeObject>(
  exchange: Exchange<RequestOf<"create" | "update">>,
  object: T,
  emptied: Conformed["emptied"],
  body?: BodyKind,
): T {
  const { request, definition } = exchange;
  const { group, version, schema } = body ?? definition;
  return trackUpdate({
    schema,
    before: undefined,
    after: object,
    emptied,
    manager: fieldManagerOf(request, request.options),
    apiVersion: formatApiVersion(group, version),
    ...(request.subresource === undefined ? {} : { subresource: request.subresource }),
    resetFields: body === undefined ? resetFieldsOf(definition, request.subresource) : [["status"]],
    nowText: nowText(exchange),
  }) as T; // the same object with other metadata
}
