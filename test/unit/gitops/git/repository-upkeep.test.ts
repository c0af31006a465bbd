import { readdirSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { GitStore } from "../../../../engine/gitops/git/git-source.ts";
import { runGit } from "../../../../engine/gitops/git/native-git.ts";
import { runUpkeep } from "../../../../engine/gitops/git/repository-upkeep.ts";
import { NEVER } from "../../../../engine/lib/abort.ts";
import { silentLogger } from "../../../../engine/lib/log.ts";
import { createTestRepository, type TestRepository } from "../../../kit/git.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

let repository: TestRepository;
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(() => repository[Symbol.dispose]());

const packs = () => readdirSync(path.join(repository.gitDir, "objects/pack")).filter((file) => file.endsWith(".pack"));
const loose = () => readdirSync(path.join(repository.gitDir, "objects")).filter((folder) => /^[0-9a-f]{2}$/.test(folder)).length;

test("many objects by themselves become packs, a few do not, and both are read on", async () => {
  const { store } = repository;
  const commits = [await repository.commit({ "a.yaml": "one" })];
  await store.tidy?.(NEVER);
  expect(packs()).toEqual([]);
  await runGit({ gitDir: repository.gitDir, args: ["config", "gc.auto", "1"] });
  // Git guesses how many there are by one folder.
  for (let index = 0; index < 400; index++) commits.push(await repository.commit({ "a.yaml": `content ${index}` }, "change", "status/local"));
  await store.tidy?.(NEVER);
  expect([packs().length, loose()]).toEqual([1, 0]);
  for (const commit of [commits[0], commits.at(-1)]) {
    const { tree } = await store.objects.commit(commit ?? "");
    expect((await store.objects.tree(tree)).map(({ name }) => name)).toEqual(["a.yaml"]);
  }
  // A pack that another one replaces: what was read of the old one is let go.
  await runGit({ gitDir: repository.gitDir, args: ["repack", "-a", "-d", "-f", "-q", "--depth=1"] });
  await store.tidy?.(NEVER);
  expect((await store.objects.commit(commits.at(-1) ?? "")).message).toContain("change");
});

test("what somebody removes to which a ref has just been moved is written again", async () => {
  const clock = new VirtualClock();
  const abort = new AbortController();
  const { store, gitDir } = repository;
  const ended = runUpkeep({ store, clock, logger: silentLogger }, abort.signal);
  const tip = await repository.commit({ "README.md": "a", "apps/web.md": "b" }, "status", "status/local");
  await runGit({ gitDir, args: ["update-ref", "-d", "refs/heads/status/local"] });
  await runGit({ gitDir, args: ["prune", "--expire=now"] });
  await store.pushRef("refs/heads/status/local", undefined, tip);
  await expect(store.objects.commit(tip)).rejects.toThrow("is missing");
  await clock.advance(2_000);
  await expect.poll(async () => (await runGit({ gitDir, args: ["fsck", "--connectivity-only"] })).code).toBe(0);
  abort.abort();
  await ended;
});

test("it is looked to every hour, also after a failure", async () => {
  const clock = new VirtualClock();
  const abort = new AbortController();
  let looks = 0;
  const store = {
    tidy: async () => {
      looks++;
      throw new Error("the disk is full");
    },
  } as Partial<GitStore> as GitStore;
  const ended = runUpkeep({ store, clock, logger: silentLogger }, abort.signal);
  await clock.advance(3_599_000);
  expect(looks).toBe(0);
  await clock.advance(3_700_000);
  expect(looks).toBe(2);
  abort.abort();
  await ended;
});
