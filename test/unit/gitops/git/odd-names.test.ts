import { afterEach, beforeEach, expect, test } from "vitest";
import { writeChangedTree } from "../../../../engine/gitops/git/git-tree.ts";
import { gitText, runGit } from "../../../../engine/gitops/git/native-git.ts";
import { removeStaleLock } from "../../../../engine/gitops/git/stale-locks.ts";
import { ManifestLoader } from "../../../../engine/gitops/manifests/load-manifests.ts";
import { formatProblem } from "../../../../engine/gitops/manifests/problem.ts";
import { code, plain } from "../../../../engine/gitops/status/markdown.ts";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { configMapYaml, createTestRepository, type TestRepository } from "../../../kit/git.ts";

let repository: TestRepository;
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(() => repository[Symbol.dispose]());

/** As Git's own program makes it; names in latin1, and so no UTF-8 where they are not ASCII. */
async function makeTree(entries: readonly string[]): Promise<string> {
  const input = Buffer.from(entries.map((entry) => `${entry}\0`).join(""), "latin1");
  return (await runGit({ gitDir: repository.gitDir, args: ["mktree", "-z", "--missing"], input })).stdout.toString().trim();
}

const show = (tree: string) => gitText({ gitDir: repository.gitDir, args: ["ls-tree", "-r", "-t", tree] });

test("a tree is read and written as Git would, whatever its names and modes are", async () => {
  const { store } = repository;
  const blob = await store.writeBlob("x");
  const inner = await makeTree([`100755 blob ${blob}\trun`]);
  const tree = await makeTree([
    `100644 blob ${blob}\ta.b`,
    `040000 tree ${inner}\ta`,
    `100644 blob ${blob}\ta0`,
    `100755 blob ${blob}\tdeploy.sh`,
    `120000 blob ${blob}\tlink`,
    `160000 commit ${"1".repeat(40)}\tsub`,
    `100644 blob ${blob}\tcaf\xe8`,
    `040000 tree ${inner}\tcaf\xe9`,
    `100644 blob ${blob}\tback\\slash`,
    `100644 blob ${blob}\t-x`,
  ]);
  const entries = await store.objects.tree(tree);
  expect(entries.map(({ name }) => name)).toEqual(["-x", "a", "a.b", "a0", "back\\slash", "caf\\350", "caf\\351", "deploy.sh", "link", "sub"]);
  expect(await store.writeTree(entries)).toBe(tree);
});

test("a file that is changed stays executable, and so do those around it; their names stay what they are", async () => {
  const { store } = repository;
  const blob = await store.writeBlob("x");
  const inner = await makeTree([`100755 blob ${blob}\trun`, `100644 blob ${blob}\tweb.yaml`]);
  const tree = await makeTree([`100755 blob ${blob}\tdeploy.sh`, `040000 tree ${inner}\tcaf\xe9`, `100644 blob ${blob}\tcaf\xe8`]);
  const changed = await writeChangedTree(store, tree, new Map([["caf\\351/web.yaml", "y"], ["caf\\351/run", "z"]])); // prettier-ignore
  const lines = (text: string) => text.replace(/ [0-9a-f]{40}\t/g, "\t");
  expect(lines(await show(changed))).toBe(lines(await show(tree)));
  expect(await show(changed)).not.toBe(await show(tree));
});

test("files and folders whose names are no UTF-8 are deployed each, and told by names that can be told apart", async () => {
  const { store } = repository;
  const file = async (name: string) => `100644 blob ${await store.writeBlob(configMapYaml(name))}`;
  const [e, f] = [await makeTree([`${await file("e")}\tc.yaml`]), await makeTree([`${await file("f")}\tc.yaml`])];
  const bad = `100644 blob ${await store.writeBlob("kind: [")}`;
  const web = await makeTree([`${await file("a")}\tcaf\xe8.yaml`, `${await file("b")}\tcaf\xe9.yaml`, `${await file("c")}\tback\\slash.yaml`, `${bad}\tcaf\xea.yaml`]);
  const apps = await makeTree([`040000 tree ${e}\tgr\xe8`, `040000 tree ${f}\tgr\xe9`, `040000 tree ${web}\tweb`]);
  const tree = await makeTree([`040000 tree ${apps}\tapps`]);
  const loader = new ManifestLoader({ catalog, cluster: "local", basePath: "." });
  const state = await loader.load(store.objects, { id: "c".repeat(40), tree, parents: [], message: "", author: "Ada", email: "", time: 0 });
  expect([...state.objects.values()].map(({ object, file }) => `${object.metadata.name} of ${file}`).sort()).toEqual([
    "a of apps/web/caf\\350.yaml",
    "b of apps/web/caf\\351.yaml",
    "c of apps/web/back\\slash.yaml",
    "e of apps/gr\\350/c.yaml",
    "f of apps/gr\\351/c.yaml",
  ]);
  expect(state.problems.map(formatProblem)).toEqual([expect.stringMatching(/^apps\/web\/caf\\352\.yaml:1 YAML/)]);
});

test.each([
  ["ISO-8859-1", Buffer.from("caf\xe9", "latin1"), "café"],
  ["Shift_JIS", Buffer.from([0x83, 0x6a]), "ニ"],
  ["UTF-16LE", Buffer.from("café"), "café"],
  ["no-such", Buffer.from("café"), "café"],
])("a commit is read in the encoding that it says: %s", async (encoding, message, expected) => {
  const { store } = repository;
  const tree = await store.writeTree([]);
  const args = ["-c", `i18n.commitEncoding=${encoding}`, "-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit-tree", tree];
  const id = (await runGit({ gitDir: repository.gitDir, args, input: message })).stdout.toString().trim();
  expect(await gitText({ gitDir: repository.gitDir, args: ["cat-file", "-p", id] })).toContain(`encoding ${encoding}`);
  expect(await store.objects.commit(id)).toMatchObject({ tree, author: "Ada", message: `${expected}\n` });
});

test("what others wrote cannot do more in a report than be read", () => {
  expect([plain("\x1b[31mred \u009b1m"), code("\x1b]0;title\x07")]).toEqual(["?\\[31mred ?1m", "`?]0;title?`"]);
});

test("below a branch stands no lock", async () => {
  await repository.commit({ "a.yaml": configMapYaml("a") });
  expect(await removeStaleLock(`${repository.gitDir}/refs/heads/main/below.lock`)).toBe(true);
});
