import { createHash } from "node:crypto";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { applyServerSide } from "../../apimachinery/server-side-apply/server-side-apply.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import { FIELD_MANAGER } from "../manifests/desired-state.ts";

/**
 * Whether applying the intent would change nothing, not even who owns what: every field that it states has that value and is ours, and
 * nothing else is. Decided on the stored form alone, by the merge that the API itself runs; false also where only the API can tell.
 */
export function isApplied(resource: ResourceDefinition, intent: KubeObject, live: KubeObject): boolean {
  if (live.metadata.deletionTimestamp !== undefined || intent.apiVersion !== live.apiVersion) return false;
  try {
    return applyServerSide({ schema: resource.schema, live, intent, manager: FIELD_MANAGER, force: true, apiVersion: intent.apiVersion, nowText: "" }) === live;
  } catch {
    // Whatever is wrong with it, the API says so with a reason.
    return false;
  }
}

/**
 * The fields that we own, in short; undefined when there are none. Whoever else changes or removes a field takes it from us, so as long
 * as this stays the same, all of our fields have the values that we gave them.
 */
export function ownershipOf(live: KubeObject): string | undefined {
  const own = live.metadata.managedFields?.find(
    ({ manager, operation, subresource }) => manager === FIELD_MANAGER && operation === "Apply" && (subresource ?? "") === "",
  );
  return own === undefined
    ? undefined
    : createHash("sha1")
        .update(JSON.stringify(own.fieldsV1 ?? {}))
        .digest("base64");
}
