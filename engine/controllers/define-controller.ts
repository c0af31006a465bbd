import type { DeleteOptions } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { EventContent } from "../client/event-recorder.ts";
import type { Informer, InformerHandler } from "../client/informer.ts";
import type { ResourceReference } from "../resources/define-resource.ts";

/** One effect on the cluster, as data: plans are lists of these, and tests compare them. */
export type Action =
  | { readonly do: "create"; readonly resource: ResourceReference; readonly object: KubeObject }
  /** Slow start: one, then two, then four at a time, until one fails. So a failing create fails once and not five hundred times. */
  | { readonly do: "createMany"; readonly resource: ResourceReference; readonly objects: readonly KubeObject[] }
  /** A PUT with the object's resourceVersion: fails with Conflict when somebody else has written it meanwhile. */
  | { readonly do: "update"; readonly resource: ResourceReference; readonly object: KubeObject; readonly subresource?: string }
  /** A patch of this very object (strategic merge when no type is given): its uid is a precondition. */
  | {
      readonly do: "patch";
      readonly resource: ResourceReference;
      readonly object: KubeObject;
      readonly patch: Readonly<Record<string, unknown>>;
      readonly type?: "merge" | "strategic";
      readonly subresource?: string;
    }
  /** Makes the owner manage the object, after asking the API itself whether the owner still lives. */
  | {
      readonly do: "adopt";
      readonly resource: ResourceReference;
      readonly object: KubeObject;
      readonly owner: KubeObject;
      readonly ownerResource: ResourceReference;
    }
  /** Takes the owner out of the object's owners. */
  | { readonly do: "release"; readonly resource: ResourceReference; readonly object: KubeObject; readonly ownerUid: string }
  /** Deletes this very object: its uid is a precondition, and with `ifUnchanged` also its resourceVersion. */
  | {
      readonly do: "delete";
      readonly resource: ResourceReference;
      readonly object: KubeObject;
      readonly options?: Omit<DeleteOptions, "preconditions">;
      readonly ifUnchanged?: true;
    }
  | { readonly do: "deleteCollection"; readonly resource: ResourceReference; readonly namespace: string }
  /** At the same time; all are tried, then the first failure counts. */
  | { readonly do: "together"; readonly actions: readonly Action[] }
  /** One after another, as the plan itself; for use inside of `together`. */
  | { readonly do: "inOrder"; readonly actions: readonly Action[] }
  | { readonly do: "event"; readonly about: KubeObject; readonly content: EventContent }
  /** Look at the key again after this long, whatever happens until then. */
  | { readonly do: "wait"; readonly forMs: number };

/** What came of a plan's actions. They stop at the first failure. */
export interface Outcome {
  readonly created: readonly KubeObject[];
  /** As the API answered to `update`s. */
  readonly updated: readonly KubeObject[];
  /** What a `create` found under its name, when it was taken. */
  readonly existing: KubeObject | undefined;
  readonly failure: unknown;
}

/** Connects an informer to a queue: which keys a change concerns. */
export interface Watch {
  readonly informer: Informer<KubeObject>;
  readonly handler: (enqueue: (key: string) => void) => InformerHandler<KubeObject>;
}

/**
 * A controller is a value: what it watches, how it observes a key, and pure functions from what it observed to actions.
 * Observations are frozen objects out of informers; nothing of a controller survives from one look to the next.
 */
export interface ControllerDefinition<Inputs> {
  readonly name: string;
  /** Whom its events name, where upstream's controller has another name there. */
  readonly component?: string;
  /** Keys worked on at the same time; 4 when absent. 1 where keys compete for something. */
  readonly workers?: number;
  readonly watches: readonly Watch[];
  /** Informers that are read but whose changes concern no key by themselves. */
  readonly reads?: readonly Informer<KubeObject>[];
  /** How many ms a key is left alone after a look, where a look costs much; what comes meanwhile is seen in one look afterwards. None when absent. */
  readonly restMs?: (inputs: Inputs) => number;
  /** Keys that are looked at from the start; with `wait` actions, these make a periodic controller. */
  readonly initialKeys?: readonly string[];
  /** Further sources of keys, beside the informers; they end with the signal. */
  readonly follow?: (enqueue: (key: string) => void, signal: AbortSignal) => void;
  /** What there is to know about the key; undefined when there is nothing to do. */
  readonly observe: (key: string, signal: AbortSignal) => Inputs | undefined | Promise<Inputs | undefined>;
  readonly plan: (inputs: Inputs, nowMs: number) => readonly Action[];
  /** What follows from how the plan went, such as status; runs also after a failure. */
  readonly conclude?: (inputs: Inputs, outcome: Outcome, nowMs: number) => readonly Action[];
}

/**
 * The usual watch: a change concerns the keys of the object before and after it. `isRelevant` leaves out changes that cannot matter;
 * it gets undefined for the object before an addition and after a deletion.
 */
export function watch<T extends KubeObject>(
  informer: Informer<T>,
  keysOf: (object: T) => readonly string[],
  isRelevant: (old: T | undefined, object: T | undefined) => boolean = () => true,
): Watch {
  const handler = (enqueue: (key: string) => void): InformerHandler<T> => {
    const tell = (object: T) => {
      for (const key of keysOf(object)) enqueue(key);
    };
    return {
      add: (object) => isRelevant(undefined, object) && tell(object),
      update: (old, object) => {
        if (!isRelevant(old, object)) return;
        tell(old);
        tell(object);
      },
      delete: (object) => isRelevant(object, undefined) && tell(object),
    };
  };
  // An informer only ever gives its handlers objects of its own kind.
  return { informer: informer as unknown as Informer<KubeObject>, handler: handler as unknown as Watch["handler"] };
}

/** An informer that is only read. */
export function read<T extends KubeObject>(informer: Informer<T>): Informer<KubeObject> {
  return informer as unknown as Informer<KubeObject>; // reading needs no more than KubeObject
}

/** The action of that name, with the object checked against the kind it is written as. */
export function create<T extends KubeObject>(resource: ResourceReference<T>, object: T): Action {
  return { do: "create", resource, object };
}

/** As `create`. */
export function update<T extends KubeObject>(resource: ResourceReference<T>, object: T, subresource?: string): Action {
  return { do: "update", resource, object, ...(subresource === undefined ? {} : { subresource }) };
}

/** An event action. */
export function tell(about: KubeObject, type: EventContent["type"], reason: string, message: string): Action {
  return { do: "event", about, content: { type, reason, message } };
}

export function isBeingDeleted(object: KubeObject): boolean {
  return object.metadata.deletionTimestamp !== undefined;
}
