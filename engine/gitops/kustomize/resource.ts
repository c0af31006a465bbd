import { isMap, stringMap, textOf, type JsonMap, type Steps } from "./json-value.ts";
import type { Place } from "./kustomize-error.ts";
import { effectiveNamespace, gvkOf, type ResourceId } from "./resource-id.ts";

/** The document an object, or a part of it, was written in. */
export interface SourceDocument extends Place {
  /** The whole value of the document or list item. */
  readonly value: unknown;
  /** Line of a field inside it, or of the nearest ancestor that exists. */
  lineOf(steps: Steps): number;
  /** A single value as it is written there. */
  textOf?(steps: Steps): string | undefined;
}

/** A field that a transformer set, and the line that made it. Later ones win. */
export interface Touch extends Place {
  readonly steps: Steps;
}

/** What `buildMetadata` tells about where an object comes from. */
export interface OriginNote {
  readonly path?: string;
  readonly configuredIn?: string;
  readonly configuredBy?: { readonly apiVersion: string; readonly kind: string; readonly name?: string; readonly namespace?: string };
}

export type Behavior = "unspecified" | "create" | "replace" | "merge";

interface PreviousId {
  readonly name: string;
  readonly namespace: string;
  readonly kind: string;
}

/** A field by the map that holds it. */
export interface FieldPlace {
  readonly holder: JsonMap;
  readonly key: string;
}

interface SharedField {
  places: readonly FieldPlace[];
  value: unknown;
}

const NO_BLANKS: ReadonlyMap<JsonMap, ReadonlySet<string>> = new Map();

/** One object in the middle of a build, with what is remembered about it until the build ends. Mutable, owned by its build. */
export class Resource {
  value: JsonMap;
  isDeleted = false;
  /** Ids it had before names, namespaces or kinds were changed, oldest first. */
  previous: readonly PreviousId[] = [];
  prefixes: readonly string[] = [];
  suffixes: readonly string[] = [];
  behavior: Behavior = "unspecified";
  needsHash = false;
  varNames: readonly string[] = [];
  origin: OriginNote | undefined;
  transformations: readonly OriginNote[] = [];
  /** Where it was first written; later documents (patches) follow. */
  documents: readonly SourceDocument[];
  touches: Touch[] = [];
  /** Fields of its maps that were written as a key with nothing behind it. A copy of the object has none: there they are nulls as any other. */
  blanks: ReadonlyMap<JsonMap, ReadonlySet<string>> = NO_BLANKS;
  #shared: SharedField[] = [];

  constructor(value: JsonMap, documents: readonly SourceDocument[]) {
    this.value = value;
    this.documents = documents;
  }

  get kind(): string {
    return textOf(this.value["kind"]);
  }

  get name(): string {
    return textOf(this.metadata["name"]);
  }

  get namespace(): string {
    return textOf(this.metadata["namespace"]);
  }

  get metadata(): JsonMap {
    return isMap(this.value["metadata"]) ? this.value["metadata"] : {};
  }

  get labels(): Record<string, string> {
    return stringMap(this.metadata["labels"]);
  }

  get annotations(): Record<string, string> {
    return stringMap(this.metadata["annotations"]);
  }

  get id(): ResourceId {
    return { ...gvkOf(textOf(this.value["apiVersion"]), this.kind), name: this.name, namespace: this.namespace };
  }

  get previousIds(): readonly ResourceId[] {
    const apiVersion = textOf(this.value["apiVersion"]);
    return this.previous.map(({ kind, name, namespace }) => ({ ...gvkOf(apiVersion, kind), name, namespace }));
  }

  get originalId(): ResourceId {
    return this.previousIds[0] ?? this.id;
  }

  get allIds(): readonly ResourceId[] {
    return [...this.previousIds, this.id];
  }

  /** Whether upstream would keep notes as annotations on it, which makes `metadata.annotations` exist for JSON patches. */
  get hasNotes(): boolean {
    return this.previous.length > 0 || this.needsHash || this.behavior !== "unspecified" || this.prefixes.length > 0 || this.suffixes.length > 0;
  }

  get place(): Place {
    const first = this.documents[0];
    return first === undefined ? { file: ".", line: 1 } : { file: first.file, line: first.line };
  }

  /** Keeps the present id, so that references to it are still understood. */
  rememberId(): void {
    const { id } = this;
    this.previous = [...this.previous, { name: id.name, namespace: effectiveNamespace(id), kind: id.kind }];
  }

  /**
   * Makes fields one: upstream puts the very same node wherever a label is new, so whatever sets one of them later sets them all.
   * Selectors of real repositories depend on it.
   */
  shareFields(places: readonly FieldPlace[]): void {
    const [first, ...more] = places;
    if (first !== undefined && more.length > 0) this.#shared.push({ places, value: first.holder[first.key] });
  }

  /** Carries a change of one shared field to the others. */
  settleShared(): void {
    for (const field of this.#shared) {
      // A field that was removed, or whose map was replaced, has left for good.
      field.places = field.places.filter(({ holder, key }) => Object.hasOwn(holder, key));
      const changed = field.places.find(({ holder, key }) => holder[key] !== field.value);
      if (changed === undefined) continue;
      field.value = changed.holder[changed.key];
      for (const { holder, key } of field.places) holder[key] = field.value;
    }
  }

  /** Replaces the whole object by a copy, in which nothing is shared any more. */
  replaceValue(value: JsonMap): void {
    this.value = value;
    this.#shared = [];
  }

  /** Sets a field of metadata; undefined and the empty text remove it. */
  setMetadata(key: string, value: unknown): void {
    const isNothing = value === undefined || value === "" || (isMap(value) && Object.keys(value).length === 0);
    if (!isMap(this.value["metadata"])) {
      if (isNothing) return;
      this.value["metadata"] = {};
    }
    const metadata = this.metadata;
    if (isNothing) delete metadata[key];
    else metadata[key] = value;
  }
}
