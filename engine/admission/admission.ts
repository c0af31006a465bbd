import type { UserInfo } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { RequestNotes } from "../apimachinery/request-notes.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";

/** One write as admission sees it, after authorization and before the store. */
export interface AdmissionAttributes {
  readonly operation: "CREATE" | "UPDATE" | "DELETE";
  readonly user: UserInfo;
  readonly definition: ResourceDefinition;
  readonly subresource: string | undefined;
  readonly namespace: string;
  /** Empty while a name is still to be generated. */
  readonly name: string;
  /** Absent for deletes. For `create` subresources it is their body, such as a Binding. */
  readonly object: KubeObject | undefined;
  /** Absent for creates. */
  readonly old: KubeObject | undefined;
  readonly assumedNamespaces: ReadonlySet<string> | undefined;
  /** Nothing will be stored, so nothing else may change either. */
  readonly isDryRun?: boolean;
  /** Where warnings for the writer go. */
  readonly notes?: RequestNotes;
}

/** What plugins may read; answers may be a little old unless `fresh` is asked for. */
export interface AdmissionReader {
  get<T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string, name: string, options?: { readonly fresh: boolean }): Promise<T | undefined>;
  /** All objects of a kind, in one namespace or, with an empty one, anywhere. */
  list<T extends KubeObject>(definition: ResourceDefinition<T>, namespace: string): Promise<readonly T[]>;
}

/** One rule about writes; see plugins.ts for the order. Refusals are thrown StatusErrors. */
export interface AdmissionPlugin {
  readonly name: string;
  /** Looks at the address only, so it can judge bodies of a wrong shape, which the others never see. */
  readonly ignoresContent?: boolean;
  /** The object to go on with. */
  readonly mutate?: (attributes: AdmissionAttributes & { readonly object: KubeObject }, reader: AdmissionReader) => Promise<KubeObject> | KubeObject;
  /** Sees the object as it will be stored. */
  readonly validate?: (attributes: AdmissionAttributes, reader: AdmissionReader) => Promise<void> | void;
}

/** All plugins in their order: first everyone mutates, then the registry validates, then everyone validates. */
export class AdmissionChain {
  readonly #plugins: readonly AdmissionPlugin[];
  readonly #reader: AdmissionReader;

  constructor(plugins: readonly AdmissionPlugin[], reader: AdmissionReader) {
    this.#plugins = plugins;
    this.#reader = reader;
  }

  /** Runs the plugins that need no well-formed body. */
  async admitAddress(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#plugins) if (plugin.ignoresContent === true) await plugin.validate?.(attributes, this.#reader);
  }

  async mutate<T extends KubeObject>(attributes: AdmissionAttributes, object: T): Promise<T> {
    let current: KubeObject = object;
    for (const plugin of this.#plugins) {
      if (plugin.ignoresContent === true) await plugin.validate?.({ ...attributes, object: current }, this.#reader);
      if (plugin.mutate !== undefined) current = await plugin.mutate({ ...attributes, object: current }, this.#reader);
    }
    return current as T; // plugins change an object, never its kind
  }

  async validate(attributes: AdmissionAttributes): Promise<void> {
    for (const plugin of this.#plugins) if (plugin.ignoresContent !== true || attributes.operation === "DELETE") await plugin.validate?.(attributes, this.#reader);
  }
}

/** Whether the write is a create of this kind itself, not of one of its subresources. */
export function isCreateOf(attributes: AdmissionAttributes, group: string, resource: string): boolean {
  return attributes.operation === "CREATE" && attributes.subresource === undefined && isKind(attributes, group, resource);
}

export function isKind({ definition }: AdmissionAttributes, group: string, resource: string): boolean {
  return definition.group === group && definition.resource === resource;
}
