import { withMetadata } from "../../apimachinery/object-copy.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { hasReason } from "../../apimachinery/status-error.ts";
import type { Client } from "../../client/client.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import { describeError, type Logger } from "../../lib/log.ts";
import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { customResourceDefinitionResource } from "../../resources/apiextensions/custom-resource-definition.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import { describeDesired, FIELD_MANAGER, type DesiredObject } from "../manifests/desired-state.ts";
import { describeEntry, type OwnedEntry } from "./inventory.ts";
import { mapConcurrently } from "../../lib/map-concurrently.ts";
import type { ActAs } from "../plan/dry-run.ts";
import { actionsOf, type Action, type SyncPlan, type Wave } from "../plan/plan-sync.ts";
import type { ServedKinds } from "../manifests/served-kinds.ts";

const CONCURRENCY = 16;
/** A replaced object must be gone before it is made anew. */
const REPLACE_WAIT_MS = 60_000;
const REPLACE_LOOK_MS = 100;
const ESTABLISH_WAIT_MS = 30_000;
const ESTABLISH_LOOK_MS = 50;
/** A commit that raced other writers is decided anew this often. */
const TRIES_MAX = 3;

export interface Execution {
  readonly client: Client;
  readonly clock: Clock;
  readonly kinds: ServedKinds;
  /** In whose name an action's unit writes; without it, `client`'s. */
  readonly actAs?: ActAs;
  /** True as soon as a newer commit was admitted: what has not begun is left to its plan. */
  readonly isSuperseded: () => boolean;
  /** Each object by itself: after a failure that keeps coming back, one object must not hold up all others. */
  readonly isApart?: boolean;
  readonly signal: AbortSignal;
}

export type ActionResult =
  /** `stored` is what the server keeps now; absent when the object is gone. */
  | { readonly action: Action; readonly is: "done"; readonly stored?: KubeObject }
  /** Deleted, but finalizers hold it; it leaves the inventory when it is gone. */
  | { readonly action: Action; readonly is: "terminating" }
  | { readonly action: Action; readonly is: "failed"; readonly error: unknown };

export interface Executed {
  readonly results: readonly ActionResult[];
  /** The store's revisions that the writes were committed under: one, when everything fitted together. Empty without transactions. */
  readonly revisions: readonly number[];
}

/**
 * Runs a plan. Everything that can is written in one commit of the store, so that nobody ever sees half of it: an object that fails
 * takes the others back. What cannot (an object that must be gone before it is made anew; definitions that must be served first) goes
 * apart, in order, and what is too large for the store goes in as few commits as it takes. A failure ends it.
 */
export async function executePlan(plan: Pick<SyncPlan, "waves">, execution: Execution): Promise<Executed> {
  const results: ActionResult[] = [];
  const revisions: number[] = [];
  for (const batch of planBatches(plan.waves)) {
    if (execution.isSuperseded() || execution.signal.aborted) break;
    const done =
      batch.isApart || execution.isApart === true ? { results: await runWaves(batch.waves, execution), revisions: [] } : await runBatch(batch.waves, execution);
    results.push(...done.results);
    revisions.push(...done.revisions);
    if (done.results.some((result) => result.is === "failed")) break;
    await awaitKinds(done.results, execution);
  }
  return { results, revisions };
}

/** Whether nothing of the plan is left for later. */
export function isWholePlanDone(plan: SyncPlan, results: readonly ActionResult[]): boolean {
  if (plan.waiting.size > 0 || plan.blocked.size > 0 || plan.held.length > 0) return false;
  return results.length === actionsOf(plan).length && results.every(({ is }) => is !== "failed");
}

/** What left the repository and was last seen being deleted. */
export function endingEntries(plan: Pick<SyncPlan, "kept">, results: readonly ActionResult[]): readonly OwnedEntry[] {
  return [
    ...plan.kept.filter(({ live }) => live?.metadata.deletionTimestamp !== undefined),
    ...results.flatMap(({ is, action }) => (is === "terminating" && action.do === "prune" ? [action.entry] : [])),
  ];
}

/** What a definition defines can be applied once it is established, or, after a bounded time, fails by itself. */
async function awaitKinds(results: readonly ActionResult[], { client, clock, signal, isSuperseded }: Execution): Promise<void> {
  const deadline = clock.monotonic() + ESTABLISH_WAIT_MS;
  const definitions = client.for(customResourceDefinitionResource);
  for (const { action, is } of results) {
    if (is !== "done" || action.do === "prune" || action.desired.object.kind !== customResourceDefinitionResource.kind) continue;
    const name = action.desired.object.metadata.name ?? "";
    while (!isSuperseded() && clock.monotonic() < deadline) {
      const definition = await definitions.get("", name).catch(() => undefined); // gone again, or nobody can say: what follows tells
      if (definition === undefined || isConditionTrue(definition.status?.conditions, "Established")) break;
      await sleep(clock, ESTABLISH_LOOK_MS, signal);
    }
  }
}

async function runBatch(waves: readonly Wave[], execution: Execution): Promise<Executed> {
  const { transaction } = execution.client;
  if (transaction === undefined) return { results: await runWaves(waves, execution), revisions: [] };
  const done = await runTogether(waves, execution, transaction);
  return done === "too large" ? runInParts(waves, execution, transaction) : done;
}

interface Batch {
  readonly isApart: boolean;
  readonly waves: readonly Wave[];
}

/** Which waves become one commit: all in a row, up to one that has to be over before the next can begin. */
function planBatches(waves: readonly Wave[]): readonly Batch[] {
  const batches: { isApart: boolean; waves: Wave[] }[] = [];
  let isOpen = false;
  for (const wave of waves) {
    const isApart = wave.actions.some((action) => action.do === "replace");
    const last = batches.at(-1);
    if (isOpen && !isApart && last !== undefined) last.waves.push(wave);
    else batches.push({ isApart, waves: [wave] });
    isOpen = !isApart && !wave.actions.some((action) => action.do !== "prune" && action.desired.object.kind === "CustomResourceDefinition");
  }
  return batches;
}

/** Wave after wave. A failed object does not stop the others of its wave; a failed wave stops the ones after it. */
async function runWaves(waves: readonly Wave[], execution: Execution): Promise<readonly ActionResult[]> {
  const results: ActionResult[] = [];
  for (const wave of waves) {
    if (execution.isSuperseded() || execution.signal.aborted) break;
    const ofWave = await mapConcurrently(wave.actions, CONCURRENCY, async (action) => runAction(action, execution));
    results.push(...ofWave);
    if (ofWave.some((result) => result.is === "failed")) break;
  }
  return results;
}

/** Carries the failures out of a transaction that must not be committed. */
class TakenBack extends Error {
  readonly results: readonly ActionResult[];
  constructor(results: readonly ActionResult[]) {
    super("an object was not applied");
    this.results = results;
  }
}

async function runTogether(waves: readonly Wave[], execution: Execution, transaction: NonNullable<Client["transaction"]>): Promise<Executed | "too large"> {
  const actions = waves.flatMap((wave) => wave.actions);
  for (let tries = 1; ; tries++) {
    try {
      const { result, revision } = await transaction(async () => {
        const results = await runWaves(waves, { ...execution, isSuperseded: () => false });
        // Half of it must not be committed, whatever ended it: a failure, or the end of the engine.
        if (results.some((one) => one.is === "failed") || results.length < actions.length) throw new TakenBack(results);
        return results;
      });
      return { results: result.map((one) => committedAt(one, revision)), revisions: [revision] };
    } catch (error) {
      if (error instanceof TakenBack) return { results: error.results.filter((one) => one.is === "failed"), revisions: [] };
      if (hasReason(error, "Conflict") && tries < TRIES_MAX) continue;
      if (hasReason(error, "RequestEntityTooLarge") && actions.length > 1) return "too large";
      const [first] = actions;
      return { results: first === undefined ? [] : [{ action: first, is: "failed", error: new Error("store the commit", { cause: error }) }], revisions: [] };
    }
  }
}

/**
 * What does not fit goes in as few commits as it takes, in order; a crash between them is made good by the next start, for the repository
 * still says what is wanted. The size that fitted is kept for the rest, so that finding it costs no more than doing it once again.
 */
async function runInParts(waves: readonly Wave[], execution: Execution, transaction: NonNullable<Client["transaction"]>): Promise<Executed> {
  const actions = waves.flatMap((wave) => wave.actions.map((action) => ({ rank: wave.rank, action })));
  const results: ActionResult[] = [];
  const revisions: number[] = [];
  let size = Math.ceil(actions.length / 2);
  for (let begin = 0; begin < actions.length && !execution.isSuperseded();) {
    const part = actions.slice(begin, begin + size);
    const partWaves = [...Map.groupBy(part, ({ rank }) => rank)].map(([rank, members]): Wave => ({ rank, actions: members.map(({ action }) => action) }));
    const done = await runTogether(partWaves, execution, transaction);
    if (done === "too large") {
      size = Math.ceil(part.length / 2);
      continue;
    }
    results.push(...done.results);
    revisions.push(...done.revisions);
    if (done.results.some((result) => result.is === "failed")) break;
    begin += part.length;
  }
  return { results, revisions };
}

/** Whether nothing at all could be written: going on object by object would only leave half of a commit behind. */
export function isOutage(error: unknown): boolean {
  return (
    hasReason(error, "ServiceUnavailable", "Timeout", "ServerTimeout", "TooManyRequests") ||
    (error instanceof Error && error.cause !== undefined && isOutage(error.cause))
  );
}

/** Inside the transaction, what was written had a revision beyond all real ones; what was as it should be kept its own. */
function committedAt(result: ActionResult, revision: number): ActionResult {
  if (result.is !== "done" || result.stored === undefined || Number(result.stored.metadata.resourceVersion ?? 0) <= revision) return result;
  return { ...result, stored: withMetadata(result.stored, { resourceVersion: String(revision) }) };
}

async function runAction(action: Action, execution: Execution): Promise<ActionResult> {
  try {
    return await perform(action, execution);
  } catch (error) {
    return {
      action,
      is: "failed",
      error: new Error(`${action.do} ${action.do === "prune" ? describeEntry(action.entry.entry) : describeDesired(action.desired)}`, { cause: error }),
    };
  }
}

async function perform(action: Action, execution: Execution): Promise<ActionResult> {
  const { clock, kinds, signal } = execution;
  const client = execution.actAs?.(action.do === "prune" ? action.entry : action.desired) ?? execution.client;
  const apply = (resource: ResourceReference, intent: KubeObject, force: boolean, takesItemsOf: readonly string[] = []) =>
    client.for(resource).apply(intent, { fieldManager: FIELD_MANAGER, fieldValidation: "Strict", force, takesItemsOf });
  switch (action.do) {
    case "create":
      return { action, is: "done", stored: await apply(action.desired.resource, action.desired.object, true) };
    case "update":
      return { action, is: "done", stored: await apply(action.desired.resource, action.intent, action.force, action.takesItemsOf) };
    case "replace":
      await deleteSeen(client, action.desired.resource, action.live);
      await waitUntilGone(execution.client, clock, action.desired.resource, action.live, signal);
      return { action, is: "done", stored: await apply(action.desired.resource, action.desired.object, true) };
    case "prune": {
      const { entry } = action.entry;
      const resource = kinds.ofGroupKind(entry.group ?? "", entry.kind);
      if (resource === undefined) return { action, is: "done" };
      return (await deleteSeen(client, resource, action.live)) ? { action, is: "done" } : { action, is: "terminating" };
    }
  }
}

/** Deletes exactly the object that was looked at. Returns whether it is gone already. */
async function deleteSeen(client: Client, resource: ResourceReference, live: KubeObject): Promise<boolean> {
  const { namespace = "", name = "", uid } = live.metadata;
  try {
    const answer = await client
      .for(resource)
      .delete(namespace, name, { propagationPolicy: "Background", ...(uid === undefined ? {} : { preconditions: { uid } }) });
    return answer.kind === "Status";
  } catch (error) {
    if (hasReason(error, "NotFound")) return true;
    // Another object has taken the name meanwhile; that one is not ours to delete.
    if (hasReason(error, "Conflict")) return true;
    throw error;
  }
}

/** What its account may not delete, or somebody refuses to let go, stays: that holds up nobody else's health. */
export async function deleteDoneHook(client: Client, desired: DesiredObject, live: KubeObject, logger: Logger): Promise<void> {
  try {
    await deleteSeen(client, desired.resource, live);
  } catch (error) {
    if (isOutage(error)) throw error;
    logger.warn("hook that is done not deleted", { object: describeDesired(desired), error: describeError(error) });
  }
}

async function waitUntilGone(client: Client, clock: Clock, resource: ResourceReference, live: KubeObject, signal: AbortSignal): Promise<void> {
  const deadline = clock.monotonic() + REPLACE_WAIT_MS;
  for (;;) {
    try {
      const now = await client.for(resource).get(live.metadata.namespace ?? "", live.metadata.name ?? "");
      if (now.metadata.uid !== live.metadata.uid) return;
    } catch (error) {
      if (hasReason(error, "NotFound")) return;
      throw error;
    }
    if (clock.monotonic() > deadline) throw new Error(`it is still being deleted after ${REPLACE_WAIT_MS / 1000} s`);
    await sleep(clock, REPLACE_LOOK_MS, signal);
  }
}
