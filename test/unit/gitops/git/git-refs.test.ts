import { mkdirSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readRef } from "../../../../engine/gitops/git/git-refs.ts";
import { gitText } from "../../../../engine/gitops/git/native-git.ts";
import { configMapYaml, createTestRepository, type TestRepository } from "../../../kit/git.ts";

let repository: TestRepository;
let commit: string;
let newer: string;
beforeEach(async () => {
  repository = await createTestRepository();
  commit = await repository.commit({ "a.yaml": configMapYaml("a") });
  newer = await repository.store.writeCommit({
    ...(await repository.store.objects.commit(commit)),
    parents: [commit],
    message: "newer\n",
    signature: { name: "Ada", email: "ada@example.org", time: 0 },
  });
});
afterEach(() => repository[Symbol.dispose]());

const git = (...args: readonly string[]) => gitText({ gitDir: repository.gitDir, args });
const names = async (prefix = "refs/heads/") => [...(await repository.store.listRefs(prefix)).keys()];

test("refs are those that Git shows: in files of their own, packed, and those that lead to others", async () => {
  for (const name of ["feature/a", "feature/deep/b", "old"]) await git("branch", name, commit);
  await git("pack-refs", "--all");
  await git("update-ref", "refs/heads/old", newer);
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

test("names are Git's: of any letters, and not those of files that are no refs", async () => {
  for (const name of ["a\u00a0b", "\u3000", "日本/語", "x@y", "-dash"]) await git("update-ref", `refs/heads/${name}`, commit);
  const all = [...(await git("for-each-ref", "--format=%(refname)", "refs/heads/")).trim().split("\n")].sort();
  expect(all).toHaveLength(6);
  for (const name of [".nfs0001", "main.lock", "a~b", "dir.lock/x"]) {
    mkdirSync(path.dirname(path.join(repository.gitDir, "refs/heads", name)), { recursive: true });
    writeFileSync(path.join(repository.gitDir, "refs/heads", name), "half a comm");
  }
  expect(await names()).toEqual(all);
  await git("pack-refs", "--all");
  expect(await names()).toEqual(all);
  for (const ref of all) expect(await readRef(repository.gitDir, ref)).toBe(commit);
});

test("what is packed anew is seen at once, and of a symbolic ref as well", async () => {
  for (let round = 0; round < 20; round++) {
    await git("update-ref", "refs/heads/moves", round % 2 === 0 ? commit : newer);
    await git("symbolic-ref", "refs/heads/leads", "refs/heads/moves");
    await git("pack-refs", "--all");
    expect((await repository.store.listRefs("refs/heads/")).get("refs/heads/leads")).toBe(round % 2 === 0 ? commit : newer);
  }
});

test("a file that holds no commit is an error, and neither no branch nor the commit that was packed before", async () => {
  await git("pack-refs", "--all");
  writeFileSync(path.join(repository.gitDir, "refs/heads/main"), "");
  for (const ask of [() => names(), () => readRef(repository.gitDir, "refs/heads/main")]) await expect(ask()).rejects.toThrow("refs/heads/main is broken: write the id of its commit into");
  rmSync(path.join(repository.gitDir, "refs/heads/main"));
  expect(await readRef(repository.gitDir, "refs/heads/main")).toBe(commit);
  truncateSync(path.join(repository.gitDir, "packed-refs"), 70);
  await expect(names()).rejects.toThrow("ends in the middle of a line");
  await expect(readRef(repository.gitDir, "refs/heads/main")).rejects.toThrow("ends in the middle of a line");
});

test("where there is no repository any more, or one of another format, that is an error as well", async () => {
  const heads = path.join(repository.gitDir, "refs/heads");
  rmSync(heads, { recursive: true });
  writeFileSync(heads, "this repository uses the reftable format\n");
  for (const ask of [() => names(), () => readRef(repository.gitDir, "refs/heads/main")]) await expect(ask()).rejects.toThrow("git refs migrate --ref-format=files");
  rmSync(repository.gitDir, { recursive: true });
  for (const ask of [() => names(), () => readRef(repository.gitDir, "refs/heads/main")]) await expect(ask()).rejects.toThrow("there is no repository in");
});

test("a folder that cannot be read is an error, and not a repository without branches", async () => {
  const folder = path.join(repository.gitDir, "refs/heads");
  rmSync(folder, { recursive: true });
  symlinkSync("heads", folder);
  await expect(names()).rejects.toThrow("ELOOP");
});
