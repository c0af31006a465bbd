import { describe, expect, test } from "vitest";
import { locateField } from "../../../../engine/gitops/kustomize/field-origin.ts";
import type { Resource } from "../../../../engine/gitops/kustomize/resource.ts";
import { stillHolds } from "../../../../engine/gitops/kustomize/repository-files.ts";
import { buildKustomization } from "../../../../engine/gitops/kustomize/build.ts";
import { build, memoryFiles, schemas, type Files } from "../../../kit/kustomize.ts";

/** What `kubectl kustomize` cannot be asked: messages, places, dependencies, and what is refused on purpose. The rest is held against it in test/clients. */
const web = "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 1\n  template:\n    spec:\n      containers:\n      - name: main\n        image: nginx:1\n";
const files = (kustomization: string, more: Files = {}): Files => ({ "app/kustomization.yaml": kustomization, "app/web.yaml": web, ...more });
const failure = async (repository: Files) =>
  String(
    await build(repository, "app").then(
      () => "built",
      (error: unknown) => (error as Error).message,
    ),
  );

describe("what is wrong is told with its place", () => {
  test.each<[string, Files, string]>([
    ["a file that is not there", files("resources:\n- web.yaml\n- gone.yaml\n"), "app/kustomization.yaml:3 there is no app/gone.yaml"],
    [
      "everything that is wrong with what is named, here and in bases",
      files("resources:\n- gone.yaml\n- sub\n- https://example.org/x.yaml\n", { "app/sub/kustomization.yaml": "resources:\n- lost.yaml\n" }),
      "app/kustomization.yaml:2 there is no app/gone.yaml\napp/sub/kustomization.yaml:2 there is no app/sub/lost.yaml\napp/kustomization.yaml:4 https://example.org/x.yaml lies outside the repository and is not fetched: what is deployed must be in the commit. Copy it in, for example with kustomize localize",
    ],
    ["a folder without a kustomization", files("resources: [sub]\n", { "app/sub/x.yaml": web }), "app/kustomization.yaml:1 app/sub has no kustomization.yaml"],
    ["a path out of the repository", files("resources:\n- ../../etc/passwd\n"), "app/kustomization.yaml:2 ../../etc/passwd lies outside the repository"],
    ["an absolute path", files("resources:\n- /etc/passwd\n"), "app/kustomization.yaml:2 /etc/passwd is absolute; paths count from the kustomization's folder"],
    [
      "a remote",
      files("resources:\n- github.com/example/repo?ref=v1\n"),
      "app/kustomization.yaml:2 github.com/example/repo?ref=v1 lies outside the repository and is not fetched: what is deployed must be in the commit. Copy it in, for example with kustomize localize",
    ],
    ["bad YAML in a resource", files("resources: [bad.yaml]\n", { "app/bad.yaml": "a: b\n c: d\n" }), "app/bad.yaml:2 YAML:"],
    ["an empty item", files("resources: [x.yaml]\n", { "app/x.yaml": "apiVersion: v1\nkind: A\nmetadata: {name: a}\nlist:\n- a\n-\n" }), "app/x.yaml:4 the list list has an empty item"],
    [
      "one object twice",
      files("resources: [web.yaml, again.yaml]\n", { "app/again.yaml": `# again\n${web}` }),
      "app/again.yaml:2 Deployment web is there twice; each object may come from one place only",
    ],
    [
      "a patch without a target",
      files("resources: [web.yaml]\npatches:\n- path: p.yaml\n", { "app/p.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: api\n" }),
      "app/p.yaml:1 no Deployment api is here to be patched",
    ],
    [
      "an operation inside a patch",
      files("resources: [web.yaml]\npatches:\n- target: {kind: Deployment}\n  path: p.yaml\n", {
        "app/p.yaml": "- op: replace\n  path: /spec/replicas\n  value: 2\n- op: remove\n  path: /spec/none\n",
      }),
      "app/p.yaml:4 remove /spec/none does not fit Deployment web: there is no such field",
    ],
    ["a pattern that is none", files('resources: [web.yaml]\npatches:\n- target: {name: \'(\'}\n  patch: \'[{"op": "remove", "path": "/spec"}]\'\n'), "app/kustomization.yaml:3 ( is no pattern"],
    [
      "a selector that is none",
      files('resources: [web.yaml]\npatches:\n- target: {labelSelector: \'a in\'}\n  patch: \'[{"op": "remove", "path": "/spec"}]\'\n'),
      "app/kustomization.yaml:3 a in is no selector",
    ],
    [
      "all unknown and mistyped fields at once",
      files("resorces: [web.yaml]\nreplicas:\n- name: web\n  count: many\n"),
      "app/kustomization.yaml:1 unknown field; is resources meant?\napp/kustomization.yaml:4 must be a non-negative integer",
    ],
    [
      "a way back to itself",
      { "app/kustomization.yaml": "resources: [../b]\n", "b/kustomization.yaml": "resources: [../app]\n" },
      "b/kustomization.yaml:1 ../app leads back to a kustomization that leads here: app → b → app",
    ],
  ])("%s", async (_name, repository, message) => expect(await failure(repository)).toContain(message));
});

describe("a repository has no power over the engine", () => {
  test.each<[string, string]>([
    ["fields of labels", "labels:\n- pairs: {polluted: 'yes'}\n  fields: [{path: __proto__, create: true}]\n"],
    ["paths of replacements", "replacements:\n- sourceValue: 'yes'\n  targets: [{select: {kind: Deployment}, fieldPaths: [__proto__.polluted], options: {create: true}}]\n"],
    ["merge patches", 'patches:\n- patch: \'{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "__proto__": {"polluted": "yes"}}\'\n'],
    ["JSON patches", 'patches:\n- target: {kind: Deployment}\n  patch: \'[{"op": "add", "path": "/__proto__/polluted", "value": "yes"}]\'\n'],
  ])("through the prototype: %s", async (_name, rest) => {
    await failure(files(`resources: [web.yaml]\n${rest}`));
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("through a pattern that takes for ever elsewhere", async () => {
    // It ends, that is all.
    await build(
      files('resources: [web.yaml]\npatches:\n- target: {name: \'(a+)+$\'}\n  patch: \'[{"op": "remove", "path": "/spec"}]\'\n', {
        "app/web.yaml": web.replace("name: web", `name: ${"a".repeat(60)}b`),
      }),
      "app",
    );
  });

  test("through programs", async () => {
    expect(
      await failure(
        files("resources: [web.yaml]\ntransformers: [t.yaml]\n", {
          "app/t.yaml": "apiVersion: example.org/v1\nkind: Run\nmetadata:\n  name: x\n  annotations: {config.kubernetes.io/function: 'exec: {path: ./run}'}\n",
        }),
      ),
    ).toContain("app/t.yaml:1 Run would run a program");
  });
});

describe("every field leads back to where it was written", () => {
  const repository = files(
    "resources: [../base]\nnamePrefix: p-\npatches:\n- path: patch.yaml\n- target: {kind: Deployment}\n  patch: |-\n    - op: add\n      path: /spec/paused\n      value: true\nreplicas:\n- name: web\n  count: 4\nlabels:\n- pairs: {team: a}\n",
    {
      "base/kustomization.yaml": "resources: [web.yaml]\n",
      "base/web.yaml": web,
      "app/patch.yaml":
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: web}\nspec:\n  template:\n    spec:\n      containers:\n      - name: side\n        image: side:1\n      - name: main\n        tty: true\n",
    },
  );
  const place = (resource: Resource | undefined, ...steps: (string | number)[]) => {
    const found = resource === undefined ? undefined : locateField(resource, steps);
    return `${found?.file}:${found?.line}`;
  };

  test("in the base, a patch, an operation or a row of the kustomization", async () => {
    const [resource] = await build(repository, "app");
    const containers = ["spec", "template", "spec", "containers"];
    expect(place(resource, ...containers, 0, "image")).toBe("app/patch.yaml:9");
    expect(place(resource, ...containers, 1, "image")).toBe("base/web.yaml:11");
    expect(place(resource, ...containers, 1, "tty")).toBe("app/patch.yaml:11");
    expect(place(resource, "spec", "paused")).toBe("app/kustomization.yaml:7");
    expect(place(resource, "spec", "replicas")).toBe("app/kustomization.yaml:11");
    expect(place(resource, "metadata", "name")).toBe("app/kustomization.yaml:2");
    expect(place(resource, "metadata", "labels", "team")).toBe("app/kustomization.yaml:14");
    expect(place(resource, ...containers, 1, "absent")).toBe("app/patch.yaml:10");
  });
});

describe("what a build has looked at", () => {
  const repository = files("resources: [web.yaml]\nconfigMapGenerator: [{name: c, files: [data.txt]}]\n", { "app/data.txt": "one", "app/other.txt": "x" });

  test("is every file that could change its result, also one that was not there", async () => {
    const result = await buildKustomization("app", { files: memoryFiles(repository), schemas });
    const holds = (change: Files) => stillHolds(memoryFiles({ ...repository, ...change }), result.dependencies);
    expect(await holds({})).toBe(true);
    expect(await holds({ "app/other.txt": "y" })).toBe(true);
    expect(await holds({ "app/data.txt": "two" })).toBe(false);
    expect(await holds({ "app/web.yaml": `${web}# more` })).toBe(false);
    expect(await holds({ "app/kustomization.yml": "resources: []" })).toBe(false);
  });

  test("is known for failures too", async () => {
    const broken = files("resources: [late.yaml]\n");
    const result = await buildKustomization("app", { files: memoryFiles(broken), schemas });
    expect("error" in result).toBe(true);
    expect(await stillHolds(memoryFiles(broken), result.dependencies)).toBe(true);
    expect(await stillHolds(memoryFiles({ ...broken, "app/late.yaml": web }), result.dependencies)).toBe(false);
  });
});
