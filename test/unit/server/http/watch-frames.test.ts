import { expect, test } from "vitest";
import type { EncodedWatchEvent } from "../../../../engine/apimachinery/api-request.ts";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import type { EncodeContext } from "../../../../engine/server/http/encode-result.ts";
import { watchFramer } from "../../../../engine/server/http/watch-frames.ts";

const context = { definition: configMapResource, representation: { encoding: "json", form: "object" }, includeObject: "Metadata", now: () => 0 } as unknown as EncodeContext; // without the schemas, which only protobuf needs
const framer = () => watchFramer(context);

/** Changes of so many objects, each with a text of this length; and how often one of them was made into bytes. */
function changes(count: number, length: number): { readonly events: readonly EncodedWatchEvent[]; readonly encodings: () => number } {
  let made = 0;
  const events = Array.from({ length: count }, (_, at): EncodedWatchEvent => {
    const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: `m${at}` }, data: { text: "x".repeat(length) } };
    const json = () => {
      made++;
      return Buffer.from(JSON.stringify(object));
    };
    return { type: "MODIFIED", encoded: { object, json, itemJson: json }, object };
  });
  return { events, encodings: () => made };
}

test("a burst of events is made into bytes once for all its watchers", () => {
  const { events, encodings } = changes(300, 10_000);
  const first = events.map((event) => framer().frame(event).bytes.toString());
  expect(first[7]).toMatch(/^\{"type":"MODIFIED","object":\{"apiVersion":"v1".*\}\}\n$/);
  for (let watcher = 0; watcher < 3; watcher++) expect(events.map((event) => framer().frame(event).bytes.toString())).toEqual(first);
  expect(encodings()).toBe(300);
});

test.each(catalog.filter(({ verbs }) => verbs.includes("watch")).map((definition) => [`${definition.resource}.${definition.group}/${definition.version}`, definition] as const))(
  "a bookmark of %s, which holds no more than metadata, is a row of its table",
  (_name, definition) => {
    const inTable = { ...context, definition, representation: { encoding: "json", form: "table" } } as EncodeContext; // no other encoding is asked for
    const metadata = { resourceVersion: "7", annotations: { "k8s.io/initial-events-end": "true" } };
    const { bytes } = watchFramer(inTable).frame({ type: "BOOKMARK", object: { apiVersion: "v1", kind: definition.kind, metadata } });
    const { type, object } = JSON.parse(bytes.toString()) as { readonly type: string; readonly object: { readonly rows: readonly { readonly cells: unknown; readonly object: unknown }[] } };
    expect(type).toBe("BOOKMARK");
    expect(object.rows[0]?.cells).toHaveLength(definition.columns.length);
    expect(object.rows[0]?.object).toEqual({ apiVersion: "meta.k8s.io/v1", kind: "PartialObjectMetadata", metadata });
  },
);

test("the bytes of large objects are not kept for long", () => {
  const { events, encodings } = changes(40, 1_000_000);
  for (const event of events) framer().frame(event);
  expect(encodings()).toBe(40);
  for (const event of events.slice(-4)) framer().frame(event);
  expect(encodings()).toBe(40);
  for (const event of events.slice(0, 20)) framer().frame(event);
  expect(encodings()).toBe(60);
});
