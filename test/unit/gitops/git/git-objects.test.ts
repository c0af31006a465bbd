import { chmodSync, copyFileSync, readdirSync, readFileSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import path from "node:path";
import { setImmediate } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "vitest";
import { openGitObjects } from "../../../../engine/gitops/git/git-objects.ts";
import { gitText, runGit } from "../../../../engine/gitops/git/native-git.ts";
import { OversizedObject } from "../../../../engine/gitops/git/stored-object.ts";
import { ManifestLoader } from "../../../../engine/gitops/manifests/load-manifests.ts";
import { formatProblem } from "../../../../engine/gitops/manifests/problem.ts";
import { readBlobs } from "../../../../engine/gitops/manifests/read-blobs.ts";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { configMapYaml, createTestRepository, type TestRepository } from "../../../kit/git.ts";

const MEBIBYTE = 1 << 20;

let repository: TestRepository;
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(() => repository[Symbol.dispose]());

const git = (...args: readonly string[]) => gitText({ gitDir: repository.gitDir, args });
const packs = () => readdirSync(path.join(repository.gitDir, "objects/pack")).filter((name) => name.endsWith(".pack"));
/** Numbered lines, of which so many are others: what deltas are made for. */
const lines = (changes: number) => Array.from({ length: 4_000 }, (_, index) => `line ${index}${index % 300 === 7 && index / 300 < changes ? ` changed to ${(index * 7919) % 10_007}` : ""}\n`).join("");

async function blobOf(content: Buffer): Promise<string> {
  const { stdout } = await runGit({ gitDir: repository.gitDir, args: ["hash-object", "-w", "--stdin"], input: content });
  return stdout.toString().trim();
}

/** All objects, as Git itself shows them. */
async function expectAllAsGit(): Promise<void> {
  const objects = openGitObjects(repository.gitDir);
  const list = (await git("cat-file", "--batch-all-objects", "--batch-check")).trim().split("\n");
  for (const [id = "", type = ""] of list.map((line) => line.split(" "))) {
    if (type === "blob") expect((await objects.blob(id)).equals((await runGit({ gitDir: repository.gitDir, args: ["cat-file", "blob", id] })).stdout)).toBe(true);
    if (type === "tree") {
      const shown = (await objects.tree(id)).map(({ name, id: entry }) => `${entry}\t${name}`).sort();
      expect(shown).toEqual(
        (await git("ls-tree", id))
          .trim()
          .split("\n")
          .map((line) => line.replace(/^\d+ \w+ /, ""))
          .sort(),
      );
    }
    if (type === "commit") {
      const { tree, parents, author, email, time, message } = await objects.commit(id);
      expect([tree, parents.join(" "), author, email, String(time / 1000), message.trim()].join("|")).toBe((await git("log", "-1", "--format=%T|%P|%an|%ae|%at|%B", id)).trim());
    }
  }
  expect(list.length).toBeGreaterThan(40);
}

test("every object is what Git says it is, in a file of its own, in packs and as the last of a chain of deltas", async () => {
  for (let change = 0; change < 12; change++) await repository.commit({ "a/b/long.txt": lines(change), [`a/f${change}.yaml`]: configMapYaml(`f${change}`) }, `change ${change}\n\nwith a body\n`);
  await expectAllAsGit();
  await git("repack", "-adqF", "--depth=50", "--window=50");
  expect(packs()).toHaveLength(1);
  expect(await git("verify-pack", "-v", path.join(repository.gitDir, "objects/pack", packs()[0] ?? ""))).toMatch(/chain length = [3-9]/);
  await expectAllAsGit();
});

test("what Git packs anew is found again", async () => {
  const commit = await repository.commit({ "a.txt": lines(1) });
  const objects = openGitObjects(repository.gitDir);
  await git("repack", "-adq");
  const { tree } = await objects.commit(commit);
  await repository.commit({ "b.txt": lines(2) });
  await git("repack", "-adq");
  const [entry] = await objects.tree(tree);
  expect((await objects.blob(entry?.id ?? "")).toString()).toBe(lines(1));
});

test("whoever looks for new packs at the same time as others finds what these have found", async () => {
  const ids = await Promise.all(Array.from({ length: 40 }, (_, index) => blobOf(Buffer.from(`content ${index}`))));
  await runGit({ gitDir: repository.gitDir, args: ["pack-objects", "-q", path.join(repository.gitDir, "objects/pack/pack")], input: `${ids.join("\n")}\n` });
  await git("prune-packed");
  for (let round = 0; round < 20; round++) {
    const { blob } = openGitObjects(repository.gitDir);
    const found: Promise<Buffer>[] = [];
    // One after the other, so that some begin while another one opens the pack.
    for (const id of ids) {
      found.push(blob(id));
      await setImmediate();
    }
    expect((await Promise.all(found)).map(String)).toEqual(ids.map((_, index) => `content ${index}`));
  }
});

test("an index that is not whole, as a crash may leave one, hides no other pack, and counts once it is", async () => {
  const pack = async (content: string) => {
    const id = await blobOf(Buffer.from(content));
    const { stdout } = await runGit({ gitDir: repository.gitDir, args: ["pack-objects", "-q", path.join(repository.gitDir, "objects/pack/pack")], input: `${id}\n` });
    await git("prune-packed");
    return { id, index: path.join(repository.gitDir, `objects/pack/pack-${stdout.toString().trim()}.idx`) };
  };
  const [one, two, three] = [await pack("one"), await pack("two"), await pack("three")];
  const whole = [one, two].map(({ index }) => ({ index, content: readFileSync(index) }));
  for (const { index } of whole) {
    chmodSync(index, 0o600);
    truncateSync(index, index === one.index ? 0 : 1_060);
  }
  const objects = openGitObjects(repository.gitDir);
  expect(String(await objects.blob(three.id))).toBe("three");
  await expect(objects.blob(two.id)).rejects.toThrow(`object ${two.id} is missing; `);
  await expect(objects.blob(two.id)).rejects.toThrow(`${two.index} is no index of a pack`);
  for (const { index, content } of whole) writeFileSync(index, content);
  expect([String(await objects.blob(one.id)), String(await objects.blob(two.id))]).toEqual(["one", "two"]);
});

test("a tag means what it names, and nothing else passes for it", async () => {
  const commit = await repository.commit({ "a.txt": "a" });
  await git("-c", "user.name=a", "-c", "user.email=a@example.org", "tag", "-a", "v1", "-m", "one", commit);
  const objects = openGitObjects(repository.gitDir);
  const tag = (await git("rev-parse", "v1")).trim();
  expect(tag).not.toBe(commit);
  expect(await objects.commit(tag)).toEqual(await objects.commit(commit));
  expect(await objects.tree(tag)).toEqual(await objects.tree((await objects.commit(commit)).tree));
  await expect(objects.blob(commit)).rejects.toThrow(`object ${commit} is a commit, not a blob`);
  await expect(objects.commit("0".repeat(40))).rejects.toThrow(`object ${"0".repeat(40)} is missing`);
  await expect(objects.blob("../../config")).rejects.toThrow("is no name of an object");
});

test("an object whose content was changed is broken", async () => {
  const id = await blobOf(Buffer.from("one"));
  const other = await blobOf(Buffer.from("two"));
  const file = (of: string) => path.join(repository.gitDir, "objects", of.slice(0, 2), of.slice(2));
  rmSync(file(id));
  copyFileSync(file(other), file(id));
  await expect(openGitObjects(repository.gitDir).blob(id)).rejects.toMatchObject({ cause: new Error("its content has another name") });
});

test("what is broken in a file of its own, and whole in a pack, is read from there", async () => {
  const id = await blobOf(Buffer.from("one"));
  const file = path.join(repository.gitDir, "objects", id.slice(0, 2), id.slice(2));
  await runGit({ gitDir: repository.gitDir, args: ["pack-objects", "-q", path.join(repository.gitDir, "objects/pack/pack")], input: `${id}\n` });
  chmodSync(file, 0o600);
  for (const bytes of [0, 9]) {
    truncateSync(file, bytes);
    expect(String(await openGitObjects(repository.gitDir).blob(id))).toBe("one");
  }
});

test("an object that is written again is as young as a new one: Git removes what is old, and nothing leads to", async () => {
  const id = await repository.store.writeBlob("one");
  const file = path.join(repository.gitDir, "objects", id.slice(0, 2), id.slice(2));
  utimesSync(file, 0, 0);
  await repository.store.writeBlob("one");
  await git("prune", "--expire=1.hour.ago");
  expect(String(await repository.store.objects.blob(id))).toBe("one");
});

test.each(["in a file of its own", "in a pack", "as a small change of another"])("what a few bytes stand for is not inflated when it is longer than any manifest: %s", async (where) => {
  const zeros = Buffer.alloc(64 * MEBIBYTE);
  const id = await blobOf(zeros);
  if (where !== "in a file of its own") {
    zeros[7] = 1;
    const others = where === "in a pack" ? [] : [await blobOf(zeros)];
    await runGit({
      gitDir: repository.gitDir,
      args: ["-c", "core.bigFileThreshold=1g", "pack-objects", "-q", path.join(repository.gitDir, "objects/pack/pack")],
      input: `${[id, ...others].join("\n")}\n`,
    });
    await git("prune-packed");
  }
  const error: unknown = await openGitObjects(repository.gitDir)
    .blob(id)
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(OversizedObject);
  expect((error as Error).message).toBe(`the file has ${64 * MEBIBYTE} bytes; at most ${16 * MEBIBYTE} (16 MiB) are allowed. Split it`);
});

test("a file that is too long is a problem with its name, beside the others", async () => {
  const id = await blobOf(Buffer.alloc(64 * MEBIBYTE, "#"));
  const small = await blobOf(Buffer.from(configMapYaml("a")));
  const folder = await repository.store.writeTree([
    { name: "a.yaml", id: small, is: "file" },
    { name: "bomb.yaml", id, is: "file" },
    { name: "bad.yaml", id: await blobOf(Buffer.from("kind: [")), is: "file" },
  ]);
  const rendered = await repository.store.writeTree([
    { name: "kustomization.yaml", id: await blobOf(Buffer.from("configMapGenerator: [{name: k, files: [logo.png]}]\n")), is: "file" },
    { name: "logo.png", id, is: "file" },
  ]);
  const apps = await repository.store.writeTree([
    { name: "rendered", id: rendered, is: "directory" },
    { name: "web", id: folder, is: "directory" },
  ]);
  const tree = await repository.store.writeTree([{ name: "apps", id: apps, is: "directory" }]);
  const loader = new ManifestLoader({ catalog, cluster: "local", basePath: "." });
  const state = await loader.load(repository.store.objects, { id: "c".repeat(40), tree, parents: [], message: "", author: "Eve", email: "", time: 0 });
  expect(state.problems.map(formatProblem)).toEqual([
    `apps/rendered/logo.png:1 the file has ${64 * MEBIBYTE} bytes; at most ${16 * MEBIBYTE} (16 MiB) are allowed. Split it`,
    expect.stringMatching(/^apps\/web\/bad\.yaml:1 YAML/),
    `apps/web/bomb.yaml:1 the file has ${64 * MEBIBYTE} bytes; at most ${16 * MEBIBYTE} (16 MiB) are allowed. Split it`,
  ]);
});

test("files that are not too long each may be too long together", async () => {
  const objects = { blob: async () => Buffer.alloc(MEBIBYTE) };
  const read = async (count: number) => {
    let bytes = 0;
    for await (const [, content] of readBlobs(
      objects,
      Array.from({ length: count }, () => ({ blob: "b" })),
      20 * MEBIBYTE,
    ))
      bytes += content instanceof Buffer ? content.length : 0;
    return bytes;
  };
  expect(await read(20)).toBe(20 * MEBIBYTE);
  await expect(read(21)).rejects.toThrow("the commit has more than 20 MiB of new manifests");
});

test("what a repository borrows from others is found there, in files and in packs, and a circle of them ends", async () => {
  const commit = await repository.commit({ "a.yaml": configMapYaml("a") });
  await git("repack", "-adq");
  const later = await repository.commit({ "b.yaml": configMapYaml("b") });
  const folder = path.dirname(repository.gitDir);
  const [shared, further] = [path.join(folder, "shared.git"), path.join(folder, "further.git")];
  await gitText({ args: ["clone", "-q", "--bare", "--shared", repository.gitDir, shared] });
  await gitText({ args: ["clone", "-q", "--bare", "--shared", shared, further] });
  writeFileSync(path.join(repository.gitDir, "objects/info/alternates"), "# back\n../../further.git/objects\n");
  const objects = openGitObjects(further);
  for (const id of [commit, later]) expect((await objects.commit(id)).id).toBe(id);
  expect((await objects.tree((await objects.commit(later)).tree)).map(({ name }) => name)).toEqual(["a.yaml", "b.yaml"]);
  await expect(objects.blob("0".repeat(40))).rejects.toThrow("is missing");
});
