import { randomBytes } from "node:crypto";
import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { compareAndSwapRef } from "../../../../engine/gitops/git/move-ref.ts";
import { runGit } from "../../../../engine/gitops/git/native-git.ts";
import { openRemoteTransport } from "../../../../engine/gitops/git/remote-transport.ts";
import { removeStaleRefLocks } from "../../../../engine/gitops/git/stale-locks.ts";
import { NEVER } from "../../../../engine/lib/abort.ts";
import { createTestRepository, type TestRepository } from "../../../kit/git.ts";

let repository: TestRepository;
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(() => repository[Symbol.dispose]());

const at = (...names: readonly string[]) => path.join(repository.gitDir, ...names);
const REF = "refs/heads/status/local";

/** As somebody who was killed so many seconds ago has left it; below nought, before the clock was put back. */
function leave(file: string, ageSeconds: number): void {
  mkdirSync(path.dirname(file), { recursive: true });
  closeSync(openSync(file, "w"));
  const time = Date.now() / 1000 - ageSeconds;
  utimesSync(file, time, time);
}

describe("a lock of a ref", () => {
  test("whose writer was killed holds nobody up for long, and one that may be held is left", async () => {
    const first = await repository.commit({ "README.md": "a" }, "status", "status/local");
    leave(at(`${REF}.lock`), 1);
    expect(await compareAndSwapRef(repository.gitDir, REF, first, first)).toMatchObject({ is: "conflict", reason: `${REF} is locked by another writer` });
    for (const age of [60, -3600]) {
      leave(at(`${REF}.lock`), age);
      expect(await compareAndSwapRef(repository.gitDir, REF, first, first)).toEqual({ is: "pushed" });
      expect(existsSync(at(`${REF}.lock`))).toBe(false);
    }
  });

  test("that a killed push has left does not keep Git from the next one", async () => {
    const commit = await repository.commit({ "a.yaml": "a" });
    const next = await repository.commit({ "a.yaml": "b" }, "b", "other");
    const move = () => runGit({ gitDir: repository.gitDir, args: ["update-ref", "--create-reflog", "refs/heads/main", next, commit] });
    leave(at("refs/heads/main.lock"), 60);
    leave(at("HEAD.lock"), 60);
    leave(at("packed-refs.lock"), 60);
    expect((await move()).stderr).toContain("File exists");
    await removeStaleRefLocks(repository.gitDir, ["refs/heads/main"]);
    expect((await move()).code).toBe(0);
    expect(existsSync(at("packed-refs.lock"))).toBe(false);
  });

  test("that a killed packing has left keeps neither the next one nor a deletion waiting for a push", async () => {
    const commit = await repository.commit({ "a.yaml": "a" });
    for (const act of [() => repository.store.tidy?.(NEVER), () => repository.store.pushRef("refs/heads/main", commit, undefined)]) {
      leave(at("packed-refs.lock"), 60);
      await act();
      expect(existsSync(at("packed-refs.lock"))).toBe(false);
    }
    expect(await repository.store.fetchRef("refs/heads/main")).toBeUndefined();
  });

  test("is no branch", async () => {
    const packed = await repository.commit({ "a.yaml": "a" }, "packed", "packed");
    const moved = await repository.commit({ "a.yaml": "b" }, "moved", "moved");
    await runGit({ gitDir: repository.gitDir, args: ["pack-refs", "--all"] });
    const main = await repository.commit({ "a.yaml": "c" });
    expect(await compareAndSwapRef(repository.gitDir, "refs/heads/moved", moved, main)).toEqual({ is: "pushed" });
    writeFileSync(at("refs/heads/main.lock"), `${packed}\n`);
    await runGit({ gitDir: repository.gitDir, args: ["symbolic-ref", "refs/heads/other", "refs/heads/packed"] });
    const found = [...(await repository.store.listRefs("refs/heads/"))].map(([ref, commit]) => [ref.slice("refs/heads/".length), commit]);
    expect(Object.fromEntries(found)).toEqual({ main, moved: main, other: packed, packed });
  });

  test("that a killed fetch has left does not keep a remote from being followed", async () => {
    using remote = await createTestRepository();
    const commit = await remote.commit({ "a.yaml": "a" });
    const transport = openRemoteTransport(repository.gitDir, { url: remote.gitDir, protocols: ["file"] });
    leave(at("refs/mainstay/fetched.lock"), 60);
    leave(at("shallow.lock"), 60);
    expect(await transport.fetch("refs/heads/main", NEVER, 1)).toBe(commit);
  });
});

test("an object has all of its content as soon as it has its name: no kill leaves half of one", async () => {
  const content = randomBytes(4 << 20);
  const sizes = new Set<number>();
  const isObject = /^[0-9a-f]{2}$/;
  let isDone = false;
  const look = async () => {
    while (!isDone) {
      for (const folder of readdirSync(at("objects")).filter((name) => isObject.test(name)))
        for (const name of readdirSync(at("objects", folder)).filter((file) => /^[0-9a-f]{38}$/.test(file))) sizes.add(statSync(at("objects", folder, name)).size);
      await setImmediate();
    }
  };
  const looking = look();
  await repository.store.writeBlob(content);
  isDone = true;
  await looking;
  const [id = ""] = readdirSync(at("objects")).filter((name) => isObject.test(name));
  const [file = ""] = readdirSync(at("objects", id));
  expect([...sizes, statSync(at("objects", id, file)).size].filter((size, index, all) => all.indexOf(size) === index)).toHaveLength(1);
  expect(readdirSync(at("objects", id))).toEqual([file]);
});

test("an object whose content a power cut has taken is written again", async () => {
  const id = await repository.store.writeBlob("content\n");
  const file = at("objects", id.slice(0, 2), id.slice(2));
  chmodSync(file, 0o644);
  truncateSync(file);
  expect(await repository.store.writeBlob("content\n")).toBe(id);
  expect((await repository.store.objects.blob(id)).toString()).toBe("content\n");
});

test("what killed pushes and packings had received goes after a day", async () => {
  const left = ["objects/tmp_objdir-incoming-Ab12", "objects/pack/tmp_pack_Cd34", "objects/pack/.tmp-7-pack-ef.pack"];
  for (const name of left) {
    mkdirSync(at(name), { recursive: true });
    writeFileSync(at(name, "part"), "x");
  }
  const age = (seconds: number) => left.forEach((name) => utimesSync(at(name), Date.now() / 1000 - seconds, Date.now() / 1000 - seconds));
  age(3600);
  await repository.store.tidy?.(NEVER);
  expect(left.map((name) => existsSync(at(name)))).toEqual(left.map(() => true));
  age(2 * 86_400);
  await repository.store.tidy?.(NEVER);
  expect(left.map((name) => existsSync(at(name)))).toEqual(left.map(() => false));
});

test.each([
  ["objects", ["hash-object", "-w", "--stdin"]],
  ["refs", ["update-ref", "refs/heads/other", "refs/heads/main"]],
])("%s that Git writes are on the disk before who pushes them is told", async (_name, args) => {
  await repository.commit({ "a.yaml": "a" });
  const trace = at("trace.json");
  const { code } = await runGit({ gitDir: repository.gitDir, args, input: "b", environment: { GIT_TRACE2_EVENT: trace } });
  expect(code).toBe(0);
  expect(readFileSync(trace, "utf8")).toMatch(/hardware-flush/);
});
