import { afterEach, beforeEach, expect, test } from "vitest";
import { listFilesOf } from "../../engine/gitops/git/git-tree.ts";
import { StatusWriter } from "../../engine/gitops/status/status-writer.ts";
import { createTestRepository, type TestRepository } from "../kit/git.ts";

let repository: TestRepository;
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(() => repository[Symbol.dispose]());

const BRANCH = "status/home";
const DAY = 86_400_000;
const report = (files: Record<string, string>, time: number) => ({ files: new Map(Object.entries(files)), message: "status\n", signature: { name: "Mainstay", email: "m@x", time } });
const tip = async () => (await repository.tip(BRANCH)) ?? "";
const files = async () => listFilesOf(repository.store.objects, (await repository.store.objects.commit(await tip())).tree, "");

test("the status branch is cut after keepCommits; the old tip is kept as an archive for 90 days", async () => {
  const start = Date.UTC(2026, 0, 1);
  const writer = new StatusWriter({ store: repository.store, cluster: "home", branch: BRANCH, keepCommits: 3 });
  for (let count = 0; count < 3; count++) await writer.write(report({ "README.md": `${count}`, "deploys/2026/01/a.md": "x" }, start));
  const old = await tip();
  await writer.write(report({ "README.md": "3" }, start));
  expect((await repository.store.objects.commit(await tip())).parents).toEqual([]);
  expect(await files()).toEqual(["README.md", "deploys/2026/01/a.md"]);
  const archives = async () => Object.fromEntries(await repository.store.listRefs("refs/mainstay/archive"));
  expect(await archives()).toEqual({ "refs/mainstay/archive/status/home/2026-01-01": old });
  for (let count = 4; count < 7; count++) await writer.write(report({ "README.md": `${count}` }, start + 100 * DAY));
  expect(Object.keys(await archives())).toEqual(["refs/mainstay/archive/status/home/2026-04-11"]);
});
