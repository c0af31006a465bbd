import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { SOURCE_ANNOTATION, type DesiredState } from "../../../../engine/gitops/manifests/desired-state.ts";
import { structuralPathOf } from "../../../../engine/apimachinery/field-path.ts";
import { ManifestLoader } from "../../../../engine/gitops/manifests/load-manifests.ts";
import { formatProblem } from "../../../../engine/gitops/manifests/problem.ts";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { configMapYaml, createTestRepository, deploymentYaml, type TestRepository } from "../../../kit/git.ts";

let repository: TestRepository;
let loader: ManifestLoader;
beforeEach(async () => {
  repository = await createTestRepository();
  loader = new ManifestLoader({ catalog, cluster: "local", basePath: "." });
});
afterEach(() => repository[Symbol.dispose]());

async function load(files: Readonly<Record<string, string | undefined>>): Promise<DesiredState> {
  const id = await repository.commit(files);
  return loader.load(repository.store.objects, await repository.store.objects.commit(id));
}
const identities = (state: DesiredState) => [...state.objects.keys()].sort();
const problems = (state: DesiredState) => state.problems.map(formatProblem);
const locate = (state: DesiredState, identity: string, field: string) => {
  const place = state.objects.get(identity)?.locate?.(structuralPathOf(field));
  return `${place?.file}:${place?.line}`;
};

describe("a folder with a kustomization is an application rendered by it", () => {
  const files = {
    "apps/web/kustomization.yaml":
      'resources: [../../bases/web]\nnamespace: shop\nimages:\n- name: mainstay.local/web\n  newTag: "9"\npatches:\n- path: scale.yaml\nconfigMapGenerator:\n- name: settings\n  literals:\n  - mode=fast\n',
    "apps/web/scale.yaml": "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\nspec:\n  replicas: 5\n",
    "apps/web/notes.yaml": "not: deployed\n",
    "bases/web/kustomization.yaml": "resources: [deployment.yaml]\n",
    "bases/web/deployment.yaml": deploymentYaml("web"),
  };

  test("it has what the kustomization builds, and nothing that it does not name", async () => {
    const state = await load(files);
    expect(problems(state)).toEqual([]);
    expect(state.notices).toEqual([]);
    expect(identities(state)).toEqual([expect.stringMatching(/^\/ConfigMap\/shop\/settings-[a-z0-9]{10}$/), "apps/Deployment/shop/web"]);
    expect(state.objects.get("apps/Deployment/shop/web")?.object).toMatchObject({ spec: { replicas: 5, template: { spec: { containers: [{ image: "mainstay.local/web:9" }] } } } });
  });

  test("each object names the line it was written on, and each field the file it comes from", async () => {
    const state = await load(files);
    const web = "apps/Deployment/shop/web";
    expect(state.objects.get(web)?.object.metadata.annotations?.[SOURCE_ANNOTATION]).toBe("bases/web/deployment.yaml:1");
    expect(locate(state, web, "spec.replicas")).toBe("apps/web/scale.yaml:6");
    expect(locate(state, web, "spec.template.spec.containers[0].image")).toBe("apps/web/kustomization.yaml:4");
    expect(locate(state, web, "spec.template.spec.containers[0].name")).toBe("bases/web/deployment.yaml:14");
    expect(locate(state, web, "metadata.namespace")).toBe("apps/web/kustomization.yaml:2");
    const settings = identities(state)[0] ?? "";
    expect(locate(state, settings, "data.mode")).toBe("apps/web/kustomization.yaml:11");
  });

  test("what is wrong is told where it was written: in the patch, the base, or the kustomization", async () => {
    expect(problems(await load({ ...files, "apps/web/scale.yaml": files["apps/web/scale.yaml"].replace("5", "many") }))).toEqual([
      "apps/web/scale.yaml:6 spec.replicas: must be a non-negative integer",
    ]);
    expect(problems(await load({ ...files, "bases/web/deployment.yaml": deploymentYaml("web").replace("image:", "imago:") }))).toEqual([
      "bases/web/deployment.yaml:15 spec.template.spec.containers[0].imago: unknown field; is image meant?",
    ]);
    expect(problems(await load({ ...files, "apps/web/kustomization.yaml": "resources: [none.yaml]\nnamespce: x\n" }))).toEqual([
      "apps/web/kustomization.yaml:2 namespce: unknown field; is namespace meant?",
    ]);
    expect(problems(await load({ ...files, "apps/web/kustomization.yaml": "resources: [../../bases/web]\npatches:\n- path: gone.yaml\n" }))).toEqual([
      "apps/web/kustomization.yaml:3 there is no file apps/web/gone.yaml",
    ]);
  });

  test("remote resources are refused with the remedy", async () => {
    const state = await load({ "apps/web/kustomization.yaml": "resources:\n- https://github.com/example/repo//config?ref=v1\n" });
    expect(problems(state)).toEqual([expect.stringMatching(/^apps\/web\/kustomization\.yaml:2 https.* is not fetched: what is deployed must be in the commit/)]);
  });

  test("kinds without a namespace lose the one that kustomize gives to kinds it does not know", async () => {
    const state = await load({ "apps/web/kustomization.yaml": "resources: [n.yaml]\nnamespace: shop\n", "apps/web/n.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n" });
    expect(problems(state)).toEqual([]);
    expect(identities(state)).toEqual(["/Namespace//shop"]);
  });
});

describe("kustomizations below an application's folder", () => {
  test("a base and a component are not deployed by themselves, an overlay that uses them is", async () => {
    const state = await load({
      "apps/web/base/kustomization.yaml": "resources: [a.yaml]\n",
      "apps/web/base/a.yaml": configMapYaml("a"),
      "apps/web/extra/kustomization.yaml": "apiVersion: kustomize.config.k8s.io/v1alpha1\nkind: Component\nnameSuffix: -x\n",
      "apps/web/prod/kustomization.yaml": "resources: [../base]\nnamePrefix: p-\n",
    });
    expect(problems(state)).toEqual([]);
    expect(identities(state)).toEqual(["/ConfigMap/default/p-a"]);
  });

  test("a file that a kustomization takes is not applied by itself as well; others are", async () => {
    const state = await load({
      "apps/web/plain.yaml": configMapYaml("plain"),
      "apps/web/shared.yaml": configMapYaml("shared"),
      "apps/web/k/kustomization.yaml": "resources: [../shared.yaml]\nnamePrefix: p-\n",
    });
    expect(identities(state)).toEqual(["/ConfigMap/default/p-shared", "/ConfigMap/default/plain"]);
  });
});

describe("a commit renders only what it touches", () => {
  const many = Object.fromEntries(
    [..."abcdefghij"].flatMap((name) => [
      [`apps/${name}/kustomization.yaml`, `resources: [../../bases/${name < "f" ? "one" : "two"}]\nnamePrefix: ${name}-\n`],
      [`apps/${name}/README.md`, "words\n"],
    ]),
  );
  const bases = {
    "bases/one/kustomization.yaml": "resources: [c.yaml]\n",
    "bases/one/c.yaml": configMapYaml("c"),
    "bases/two/kustomization.yaml": "resources: [c.yaml]\n",
    "bases/two/c.yaml": configMapYaml("c"),
  };

  test("its own file, a base of several, or nothing that any of them has read", async () => {
    const rendered = async (files: Readonly<Record<string, string | undefined>>) => {
      const before = loader.counters.foldersRendered;
      await load(files);
      return loader.counters.foldersRendered - before;
    };
    expect(await rendered({ ...many, ...bases })).toBe(10);
    expect(await rendered({ "apps/a/kustomization.yaml": "resources: [../../bases/one]\nnamePrefix: aa-\n" })).toBe(1);
    expect(await rendered({ "bases/two/c.yaml": configMapYaml("c", { key: "other" }) })).toBe(5);
    expect(await rendered({ "apps/c/README.md": "other words\n", "bases/two/unused.yaml": configMapYaml("u") })).toBe(0);
    // Going back to what was rendered before costs nothing either.
    expect(await rendered({ "bases/two/c.yaml": configMapYaml("c") })).toBe(0);
  });

  test("a file that was missing mends the application when it comes", async () => {
    expect(problems(await load({ "apps/a/kustomization.yaml": "resources: [late.yaml]\n" }))).toEqual(["apps/a/kustomization.yaml:1 there is no apps/a/late.yaml"]);
    const state = await load({ "apps/a/late.yaml": configMapYaml("late") });
    expect(problems(state)).toEqual([]);
    expect(identities(state)).toEqual(["/ConfigMap/default/late"]);
  });
});
