import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { hasReason } from "../../apimachinery/status-error.ts";
import type { Client } from "../../client/client.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import { describeDesired, FIELD_MANAGER } from "../manifests/desired-state.ts";
import { describeEntry } from "./inventory.ts";
import { mapConcurrently } from "../manifests/map-concurrently.ts";
import type { Action, SyncPlan } from "../plan/plan-sync.ts";
import type { ServedKinds } from "../manifests/served-kinds.ts";

const CONCURRENCY = 16;
/** A replaced object must be gone before it is made anew. */
const REPLACE_WAIT_MS = 60_000;
const REPLACE_LOOK_MS = 100;

export interface Execution {
  readonly client: Client;
  readonly clock: Clock;
  readonly kinds: ServedKinds;
  /** True as soon as a newer commit was admitted: what has not begun is left to its plan. */
  readonly isSuperseded: () => boolean;
  readonly signal: AbortSignal;
}

export type ActionResult =
  /** `stored` is what the server keeps now; absent when the object is gone. */
  | { readonly action: Action; readonly is: "done"; readonly stored?: KubeObject }
  /** Deleted, but finalizers hold it; it leaves the inventory when it is gone. */
  | { readonly action: Action; readonly is: "terminating" }
  | { readonly action: Action; readonly is: "failed"; readonly error: unknown };

/** Runs a plan wave by wave. A failed object does not stop the others of its wave; a failed wave stops the ones after it. */
export async function executePlan(plan: Pick<SyncPlan, "waves">, execution: Execution): Promise<readonly ActionResult[]> {
  const results: ActionResult[] = [];
  for (const wave of plan.waves) {
    if (execution.isSuperseded() || execution.signal.aborted) break;
    const ofWave = await mapConcurrently(wave.actions, CONCURRENCY, async (action) => runAction(action, execution));
    results.push(...ofWave);
    if (ofWave.some((result) => result.is === "failed")) break;
  }
  return results;
}

async function runAction(action: Action, execution: Execution): Promise<ActionResult> {
  try {
    return await perform(action, execution);
  } catch (error) {
    return { action, is: "failed", error: new Error(`${action.do} ${action.do === "prune" ? describeEntry(action.entry.entry) : describeDesired(action.desired)}`, { cause: error }) };
  }
}

async function perform(action: Action, { client, clock, kinds, signal }: Execution): Promise<ActionResult> {
  const apply = (resource: ResourceReference, intent: KubeObject, force: boolean) => client.for(resource).apply(intent, { fieldManager: FIELD_MANAGER, fieldValidation: "Strict", force });
  switch (action.do) {
    case "create":
      return { action, is: "done", stored: await apply(action.desired.resource, action.desired.object, true) };
    case "update":
      return { action, is: "done", stored: await apply(action.desired.resource, action.intent, action.force) };
    case "replace":
      await remove(client, action.desired.resource, action.live);
      await waitUntilGone(client, clock, action.desired.resource, action.live, signal);
      return { action, is: "done", stored: await apply(action.desired.resource, action.desired.object, true) };
    case "prune": {
      const { entry } = action.entry;
      const resource = kinds.ofGroupKind(entry.group ?? "", entry.kind);
      if (resource === undefined) return { action, is: "done" };
      return (await remove(client, resource, action.live)) ? { action, is: "done" } : { action, is: "terminating" };
    }
  }
}

/** Deletes exactly the object that was looked at. Returns whether it is gone already. */
async function remove(client: Client, resource: ResourceReference, live: KubeObject): Promise<boolean> {
  const { namespace = "", name = "", uid } = live.metadata;
  try {
    const answer = await client.for(resource).delete(namespace, name, { propagationPolicy: "Background", ...(uid === undefined ? {} : { preconditions: { uid } }) });
    return answer.kind === "Status";
  } catch (error) {
    if (hasReason(error, "NotFound")) return true;
    // Another object has taken the name meanwhile; that one is not ours to delete.
    if (hasReason(error, "Conflict")) return true;
    throw error;
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
