import { describeObject, type KubeObject } from "../apimachinery/object-meta.ts";
import { newControllerRef } from "../apimachinery/owner-references.ts";
import { hasReason, unlessGone } from "../apimachinery/status-error.ts";
import type { ResourceClient } from "../client/client.ts";
import { assertNever } from "../lib/assert.ts";
import type { ResourceReference } from "../resources/define-resource.ts";
import type { ControllerContext } from "./controller-context.ts";
import type { Action, Outcome } from "./define-controller.ts";

export interface Execution extends Outcome {
  /** The shortest `wait` of the plan. */
  readonly waitMs: number | undefined;
}

/** Whose actions they are: the key of a controller, and the component that its events name. */
export interface Actor {
  readonly writer: string;
  readonly component: string;
}

/**
 * Carries out a plan's actions in order and stops at the first failure, which it gives rather than throws. What it wrote is noted
 * under the actor's `writer`, so that the key is not looked at again before the informers show it. An object that is gone needs nothing any more,
 * and a namespace that is ending takes nothing new: neither is a failure.
 */
export async function executeActions(actions: readonly Action[], actor: Actor, context: ControllerContext): Promise<Execution> {
  const executor = new Executor(actor, context);
  let failure: unknown;
  try {
    for (const action of actions) await executor.run(action);
  } catch (error) {
    failure = error;
  }
  return { created: executor.created, updated: executor.updated, existing: executor.existing, waitMs: executor.waitMs, failure };
}

interface PatchTarget {
  readonly resource: ResourceReference;
  readonly object: KubeObject;
  readonly type?: "merge" | "strategic";
  readonly subresource?: string;
}

class Executor {
  readonly created: KubeObject[] = [];
  readonly updated: KubeObject[] = [];
  existing: KubeObject | undefined;
  waitMs: number | undefined;
  readonly #writer: string;
  readonly #component: string;
  readonly #context: ControllerContext;
  readonly #liveOwners = new Map<string, Promise<boolean>>();

  constructor({ writer, component }: Actor, context: ControllerContext) {
    this.#writer = writer;
    this.#component = component;
    this.#context = context;
  }

  async run(action: Action): Promise<void> {
    switch (action.do) {
      case "create":
        await this.#create(action.resource, action.object);
        return;
      case "createMany":
        return this.#createMany(action.resource, action.objects);
      case "update": {
        const updated = await unlessGone(this.#update(action));
        if (updated !== undefined) this.updated.push(updated);
        return this.#note(action.subresource === "status" ? "debug" : "info", "updated", action.resource, updated);
      }
      case "patch": {
        const body = { ...action.patch, metadata: { ...(action.patch["metadata"] as object | undefined), uid: action.object.metadata.uid } };
        return this.#patch(action, body, "patched");
      }
      case "adopt": {
        await this.#assertLives(action.owner, action.ownerResource);
        return this.#patch(action, { metadata: { uid: action.object.metadata.uid, ownerReferences: [newControllerRef(action.owner)] } }, "adopted");
      }
      case "release":
        return this.#release(action);
      case "delete":
        return this.#delete(action);
      case "deleteCollection":
        return this.#api(action.resource).deleteCollection(action.namespace, {}, { propagationPolicy: "Background" });
      case "together":
        return this.#together(action.actions);
      case "inOrder":
        for (const next of action.actions) await this.run(next);
        return;
      case "event":
        return this.#context.events.record(action.about, action.content, this.#component);
      case "wait":
        this.waitMs = Math.min(this.waitMs ?? Infinity, action.forMs);
        return;
      default:
        return assertNever(action, "action");
    }
  }

  /** False when its namespace is ending, and takes no other either. */
  async #create(resource: ResourceReference, object: KubeObject): Promise<boolean> {
    try {
      const created = await this.#api(resource).create(object);
      this.created.push(created);
      this.#note("info", "created", resource, created);
    } catch (error) {
      if (isNamespaceTerminating(error)) return false;
      if (!hasReason(error, "AlreadyExists") || object.metadata.name === undefined) throw error;
      this.existing = await unlessGone(this.#api(resource).get(object.metadata.namespace ?? "", object.metadata.name));
      // Ours from a write that has not come back yet, or another's: either way the informer must show it first.
      if (this.existing !== undefined) this.#note("debug", "exists already", resource, this.existing);
    }
    return true;
  }

  async #createMany(resource: ResourceReference, objects: readonly KubeObject[]): Promise<void> {
    for (let done = 0, batch = 1; done < objects.length; batch *= 2) {
      const next = objects.slice(done, done + batch);
      const taken = await allSettled(next.map((object) => this.#create(resource, object)));
      if (taken.includes(false)) return;
      done += next.length;
    }
  }

  async #together(actions: readonly Action[]): Promise<void> {
    await allSettled(actions.map((action) => this.run(action)));
  }

  async #release({ resource, object, ownerUid }: Extract<Action, { do: "release" }>): Promise<void> {
    const { uid, resourceVersion, ownerReferences = [] } = object.metadata;
    try {
      await this.#patch({ resource, object }, { metadata: { uid, ownerReferences: [{ $patch: "delete", uid: ownerUid }] } }, "released");
    } catch (error) {
      if (!hasReason(error, "UnsupportedMediaType")) throw error;
      // Kinds without schemas of ours know no keys of lists: the whole list is replaced, if it is still the one we know.
      const others = ownerReferences.filter((reference) => reference.uid !== ownerUid);
      await this.#patch(
        { resource, object, type: "merge" },
        { metadata: { uid, resourceVersion, ownerReferences: others.length === 0 ? null : others } },
        "released",
      );
    }
  }

  #update({ resource, object, subresource }: Extract<Action, { do: "update" }>): Promise<KubeObject> {
    const api = this.#api(resource);
    if (subresource === undefined) return api.update(object);
    return subresource === "status" ? api.updateStatus(object) : api.updateSubresource(object, subresource);
  }

  async #patch({ resource, object, type = "strategic", ...action }: PatchTarget, body: unknown, verb: string): Promise<void> {
    const options = action.subresource === undefined ? {} : { subresource: action.subresource };
    const patched = await unlessGone(this.#api(resource).patch(object.metadata.namespace ?? "", object.metadata.name ?? "", type, body, options));
    this.#note(action.subresource === "status" ? "debug" : "info", verb, resource, patched);
  }

  async #delete({ resource, object, options, ifUnchanged }: Extract<Action, { do: "delete" }>): Promise<void> {
    const { namespace = "", name = "", uid = "", resourceVersion = "" } = object.metadata;
    const preconditions = ifUnchanged === true ? { uid, resourceVersion } : { uid };
    const answer = await unlessGone(this.#api(resource).delete(namespace, name, { ...options, preconditions }));
    if (answer !== undefined && answer.kind !== "Status")
      this.#note("info", "deleted", resource, answer as KubeObject); // what is not a Status is the object
    else {
      this.#context.consistency.removed(this.#writer, resource, object);
      if (answer !== undefined) this.#context.logger.info("deleted", { object: describeObject(object), by: this.#writer });
    }
  }

  /** The informer may not know yet that the owner is gone; adopting for a dead owner would hand live objects to the garbage collector. */
  async #assertLives(owner: KubeObject, resource: ResourceReference): Promise<void> {
    const { namespace = "", name = "", uid = "" } = owner.metadata;
    let lives = this.#liveOwners.get(uid);
    if (lives === undefined) {
      lives = unlessGone(this.#api(resource).get(namespace, name)).then((live) => live?.metadata.uid === uid && live.metadata.deletionTimestamp === undefined);
      this.#liveOwners.set(uid, lives);
    }
    if (!(await lives)) throw new Error(`${describeObject(owner)} is gone or being deleted and adopts nothing`);
  }

  #api(resource: ResourceReference): ResourceClient<KubeObject> {
    return this.#context.client.for(resource);
  }

  #note(level: "info" | "debug", verb: string, resource: ResourceReference, object: KubeObject | undefined): void {
    if (object === undefined) return;
    this.#context.consistency.wrote(this.#writer, resource, object);
    this.#context.logger[level](verb, { object: describeObject(object), by: this.#writer });
  }
}

/** Waits for all of them, then throws what the first that failed has thrown. */
async function allSettled<T>(promises: readonly Promise<T>[]): Promise<T[]> {
  await Promise.allSettled(promises);
  return Promise.all(promises);
}

function isNamespaceTerminating(error: unknown): boolean {
  return hasReason(error, "Forbidden") && error.status.details?.causes?.some((cause) => cause.reason === "NamespaceTerminating") === true;
}
