import type { UserInfo } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { Schema } from "../apimachinery/schema.ts";
import type { RequestNotes } from "../apimachinery/request-notes.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import type { AdmissionMetrics } from "./admission-metrics.ts";

/** A kind by its full name. */
export interface KindName {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

/** A kind that is written at an address of another: Scale, Binding. */
export interface BodyKind extends KindName {
  readonly schema: Schema;
}

/** One request that is no mere reading as admission sees it, after authorization and before the store. */
export interface AdmissionAttributes {
  readonly operation: "CREATE" | "UPDATE" | "DELETE" | "CONNECT";
  readonly user: UserInfo;
  readonly definition: ResourceDefinition;
  readonly subresource: string | undefined;
  readonly namespace: string;
  /** Empty while a name is still to be generated. */
  readonly name: string;
  /** The name in the address: what is created at that of its kind has none. */
  readonly addressName?: string;
  /** Absent for deletes. For `create` subresources it is their body, such as a Binding; for connections their options. */
  readonly object: KubeObject | undefined;
  /** Absent for creates and connections. */
  readonly old: KubeObject | undefined;
  readonly assumedNamespaces: ReadonlySet<string> | undefined;
  /** The kind of `object` where it is not the resource's own: Scale, Binding, PodExecOptions. */
  readonly kind?: BodyKind;
  /** Nothing will be stored, so nothing else may change either. */
  readonly isDryRun?: boolean;
  /** CreateOptions, UpdateOptions or DeleteOptions of the request, as the API writes them; connections have none. */
  readonly options?: Readonly<Record<string, unknown>>;
  /** One of many deletes by a selection: the request itself named nothing. */
  readonly isOfCollection?: boolean;
  /** Where warnings for the writer and notes for the audit log go. */
  readonly notes?: RequestNotes;
  /** The writer does not wait any longer. */
  readonly signal?: AbortSignal;
  /** When he ceases to, by the clock's `monotonic`; absent when never. */
  readonly untilMs?: number;
}

/** What plugins may read; answers may be a little old unless `fresh` is asked for. */
export interface AdmissionReader {
  get<T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string, name: string, options?: { readonly fresh: boolean }): Promise<T | undefined>;
  /** All objects of a kind, in one namespace or, with an empty one, anywhere. */
  list<T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string, options?: { readonly fresh: boolean }): Promise<readonly T[]>;
}

/**
 * What the plugins of one request say to each other about changes: one that changed the object may ask that all are run once more, so
 * that those before it see what it did. There is no third time.
 */
export class Reinvocation {
  isSecond = false;
  isWanted = false;
  readonly #memories = new Map<unknown, unknown>();

  /** What a plugin knows about this request from the first time. */
  memory<T>(plugin: string, make: () => T): T {
    if (!this.#memories.has(plugin)) this.#memories.set(plugin, make());
    return this.#memories.get(plugin) as T; // only `make` of the same plugin fills it
  }
}

/** One rule about writes; see plugins.ts for the order. Refusals are thrown StatusErrors. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Looks at the address only, so it can judge bodies of a wrong shape, which the others never see. */
  readonly ignoresContent?: boolean;
  /** Looks at connections as well; the others never see them. */
  readonly seesConnections?: boolean;
  /** The object to go on with. Not called for deletes, which have none. */
  readonly mutate?: (
    attributes: AdmissionAttributes & { readonly object: KubeObject },
    reader: AdmissionReader,
    reinvocation: Reinvocation,
  ) => Promise<KubeObject> | KubeObject;
  /** Stands in for `mutate` when something is deleted. */
  readonly beforeDelete?: (attributes: AdmissionAttributes, reader: AdmissionReader) => Promise<void> | void;
  /** Sees the object as it will be stored. */
  readonly validate?: (attributes: AdmissionAttributes, reader: AdmissionReader) => Promise<void> | void;
}

/** All plugins in their order: first everyone mutates, then the registry validates, then everyone validates. */
export class AdmissionChain {
  readonly #plugins: readonly AdmissionPlugin[];
  /** Those with something to say before the registry, and after it: every write passes all of them. */
  readonly #mutating: readonly AdmissionPlugin[];
  readonly #validating: readonly AdmissionPlugin[];
  readonly #reader: AdmissionReader;
  readonly #metrics: AdmissionMetrics;

  constructor(plugins: readonly AdmissionPlugin[], reader: AdmissionReader, metrics: AdmissionMetrics) {
    this.#plugins = plugins;
    this.#mutating = plugins.filter((plugin) => plugin.mutate !== undefined || (plugin.ignoresContent === true && plugin.validate !== undefined));
    this.#validating = plugins.filter((plugin) => plugin.validate !== undefined && plugin.ignoresContent !== true);
    this.#reader = reader;
    this.#metrics = metrics;
  }

  /** A chain that lets everything through. */
  withoutPlugins(): AdmissionChain {
    return new AdmissionChain([], this.#reader, this.#metrics);
  }

  /** Runs the plugins that need no well-formed body. */
  async admitAddress(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#plugins) if (plugin.ignoresContent === true) await plugin.validate?.(attributes, this.#reader);
  }

  mutate<T extends KubeObject>(attributes: AdmissionAttributes, object: T): Promise<T> {
    return this.#metrics.step("admit", attributes, () => this.#mutate(attributes, object));
  }

  async #mutate<T extends KubeObject>(attributes: AdmissionAttributes, object: T): Promise<T> {
    const reinvocation = new Reinvocation();
    const plugins = pluginsFor(attributes, this.#mutating);
    let seen: AdmissionAttributes & { readonly object: KubeObject } = { ...attributes, object };
    do {
      reinvocation.isSecond = reinvocation.isWanted;
      for (const plugin of plugins) {
        if (plugin.ignoresContent === true) {
          const judging = this.#validateBy(plugin, seen);
          if (judging !== undefined) await judging;
        }
        const { mutate } = plugin;
        if (mutate === undefined) continue;
        const outcome = this.#metrics.plugin(plugin.name, "admit", attributes, () => mutate(seen, this.#reader, reinvocation));
        const changed = outcome instanceof Promise ? await outcome : outcome;
        if (changed !== seen.object) seen = { ...attributes, object: changed };
      }
    } while (reinvocation.isWanted && !reinvocation.isSecond);
    return seen.object as T; // plugins change an object, never its kind
  }

  validate(attributes: AdmissionAttributes): Promise<void> {
    return this.#metrics.step("validate", attributes, async () => {
      for (const plugin of pluginsFor(attributes, this.#validating)) {
        const judging = this.#validateBy(plugin, attributes);
        // Most plugins answer at once: waiting for each of them would cost more than asking it.
        if (judging !== undefined) await judging;
      }
    });
  }

  /** The whole way of a delete. */
  async admitDelete(attributes: AdmissionAttributes): Promise<void> {
    await this.#metrics.step("admit", attributes, async () => {
      for (const plugin of this.#plugins) {
        if (plugin.ignoresContent === true) await this.#validateBy(plugin, attributes);
        const { beforeDelete } = plugin;
        if (beforeDelete !== undefined) await this.#metrics.plugin(plugin.name, "admit", attributes, () => beforeDelete(attributes, this.#reader));
      }
    });
    await this.validate(attributes);
  }

  #validateBy({ name, validate }: AdmissionPlugin, attributes: AdmissionAttributes): Promise<void> | void {
    return validate === undefined ? undefined : this.#metrics.plugin(name, "validate", attributes, () => validate(attributes, this.#reader));
  }
}

function pluginsFor({ operation }: AdmissionAttributes, plugins: readonly AdmissionPlugin[]): readonly AdmissionPlugin[] {
  return operation === "CONNECT" ? plugins.filter((plugin) => plugin.seesConnections === true) : plugins;
}

/** The kind of what is written. */
export function kindOf({ kind, definition }: AdmissionAttributes): KindName {
  return kind ?? { group: definition.group, version: definition.version, kind: definition.kind };
}

/** The name that messages call the request's object by; of one whose name is still to be generated, the base. */
export function requestName({ name, object }: AdmissionAttributes): string {
  return name !== "" ? name : (object?.metadata?.generateName ?? "");
}

/** Whether the write is a create of this kind itself, not of one of its subresources. */
export function isCreateOf(attributes: AdmissionAttributes, group: string, resource: string): boolean {
  return attributes.operation === "CREATE" && attributes.subresource === undefined && isKind(attributes, group, resource);
}

export function isKind({ definition }: AdmissionAttributes, group: string, resource: string): boolean {
  return definition.group === group && definition.resource === resource;
}
