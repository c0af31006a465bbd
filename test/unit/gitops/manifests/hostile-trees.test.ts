import { existsSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { DesiredState } from "../../../../engine/gitops/manifests/desired-state.ts";
import { createChartRenderer } from "../../../../engine/gitops/manifests/helm-program.ts";
import { parseIgnorePatterns } from "../../../../engine/gitops/manifests/ignore-patterns.ts";
import { ManifestLoader } from "../../../../engine/gitops/manifests/load-manifests.ts";
import { formatProblem } from "../../../../engine/gitops/manifests/problem.ts";
import type { TreeEntry } from "../../../../engine/gitops/git/git-source.ts";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { configMapYaml, createTestRepository, type TestRepository } from "../../../kit/git.ts";
import type { DesiredObject } from "../../../../engine/gitops/manifests/desired-state.ts";
import { findUndeclaredVariables } from "../../../../engine/gitops/manifests/undeclared-variables.ts";
import { processorMs } from "../../../kit/processor-time.ts";

let repository: TestRepository;
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(() => repository[Symbol.dispose]());

/** Loads a commit of a tree that nobody would make with Git; `made` are trees that no repository has. */
async function load(tree: string, made: ReadonlyMap<string, readonly TreeEntry[]> = new Map()): Promise<DesiredState> {
  const { objects } = repository.store;
  const loader = new ManifestLoader({ catalog, cluster: "local", basePath: ".", renderChart: createChartRenderer("false") });
  const commit = { id: "c".repeat(40), tree, parents: [], message: "hostile", author: "Eve", email: "eve@example.org", time: 0 };
  return loader.load({ ...objects, tree: async (id: string) => made.get(id) ?? objects.tree(id) }, commit);
}

/** A folder of ten folders of ten folders: so many levels of one and the same tree. */
async function nested(leaf: readonly TreeEntry[], levels: number): Promise<string> {
  let id = await repository.store.writeTree(leaf);
  for (let level = 0; level < levels; level++) id = await repository.store.writeTree([...leaf, ...Array.from({ length: 10 }, (_, index): TreeEntry => ({ name: `d${index}`, id, is: "directory" }))]);
  return id;
}

async function inApps(id: string): Promise<string> {
  return repository.store.writeTree([{ name: "apps", id: await repository.store.writeTree([{ name: "bomb", id, is: "directory" }]), is: "directory" }]);
}

test("folders that stand in each other ten times over are refused, however few objects they are", async () => {
  const file = await repository.store.writeBlob(configMapYaml("a"));
  const state = await load(await inApps(await nested([{ name: "a.yaml", id: file, is: "file" }], 9)));
  expect(state.problems.map(formatProblem)).toEqual([".:1 the commit has more than 500000 files and folders where manifests are looked for"]);
  expect(state.objects.size).toBe(0);
});

test("so are kustomizations that name each other's every part", async () => {
  const names = Array.from({ length: 10 }, (_, index) => `d${index}`);
  const inner = await repository.store.writeBlob(`resources: [${names.join(", ")}]\n`);
  const state = await load(await inApps(await nested([{ name: "kustomization.yaml", id: inner, is: "file" }], 9)));
  expect(state.problems.map(formatProblem)).toEqual([expect.stringMatching(/^\.:1 apps\/bomb\/\S+: the build goes through more than 5000 kustomizations$/)]);
});

test("a chart writes no file outside of its own folder", async () => {
  const name = `escaped-${process.pid}`;
  const blob = await repository.store.writeBlob("x");
  const trees = new Map<string, readonly TreeEntry[]>([
    [
      "root",
      [
        { name: "apps", id: "apps", is: "directory" },
        { name: "mainstay.yaml", id: await repository.store.writeBlob("apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: apps/web, helm: {}}]\n"), is: "file" },
      ],
    ],
    ["apps", [{ name: "web", id: "web", is: "directory" }]],
  ]);
  for (const evil of [[{ name: "..", id: "up", is: "directory" }], [{ name: `../../${name}`, id: blob, is: "file" }]] satisfies TreeEntry[][]) {
    const web: TreeEntry[] = [{ name: "Chart.yaml", id: blob, is: "file" }, ...evil];
    const state = await load("root", new Map([...trees, ["web", web], ["up", [{ name: "..", id: "upper", is: "directory" }]], ["upper", [{ name, id: blob, is: "file" }]]]));
    expect(existsSync(path.join(os.tmpdir(), name))).toBe(false);
    expect(state.problems.map(formatProblem)).toEqual([expect.stringContaining("the tree holds a name that leaves its folder")]);
  }
});

test("patterns are looked for in time linear in a path", () => {
  const isIgnored = parseIgnorePatterns(`${"**/a*a*a*a*a".repeat(4)}/x\n[z-a]\n`);
  const look = (parts: number) => expect(isIgnored(`${"aaaaaaaaaaaaaaaaaaaa/".repeat(parts)}y`, false)).toBe(false);
  const [short, long] = [processorMs(() => look(30)), processorMs(() => look(600))];
  expect(long / short).toBeLessThan(130); // its square is four hundred times as much
});

test("what looks like a variable that never ends is looked at once", () => {
  const texts = [`\${a${"-".repeat(500_000)}`, "${a-".repeat(100_000), "${team}"];
  const object = {
    object: { apiVersion: "v1", kind: "Service", metadata: { name: "web", annotations: Object.fromEntries(texts.map((text, index) => [`a${index}`, text])) } },
    file: "apps/web/a.yaml",
    line: 1,
  } as unknown as DesiredObject;
  expect(findUndeclaredVariables([object], { host: "h" })).toEqual(["apps/web/a.yaml:1 ${team} is no variable of the application and is left as it stands"]);
});

test("a manifest whose name would break a line is refused with its name in one", async () => {
  const blob = await repository.store.writeBlob(configMapYaml("a"));
  const file = (name: string): TreeEntry => ({ name, id: blob, is: "file" });
  const folder = async (...entries: readonly TreeEntry[]): Promise<TreeEntry> => ({ name: "deep\u0085er", id: await repository.store.writeTree(entries), is: "directory" });
  const inFolder = await repository.store.writeTree([file("a.yaml"), file("b\nrefused: 0 problems.yaml"), file("icon\r"), file("x\n.jsonnet"), await folder(file("c.yaml"))]);
  const state = await load(await inApps(inFolder));
  const why = "the name has line ends or other control characters, and could not be shown in a line; rename it with git mv, or list it in .mainstayignore";
  expect(state.problems.map(formatProblem)).toEqual([`"apps/bomb/b\\nrefused: 0 problems.yaml":1 ${why}`, `"apps/bomb/deep\\u0085er":1 ${why}`]);
  expect(state.notices).toEqual(['"apps/bomb/x\\n.jsonnet": is rendered by nothing here, left out; commit what comes out of it']);
  const built = await repository.store.writeTree([file("b\n.yaml"), { ...file("kustomization.yaml"), id: await repository.store.writeBlob('resources: ["b\\n.yaml"]\n') }]);
  expect((await load(await inApps(built))).problems.map(formatProblem)).toEqual(['apps/bomb/kustomization.yaml:1 "b\\n.yaml" has line ends or other control characters; rename it with git mv']);
});
