import type { EncodedObject, EncodedWatchEvent, WatchStream } from "../apimachinery/api-request.ts";
import { objectKey, type KubeObject } from "../apimachinery/object-meta.ts";
import { StatusError } from "../apimachinery/status-error.ts";
import { eventsOf, streamOf } from "../apimachinery/watch-stream.ts";
import { deepFreeze } from "../lib/freeze.ts";
import { RecentMap } from "../lib/recent-map.ts";
import type { ResourceDefinition, StoredForm } from "../resources/define-resource.ts";
import { StoredObject, unstoredObject } from "./encoded-object.ts";
import type { Selection } from "./selection.ts";

/** The kind whose address shows an object just as it is stored: of most custom objects that of the version they are stored in. */
const shownAsStored = new WeakMap<EncodedObject, ResourceDefinition>();

/**
 * Other views, by kind: a watch event or an object that many ask for is made once for all of them. Each weighs what it is made from, in bytes,
 * and no less than a small object with its tree.
 */
const VIEWS_BYTES = 8 << 20;
const VIEW_BYTES_MIN = 4 << 10;
const views = new RecentMap<EncodedObject, Map<ResourceDefinition, EncodedObject>>(VIEWS_BYTES);

/** What is stored, as it is served at the address of `definition`. */
export function viewOf<T extends KubeObject>(definition: ResourceDefinition<T>, form: StoredForm<T>, stored: EncodedObject): EncodedObject<T> {
  return knownView(definition, stored) ?? remember(definition, form.fromStored(stored.object), stored);
}

/** The same for several, also where the way to them takes time; all that are not known yet go it together. */
export async function viewsOf<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  form: StoredForm<T>,
  stored: readonly EncodedObject[],
): Promise<readonly EncodedObject<T>[]> {
  const { later } = form;
  if (later === undefined) return stored.map((object) => viewOf(definition, form, object));
  const found = stored.map((object) => knownView(definition, object));
  const sources = stored.filter((_, index) => found[index] === undefined);
  if (sources.length === 0) return found as EncodedObject<T>[]; // none of them is undefined
  const trees = sources.map(({ object }) => object);
  const made = await later.fromStored(trees);
  let next = 0;
  return stored.map((object, index) => found[index] ?? remember(definition, made[next] ?? (trees[next] as unknown as T), object, trees[next++])); // the way gives one for each
}

function knownView<T extends KubeObject>(definition: ResourceDefinition<T>, stored: EncodedObject): EncodedObject<T> | undefined {
  const key = definition as unknown as ResourceDefinition; // only its identity counts
  return (shownAsStored.get(stored) === key ? stored : views.get(stored)?.get(key)) as EncodedObject<T> | undefined; // put there for this very definition
}

/** `tree` is what the view was made from. */
function remember<T extends KubeObject>(definition: ResourceDefinition<T>, object: T, stored: EncodedObject, tree = stored.object): EncodedObject<T> {
  const key = definition as unknown as ResourceDefinition; // as above
  if ((object as KubeObject) === tree) {
    shownAsStored.set(stored, key);
    return stored as EncodedObject<T>; // what is served is what is stored
  }
  const view = unstoredObject(deepFreeze(object));
  const known = views.get(stored);
  if (known === undefined) views.set(stored, new Map([[key, view]]), Math.max(VIEW_BYTES_MIN, stored instanceof StoredObject ? stored.byteLength : 0));
  else known.set(key, view);
  return view;
}

/** A selection of what is served, as one of what is stored. Names and labels mean the same in both; other fields have no index. */
export function storedSelection<T extends KubeObject>(
  { fromStored }: StoredForm<T>,
  { isEmpty, equals, matches, matchesLabels, matchesFields }: Selection<T>,
): Selection<KubeObject> {
  const name = equals.get("metadata.name");
  return {
    isEmpty,
    equals: new Map(name === undefined ? [] : [["metadata.name", name]]),
    matches: (stored) => matches(fromStored(stored)),
    matchesLabels,
    matchesFields: matchesFields && ((stored) => matchesFields(fromStored(stored))),
  };
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
export function convertedStream<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  form: StoredForm<T>,
  stream: WatchStream,
  selection: Selection<T>,
): WatchStream<T> {
  return streamOf(convertedEvents(definition, form, stream, selection), () => stream.close());
}

async function* convertedEvents<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  form: StoredForm<T>,
  stream: WatchStream,
  selection: Selection<T>,
): AsyncGenerator<EncodedWatchEvent<T>> {
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
