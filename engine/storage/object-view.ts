import type { EncodedObject, EncodedWatchEvent, WatchStream } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { deepFreeze } from "../lib/freeze.ts";
import type { ResourceDefinition, StoredForm } from "../resources/define-resource.ts";
import { unstoredObject } from "./encoded-object.ts";
import type { Selection } from "./selection.ts";

/** Objects as a second address shows them, made once for each stored state and kind. */
const views = new WeakMap<EncodedObject, Map<ResourceDefinition, EncodedObject>>();

/** What is stored, as it is served at the address of `definition`. */
export function viewOf<T extends KubeObject>(definition: ResourceDefinition<T>, form: StoredForm<T>, stored: EncodedObject): EncodedObject<T> {
  const key = definition as unknown as ResourceDefinition; // only its identity counts
  let known = views.get(stored);
  if (known === undefined) views.set(stored, (known = new Map()));
  let view = known.get(key);
  if (view === undefined) known.set(key, (view = unstoredObject(deepFreeze(form.fromStored(stored.object)))));
  return view as EncodedObject<T>; // put there for this very definition
}

/** A selection of what is served, as one of what is stored. Names mean the same in both; other fields have no index. */
export function storedSelection<T extends KubeObject>({ fromStored }: StoredForm<T>, selection: Selection<T>): Selection<KubeObject> {
  const name = selection.equals.get("metadata.name");
  return { isEmpty: selection.isEmpty, equals: new Map(name === undefined ? [] : [["metadata.name", name]]), matches: (stored) => selection.matches(fromStored(stored)) };
}

/** A watch of what is stored, as one of what is served. */
export function viewStream<T extends KubeObject>(definition: ResourceDefinition<T>, form: StoredForm<T>, stream: WatchStream): WatchStream<T> {
  return {
    close: () => stream.close(),
    async *[Symbol.asyncIterator]() {
      for await (const event of stream) yield viewEvent(definition, form, event);
    },
  };
}

function viewEvent<T extends KubeObject>(definition: ResourceDefinition<T>, form: StoredForm<T>, event: EncodedWatchEvent): EncodedWatchEvent<T> {
  if (event.type === "ERROR") return event;
  if (event.type === "BOOKMARK") {
    const { kind } = definition;
    const apiVersion = definition.group === "" ? definition.version : `${definition.group}/${definition.version}`;
    return { type: "BOOKMARK", object: { ...event.object, kind, apiVersion } as T }; // a bookmark's object holds metadata only
  }
  const encoded = viewOf(definition, form, event.encoded);
  return { type: event.type, object: encoded.object, encoded };
}
