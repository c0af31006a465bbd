import { expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { Indexer } from "../../../engine/client/indexer.ts";
import { randomInteger, seededRandom } from "../../../engine/lib/random.ts";

const object = (namespace: string, name: string, owners: readonly string[]): KubeObject => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { namespace, name, ownerReferences: owners.map((uid) => ({ apiVersion: "v1", kind: "ConfigMap", name: uid, uid })) },
});
const ownersOf = ({ metadata }: KubeObject) => (metadata.ownerReferences ?? []).map(({ uid }) => uid);

test("every index finds exactly the objects that a look at all of them finds, whatever was put and removed", () => {
  const random = seededRandom(7);
  const pick = (count: number) => String(randomInteger(random, count));
  const indexer = new Indexer<KubeObject>();
  indexer.addIndex("owner", ownersOf);
  const model = new Map<string, KubeObject>();
  const namesOf = (objects: Iterable<KubeObject>) => [...objects].map(({ metadata: { namespace, name } }) => `${namespace}/${name}`).sort();
  for (let step = 0; step < 2_000; step++) {
    const made = object(
      `n${pick(3)}`,
      pick(8),
      Array.from({ length: randomInteger(random, 3) }, () => pick(6)),
    );
    const key = `${made.metadata.namespace}/${made.metadata.name}`;
    expect(random.next() < 0.6 ? indexer.put(made) : indexer.remove(key)).toBe(model.get(key));
    if (indexer.getByKey(key) === made) model.set(key, made);
    else model.delete(key);
    const owner = pick(6);
    expect(namesOf(indexer.byIndex("owner", owner))).toEqual(namesOf([...model.values()].filter((found) => ownersOf(found).includes(owner))));
    // The index by namespace is made for the first who asks, in the middle of it.
    if (step > 1_000) expect(namesOf(indexer.list("n1"))).toEqual(namesOf([...model.values()].filter(({ metadata }) => metadata.namespace === "n1")));
  }
  expect(indexer.size).toBe(model.size);
});
