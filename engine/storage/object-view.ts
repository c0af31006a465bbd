import type { EncodedObject, EncodedWatchEvent, WatchStream } from "../apimachinery/api-request.ts";
import { objectKey, type KubeObject } from "../apimachinery/object-meta.ts";
import { StatusError } from "../apimachinery/status-error.ts";
import { eventsOf, streamOf } from "../apimachinery/watch-stream.ts";
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
  if (view === undefined) known.set(key, (view = shown(form.fromStored(stored.object), stored)));
  return view as EncodedObject<T>; // put there for this very definition
}

/** The same for several, also where the way to them takes time; all that are not known yet go it together. */
export async function viewsOf<T extends KubeObject>(definition: ResourceDefinition<T>, form: StoredForm<T>, stored: readonly EncodedObject[]): Promise<readonly EncodedObject<T>[]> {
  const { later } = form;
  if (later === undefined) return stored.map((object) => viewOf(definition, form, object));
  const key = definition as unknown as ResourceDefinition; // only its identity counts
  const unknown = stored.filter((object) => views.get(object)?.has(key) !== true);
  const made = unknown.length === 0 ? [] : await later.fromStored(unknown.map(({ object }) => object));
  for (const [index, source] of unknown.entries()) {
    const known = views.get(source) ?? new Map<ResourceDefinition, EncodedObject>();
    views.set(source, known.set(key, shown(made[index] ?? (source.object as T), source))); // the way gives one for each
  }
  return stored.map((object) => (views.get(object)?.get(key) ?? object) as EncodedObject<T>); // just put there
}

function shown<T extends KubeObject>(object: T, stored: EncodedObject): EncodedObject {
  return (object as KubeObject) === stored.object ? stored : unstoredObject(deepFreeze(object));
}

/** A selection of what is served, as one of what is stored. Names mean the same in both; other fields have no index. */
export function storedSelection<T extends KubeObject>({ fromStored }: StoredForm<T>, selection: Selection<T>): Selection<KubeObject> {
  const name = selection.equals.get("metadata.name");
  return { isEmpty: selection.isEmpty, equals: new Map(name === undefined ? [] : [["metadata.name", name]]), matches: (stored) => selection.matches(fromStored(stored)) };
}

/** A watch of what is stored, as one of what is served. */
export function viewStream<T extends KubeObject>(definition: ResourceDefinition<T>, form: StoredForm<T>, stream: WatchStream): WatchStream<T> {
  return {
    take() {
      const event = stream.take();
      return event && viewEvent(definition, form, event);
    },
    get isEnded() {
      return stream.isEnded;
    },
    whenReady: (wake) => stream.whenReady(wake),
    close: () => stream.close(),
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

/**
 * A watch of everything that is stored, as one of what is served and selected, where only conversion tells what is selected. Of an
 * object that is not selected and was not seen before, nobody knows whether it once was: then it is said to be gone.
 */
export function convertedStream<T extends KubeObject>(definition: ResourceDefinition<T>, form: StoredForm<T>, stream: WatchStream, selection: Selection<T>): WatchStream<T> {
  return streamOf(convertedEvents(definition, form, stream, selection), () => stream.close());
}

async function* convertedEvents<T extends KubeObject>(definition: ResourceDefinition<T>, form: StoredForm<T>, stream: WatchStream, selection: Selection<T>): AsyncGenerator<EncodedWatchEvent<T>> {
  const selected = new Map<string, boolean>();
  try {
    for await (const event of eventsOf(stream)) {
      if (event.type === "ERROR" || event.type === "BOOKMARK") {
        yield viewEvent(definition, form, event);
        continue;
      }
      const key = objectKey(event.object);
      const [encoded] = await viewsOf(definition, form, [event.encoded]);
      if (encoded === undefined) continue;
      const was = selected.get(key) ?? event.type !== "ADDED";
      const is = event.type !== "DELETED" && selection.matches(encoded.object);
      if (event.type === "DELETED") selected.delete(key);
      else selected.set(key, is);
      if (is) yield { type: was ? "MODIFIED" : "ADDED", object: encoded.object, encoded };
      else if (was) yield { type: "DELETED", object: encoded.object, encoded };
    }
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    yield { type: "ERROR", object: error.status };
  }
}
