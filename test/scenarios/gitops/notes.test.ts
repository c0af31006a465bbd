import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { writeNote } from "../../../engine/gitops/status/commit-notes.ts";
import { openGitStore } from "../../../engine/gitops/git/git-store.ts";
import { configMapYaml, createTestRepository } from "../../kit/git.ts";
import { eventually, startGitCluster, type GitCluster } from "../../kit/git-cluster.ts";

let cluster: GitCluster;
beforeEach(async () => void (cluster = await startGitCluster()));
afterEach(() => cluster[Symbol.asyncDispose]());

describe("git notes", () => {
  test("tell on each commit what became of it, as the real git shows them", async () => {
    const copy = await cluster.clone();
    await copy.commit({ "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {minInterval: 10ms}\n", "a.yaml": configMapYaml("a") });
    expect((await copy.push()).code).toBe(0);
    const note = await eventually("the note", async () => {
      await copy.git("fetch", "-q", "origin", "+refs/notes/mainstay:refs/notes/mainstay");
      const { code, text } = await copy.git("notes", "--ref=mainstay", "show", "HEAD");
      return code === 0 ? (JSON.parse(text) as Record<string, unknown>) : undefined;
    });
    expect(note).toMatchObject({ cluster: "local", result: "applied", healthyMs: expect.any(Number), revisions: [expect.any(Number)] });
    await copy.git("fetch", "-q", "origin", "status/local");
    expect((await copy.git("cat-file", "-t", String(note["statusCommit"]))).text.trim()).toBe("commit");
  });

  test("of several clusters on one commit stand side by side, each written once", async () => {
    using repository = await createTestRepository();
    const commit = await repository.commit({ "a.yaml": configMapYaml("a") });
    const store = openGitStore(repository.gitDir);
    const note = (cluster: string, result: string) => ({ cluster, result, revisions: [], statusCommit: "s" });
    const by = { name: "M", email: "m@example.org", time: 0 };
    for (const [name, result] of [
      ["home", "applied"],
      ["work", "applied"],
      ["home", "superseded"],
    ] as const)
      expect(await writeNote(store, commit, note(name, result), by)).toBe(true);
    const tip = await store.fetchRef("refs/notes/mainstay");
    expect(await writeNote(store, commit, note("home", "superseded"), by)).toBe(true);
    expect(await store.fetchRef("refs/notes/mainstay")).toBe(tip);
    const [entry] = await store.objects.tree((await store.objects.commit(tip ?? "")).tree);
    expect(
      (await store.objects.blob(entry?.id ?? ""))
        .toString("utf8")
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as object),
    ).toEqual([note("work", "applied"), note("home", "superseded")]);
  });
});
