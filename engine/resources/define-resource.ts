import type { TableRowCondition } from "../apimachinery/table.ts";
import type { Verb } from "../apimachinery/api-request.ts";
import type { FieldError } from "../apimachinery/field-error.ts";
import type { GroupVersionResource } from "../apimachinery/group-version.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { MetadataRules } from "../apimachinery/object-meta-validation.ts";
import type { Schema } from "../apimachinery/schema.ts";

/** What a client needs to address a kind. The type parameter ties the object's type to its name. */
export interface ResourceReference<T extends KubeObject = KubeObject> extends GroupVersionResource {
  readonly kind: string;
  readonly namespaced: boolean;
  /** Never set; carries T. */
  readonly objectType?: T;
}

/**
 * A kind is one value: routes, discovery, OpenAPI, storage keys, `kubectl get` columns and `kubectl explain` derive from it.
 * See catalog.ts for the list.
 */
export interface ResourceDefinition<T extends KubeObject = KubeObject> extends ResourceReference<T> {
  readonly singular: string;
  readonly listKind: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly Verb[];
  readonly schema: Schema;
  readonly strategy: Strategy<T>;
  readonly subresources: readonly Subresource<T>[];
  readonly columns: readonly Column<T>[];
  /** In which order a table shows a list, where that is not the list's. */
  rowOrder?(left: T, right: T): number;
  /** What a table says of an object's row as a whole; nothing when absent. */
  rowConditions?(object: T): readonly TableRowCondition[] | undefined;
  /** Field selectors beyond metadata.name and metadata.namespace: path → value. */
  readonly selectableFields: Readonly<Record<string, (object: T) => string>>;
  /** Set for a second address of objects that are stored as another kind or version. */
  readonly storedAs?: StoredForm<T>;
  /** Set for kinds whose objects are judged otherwise than by `schema`, which then only says how they are pruned, completed and merged. */
  readonly content?: ContentRules<T>;
  /** The schema that OpenAPI shows, where it is not `schema`. */
  readonly published?: Readonly<Record<string, unknown>> | undefined;
  /** Said to everybody who uses this address. */
  readonly deprecationWarning?: string;
  /** No new objects: the kind is going. */
  readonly isEnding?: true;
}

/** How objects of a kind that users define are judged. */
export interface ContentRules<T extends KubeObject> {
  /** Why what a body holds inside of it cannot be read at all; the metadata of the object itself is looked at before. */
  readonly unreadable: (object: Readonly<Record<string, unknown>>) => string | undefined;
  /** `old` is what an update replaces; `isStatus` for writes of the status alone; `warn` is told of what was wrong before and may stay. */
  readonly validate: (object: T, old: T | undefined, isStatus: boolean, warn?: (text: string) => void) => readonly FieldError[];
}

/** How objects that are served at one address are stored as those of another. Both ways are pure and lose nothing; names and labels are the same in both. */
export interface StoredForm<T extends KubeObject> {
  readonly definition: ResourceDefinition;
  /** Set where objects are stored in a version that nobody can ask for. */
  readonly isServed?: false;
  readonly fromStored: (stored: KubeObject) => T;
  readonly toStored: (object: T) => KubeObject;
  /** Set where the way between the two takes time; then only this is used. */
  readonly later?: {
    /** In the same order. Rejects with a StatusError. */
    readonly fromStored: (stored: readonly KubeObject[]) => Promise<readonly T[]>;
    readonly toStored: (object: T) => Promise<KubeObject>;
  };
}

/** A StoredForm as a kind states it, with the types of both sides. */
interface StoredFormInput<T extends KubeObject, S extends KubeObject = KubeObject> {
  readonly definition: ResourceDefinition<S>;
  readonly fromStored: (stored: S) => T;
  readonly toStored: (object: T) => S;
}

export function storedForm<T extends KubeObject, S extends KubeObject>(form: StoredFormInput<T, S>): StoredForm<T> {
  return form as unknown as StoredForm<T>; // objects of the stored kind are all that it is ever given
}

/**
 * What differs between kinds on the way into the store. Every function is pure; absent ones mean upstream's common behaviour:
 * schema defaults and validation only, generation raised when anything but metadata and status changed (if `hasGeneration`),
 * main-resource writes keep the old status, status writes keep everything else but metadata.
 */
export interface Strategy<T extends KubeObject> extends Omit<MetadataRules, "namespaced"> {
  /** Whether metadata.generation counts spec changes; ConfigMap, Secret, Service, Node and their like do not. */
  readonly hasGeneration?: boolean;
  /** Metadata of which it counts changes as well. */
  readonly generationCounts?: "labels" | "annotations";
  /** By address ("" for the object itself, or a part's name) the fields that nobody can own through it, where they are others than usual. */
  readonly unownable?: Readonly<Record<string, readonly (readonly string[])[]>>;
  /** PUT to a missing name creates it (Lease, Node's like); otherwise 404. */
  readonly createOnUpdate?: boolean;
  /** PUT without resourceVersion is accepted; true for most built-ins (the default). */
  readonly unconditionalUpdate?: boolean;
  /** Defaults that depend on other fields, which a schema cannot state; runs after schema defaults, on every decode. */
  readonly setDefaults?: (object: T) => T;
  /** Clears what clients may not set and fills what the server decides; runs before validation. */
  readonly prepareForCreate?: (object: T) => T;
  readonly prepareForUpdate?: (object: T, old: T) => T;
  readonly prepareForStatusUpdate?: (object: T, old: T) => T;
  /** Says of what is new in an update when that was. */
  readonly withTimes?: (object: T, old: T, nowText: string) => T;
  /** Cross-field rules; the schema has been checked. */
  readonly validate?: (object: T) => readonly FieldError[];
  /** What only new objects must keep to, beside `validate`. */
  readonly validateNew?: (object: T) => readonly FieldError[];
  readonly validateUpdate?: (object: T, old: T) => readonly FieldError[];
  readonly validateStatusUpdate?: (object: T, old: T) => readonly FieldError[];
  /** Grace period of a delete, in seconds; 0 deletes at once. `asked` is DeleteOptions.gracePeriodSeconds. Absent: always 0. */
  readonly gracePeriodSeconds?: (object: T, asked: number | undefined) => number;
  /**
   * Set for kinds older than garbage collection: a delete that does not say what becomes of dependents leaves them behind, with this
   * warning if there is one.
   */
  readonly orphansByDefault?: { readonly warning?: string };
  /** Whether nothing ever depends on objects of the kind: no delete of one waits for dependents or leaves them behind, whoever asks. */
  readonly hasNoDependents?: boolean;
  /** Why the object of this name is never deleted by itself; undefined when it may be. */
  readonly refuseDelete?: (name: string) => string | undefined;
  /** Makes of an object one that waits until it has been emptied, by a finalizer: its deletion is that mark and no more, whatever the deleter says of its dependents. */
  readonly prepareForDelete?: (object: T, nowText: string) => T;
  /** Warnings for who makes an object that can be told only from what he wrote, before it is prepared. */
  readonly writtenWarnings?: (object: T) => readonly string[];
  /** Warnings for the writer of the whole object, e.g. deprecated fields; `old` is what it replaces. */
  readonly warnings?: (object: T, old?: T) => readonly string[];
}

/** One column of `kubectl get`; order and names follow upstream's Table answers. */
export interface Column<T extends KubeObject> {
  readonly name: string;
  readonly type: "string" | "integer" | "boolean" | "date" | "number";
  readonly format?: string;
  readonly description: string;
  /** 0 always shown, 1 with `-o wide`. */
  readonly priority?: 0 | 1;
  /** The cell's value; `now` in milliseconds since the epoch, for ages. */
  readonly cell: (object: T, now: number) => string | number | boolean | null;
}

/** Metadata that a write to `status` may carry. Upstream's kinds differ in what they let through; most do all of it. */
export type StatusKept = "labels" | "annotations" | "finalizers" | "ownerReferences";

/** For kinds whose metadata nobody changes through their status. */
export const ALL_METADATA: readonly StatusKept[] = ["labels", "annotations", "finalizers", "ownerReferences"];

/**
 * `status` and `scale` are served by the generic registry; a write to `status` leaves what it `keeps` of the metadata as it is stored.
 * `connect` subresources (log, exec, proxy …) and `create` ones (binding, eviction, token) have handlers in the server, found by resource
 * and name.
 */
export type Subresource<T extends KubeObject> =
  | { readonly name: "status"; readonly keeps?: readonly StatusKept[] }
  | { readonly name: "scale"; readonly scale: ScaleAccess<T> }
  | { readonly name: string; readonly part: ObjectPart<T> }
  | { readonly name: string; readonly kind: string; readonly group: string; readonly version: string; readonly verbs: readonly Verb[] };

/** A part of the object that is written at an address of its own, as the object itself: `approval` of a signing request. */
export interface ObjectPart<T extends KubeObject> {
  /** The old object with what this address covers of the written one. Metadata that writers share (resourceVersion, managed fields) is seen to. */
  readonly scope: (object: T, old: T) => T;
  readonly validate?: (object: T, old: T) => readonly FieldError[];
}

export interface ScaleAccess<T extends KubeObject> {
  /** Throws a StatusError where the object does not say. */
  readonly specReplicas: (object: T) => number;
  /** Whether the object says nothing of its replicas; where absent, it always says it. */
  readonly lacksReplicas?: (object: T) => boolean;
  readonly statusReplicas: (object: T) => number;
  /** The selector in its string form. */
  readonly selector: (object: T) => string;
  readonly withReplicas: (object: T, replicas: number) => T;
}

export const ALL_VERBS: readonly Verb[] = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];

export type ResourceInput<T extends KubeObject> = Omit<
  ResourceDefinition<T>,
  "singular" | "listKind" | "shortNames" | "categories" | "verbs" | "subresources" | "selectableFields" | "strategy" | "schema"
> & {
  /** As a function where it is read from a file: few starts need every kind's. */
  readonly schema: Schema | (() => Schema);
} & Partial<Pick<ResourceDefinition<T>, "singular" | "listKind" | "shortNames" | "categories" | "verbs" | "subresources" | "selectableFields" | "strategy">>;

/** Fills in what follows from the kind's name, and upstream's common behaviour where nothing else is said. */
export function defineResource<T extends KubeObject>(input: ResourceInput<T>): ResourceDefinition<T> {
  const { schema } = input;
  let read: Schema | undefined = typeof schema === "function" ? undefined : schema;
  return {
    ...input,
    get schema() {
      return (read ??= typeof schema === "function" ? schema() : schema);
    },
    singular: input.singular ?? input.kind.toLowerCase(),
    listKind: input.listKind ?? `${input.kind}List`,
    shortNames: input.shortNames ?? [],
    categories: input.categories ?? [],
    verbs: input.verbs ?? ALL_VERBS,
    strategy: input.strategy ?? {},
    subresources: input.subresources ?? [],
    selectableFields: input.selectableFields ?? {},
  };
}
