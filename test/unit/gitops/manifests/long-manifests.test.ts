import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parseYamlDocuments, YamlError } from "../../../../engine/apimachinery/yaml/yaml.ts";
import { assembleUnit, type UnitDraft } from "../../../../engine/gitops/manifests/assemble-unit.ts";
import { ManifestLoader } from "../../../../engine/gitops/manifests/load-manifests.ts";
import { fieldLocator } from "../../../../engine/gitops/manifests/parse-manifests.ts";
import { countProblems, formatProblem } from "../../../../engine/gitops/manifests/problem.ts";
import { readManifestYaml } from "../../../../engine/gitops/yaml/manifest-yaml.ts";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { createTestRepository, type TestRepository } from "../../../kit/git.ts";
import { withTurns } from "../../../kit/with-turns.ts";
import { desired, unit } from "../objects.ts";

let repository: TestRepository;
beforeEach(async () => void (repository = await createTestRepository()));
afterEach(() => repository[Symbol.dispose]());

const configMap = (name: string, data = "") => `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${data === "" ? "" : `data:\n${data}`}`;
const entries = (count: number) => Array.from({ length: count }, (_, index) => `  key-${index}: value of ${index}\n`).join("");
const asItem = (text: string) =>
  text
    .replace(/^/gm, "  ")
    .replace(/^ {2}apiVersion/, "- apiVersion")
    .replace(/ +$/, "");

async function load(files: Readonly<Record<string, string>>) {
  const { objects } = repository.store;
  const id = await repository.commit(files);
  const state = await new ManifestLoader({ catalog, cluster: "local", basePath: "." }).load(objects, await objects.commit(id));
  return { names: [...state.objects.values()].map(({ object }) => object.metadata.name), problems: state.problems.map(formatProblem), count: countProblems(state.problems) };
}

describe("a long manifest file", () => {
  const text = `# first\n${configMap("many", entries(20_000))}---\n${configMap("number", '  "9223372036854775807": "x"\n  big: 9223372036854775807\n  when: yes\n')}`;

  test.each([["kubectl"], ["kustomize"]] as const)("is read aside, and is what it would be otherwise, as %s reads it", async (dialect) => {
    const short = "a: yes\nb: 9223372036854775807\nc: [1, {d: e}]\n---\n- x\n";
    const long = `${short}---\n${text}`;
    const { result, turns } = await withTurns(() => readManifestYaml(long, dialect));
    expect(turns).toBeGreaterThan(3);
    const [first, second, ...rest] = result;
    const expected = await readManifestYaml(short, dialect);
    expect([first?.value, second?.value]).toEqual(expected.map(({ value }) => value));
    expect(rest[1]?.value).toMatchObject({ data: { big: 9223372036854775807n, when: dialect === "kubectl" ? true : "yes" } });
    expect(first?.lineOf(["c", 1, "d"])).toBe(3);
    expect(first?.textOf(["b"])).toBe("9223372036854775807");
    expect(second?.line).toBe(5);
    expect(rest[0]?.lineOf(["data", "key-7"])).toBe(6 + 1 + 5 + 7 + 1);
  });

  test("that is wrong is refused in the words and with the line of a short one", async () => {
    const wrong = `${configMap("a", entries(10_000))} misplaced: 1\n`;
    const said = (error: unknown) => (error instanceof YamlError ? [error.message, error.line, error.column] : error);
    let short: unknown;
    try {
      parseYamlDocuments(wrong);
    } catch (error) {
      short = said(error);
    }
    expect(short).toHaveLength(3);
    expect(await readManifestYaml(wrong).catch(said)).toEqual(short);
    expect(await readManifestYaml(text)).toHaveLength(2);
  });

  test("whose aliases stand for more than any file may have is refused", async () => {
    const long = `a: &a ${"x".repeat(300_000)}\nb: [${Array.from({ length: 150 }, () => "*a").join(", ")}]\n`;
    await expect(readManifestYaml(long)).rejects.toThrow("aliases expand to more text than any manifest needs");
  });
});

test("of a file with hundreds of thousands of problems or notices the first ones are told", async () => {
  const numbers = Array.from({ length: 40_000 }, (_, index) => `  k${index}: 1\n`).join("");
  const wrong = await load({ "apps/a/a.yaml": Array.from({ length: 5 }, (_, index) => configMap(`m-${index}`, numbers)).join("---\n") });
  expect(wrong.problems).toHaveLength(1_000);
  expect(wrong.count).toBe("at least 1000 problems");
  expect(wrong.problems[0]).toBe("apps/a/a.yaml:6 data[k0]: must be a string; put it in quotes");
  const all = await load({ "apps/a/a.yaml": configMap("m", Array.from({ length: 1_000 }, (_, index) => `  k${index}: 1\n`).join("")) });
  expect(all.count).toBe("1000 problems");
  const { objects } = repository.store;
  const id = await repository.commit({ "apps/a/a.yaml": "a: 1\n---\n".repeat(5_000) });
  const { notices } = await new ManifestLoader({ catalog, cluster: "local", basePath: "." }).load(objects, await objects.commit(id));
  expect(notices.filter((notice) => notice.startsWith("apps/a/a.yaml"))).toHaveLength(1_000);
});

test("an application of many objects is put together while others have their turn", async () => {
  const files = Array.from({ length: 4 }, (_, index) => ({ path: `apps/a/${index}.yaml`, blob: String(index) }));
  const many = Array.from({ length: 1_000 }, (_, index) => desired("ConfigMap", `m-${index}`));
  const parsed = new Map(files.map(({ blob }) => [` ${blob}`, { objects: many.map(({ object, resource, place }) => ({ object, resource, place, line: 1 })), problems: [], notices: [] }]));
  const draft = { unit: unit("a"), files, rendered: [], listing: { problems: [], notices: [], charts: [], kustomizations: [], files }, transform: { variant: "" }, key: "" } as unknown as UnitDraft;
  const { result, turns } = await withTurns(() => assembleUnit(draft, parsed));
  expect(result.objects).toHaveLength(4_000);
  expect(turns).toBeGreaterThan(3);
});

describe("a document that no store takes", () => {
  const tooLong = configMap("huge", entries(300_000));
  const refusal = /^YAML: the document has \d+ bytes, and no store takes an object of more than 1568768; split the object, not the file: one file may hold many$/;
  const said = ({ problems }: { readonly problems: readonly string[] }) => problems.map((problem) => problem.replace(/^(\S+) .*/s, "$1"));

  test.each([
    ["by itself", {}, "apps/a/a.yaml:1"],
    ["of a kustomization", { "apps/a/kustomization.yaml": "resources: [a.yaml]\n" }, "apps/a/a.yaml:1"],
  ])("%s is refused with its file and line, before it is read", async (_, others, place) => {
    const state = await load({ "apps/a/a.yaml": tooLong, ...others });
    expect(said(state)).toEqual([place]);
    expect(state.problems[0]?.slice(place.length + 1)).toMatch(refusal);
  });

  test("is measured as it is stored, in bytes", async () => {
    const text = `${configMap("euro", `  key: "${"€".repeat(7_000_000)}"\n`)}`;
    await expect(readManifestYaml(text)).rejects.toThrow(`the document has ${Buffer.byteLength(text)} bytes, and no store takes`);
  });

  test("is the one of its file that is named", async () => {
    const state = await load({ "apps/a/a.yaml": `${configMap("a")}---\n${tooLong}---\n${configMap("b")}` });
    expect(said(state)).toEqual(["apps/a/a.yaml:5"]);
  });

  test("is no reason against a file of as many bytes that holds many, as documents or as a list, nor against what is no object", async () => {
    const data = entries(5_000);
    const many = Array.from({ length: 60 }, (_, index) => configMap(`c-${index}`, data));
    expect(many.join("").length).toBeGreaterThan(7_000_000);
    const state = await load({
      "apps/a/a.yaml": many.join("---\n"),
      "apps/b/b.yaml": `apiVersion: v1\nkind: List\nitems:\n${many.map((text) => asItem(text.replace("name: c-", "name: d-"))).join("")}`,
      "apps/c/c.yaml": `values:\n${entries(300_000)}`,
    });
    expect(state.problems).toEqual([]);
    expect(state.names).toHaveLength(120);
  });
});

test("the lines of tens of thousands of documents, items and fields are found in a time that grows with them", async () => {
  const count = 20_000;
  const documents = await readManifestYaml(Array.from({ length: count }, (_, index) => configMap(`c-${index}`)).join("---\n"));
  expect(documents.at(-1)?.line).toBe((count - 1) * 5 + 1);
  const list = Array.from({ length: count }, (_, index) => asItem(configMap(`c-${index}`))).join("");
  const [items] = await readManifestYaml(`apiVersion: v1\nkind: List\nitems:\n${list}`);
  for (let index = 0; index < count; index++) expect(items?.lineOf(["items", index, "metadata", "name"])).toBe(7 + 4 * index);
  const [wide] = await readManifestYaml(configMap("wide", entries(count)));
  for (let index = 0; index < count; index++) expect(wide?.lineOf(["data", `key-${index}`])).toBe(6 + index);
});

test("a file is read once for all that is asked of its lines", async () => {
  const blob = await repository.store.writeBlob(configMap("a", entries(3)));
  let reads = 0;
  const locate = fieldLocator({ blob: (id) => (reads++, repository.store.objects.blob(id)) });
  const place = { document: 0, prefix: [] };
  expect(await Promise.all(["key-0", "key-1", "key-2"].map((key) => locate({ blob, place }, ["data", key])))).toEqual([6, 7, 8]);
  expect(reads).toBe(1);
});
