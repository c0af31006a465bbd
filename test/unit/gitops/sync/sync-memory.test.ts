import { expect, test } from "vitest";
import type { DesiredObject } from "../../../../engine/gitops/manifests/desired-state.ts";
import { SyncMemory } from "../../../../engine/gitops/sync/sync-memory.ts";
import { desired, stored, unit } from "../objects.ts";

const web = desired("ConfigMap", "a");
const other = desired("ConfigMap", "b", {}, unit("other"));
const wanted = (...objects: readonly DesiredObject[]) => new Map(objects.map((object) => [object.identity, object]));
const looks = (memory: SyncMemory, objects: ReadonlyMap<string, DesiredObject>) =>
  memory
    .toLook(
      objects,
      (object) => object,
      () => true,
    )
    .map((look) => `${look.cause} ${look.desired.object.metadata.name}`);
const at = (revision: number) => stored(web, {}, { resourceVersion: String(revision) });
const written = (revision: number) => ({ live: at(revision), isWritten: true, isOwned: false });

/** A memory in which both objects are as wanted, at revision 10. */
function settled(): { readonly memory: SyncMemory; readonly objects: ReadonlyMap<string, DesiredObject> } {
  const memory = new SyncMemory();
  const objects = wanted(web, other);
  memory.follow(objects);
  for (const object of objects.values()) memory.settle(object, { live: stored(object), isWritten: false, isOwned: false });
  return { memory, objects };
}

test("what is as wanted needs no look, until it is seen to be another one", () => {
  const { memory, objects } = settled();
  expect([looks(memory, objects), looks(memory, objects)]).toEqual([[], []]);
  expect(memory.observe(web.identity, at(11), false)).toBe(true);
  expect(looks(memory, objects)).toEqual(["drift a"]);
});

test("what was noticed stays until a look that began later finds it right: a look that fails settles nothing", () => {
  const { memory, objects } = settled();
  memory.observe(web.identity, at(11), true);
  memory.looking(web.identity);
  expect(looks(memory, objects)).toEqual(["drift a"]);
  memory.looking(web.identity);
  memory.observe(web.identity, at(12), true);
  memory.settle(web, written(11));
  expect(looks(memory, objects)).toEqual(["drift a"]);
  memory.looking(web.identity);
  memory.settle(web, written(13));
  expect(looks(memory, objects)).toEqual([]);
});

test("a new object that goes again before its creation was answered is noticed", () => {
  const memory = new SyncMemory();
  const objects = wanted(web);
  memory.follow(objects);
  expect(looks(memory, objects)).toEqual(["commit a"]);
  memory.looking(web.identity);
  expect(memory.observe(web.identity, at(20), false)).toBe(false);
  expect(memory.observe(web.identity, at(20), true)).toBe(false);
  expect(memory.settle(web, written(20))).toBe(true);
  expect(looks(memory, objects)).toEqual(["drift a"]);
});

test("a commit is looked at where it differs, also when it goes back", () => {
  const { memory, objects } = settled();
  const changed = desired("ConfigMap", "a", { data: { key: "new" } });
  const next = wanted(changed, other);
  expect([...memory.follow(next)]).toEqual(["web", "other"]);
  expect(looks(memory, next)).toEqual(["commit a"]);
  memory.settle(changed, written(11));
  expect(looks(memory, next)).toEqual([]);
  memory.follow(objects);
  expect(looks(memory, objects)).toEqual(["commit a"]);
  memory.follow(wanted(other));
  memory.follow(objects);
  expect(looks(memory, objects)).toEqual(["commit a"]);
});
