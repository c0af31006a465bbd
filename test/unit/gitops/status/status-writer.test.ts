import { rmSync } from "node:fs";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { gitText } from "../../../../engine/gitops/git/native-git.ts";
import { listFilesOf } from "../../../../engine/gitops/git/git-tree.ts";
import { StatusWriter } from "../../../../engine/gitops/status/status-writer.ts";
import { createTestRepository, type TestRepository } from "../../../kit/git.ts";

let repository: TestRepository;
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(() => repository[Symbol.dispose]());

const BRANCH = "status/home";
const newWriter = (keepCommits = 2000, store = repository.store) => new StatusWriter({ store, cluster: "home", branch: BRANCH, keepCommits });
const report = (files: Record<string, string>, time = Date.UTC(2026, 0, 1)) => ({ files: new Map(Object.entries(files)), message: "status\n", signature: { name: "Mainstay", email: "m@x", time } });
const tip = async () => (await repository.tip(BRANCH)) ?? "";
const files = async (commit?: string) => listFilesOf(repository.store.objects, (await repository.store.objects.commit(commit ?? (await tip()))).tree, "");

describe("the status branch", () => {
  test("begins without a parent, and a report that says the same is no commit", async () => {
    const writer = newWriter();
    expect(await writer.write(report({ "README.md": "a", "apps/web.md": "b" }))).toMatchObject({ is: "written", tries: 1 });
    const first = await tip();
    expect((await repository.store.objects.commit(first)).parents).toEqual([]);
    expect(await writer.write(report({ "README.md": "a", "apps/web.md": "b" }))).toEqual({ is: "unchanged" });
    expect(await newWriter().write(report({ "README.md": "a", "apps/web.md": "b" }))).toEqual({ is: "unchanged" });
    expect(await tip()).toBe(first);
  });

  test("of which something is lost begins anew, and can be cloned and packed again", async () => {
    const git = (...args: readonly string[]) => gitText({ gitDir: repository.gitDir, args });
    const writer = newWriter();
    await writer.write(report({ "README.md": "a", "apps/web.md": "b" }));
    for (const lost of ["", "^{tree}", ":apps"]) {
      const id = (await git("rev-parse", `${await tip()}${lost}`)).trim();
      rmSync(path.join(repository.gitDir, "objects", id.slice(0, 2), id.slice(2)));
      for (const one of [writer, newWriter()]) {
        expect(await one.write(report({ "README.md": lost, "apps/web.md": `lost ${lost}` }))).toMatchObject({ is: one === writer ? "written" : "unchanged" });
        expect(await files()).toEqual(["README.md", "apps/web.md"]);
      }
      expect((await repository.store.objects.commit(await tip())).parents).toEqual([]);
      await git("fsck", "--connectivity-only", "--no-dangling");
    }
  });

  test("drops pages of what is gone and keeps those of the past", async () => {
    const writer = newWriter();
    await writer.write(report({ "README.md": "a", "apps/old.md": "x", "apps/web.md": "x", "deploys/2026/01/a.md": "x", "incidents/i.md": "x" }));
    await writer.write(report({ "README.md": "a", "apps/web.md": "y", "deploys/2026/01/b.md": "x" }));
    expect(await files()).toEqual(["README.md", "apps/web.md", "deploys/2026/01/a.md", "deploys/2026/01/b.md", "incidents/i.md"]);
    await newWriter().write(report({ "README.md": "b" }));
    expect(await files()).toEqual(["README.md", "deploys/2026/01/a.md", "deploys/2026/01/b.md", "incidents/i.md"]);
  });

  test("that someone else wrote to keeps their commit in its history, and says what the cluster says", async () => {
    const writer = newWriter();
    await writer.write(report({ "README.md": "a" }));
    const foreign = await repository.commit({ "README.md": "vandalised", "hello.txt": "hi" }, "not the bot", BRANCH);
    await writer.write(report({ "README.md": "a" }));
    expect((await repository.store.objects.commit(await tip())).parents).toEqual([foreign]);
    expect(await files()).toEqual(["README.md"]);
    expect(await writer.read("README.md")).toBe("a");
  });

  test("that moves during a write is written on its new tip", async () => {
    const writer = newWriter();
    await writer.write(report({ "README.md": "a" }));
    let raced = "";
    const racing = {
      ...repository.store,
      pushRef: async (ref: string, from: string | undefined, to: string | undefined) => {
        if (raced === "") raced = await repository.commit({ "x.txt": "x" }, "meanwhile", BRANCH);
        return repository.store.pushRef(ref, from, to);
      },
    };
    expect(await newWriter(2000, racing).write(report({ "README.md": "b" }))).toMatchObject({ is: "written", tries: 2 });
    expect((await repository.store.objects.commit(await tip())).parents).toEqual([raced]);
  });

  test("that others keep moving is given up for now, with the reason", async () => {
    const store = { ...repository.store, pushRef: async () => ({ is: "conflict" as const, reason: "locked" }) };
    await expect(newWriter(2000, store).write(report({ "README.md": "a" }))).rejects.toThrow("it moved 5 times in a row");
  });
});
