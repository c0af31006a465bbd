import { existsSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { compareAndSwapRef } from "../../../../engine/gitops/git/move-ref.ts";
import { gitText } from "../../../../engine/gitops/git/native-git.ts";
import { createTestRepository, type TestRepository } from "../../../kit/git.ts";

let repository: TestRepository;
let commit: string;
beforeEach(async () => {
  repository = await createTestRepository();
  commit = await repository.commit({ "a.yaml": "a" });
});
afterEach(() => repository[Symbol.dispose]());

const git = (...args: readonly string[]) => gitText({ gitDir: repository.gitDir, args });
const at = (name: string) => path.join(repository.gitDir, name);
const move = (ref: string, from?: string, to = commit) => compareAndSwapRef(repository.gitDir, ref, from, to);

test("a lock that is held for a moment is waited for, as Git waits", async () => {
  writeFileSync(at("refs/heads/main.lock"), "");
  const moving = move("refs/heads/main", commit);
  await setTimeout(30);
  rmSync(at("refs/heads/main.lock"));
  expect(await moving).toEqual({ is: "pushed" });
});

test("a ref moves while others pack the refs, whose folders come and go", async () => {
  let isMoving = true;
  const pack = async () => {
    while (isMoving) await git("pack-refs", "--all", "--prune");
  };
  const packing = pack();
  await move("refs/heads/status/local");
  for (let round = 0; round < 1_500; round++) expect(await move("refs/heads/status/local", commit)).toEqual({ is: "pushed" });
  isMoving = false;
  await packing;
});

test("two refs never need one place as file and folder, packed or not; folders that are left empty are in nobody's way", async () => {
  for (const isPacked of [false, true]) {
    const [above, below] = [`refs/heads/above-${isPacked}`, `refs/heads/below-${isPacked}`];
    await git("update-ref", above, commit);
    await git("update-ref", `${below}/deep/one`, commit);
    if (isPacked) await git("pack-refs", "--all");
    expect(await move(`${above}/one`)).toMatchObject({ is: "conflict", reason: expect.stringContaining("there is no place for") });
    expect(await move(below)).toEqual({ is: "conflict", reason: `there is no place for ${below} beside ${below}/deep/one` });
    expect((await git("for-each-ref", "--format=%(refname)", above, below)).trim().split("\n")).toEqual([above, `${below}/deep/one`]);
  }
  mkdirSync(at("refs/heads/left/empty/folders"), { recursive: true });
  expect(await move("refs/heads/left")).toEqual({ is: "pushed" });
  expect(await git("rev-parse", "refs/heads/left")).toBe(`${commit}\n`);
});

test("no file is written outside of the refs", async () => {
  for (const ref of ["refs/heads/../../config", "refs/heads/a.lock", "HEAD"]) await expect(move(ref)).rejects.toThrow("is no name of a ref");
  expect(existsSync(at("refs/heads/a.lock"))).toBe(false);
});
