import { expect, test } from "vitest";
import { MissingObject, type GitObjects } from "../../../../engine/gitops/git/git-source.ts";
import { RecentObjects } from "../../../../engine/gitops/git/recent-objects.ts";

test("of what was written last no more is kept than there is room for, in number and in bytes", async () => {
  const recent = new RecentObjects();
  const missing = async () => Promise.reject(new MissingObject("gone"));
  const objects: GitObjects = { commit: missing, tree: missing, blob: missing };
  const restored = async () => {
    written.length = 0;
    await recent.restore(objects);
    return [...written];
  };
  const written: string[] = [];
  const write = (id: string, bytes: number) =>
    recent.write("blob", bytes, async () => {
      written.push(id);
      return id;
    });
  for (const id of ["a", "b", "a", "c"]) await write(id, 8 << 20);
  expect(await restored()).toEqual(["a", "c"]);
  await write("long", 17 << 20);
  expect(await restored()).toEqual([]);
  for (let index = 0; index < 1_001; index++) await write(`${index}`, 1);
  expect(await restored()).toHaveLength(1_000);
});
