import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { randomInteger, seededRandom, type Random } from "../../../engine/lib/random.ts";
import { encodeForStorage, StoredObject, unstoredObject } from "../../../engine/storage/encoded-object.ts";
import { joinItems } from "../../../engine/storage/list-json.ts";
import { SortedObjects } from "../../../engine/storage/sorted-objects.ts";

interface Data extends KubeObject {
  readonly data?: unknown;
}

const LETTERS = ["a", '"', "\\", "é", "\u{1F600}", "\n", "{", "\u2028", "}", ","];

function textOf(random: Random): string {
  return Array.from({ length: randomInteger(random, 12) }, () => LETTERS[randomInteger(random, LETTERS.length)]).join("");
}

function anyObject(random: Random): Data {
  const labels = random.next() < 0.5 ? {} : { labels: { app: textOf(random) } };
  return { kind: "ConfigMap", apiVersion: "v1", metadata: { name: `n${randomInteger(random, 300)}`, ...labels }, data: { [textOf(random)]: textOf(random), metadata: {}, n: 9_007_199_254_740_993n } };
}

describe("a stored object", () => {
  test("says in every form what was stored, and its revision, in whatever script it is written", () => {
    const random = seededRandom(3);
    for (let round = 0; round < 500; round++) {
      const object = anyObject(random);
      const bytes = encodeForStorage(object);
      const stored = new StoredObject<Data>(bytes, 7);
      const versioned = { ...object, metadata: { ...object.metadata, resourceVersion: "7" } };
      expect(stored.object).toEqual(versioned);
      expect(Object.isFrozen(stored.object.metadata)).toBe(true);
      expect(stored.labels).toEqual(object.metadata.labels);
      expect(stored.byteLength).toBe(bytes.length);
      expect(stored.isStoredAs(bytes)).toBe(true);
      expect(stored.isStoredAs(encodeForStorage({ ...object, data: "another" } as Data))).toBe(false);
      const { kind: _kind, apiVersion: _apiVersion, ...item } = versioned;
      const plain = (value: unknown) => JSON.parse(JSON.stringify(value)) as unknown;
      expect(JSON.parse(stored.json().toString("utf8"))).toEqual(plain(versioned));
      expect(JSON.parse(stored.itemJson().toString("utf8"))).toEqual(plain(item));
      expect(JSON.parse(joinItems({ head: "[", items: [stored, unstoredObject(object), stored], tail: "]", isTyped: false }).toString())).toMatchObject([
        plain(item),
        { data: plain(object.data) },
        plain(item),
      ]);
      expect(stored.at(9).object.metadata.resourceVersion).toBe("9");
      expect(stored.at(9)).toBe(stored.at(9));
    }
  });

  test("without any metadata gets its revision all the same", () => {
    const stored = new StoredObject(encodeForStorage({ kind: "K", apiVersion: "v1", metadata: {} }), 12);
    expect(stored.json().toString()).toBe('{"kind":"K","apiVersion":"v1","metadata":{"resourceVersion":"12"}}');
  });

  test("keeps its tree only for a while, and gives an equal one to who comes later", () => {
    const stored = new StoredObject<Data>(encodeForStorage({ kind: "K", apiVersion: "v1", metadata: { name: "a" }, data: "x".repeat(1_000) } as Data), 1);
    const { object } = stored;
    for (let index = 0; index < 3_000; index++) new StoredObject(encodeForStorage({ kind: "K", apiVersion: "v1", metadata: { name: "y".repeat(1_000) } }), 1);
    expect(stored.object).toBe(object); // somebody keeps it: there are no two
    expect(stored.object).toEqual({ kind: "K", apiVersion: "v1", metadata: { name: "a", resourceVersion: "1" }, data: "x".repeat(1_000) });
  });
});

test("a list is the same bytes in one piece and in many, and says before how many they are", () => {
  const random = seededRandom(5);
  for (const count of [0, 1, 2, 700, 2_000]) {
    const objects = Array.from({ length: count }, (_, index): Data => ({ ...anyObject(random), data: `é${"x".repeat(index % 600)}` }));
    const items = objects.map((object, index) => (index % 100 === 3 ? unstoredObject(object) : new StoredObject<Data>(encodeForStorage(object), index + 1)));
    for (const isTyped of [false, true]) {
      const list = joinItems({ head: '{"items":[', items, tail: "]}\n", isTyped });
      const pieces = Buffer.isBuffer(list) ? [list] : [...list];
      const whole = Buffer.concat(pieces);
      expect(whole.length).toBe(list.length);
      expect(whole.toString()).toBe(`{"items":[${items.map((item) => (isTyped ? item.json() : item.itemJson()).toString()).join(",")}]}\n`);
      expect(Math.max(...pieces.map(({ length }) => length))).toBeLessThanOrEqual(128 << 10);
      expect(pieces.length > 1).toBe(list.length > 128 << 10);
    }
  }
});

test("objects sorted by key are what a map of them is, however often chunks are divided and emptied", () => {
  const random = seededRandom(11);
  const sorted = new SortedObjects<Data>();
  const model = new Map<string, StoredObject<Data>>();
  for (let step = 0; step < 6_000; step++) {
    const key = `/registry/k/n${randomInteger(random, 3)}/${randomInteger(random, 900)}`;
    const grows = step < 4_000 || random.next() < 0.2;
    const object = new StoredObject<Data>(encodeForStorage({ kind: "K", apiVersion: "v1", metadata: { name: key } }), step);
    expect(grows ? sorted.put(key, object) : sorted.delete(key)).toBe(model.get(key));
    if (grows) model.set(key, object);
    else model.delete(key);
    expect(sorted.get(key)).toBe(model.get(key));
    expect(sorted.size).toBe(model.size);
  }
  const inOrder = [...model]
    .filter(([key]) => key.startsWith("/registry/k/n1/"))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, object]) => object);
  expect(sorted.range("/registry/k/n1/", "")).toEqual(inOrder);
  sorted.replace([...model].slice(0, 700));
  expect(sorted.size).toBe(Math.min(700, model.size));
});
