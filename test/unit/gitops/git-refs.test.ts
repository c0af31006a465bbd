import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readRef } from "../../../engine/gitops/git/git-refs.ts";
import { gitText } from "../../../engine/gitops/git/native-git.ts";
import { configMapYaml, createTestRepository, type TestRepository } from "../../kit/git.ts";

let repository: TestRepository;
let commit: string;
beforeEach(async () => {
  repository = await createTestRepository();
  commit = await repository.commit({ "a.yaml": configMapYaml("a") });
});
afterEach(() => repository[Symbol.dispose]());

const git = (...args: readonly string[]) => gitText({ gitDir: repository.gitDir, args });
const names = async (prefix = "refs/heads/") => [...(await repository.store.listRefs(prefix)).keys()];

test("refs are those that Git shows: in files of their own, packed, and those that lead to others", async () => {
  for (const name of ["feature/a", "feature/deep/b", "old"]) await git("branch", name, commit);
  await git("pack-refs", "--all");
  const newer = await repository.commit({ "a.yaml": configMapYaml("b") }, "newer", "old");
  await git("branch", "new", newer);
  await git("branch", "-D", "feature/a");
  await git("symbolic-ref", "refs/heads/leads", "refs/heads/new");
  await git("symbolic-ref", "refs/heads/around", "refs/heads/around");
  await git("symbolic-ref", "refs/heads/nowhere", "refs/heads/missing");
  const shown = (await git("for-each-ref", "--format=%(refname) %(objectname)", "refs/heads/")).trim().split("\n");
  expect([...(await repository.store.listRefs("refs/heads/"))].map((pair) => pair.join(" "))).toEqual(shown);
  expect(shown).toHaveLength(5);
  for (const line of shown) expect(await readRef(repository.gitDir, line.split(" ")[0] ?? "")).toBe(line.split(" ")[1]);
  for (const gone of ["feature/a", "around", "nowhere", "feature"]) expect(await readRef(repository.gitDir, `refs/heads/${gone}`)).toBeUndefined();
  expect(await names("refs/heads/feature")).toEqual(["refs/heads/feature/deep/b"]);
  expect(await names("refs/tags/")).toEqual([]);
});

test("none is left out while others are written, packed and deleted", async () => {
  await repository.store.pushRef("refs/heads/stays", undefined, commit);
  let isWriting = true;
  const write = async () => {
    for (let round = 0; round < 60; round++) {
      await repository.store.pushRef("refs/heads/status/local", round === 0 ? undefined : commit, commit);
      await repository.store.pushRef(`refs/heads/folder-${round}/one`, undefined, commit);
      if (round % 10 === 9) await git("pack-refs", "--all");
      if (round % 10 === 4) await git("branch", "-D", `folder-${round}/one`);
    }
    isWriting = false;
  };
  const writing = write();
  let looks = 0;
  for (; isWriting; looks++) {
    expect(await names()).toContain("refs/heads/stays");
    expect(await readRef(repository.gitDir, "refs/heads/stays")).toBe(commit);
  }
  await writing;
  expect(looks).toBeGreaterThan(20);
});

test("a folder that cannot be read is an error, and not a repository without branches", async () => {
  const folder = path.join(repository.gitDir, "refs/heads");
  rmSync(folder, { recursive: true });
  symlinkSync("heads", folder);
  await expect(names()).rejects.toThrow("ELOOP");
  rmSync(folder);
  mkdirSync(folder);
  writeFileSync(path.join(folder, "torn"), "");
  expect(await names()).toEqual([]);
});
