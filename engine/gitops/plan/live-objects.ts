import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { hasReason, unlessGone } from "../../apimachinery/status-error.ts";
import type { Client } from "../../client/client.ts";
import { listPages } from "../../client/list-pages.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import { APPLICATION_LABEL, type DesiredObject } from "../manifests/desired-state.ts";

/** The object as it is stored; undefined when there is none. */
export type ReadLive = (desired: Pick<DesiredObject, "resource" | "object">) => Promise<KubeObject | undefined>;

/** Of fewer objects of a kind each is asked for by itself. */
const LISTED_MIN = 8;
/** Objects in one answer. */
const PAGE = 1_000;

/** Asks for each object by itself, as it is at the moment. */
export function readEach(client: Client): ReadLive {
  return ({ resource, object: { metadata } }) => unlessGone(client.for(resource).get(metadata.namespace ?? "", metadata.name ?? ""));
}

/**
 * Asks once for all objects of a kind that the repository has applied, as they are when the first of them is asked for, and by itself for
 * what is not among them: it may be new, or somebody else's. Whoever may not list a kind asks for each.
 */
export function readListed(client: Client, objects: Iterable<DesiredObject>): ReadLive {
  const each = readEach(client);
  const wanted = new Map<ResourceDefinition, number>();
  for (const { resource } of objects) wanted.set(resource, (wanted.get(resource) ?? 0) + 1);
  const lists = new Map<ResourceDefinition, Promise<ReadonlyMap<string, KubeObject>>>();
  const listOf = (resource: ResourceDefinition) => {
    const known = lists.get(resource) ?? listApplied(client, resource);
    lists.set(resource, known);
    return known;
  };
  return async (desired) => {
    const { resource, object } = desired;
    if ((wanted.get(resource) ?? 0) < LISTED_MIN) return each(desired);
    return (await listOf(resource)).get(placeOf(object)) ?? each(desired);
  };
}

async function listApplied(client: Client, resource: ResourceDefinition): Promise<ReadonlyMap<string, KubeObject>> {
  const found = new Map<string, KubeObject>();
  try {
    for await (const { items } of listPages(client.for(resource), "", { labelSelector: APPLICATION_LABEL, limit: PAGE }))
      for (const object of items) found.set(placeOf(object), object);
    return found;
  } catch (error) {
    // What is not served, or only with rights that this user lacks; and lists that went on for too long.
    if (hasReason(error, "Forbidden", "NotFound", "MethodNotAllowed", "Expired", "Gone")) return new Map();
    throw error;
  }
}

function placeOf({ metadata }: KubeObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name ?? ""}`;
}
