import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { DesiredState } from "../../../../engine/gitops/manifests/desired-state.ts";
import { computeFieldChanges } from "../../../../engine/gitops/plan/field-diff.ts";
import { structuralPathOf } from "../../../../engine/apimachinery/field-path.ts";
import { createChartRenderer } from "../../../../engine/gitops/manifests/helm-program.ts";
import { ManifestLoader, type ManifestLoaderOptions } from "../../../../engine/gitops/manifests/load-manifests.ts";
import { formatProblem } from "../../../../engine/gitops/manifests/problem.ts";
import { substituteVariables } from "../../../../engine/gitops/manifests/substitute-variables.ts";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { configMapYaml, createTestRepository, deploymentYaml, type TestRepository } from "../../../kit/git.ts";
import { encryptTree, newAgePair, toSopsYaml } from "../../../kit/sops.ts";

let repository: TestRepository;
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(() => repository[Symbol.dispose]());

const newLoader = (more: Partial<ManifestLoaderOptions> = {}) => new ManifestLoader({ catalog, cluster: "local", basePath: ".", ...more });
async function load(files: Readonly<Record<string, string | undefined>>, loader = newLoader()): Promise<DesiredState> {
  const id = await repository.commit(files);
  return loader.load(repository.store.objects, await repository.store.objects.commit(id));
}
const problems = (state: DesiredState) => state.problems.map(formatProblem);
const repositoryYaml = (units: string) => `apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits:\n${units}`;

describe("substitution", () => {
  const variables = { count: 3, host: "example.org", on: true, name: "web" };
  const text = (source: string) => substituteVariables(source, variables, "f.yaml").text;

  test.each([
    ["a whole scalar takes the value's type", "a: ${count}\nb: ${on}\nc: ${host}\n", 'a: 3\nb: true\nc: "example.org"\n'],
    ["inside text it is text", "a: https://${host}/${count}\n", 'a: "https://example.org/3"\n'],
    ["in quotes it is the value all the same", "a: \"${count}\"\nb: 'x ${name}'\n", 'a: 3\nb: "x web"\n'],
    ["in lists and flow style", 'a: ["${host}", b]\n- x\n', 'a: ["${host}", b]\n- x\n'],
    ["names that are not declared stay", "a: ${HOME}/${count}\n", 'a: "${HOME}/3"\n'],
    ["two dollars write the reference itself", "a: $${count}\n", 'a: "${count}"\n'],
    ["keys and comments stay", "${name}: b # ${count}\n", "${name}: b # ${count}\n"],
  ])("%s", (_name, before, after) => expect(text(before)).toBe(after));

  test("block scalars are never touched, whatever they hold (pain 18)", () => {
    const script = "data:\n  run.sh: |\n    echo ${host} ${count}\n  folded: >-\n    ${host}\n    more\nafter: ${count}\n";
    expect(text(script)).toBe(script.replace("after: ${count}", "after: 3"));
  });

  test("is opt-in, counts for its unit alone, and every use is told with its line", async () => {
    const files = {
      "apps/web/d.yaml": deploymentYaml("web", "${count}"),
      "apps/web/k/kustomization.yaml": "resources: [c.yaml]\n",
      "apps/web/k/c.yaml": configMapYaml("c").replace('"value"', "${host}"),
      "apps/plain/c.yaml": configMapYaml("p").replace('"value"', "${host}"),
    };
    expect(problems(await load(files))).toEqual(["apps/web/d.yaml:6 spec.replicas: must be a non-negative integer"]);
    const state = await load({ "mainstay.yaml": repositoryYaml("- {path: apps/web, variables: {count: 4, host: example.org}}\n- {path: apps/plain}\n") });
    expect(problems(state)).toEqual([]);
    expect(state.objects.get("apps/Deployment/default/web")?.object).toMatchObject({ spec: { replicas: 4 } });
    expect(state.objects.get("/ConfigMap/default/c")?.object).toMatchObject({ data: { key: "example.org" } });
    expect(state.objects.get("/ConfigMap/default/p")?.object).toMatchObject({ data: { key: "${host}" } });
    expect(state.substitutions.get("web")).toEqual(
      expect.arrayContaining([
        { file: "apps/web/d.yaml", line: 6, name: "count", value: 4 },
        { file: "apps/web/k/c.yaml", line: 6, name: "host", value: "example.org" },
      ]),
    );
    expect(state.substitutions.has("plain")).toBe(false);
  });

  test("a change of a value changes what it stands for", async () => {
    const loader = newLoader();
    const yaml = (count: number) => repositoryYaml(`- {path: apps/web, variables: {count: ${count}}}\n`);
    await load({ "mainstay.yaml": yaml(1), "apps/web/d.yaml": deploymentYaml("web", "${count}") }, loader);
    const state = await load({ "mainstay.yaml": yaml(2) }, loader);
    expect(state.objects.get("apps/Deployment/default/web")?.object).toMatchObject({ spec: { replicas: 2 } });
  });
});

describe("what looks like a variable and is none", () => {
  test("is told of with its place, where the application has variables; what programs and files may mean is not", async () => {
    const map = `apiVersion: v1\nkind: Service\nmetadata:\n  name: s\n  annotations:\n    a: "\${host}"\n    b: "\${env:=dev}.\${zone}"\n    c: "$\${meant}"\nspec: {ports: [{port: 80}]}\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: m}\ndata: {k: "\${HOME}"}\n`;
    const notices = async (variables: string) =>
      (
        await load({
          "mainstay.yaml": repositoryYaml(`- {path: apps/web${variables}}\n`),
          "apps/web/s.yaml": map,
          "apps/web/d.yaml": deploymentYaml("web").replace("          image:", '          args: ["\${HOME}"]\n          image:'),
        })
      ).notices;
    expect(await notices(", variables: {host: example.org}")).toEqual([
      "apps/web/s.yaml:7 ${env:=dev} is no variable of the application and is left as it stands",
      "apps/web/s.yaml:7 ${zone} is no variable of the application and is left as it stands",
    ]);
    expect(await notices("")).toEqual([]);
  });
});

describe("encrypted files in a repository", () => {
  test("are opened in memory, in plain folders and for kustomizations, and never shown", async () => {
    const pair = await newAgePair();
    const secret = async (name: string, password: string) =>
      toSopsYaml(
        await encryptTree({ apiVersion: "v1", kind: name === "cfg" ? "ConfigMap" : "Secret", metadata: { name }, [name === "cfg" ? "data" : "stringData"]: { password } }, pair, {
          isEncrypted: (steps) => /[dD]ata$/.test(steps[0] ?? ""),
          metadata: { encrypted_regex: "[dD]ata$" },
        }),
      );
    const files = {
      "apps/a/s.enc.yaml": await secret("s", "one"),
      "apps/a/c.enc.yaml": await secret("cfg", "two"),
      "apps/b/kustomization.yaml": "resources: [s.enc.yaml]\nnamePrefix: p-\nsecretGenerator: [{name: gen, files: [k=s.enc.yaml]}]\n",
      "apps/b/s.enc.yaml": await secret("s", "three"),
    };
    const state = await load(files, newLoader({ ageKeys: async () => [pair.identity] }));
    expect(problems(state)).toEqual([]);
    expect(state.objects.get("/Secret/default/s")?.object).toMatchObject({ stringData: { password: "one" } });
    expect(state.objects.get("/Secret/default/p-s")?.object).toMatchObject({ stringData: { password: "three" } });
    const cfg = state.objects.get("/ConfigMap/default/cfg");
    expect(cfg?.isConfidential).toBe(true);
    expect(cfg?.locate?.(structuralPathOf("data.password"))).toEqual({ file: "apps/a/c.enc.yaml", line: 6 });
    if (cfg === undefined) return;
    const changes = computeFieldChanges(cfg.object, { ...cfg.object, data: { password: "changed" } } as typeof cfg.object, true);
    expect(JSON.stringify(changes)).not.toMatch(/two|changed"/);
  });

  test("are never shown where a kustomization copies what they hold into other objects", async () => {
    const pair = await newAgePair();
    const secret = toSopsYaml(
      await encryptTree({ apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, stringData: { password: "open-sesame" } }, pair, {
        isEncrypted: (steps) => steps[0] === "stringData",
        metadata: { encrypted_regex: "^stringData$" },
      }),
    );
    const replacement =
      "replacements: [{source: {kind: Secret, name: s, fieldPath: stringData.password}, targets: [{select: {kind: Deployment}, fieldPaths: [metadata.annotations.shown], options: {create: true}}]}]\n";
    const build = async (more: string) =>
      (
        await load(
          { "apps/b/kustomization.yaml": `resources: [s.enc.yaml, d.yaml]\n${more}`, "apps/b/s.enc.yaml": secret, "apps/b/d.yaml": deploymentYaml("web") },
          newLoader({ ageKeys: async () => [pair.identity] }),
        )
      ).objects.get("apps/Deployment/default/web");
    expect((await build(""))?.isConfidential).not.toBe(true);
    const copied = await build(replacement);
    expect(copied?.object.metadata.annotations).toMatchObject({ shown: "open-sesame" });
    expect(copied?.isConfidential).toBe(true);
    if (copied === undefined) return;
    const live = { ...copied.object, metadata: { ...copied.object.metadata, annotations: { other: "x" } } };
    expect(JSON.stringify(computeFieldChanges(live, copied.object, true))).not.toContain("open-sesame");
  });

  test("are never shown where they are patches of another object", async () => {
    const pair = await newAgePair();
    const merge = toSopsYaml(
      await encryptTree({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "merged" }, spec: { paused: true } }, pair, {
        isEncrypted: (steps) => steps[0] === "spec",
        metadata: { encrypted_regex: "^spec$" },
      }),
    );
    const operations = JSON.stringify([{ op: "add", path: "/metadata/annotations", value: { shown: "open-sesame" } }]);
    const binary = await encryptTree({ data: operations }, pair);
    const state = await load(
      {
        "apps/b/kustomization.yaml": "resources: [d.yaml, m.yaml, plain.yaml]\npatches: [{path: merge.enc.yaml}, {path: ops.enc, target: {name: patched}}]\n",
        "apps/b/d.yaml": deploymentYaml("patched"),
        "apps/b/m.yaml": deploymentYaml("merged"),
        "apps/b/plain.yaml": deploymentYaml("plain"),
        "apps/b/merge.enc.yaml": merge,
        "apps/b/ops.enc": JSON.stringify({ ...binary.values, sops: binary.metadata }),
      },
      newLoader({ ageKeys: async () => [pair.identity] }),
    );
    expect(problems(state)).toEqual([]);
    expect(state.objects.get("apps/Deployment/default/patched")?.object.metadata.annotations).toMatchObject({ shown: "open-sesame" });
    expect(["patched", "merged", "plain"].map((name) => state.objects.get(`apps/Deployment/default/${name}`)?.isConfidential === true)).toEqual([true, true, false]);
  });

  test("without a key the commit is refused at the file, and a key that comes later opens it", async () => {
    const pair = await newAgePair();
    let keys: readonly string[] = [];
    const loader = newLoader({ ageKeys: async () => keys });
    const text = toSopsYaml(
      await encryptTree({ apiVersion: "v1", kind: "Secret", metadata: { name: "s" }, stringData: { a: "b" } }, pair, {
        isEncrypted: (steps) => steps[0] === "stringData",
        metadata: { encrypted_regex: "^stringData$" },
      }),
    );
    const state = await load({ "apps/a/s.yaml": text, "apps/b/kustomization.yaml": "resources: [../a/s.yaml]\nnamePrefix: b-\n" }, loader);
    expect(problems(state)).toEqual([expect.stringMatching(/^apps\/a\/s\.yaml:1 the file is encrypted to age1\w+, and there is no age key here/)]);
    keys = [pair.identity];
    expect(problems(await load({ "README.md": "x" }, loader))).toEqual([]);
  });
});

describe("encrypted files of strangers", () => {
  const sealed = newLoader({ isSealed: true, ageKeys: async () => Promise.reject(new Error("must not be asked")) });
  const regex = { isEncrypted: (steps: readonly string[]) => /^(data|stringData|spec)$/.test(steps[0] ?? ""), metadata: { encrypted_regex: "^(data|stringData|spec)$" } };

  test("say what their objects are called, on their lines, and which keys their data has", async () => {
    const pair = await newAgePair();
    const text = async (name: string) =>
      toSopsYaml(await encryptTree({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace: "shop" }, stringData: { password: "one", user: "two" } }, pair, regex));
    const files = { "apps/a/s.enc.yaml": `# two of them\n${await text("first")}---\n${await text("second")}` };
    const state = await load(files, sealed);
    expect(problems(state)).toEqual([]);
    expect([...state.objects.values()].map(({ object, line, isConfidential }) => [object.metadata.name, line, isConfidential])).toEqual([
      ["first", 2, true],
      ["second", files["apps/a/s.enc.yaml"].split("\n").findLastIndex((line) => line.startsWith("apiVersion")) + 1, true],
    ]);
    expect(state.objects.get("/Secret/shop/first")?.object).toMatchObject({ stringData: { password: "", user: "" } });
    expect(JSON.stringify([...state.objects.values()])).not.toContain("ENC[");
  });

  test("are nothing where their names are encrypted, and keep what needs more of them from being built", async () => {
    const pair = await newAgePair();
    const state = await load(
      {
        "apps/a/all.enc.yaml": toSopsYaml(await encryptTree({ apiVersion: "v1", kind: "Secret", metadata: { name: "s" } }, pair)),
        "apps/a/spec.enc.yaml": toSopsYaml(await encryptTree({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d" }, spec: { replicas: 1 } }, pair, regex)),
        "apps/b/kustomization.yaml": "secretGenerator: [{name: gen, files: [k=values.enc.yaml]}]\nresources: [d.yaml]\n",
        "apps/b/values.enc.yaml": toSopsYaml(await encryptTree({ a: "b" }, pair)),
        "apps/b/d.yaml": deploymentYaml("d"),
      },
      sealed,
    );
    expect([problems(state), [...state.objects], state.notices]).toEqual([[], [], []]);
    expect([...state.encrypted].map(([unit, inputs]) => [unit, inputs.map(({ file, unbuilt }) => [file, unbuilt !== undefined])])).toEqual([
      [
        "a",
        [
          ["apps/a/all.enc.yaml", false],
          ["apps/a/spec.enc.yaml", false],
        ],
      ],
      ["b", [["apps/b/values.enc.yaml", true]]],
    ]);
  });
});

describe("Helm charts", () => {
  const chart = { "charts/web/Chart.yaml": "apiVersion: v2\nname: web\nversion: 1.0.0\n", "charts/web/values.yaml": "replicas: 1\n", "charts/web/templates/d.yaml": "{{ .Values }}\n" };
  let folder: string;
  beforeEach(() => void (folder = mkdtempSync(path.join(os.tmpdir(), "ms-helm-"))));
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** In place of helm: says in its output how it was called, and what it was given. */
  function fakeHelm(): string {
    const program = path.join(folder, "helm");
    writeFileSync(
      program,
      `#!/bin/sh
[ -f "$3/Chart.yaml" ] || { echo "Error: no chart" >&2; exit 1; }
grep -q broken "$3/values.yaml" && { echo "Error: values don't meet the schema" >&2; exit 1; }
last=""; for arg; do last="$arg"; done
extra=""; case "$last" in *.yaml) extra=$(tr -d '\\n' < "$last");; esac
cat <<END
---
# Source: web/templates/d.yaml
apiVersion: v1
kind: ConfigMap
metadata: {name: $2, namespace: $5}
data: {values: '$(tr -d '\\n' < "$3/values.yaml")', extra: '$extra'}
END
`,
    );
    chmodSync(program, 0o755);
    return program;
  }

  test("a chart is left out until its unit asks for it", async () => {
    const state = await load({ "mainstay.yaml": repositoryYaml("- {path: charts/*}\n"), ...chart });
    expect(state.notices).toEqual([expect.stringMatching(/^charts\/web\/Chart\.yaml: a Helm chart, left out; to render it/)]);
    expect(problems(state)).toEqual([]);
  });

  test("it is rendered with its values and named by its templates, again only when it changes: there is no release to be stuck (pain 15)", async () => {
    const loader = newLoader({ renderChart: createChartRenderer(fakeHelm()) });
    const state = await load({ "mainstay.yaml": repositoryYaml("- {path: charts/*, namespace: shop, helm: {values: [values/web.yaml]}}\n"), "values/web.yaml": "more: true\n", ...chart }, loader);
    expect(problems(state)).toEqual([]);
    const object = state.objects.get("/ConfigMap/shop/web");
    expect(object?.object).toMatchObject({ data: { values: "replicas: 1", extra: "more: true" } });
    expect(object?.file).toBe("charts/web/templates/d.yaml");
    const rendered = loader.counters.foldersRendered;
    await load({ "other.md": "x" }, loader);
    expect(loader.counters.foldersRendered).toBe(rendered);
    await load({ "charts/web/values.yaml": "replicas: 2\n" }, loader);
    await load({ "values/web.yaml": "more: false\n" }, loader);
    expect(loader.counters.foldersRendered).toBe(rendered + 2);
  });

  test("charts of a kustomization lie in the repository; others are refused with the remedy (pain 25)", async () => {
    const loader = newLoader({ renderChart: createChartRenderer(fakeHelm()) });
    const kustomization = (name: string) => `namespace: shop\nhelmCharts:\n- name: ${name}\n  repo: https://charts.example.org\n  releaseName: r\n  valuesInline: {a: b}\n`;
    const files = Object.fromEntries(Object.entries(chart).map(([file, content]) => [file.replace("charts/", "apps/k/charts/"), content]));
    const state = await load({ "apps/k/kustomization.yaml": kustomization("web"), ...files }, loader);
    expect(problems(state)).toEqual([]);
    expect(state.objects.get("/ConfigMap/shop/r")?.object).toMatchObject({ data: { extra: "a: b" } });
    expect(problems(await load({ "apps/k/kustomization.yaml": kustomization("absent") }, loader))).toEqual([
      expect.stringMatching(/^apps\/k\/kustomization\.yaml:3 chart absent of https:\/\/charts\.example\.org is not in the repository.*helm pull/),
    ]);
  });

  test("what helm says of encrypted values is not told, but where they stand", async () => {
    const program = path.join(folder, "helm");
    writeFileSync(
      program,
      `#!/bin/sh\nfor last; do :; done\necho "Error: values don't meet the specifications of the schema(s) in the following chart(s):" >&2\necho "web:" >&2\necho "- at '/password': '$(sed -n 's/^password: //p' "$last")' does not match pattern '^[a-z]+$'" >&2\nexit 1\n`,
    );
    chmodSync(program, 0o755);
    const pair = await newAgePair();
    const loader = newLoader({ renderChart: createChartRenderer(program), ageKeys: async () => [pair.identity] });
    const config = repositoryYaml("- {path: charts/*, helm: {values: [values/web.yaml]}}\n");
    expect(problems(await load({ "mainstay.yaml": config, "values/web.yaml": "password: open-sesame\n", ...chart }, loader))).toEqual([
      "values/web.yaml:1 helm: password: 'open-sesame' does not match pattern '^[a-z]+$' (values.schema.json of the chart)",
    ]);
    const values = toSopsYaml(await encryptTree({ user: "web", password: "open-sesame" }, pair));
    expect(problems(await load({ "values/web.yaml": values }, loader))).toEqual(["values/web.yaml:2 helm (not shown: the file is encrypted)"]);
    // The template that it stopped at is the chart's.
    writeFileSync(program, "#!/bin/sh\necho 'Error: execution error at (web/templates/a.yaml:7:4): open-sesame is no password' >&2\nexit 1\n");
    const again = toSopsYaml(await encryptTree({ user: "other", password: "open-sesame" }, pair));
    expect(problems(await load({ "values/web.yaml": again }, loader))).toEqual(["charts/web/Chart.yaml:1 helm: stopped at web/templates/a.yaml:7 (the rest is not shown: a file is encrypted)"]);
  });

  test("what helm says is told; a missing helm is named, and missed no longer once it is there", async () => {
    const program = path.join(folder, "helm");
    const loader = newLoader({ renderChart: createChartRenderer(program) });
    const config = repositoryYaml("- {path: charts/*, helm: {}}\n");
    expect(problems(await load({ "mainstay.yaml": config, ...chart }, loader))).toEqual([
      expect.stringMatching(/^charts\/web\/Chart\.yaml:1 this is a Helm chart, and the program .* is not installed/),
    ]);
    fakeHelm();
    expect(problems(await load({ "README.md": "x" }, loader))).toEqual([]);
    expect(problems(await load({ "charts/web/values.yaml": "broken: true\n" }, loader))).toEqual(["charts/web/Chart.yaml:1 helm: values don't meet the schema"]);
  });
});
