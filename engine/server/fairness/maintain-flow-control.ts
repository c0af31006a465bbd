import type { ApiHandler } from "../../apimachinery/api-request.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { hasReason } from "../../apimachinery/status-error.ts";
import { API_SERVER_USER } from "../../apimachinery/known-users.ts";
import type { Client } from "../../client/client.ts";
import { createLocalClient } from "../../client/local-client.ts";
import { formatTime, sleep, type Clock } from "../../lib/clock.ts";
import { ExpiringCache } from "../../lib/expiring-cache.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { service, type Service } from "../../lib/service.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import { flowSchemaResource } from "../../resources/flowcontrol/flow-schema.ts";
import { priorityLevelConfigurationResource } from "../../resources/flowcontrol/priority-level-configuration.ts";
import { MANDATORY_LEVELS, MANDATORY_SCHEMAS, SUGGESTED_LEVELS, SUGGESTED_SCHEMAS } from "../../resources/flowcontrol/suggested.ts";
import type { FlowSchema, FlowSchemaCondition, PriorityLevelConfiguration } from "../../resources/types.ts";
import type { ObjectStore } from "../../storage/object-store.ts";

/** Whether the server keeps the object as its own table says. */
const AUTO_UPDATE_ANNOTATION = "apf.kubernetes.io/autoupdate-spec";

const FIELD_MANAGER = "api-priority-and-fairness-config-producer-v1";

/** What was deleted comes back within this time; upstream's. */
const REPEAT_MS = 60_000;

const AS_HEARD = { resourceVersion: "0" };

/** As often as this an object is written within a minute; upstream's. */
const WRITES_PER_MINUTE = 6;
/** Of so many objects it is known; each other one is as if it were new. */
const OBJECTS_MAX = 10_000;

/**
 * What was written lately: who sees an object another way, such as a server of another release, is not answered each time, or both would
 * write for ever as fast as they can.
 */
export class RecentWrites {
  readonly #clock: Clock;
  readonly #timesMs: ExpiringCache<readonly number[]>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#timesMs = new ExpiringCache(clock, OBJECTS_MAX);
  }

  /** Whether the object may be written now, which counts then. */
  begin(object: KubeObject): boolean {
    const nowMs = this.#clock.monotonic();
    const key = `${object.kind} ${object.metadata.name ?? ""}`;
    const recent = (this.#timesMs.get(key) ?? []).filter((atMs) => nowMs - atMs < REPEAT_MS);
    if (recent.length >= WRITES_PER_MINUTE) return false;
    this.#timesMs.set(key, [...recent, nowMs], REPEAT_MS);
    return true;
  }
}

export interface FlowControlKeeperOptions {
  readonly handler: ApiHandler;
  readonly store: ObjectStore;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps the mandatory and suggested objects there, and says of every schema whether its level exists: from time to time, and soon after a change. */
export function createFlowControlKeeper({ handler, store, clock, logger }: FlowControlKeeperOptions): Service {
  const client = createLocalClient(handler, API_SERVER_USER, FIELD_MANAGER);
  const writes = new RecentWrites(clock);
  return service("flow control objects", async (signal) => {
    let changed = Promise.withResolvers<void>();
    const follower = { replaced: () => changed.resolve(), changed: () => changed.resolve() };
    store.follow<FlowSchema>(flowSchemaResource, follower);
    store.follow(priorityLevelConfigurationResource, follower);
    while (!signal.aborted) {
      const round = new AbortController();
      const tick = sleep(clock, REPEAT_MS, AbortSignal.any([signal, round.signal])).catch(() => {}); // the loop ends by itself
      await Promise.race([changed.promise, tick]);
      round.abort();
      if (signal.aborted) return;
      changed = Promise.withResolvers<void>();
      await ensureFlowControl(client, clock, writes).catch((error: unknown) =>
        logger.warn("the objects of priority and fairness could not be kept, will try again", { error: describeError(error) }),
      );
    }
  });
}

/**
 * Brings the objects to where they should be, once, but for those that were written too often. Several servers may do so at the same time.
 * It goes by what this server has heard of, as an informer does: what is written meanwhile calls for another round.
 */
export async function ensureFlowControl(client: Client, clock: Clock, writes = new RecentWrites(clock)): Promise<void> {
  const apiVersion = "flowcontrol.apiserver.k8s.io/v1";
  let isChanged = false;
  for (const [table, isMandatory] of [
    [MANDATORY_LEVELS, true],
    [SUGGESTED_LEVELS, false],
  ] as const) {
    const hasWritten = await ensureAll<PriorityLevelConfiguration>(
      client,
      priorityLevelConfigurationResource,
      Object.entries(table).map(([name, spec]) => ({ apiVersion, kind: "PriorityLevelConfiguration", metadata: { name }, spec })),
      isMandatory,
      writes,
    );
    isChanged ||= hasWritten;
  }
  for (const [table, isMandatory] of [
    [MANDATORY_SCHEMAS, true],
    [SUGGESTED_SCHEMAS, false],
  ] as const) {
    const hasWritten = await ensureAll<FlowSchema>(
      client,
      flowSchemaResource,
      Object.entries(table).map(([name, spec]) => ({ apiVersion, kind: "FlowSchema", metadata: { name }, spec })),
      isMandatory,
      writes,
    );
    isChanged ||= hasWritten;
  }
  // What was written just now may not have been heard of yet.
  await judgeSchemas(client, formatTime(clock.now()), writes, isChanged ? {} : AS_HEARD);
}

/** Resolves with whether anything was written. */
async function ensureAll<T extends KubeObject & { readonly spec?: unknown }>(
  client: Client,
  resource: ResourceReference<T>,
  wanted: readonly T[],
  isMandatory: boolean,
  writes: RecentWrites,
): Promise<boolean> {
  const objects = client.for(resource);
  const { items } = await objects.list("", AS_HEARD);
  const annotations = { [AUTO_UPDATE_ANNOTATION]: "true" };
  const writing = wanted.flatMap((object) => {
    const found = items.find(({ metadata }) => metadata.name === object.metadata.name);
    if (found !== undefined && (!isOurs(found, isMandatory) || isKept(found, object))) return [];
    if (!writes.begin(object)) return [];
    if (found === undefined) return [forgiving(objects.create({ ...object, metadata: { ...object.metadata, annotations } }))];
    return [
      forgiving(
        objects.update({
          ...found,
          metadata: { ...found.metadata, annotations: { ...found.metadata.annotations, ...annotations } },
          spec: keepExempt(found.spec, object.spec),
        }),
      ),
    ];
  });
  await Promise.all(writing);
  return writing.length > 0;
}

function isOurs({ metadata }: KubeObject, isMandatory: boolean): boolean {
  const annotation = metadata.annotations?.[AUTO_UPDATE_ANNOTATION];
  // Without the annotation nobody has touched it since it was made, or it is older than the annotation is.
  return isMandatory || annotation === "true" || (annotation === undefined && (metadata.generation ?? 1) === 1);
}

function isKept(found: KubeObject & { readonly spec?: unknown }, wanted: { readonly spec?: unknown }): boolean {
  return found.metadata.annotations?.[AUTO_UPDATE_ANNOTATION] !== undefined && jsonEqual(found.spec, keepExempt(found.spec, wanted.spec));
}

/** What the exempt level takes is for administrators to say. */
function keepExempt(found: unknown, wanted: unknown): unknown {
  const exempt = typeof found === "object" && found !== null && "exempt" in found ? found.exempt : undefined;
  return exempt !== undefined && typeof wanted === "object" && wanted !== null && "exempt" in wanted ? { ...wanted, exempt } : wanted;
}

async function judgeSchemas(client: Client, nowText: string, writes: RecentWrites, as: { readonly resourceVersion?: string }): Promise<void> {
  const [schemas, levels] = await Promise.all([client.for(flowSchemaResource).list("", as), client.for(priorityLevelConfigurationResource).list("", as)]);
  const names = new Set(levels.items.map(({ metadata }) => metadata.name));
  await Promise.all(
    schemas.items.map(async (schema) => {
      const next = dangling(schema, names.has(schema.spec?.priorityLevelConfiguration.name), nowText);
      if (next === undefined || !writes.begin(schema)) return;
      const conditions = [...(schema.status?.conditions ?? []).filter(({ type }) => type !== "Dangling"), next];
      await forgiving(client.for(flowSchemaResource).updateStatus({ ...schema, status: { ...schema.status, conditions } }));
    }),
  );
}

/** The condition to be written; undefined while it says so already. */
export function dangling(schema: FlowSchema, levelExists: boolean, nowText: string): FlowSchemaCondition | undefined {
  const name = JSON.stringify(schema.spec?.priorityLevelConfiguration.name ?? "");
  const judged = levelExists
    ? { status: "False", reason: "Found", message: `This FlowSchema references the PriorityLevelConfiguration object named ${name} and it exists` }
    : {
        status: "True",
        reason: "NotFound",
        message: `This FlowSchema references the PriorityLevelConfiguration object named ${name} but there is no such object`,
      };
  const known = schema.status?.conditions?.find(({ type }) => type === "Dangling");
  if (known !== undefined && known.status === judged.status && known.reason === judged.reason && known.message === judged.message) return undefined;
  const lastTransitionTime = known?.status === judged.status ? (known.lastTransitionTime ?? nowText) : nowText;
  return { type: "Dangling", lastTransitionTime, ...judged };
}

/** Another server, or a person, was faster: the next round looks again. */
async function forgiving(write: Promise<unknown>): Promise<void> {
  await write.catch((error: unknown) => {
    if (!hasReason(error, "AlreadyExists", "Conflict", "NotFound")) throw error;
  });
}
