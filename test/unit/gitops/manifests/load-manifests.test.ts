import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseYamlDocuments } from "../../../../engine/apimachinery/yaml/yaml.ts";
import type { CustomResourceDefinition } from "../../../../engine/resources/types.ts";
import type { TreeEntry } from "../../../../engine/gitops/git/git-source.ts";
import type { DesiredState } from "../../../../engine/gitops/manifests/desired-state.ts";
import { ManifestLoader } from "../../../../engine/gitops/manifests/load-manifests.ts";
import { formatProblem } from "../../../../engine/gitops/manifests/problem.ts";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { configMapYaml, createTestRepository, deploymentYaml, namespaceYaml, type TestRepository } from "../../../kit/git.ts";

let repository: TestRepository;
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(() => repository[Symbol.dispose]());

const newLoader = (basePath = ".") => new ManifestLoader({ catalog, cluster: "local", basePath });

async function load(files: Readonly<Record<string, string | Buffer | undefined>>, loader = newLoader()): Promise<DesiredState> {
  const id = await repository.commit(files);
  return loader.load(repository.store.objects, await repository.store.objects.commit(id));
}
const identities = (state: DesiredState) => [...state.objects.keys()].sort();
const problems = (state: DesiredState) => state.problems.map(formatProblem);

describe("what repositories bring from elsewhere", () => {
  test("a hook Job that leaves its name to the server gets one from what it holds; nothing else may", async () => {
    const job = (annotation: string) =>
      `apiVersion: batch/v1\nkind: Job\nmetadata:\n  generateName: move-schema-\n  annotations: {${annotation}}\nspec: {template: {spec: {restartPolicy: Never, containers: [{name: c, image: i}]}}}\n`;
    const state = await load({ "a.yaml": job("argocd.argoproj.io/hook: PreSync") });
    expect(problems(state)).toEqual([]);
    expect(identities(state)).toEqual([expect.stringMatching(/^batch\/Job\/default\/move-schema-[0-9a-f]{8}$/)]);
    expect([...state.objects.values()][0]?.object.metadata).not.toHaveProperty("generateName");
    expect(problems(await load({ "a.yaml": job("note: none") }))[0]).toContain("an object in Git needs a fixed name");
  });

  test("the rules of a role that is put together from others are left to the controller", async () => {
    const role = (rest: string) => `apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: r}\nrules: []\n${rest}`;
    const ruled = async (text: string) => "rules" in ([...(await load({ "a.yaml": text })).objects.values()][0]?.object ?? {});
    expect(await ruled(role("aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}\n"))).toBe(false);
    expect(await ruled(role(""))).toBe(true);
  });
});

test("a branch that makes a kind anew, or brings one, is read with it, and leaves the kinds of what runs alone", async () => {
  const definition = (field: string, version = "v1") =>
    `apiVersion: apiextensions.k8s.io/v1\nkind: CustomResourceDefinition\nmetadata: {name: cups.example.org}\nspec:\n  group: example.org\n  names: {kind: Cup, plural: cups, singular: cup, listKind: CupList}\n  scope: Namespaced\n  versions: [{name: ${version}, served: true, storage: true, schema: {openAPIV3Schema: {type: object, properties: {${field}: {type: integer}}}}}]\n`;
  const cup = (field: string, version = "v1") => `apiVersion: example.org/${version}\nkind: Cup\nmetadata: {name: mine}\n${field}: 3\n`;
  const [loader, apart] = [newLoader(), newLoader()];
  const [served] = parseYamlDocuments(definition("size"));
  for (const { kinds } of [loader, apart]) kinds.setServed("cups.example.org", served?.value as CustomResourceDefinition);
  const { objects } = repository.store;
  const main = await repository.commit({ "apps/cups/cup.yaml": cup("size") });
  const generation = loader.kinds.generation;
  expect(problems(await loader.load(objects, await objects.commit(main)))).toEqual([]);
  const branch = await repository.commit({ "apps/cups/crd.yaml": definition("volume", "v2"), "apps/cups/cup.yaml": cup("volume", "v2") });
  expect(problems(await loader.loadProposal(objects, await objects.commit(branch), apart))).toEqual([]);
  expect(loader.kinds.generation).toBe(generation);
  expect(loader.kinds.ofGroupKind("example.org", "Cup")?.version).toBe("v1");
  // Nor is it known to another branch that has objects of it.
  const other = await repository.commit({ "apps/cups/crd.yaml": definition("size").replaceAll("cup", "mug").replaceAll("Cup", "Mug") });
  expect(problems(await loader.loadProposal(objects, await objects.commit(other), apart))[0]).toContain("no kind Cup in example.org/v2; served is example.org/v1 Cup");
  const next = await repository.commit({ "apps/cups/crd.yaml": undefined, "apps/cups/cup.yaml": cup("size"), "apps/cups/a.yaml": configMapYaml("a") });
  expect(problems(await loader.loadProposal(objects, await objects.commit(next), apart))).toEqual([]);
  expect(problems(await loader.load(objects, await objects.commit(next)))).toEqual([]);
  // A candidate that is admitted makes its kinds known.
  loader.adopt(await loader.loadProposal(objects, await objects.commit(branch), apart));
  expect(loader.kinds.ofGroupKind("example.org", "Cup")?.version).toBe("v2");
});

describe("which folders are applications", () => {
  test("a repository with one manifest and nothing else is one application", async () => {
    const state = await load({ "deployment.yaml": deploymentYaml("web") });
    expect(problems(state)).toEqual([]);
    expect(state.units).toMatchObject([{ name: "root", path: "" }]);
    expect(identities(state)).toEqual(["apps/Deployment/default/web"]);
  });

  test("each folder below apps and infra is one, and manifests beside them are named", async () => {
    const state = await load({ "apps/web/a.yaml": configMapYaml("a"), "infra/base/ns.yaml": namespaceYaml("web"), "apps/loose.yaml": configMapYaml("x"), "README.md": "hello" });
    expect(state.units.map((unit) => unit.name)).toEqual(["web", "base"]);
    expect(state.notices).toEqual(["apps/loose.yaml: lies beside the application folders, left out; move it into a folder below apps/"]);
  });

  test("manifests that no application has are told of, folder by folder, and what applications are made from is not", async () => {
    const kustomization = (resource: string) => `resources: [${resource}]\n`;
    const files = {
      "apps/web/kustomization.yaml": kustomization("../../bases/web"),
      "bases/web/kustomization.yaml": kustomization("a.yaml"),
      "bases/web/a.yaml": configMapYaml("a"),
      "bases/web/unused.yaml": configMapYaml("u"),
      "bases/api/kustomization.yaml": `apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n${kustomization("a.yaml")}`,
      "bases/api/a.yaml": configMapYaml("a"),
      "infrastructure/dns/a.yaml": configMapYaml("a"),
      "infrastructure/dns/deep/b.json": JSON.stringify({ apiVersion: "v1", kind: "ConfigMap" }),
      "docs/compose.yaml": "services: {}\n",
      ".github/ci.yaml": configMapYaml("x"),
      "package.json": "{}",
      "loose.yaml": configMapYaml("l"),
    };
    const told = "; name their folders in units of mainstay.yaml, or list them in .mainstayignore";
    expect((await load(files)).notices).toEqual([`manifests of no application are left out: bases/api (2), infrastructure (2), loose.yaml (1)${told}`]);
    expect((await load({ ...files, ".mainstayignore": "/bases/api\nloose.yaml\n" })).notices).toEqual([`manifests of no application are left out: infrastructure (2)${told}`]);
    expect(
      (
        await load({
          ...files,
          "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: apps/*}, {path: infrastructure/dns}]\n",
          ".mainstayignore": "/bases/api\nloose.yaml\n",
        })
      ).notices,
    ).toEqual([]);
  });

  test("mainstay.yaml chooses folders, namespaces and what waits for what", async () => {
    const state = await load({
      "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits:\n- {path: infra/*}\n- {path: services/*, namespace: 'team-{dir}', dependsOn: [infra/*], deadline: 2m}\n",
      "infra/ns/ns.yaml": namespaceYaml("team-api"),
      "services/api/c.yaml": configMapYaml("settings"),
      "other/x.yaml": configMapYaml("x"),
    });
    expect(problems(state)).toEqual([]);
    expect(state.units).toMatchObject([
      { name: "ns", dependsOn: [] },
      { name: "api", namespace: "team-api", dependsOn: ["ns"], deadlineMs: 120_000 },
    ]);
    expect(identities(state)).toEqual(["/ConfigMap/team-api/settings", "/Namespace//team-api"]);
  });

  test("a folder that is called like another one but for its spelling takes nobody's name", async () => {
    const files = { "apps/shop/a.yaml": configMapYaml("a"), "apps/Shop/b.yaml": configMapYaml("b"), "infra/shop/c.yaml": configMapYaml("c") };
    const state = await load(files);
    expect(state.units.map(({ name, path }) => [path, name])).toEqual([
      ["apps/Shop", "apps-shop"],
      ["apps/shop", "shop"],
      ["infra/shop", "infra-shop"],
    ]);
  });

  test("a rule that comes too late for all that it names is told of, and one that adds something is not", async () => {
    const config = (...paths: readonly string[]) => `apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits:\n${paths.map((path) => `- path: ${path}\n`).join("")}`;
    const notices = async (...paths: readonly string[]) => {
      const state = await load({ "mainstay.yaml": config(...paths), "apps/a/a.yaml": configMapYaml("a"), "apps/b/b.yaml": configMapYaml("b") });
      return state.notices.filter((notice) => notice.startsWith("mainstay.yaml"));
    };
    expect(await notices("apps/*", "apps/b")).toEqual(["mainstay.yaml:5 has no effect: the first rule that names a folder decides, and apps/* in line 4 names apps/b already; put this one before it"]);
    expect(await notices("apps/*", "apps/[ab]")).toEqual([
      "mainstay.yaml:5 has no effect: the first rule that names a folder decides, and apps/* in line 4 names all of apps/[ab] already; put this one before it",
    ]);
    expect(await notices("apps/b", "apps/*")).toEqual([]);
  });

  test("units that wait for each other are refused with the whole circle", async () => {
    const state = await load({
      "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits:\n- {path: a, dependsOn: [b]}\n- {path: b, dependsOn: [a]}\n",
      "a/a.yaml": configMapYaml("a"),
      "b/b.yaml": configMapYaml("b"),
    });
    expect(problems(state)).toEqual(["mainstay.yaml:4 dependsOn: units wait for each other: a → b → a"]);
  });

  test("only the folder given by --path is used, and files keep their full paths", async () => {
    const state = await load({ "clusters/home/deployment.yaml": deploymentYaml("web", "many"), "apps/x/y.yaml": configMapYaml("y") }, newLoader("clusters/home"));
    expect(problems(state)).toEqual(["clusters/home/deployment.yaml:6 spec.replicas: must be a non-negative integer"]);
  });

  test(".mainstayignore keeps files out", async () => {
    const state = await load({ ".mainstayignore": "*.draft.yaml\n/apps/web/old/\n", "apps/web/a.yaml": configMapYaml("a"), "apps/web/b.draft.yaml": "{", "apps/web/old/c.yaml": "{" });
    expect(problems(state)).toEqual([]);
    expect(identities(state)).toEqual(["/ConfigMap/default/a"]);
  });
});

describe("what objects get", () => {
  test("label and annotation name the application and the line, and the digest follows the content", async () => {
    const loader = newLoader();
    const first = await load({ "apps/web/all.yaml": `${namespaceYaml("web")}---\n${configMapYaml("a")}` }, loader);
    const [map] = [...first.objects.values()].filter((object) => object.object.kind === "ConfigMap");
    expect(map?.object.metadata).toMatchObject({ labels: { "mainstay.dev/application": "web" }, annotations: { "mainstay.dev/source": "apps/web/all.yaml:6" } });
    const second = await load({ "apps/web/other.yaml": configMapYaml("b") }, loader);
    expect(second.objects.get(map?.identity ?? "")?.digest).toBe(map?.digest);
  });

  test("files of other programs are named, and refuse nothing", async () => {
    const state = await load({
      "apps/a/main.jsonnet": "{}",
      "apps/a/lib.libsonnet": "{}",
      "apps/a/values.yaml.gotmpl": "a",
      "apps/a/skaffold.yaml": "apiVersion: skaffold/v4beta1\nkind: Config\n",
      "apps/a/notes.txt": "a",
    });
    expect(state.problems).toEqual([]);
    expect(state.notices).toEqual([
      "apps/a/main.jsonnet: is rendered by nothing here, left out; commit what comes out of it",
      "apps/a/values.yaml.gotmpl: is rendered by nothing here, left out; commit what comes out of it",
      "apps/a/skaffold.yaml: line 1: Config of skaffold/v4beta1 is no kind of this cluster and has no name, left out",
    ]);
  });
  test("what an export holds beside the intent is left out", async () => {
    const state = await load({ "a.yaml": `${deploymentYaml("web")}status: {replicas: 3}\n`.replace("  name: web\n", "  name: web\n  uid: abc\n  resourceVersion: '5'\n  creationTimestamp: null\n") });
    expect(problems(state)).toEqual([]);
    expect([...state.objects.values()][0]?.object).toMatchObject({ metadata: { name: "web", namespace: "default" } });
    expect(JSON.stringify([...state.objects.values()][0]?.object)).not.toContain("resourceVersion");
  });

  test("a List is its items", async () => {
    const state = await load({
      "a.json": JSON.stringify({
        apiVersion: "v1",
        kind: "List",
        items: [
          { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "a" } },
          { apiVersion: "v1", kind: "Secret", metadata: { name: "b" } },
        ],
      }),
    });
    expect(identities(state)).toEqual(["/ConfigMap/default/a", "/Secret/default/b"]);
  });
});

describe("cost", () => {
  test("a commit that changes one file of many reads and parses one blob (pain 9)", async () => {
    const loader = newLoader();
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`apps/a${index % 6}/${index}.yaml`, configMapYaml(`m${index}`)]));
    await load(many, loader);
    const before = { ...loader.counters };
    expect(before).toMatchObject({ blobsRead: 60, filesParsed: 60 });
    const state = await load({ "apps/a3/3.yaml": configMapYaml("m3", { key: "changed" }) }, loader);
    expect(state.objects.size).toBe(60);
    expect(loader.counters).toEqual({ blobsRead: before.blobsRead + 1, filesParsed: before.filesParsed + 1, treesRead: before.treesRead + 3, foldersRendered: 0 });
  });
});

describe("bad input is a problem with a place", () => {
  const bomb = [
    "a: &a [x,x,x,x,x,x,x,x,x,x]",
    ...Array.from(
      { length: 8 },
      (_, i) =>
        `${String.fromCharCode(98 + i)}: &${String.fromCharCode(98 + i)} [${Array(10)
          .fill(`*${String.fromCharCode(97 + i)}`)
          .join(",")}]`,
    ),
  ].join("\n");
  test.each<[string, Record<string, string | Buffer>, RegExp]>([
    ["text that is no YAML", { "a.yaml": "apiVersion: v1\nkind: ConfigMap\n  name: [" }, /^a\.yaml:\d YAML: /],
    [
      "an unknown kind names what is served",
      { "a.yaml": "apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: x}\n" },
      /^a\.yaml:2 no kind Deployment in apps\/v1beta1; served is apps\/v1 Deployment$/,
    ],
    ["an unknown group", { "a.yaml": "apiVersion: example.org/v1\nkind: Widget\nmetadata: {name: x}\n" }, /^a\.yaml:2 no kind Widget in example\.org\/v1: this cluster does not serve/],
    ["an unknown field suggests the right one", { "a.yaml": deploymentYaml("web").replace("replicas", "replicsa") }, /^a\.yaml:6 spec\.replicsa: unknown field; is replicas meant\?$/],
    ["a wrong type", { "a.yaml": deploymentYaml("web", "many") }, /^a\.yaml:6 spec\.replicas: must be a non-negative integer$/],
    ["a missing name", { "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {}\n" }, /^a\.yaml:3 metadata\.name: is required$/],
    ["a generated name", { "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: x-}\n" }, /^a\.yaml:3 metadata\.name: is required: an object in Git needs a fixed name/],
    [
      "an object of a program that deploys",
      { "a.yaml": "apiVersion: kustomize.toolkit.fluxcd.io/v1\nkind: Kustomization\nmetadata: {name: apps}\n" },
      /^a\.yaml:2 no kind Kustomization in .*: it tells Flux what to deploy, and here the repository itself says that/,
    ],
    [
      "an object of another program of the same people",
      { "a.yaml": "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: web}\n" },
      /^a\.yaml:2 no kind Rollout in argoproj\.io\/v1alpha1: this cluster does not serve that API group$/,
    ],
    ["an object twice in one commit", { "a.yaml": configMapYaml("x"), "b.yaml": configMapYaml("x") }, /^b\.yaml:1 ConfigMap default\/x is already described in a\.yaml:1; keep one of them$/],
    [
      "an object in two units",
      { "apps/a/x.yaml": namespaceYaml("x"), "apps/b/x.yaml": namespaceYaml("x") },
      /^apps\/b\/x\.yaml:1 Namespace x of application b is already described by application a in apps\/a\/x\.yaml:1; keep one of them, or name only one of their folders in units of mainstay\.yaml$/,
    ],
    ["a template that is not a chart's", { "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: {{ .Values.name }}}\n" }, /^a\.yaml:\d YAML: .*; what has \{\{ … \}\} looks like a template/],
    ["an alias bomb", { "a.yaml": bomb }, /^a\.yaml:\d+ YAML: .*alias/],
    ["a file over sixteen mebibytes", { "a.yaml": `x: ${"y".repeat(16 << 20)}` }, /^a\.yaml:1 the file has \d+ bytes; at most 16777216/],
    ["a binary file", { "a.yaml": Buffer.from([0x61, 0, 0x62]) }, /^a\.yaml:1 the file is binary/],
    ["text in Latin-1", { "a.yaml": Buffer.from(`${configMapYaml("a")}  x: caf\xe9\n  y: z\n`, "latin1") }, /^a\.yaml:7 the line has characters that are not UTF-8; save the file as UTF-8/],
    ["one line in another encoding", { "a.yaml": Buffer.from([0x61, 0xe9]) }, /^a\.yaml:1 the line has characters that are not UTF-8/],
    ["text in UTF-16", { "a.yaml": Buffer.from(`\ufeff${configMapYaml("a")}`, "utf16le") }, /^a\.yaml:1 the file is text in UTF-16, as PowerShell writes it; save it as UTF-8$/],
    ["a kustomization", { "apps/a/kustomization.yaml": "resources: [x.yaml]\n" }, /^apps\/a\/kustomization\.yaml:1 there is no apps\/a\/x\.yaml/],
    [
      "a namespace on a kind that has none",
      { "a.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: x, namespace: ns1}\n" },
      /^a\.yaml:1 metadata\.namespace: Namespace objects belong to the whole cluster/,
    ],
    ["a kind that is the system's own", { "a.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Application\nmetadata: {name: x}\n" }, /^a\.yaml:2 Application objects are made by the system/],
    ["an unknown field of mainstay.yaml", { "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunit: []\n" }, /^mainstay\.yaml:3 unit: unknown field; is units meant\?$/],
    [
      "a unit outside of the repository",
      { "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: ../x}]\n" },
      /^mainstay\.yaml:3 units\[0\]\.path: must be a path inside the repository/,
    ],
    [
      "a status branch that is no status branch",
      { "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nstatus: {branch: main}\n" },
      /^mainstay\.yaml:3 status\.branch: must begin with status\//,
    ],
  ])("%s", async (_name, files, expected) => {
    const state = await load(files);
    expect(problems(state).join("\n")).toMatch(expected);
    expect(problems(state)).toHaveLength(1);
  });

  test("all problems of a commit are told, not the first", async () => {
    const state = await load({ "apps/a/x.yaml": deploymentYaml("web", "many").replace("image:", "imgae:"), "apps/b/y.yaml": "{" });
    expect(problems(state)).toEqual([
      "apps/a/x.yaml:6 spec.replicas: must be a non-negative integer",
      expect.stringMatching(/^apps\/a\/x\.yaml:15 spec\.template\.spec\.containers\[0\]\.imgae: unknown field; is image meant\?$/),
      expect.stringMatching(/^apps\/b\/y\.yaml:\d YAML: /),
    ]);
  });

  test("symbolic links, submodules and names that leave the folder", async () => {
    const { store } = repository;
    const blob = await store.writeBlob("../../etc/passwd");
    const tree = await store.writeTree([
      { name: "link.yaml", id: blob, is: "symlink" },
      { name: "sub", id: "1".repeat(40), is: "submodule" },
    ]);
    const commit = await store.objects.commit(await store.writeCommit({ tree, parents: [], message: "x", signature: { name: "x", email: "x", time: 0 } }));
    expect(problems(await newLoader().load(store.objects, commit))).toEqual([
      expect.stringContaining("link.yaml:1 symbolic links are not followed"),
      expect.stringContaining("sub:1 submodules are not fetched"),
    ]);
    const hostile = { ...store.objects, tree: async () => [{ name: "..", id: tree, is: "directory" as const }] };
    expect(problems(await newLoader().load(hostile, commit))).toEqual([expect.stringContaining("..:1 the tree holds a name that leaves its folder")]);
  });

  test("application folders that are links or submodules, for what they had before would be deleted", async () => {
    const { store } = repository;
    const folder = await store.writeTree([{ name: "a.yaml", id: await store.writeBlob(configMapYaml("a")), is: "file" }]);
    const link = (target: string) => store.writeBlob(target).then((id) => ({ id, is: "symlink" as const }));
    const apps = await store.writeTree([
      { name: "real", id: folder, is: "directory" },
      { name: "linked", ...(await link("../elsewhere/")) },
      { name: "vendored", id: "1".repeat(40), is: "submodule" },
      { name: "README.md", ...(await link("../README.md")) },
      { name: "ignored", ...(await link("real")) },
    ]);
    const tree = await store.writeTree([
      { name: "apps", id: apps, is: "directory" },
      { name: "infra", ...(await link("elsewhere")) },
      { name: "elsewhere", id: folder, is: "directory" },
      { name: "docs", ...(await link("elsewhere")) },
      { name: "README.md", id: await store.writeBlob("hello"), is: "file" },
      { name: ".mainstayignore", id: await store.writeBlob("apps/ignored\n"), is: "file" },
    ]);
    const commit = await store.objects.commit(await store.writeCommit({ tree, parents: [], message: "x", signature: { name: "x", email: "x", time: 0 } }));
    expect(problems(await newLoader().load(store.objects, commit))).toEqual([
      "apps/linked:1 symbolic links are not followed; commit the folder itself, or list the link in .mainstayignore",
      "apps/vendored:1 submodules are not fetched; commit the files themselves, or list the folder in .mainstayignore",
      "infra:1 symbolic links are not followed; commit the folder itself, or list the link in .mainstayignore",
    ]);
  });

  test("application folders that are links, wherever they may lie, but not what units have in them or hide", async () => {
    const { store } = repository;
    const file = async (name: string, text: string) => ({ name, id: await store.writeBlob(text), is: "file" as const });
    const link = async (name: string, target: string) => ({ name, id: await store.writeBlob(target), is: "symlink" as const });
    const folder = async (name: string, ...entries: readonly TreeEntry[]) => ({ name, id: await store.writeTree(entries), is: "directory" as const });
    const deploy = await folder("deploy", await file("kustomization.yaml", "resources: [a.yaml]\n"), await file("a.yaml", configMapYaml("a")), await link("deploy", "../../elsewhere"));
    const tree = await store.writeTree([
      await file("mainstay.yaml", "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits: [{path: '**/deploy'}, {path: '*hidden'}]\n"),
      await folder("elsewhere", await file("b.yaml", configMapYaml("b"))),
      await folder("shop", await folder("web", deploy), await folder("api", await link("deploy", "../../elsewhere")), await folder("cart", await link("deploy", "../api/deploy"))),
      await folder("tools", await link("deploy", "../../shared/deploy")),
      await link(".hidden", "elsewhere"),
    ]);
    const commit = await store.objects.commit(await store.writeCommit({ tree, parents: [], message: "x", signature: { name: "x", email: "x", time: 0 } }));
    expect(problems(await newLoader().load(store.objects, commit))).toEqual(
      ["shop/api", "shop/cart", "tools"].map((folder) => `${folder}/deploy:1 symbolic links are not followed; commit the folder itself, or list the link in .mainstayignore`),
    );
  });

  test("a link that a kustomization names is called one", async () => {
    const { store } = repository;
    const app = await store.writeTree([
      { name: "kustomization.yaml", id: await store.writeBlob("resources: [a.yaml, base]\n"), is: "file" },
      { name: "a.yaml", id: await store.writeBlob("../a.yaml"), is: "symlink" },
      { name: "base", id: "1".repeat(40), is: "submodule" },
    ]);
    const tree = await store.writeTree([{ name: "apps", id: await store.writeTree([{ name: "web", id: app, is: "directory" }]), is: "directory" }]);
    const commit = await store.objects.commit(await store.writeCommit({ tree, parents: [], message: "x", signature: { name: "x", email: "x", time: 0 } }));
    expect(problems(await newLoader().load(store.objects, commit))).toEqual([
      "apps/web/kustomization.yaml:1 apps/web/a.yaml is a symbolic link, which is not followed; commit what it leads to",
      "apps/web/kustomization.yaml:1 apps/web/base is a submodule, which is not fetched; commit the files themselves",
    ]);
  });

  test("pointers of Git LFS, as manifests and wherever a rendering reads them", async () => {
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${"4d".repeat(32)}\nsize 12345\n`;
    const refusal = "is a pointer of Git LFS, whose content is not in the commit and is not fetched; commit the file itself: git lfs untrack, then git add --renormalize";
    const state = await load({
      "apps/a/a.yaml": pointer,
      "apps/k/kustomization.yaml": "configMapGenerator:\n  - {name: k, files: [logo.png]}\n",
      "apps/k/logo.png": pointer,
      "apps/k/unused.bin": pointer,
    });
    expect(problems(state)).toEqual([`apps/a/a.yaml:1 ${refusal}`, `apps/k/logo.png:1 ${refusal}`]);
  });

  test("a merge that was committed half-way is called that, in manifests, kustomizations and mainstay.yaml", async () => {
    const half = (before: string, mine: string, theirs: string) => `${before}<<<<<<< HEAD\n${mine}=======\n${theirs}>>>>>>> topic\n`;
    const state = await load({
      "apps/a/a.yaml": half(configMapYaml("a"), "  key: one\n", "  key: two\n").replaceAll("\n", "\r\n"),
      "apps/k/kustomization.yaml": half("resources:\n", "- a.yaml\n", "- b.yaml\n"),
      "mainstay.yaml": half("apiVersion: mainstay.dev/v1alpha1\n", "kind: Repository\n", "kind: Repo\n"),
    });
    const marks = "a merge conflict was committed unresolved (<<<<<<<); choose what is to stay and take the marks away";
    expect(problems(state)).toEqual([`apps/a/a.yaml:7 ${marks}`, `apps/k/kustomization.yaml:2 ${marks}`, `mainstay.yaml:2 ${marks}`]);
  });

  test("byte order marks before documents of a file that was put together are none", async () => {
    const state = await load({ "a.yaml": `\ufeff${configMapYaml("a")}---\n\ufeff${configMapYaml("b")}` });
    expect(problems(state)).toEqual([]);
    expect(identities(state)).toEqual(["/ConfigMap/default/a", "/ConfigMap/default/b"]);
  });

  test("files of other programs and charts are named, not refused", async () => {
    const state = await load({ "a.yaml": "steps: [one]\n---\n- x\n", "chart/Chart.yaml": "apiVersion: v2\nname: x\n", "chart/templates/d.yaml": "{{ if }}" });
    expect(problems(state)).toEqual([]);
    expect(state.notices).toEqual([
      "chart/Chart.yaml: a Helm chart, left out; to render it, give its unit in mainstay.yaml a field helm",
      "a.yaml: line 1: no apiVersion and kind, left out",
      "a.yaml: line 3: not an object, left out",
    ]);
  });
});
