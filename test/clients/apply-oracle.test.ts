import { spawnSync } from "node:child_process";
import { writeFile } from "node:fs/promises";
import path from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { applyJsonPatch } from "../../engine/apimachinery/patches/json-patch.ts";
import { applyMergePatch } from "../../engine/apimachinery/patches/merge-patch.ts";
import type { KubeObject } from "../../engine/apimachinery/object-meta.ts";
import { StatusError } from "../../engine/apimachinery/status-error.ts";
import { deepFreeze } from "../../engine/lib/freeze.ts";
import { deploymentResource } from "../../engine/resources/apps/deployment.ts";
import { findKubectls, runKubectl } from "../kit/kubectl.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

/** What kubectl works out by itself, without asking us or by three-way merge, is the reference for what the server works out. */
const kubectls = (await findKubectls()).toSorted((a, b) => Number(a.version.split(".")[1]) - Number(b.version.split(".")[1]));
/** Debian builds kubectl with version 5 of json-patch, which refuses to replace what is not there. Upstream's, and its servers to this day, have version 4. */
const kubectl = kubectls.findLast(({ binary }) => hasServersJsonPatch(binary)) ?? kubectls.at(-1);
if (kubectl === undefined) {
  if (process.env["CI"]) throw new Error("no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
  console.warn("skipped: no kubectl of 1.32 or newer on this machine, and none could be fetched from Debian");
}

function hasServersJsonPatch(binary: string): boolean {
  const target = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m" }, data: {} };
  return runPatch(binary, "json", target, [{ op: "replace", path: "/data/a", value: "1" }]).status === 0;
}

function runPatch(binary: string, type: "json" | "merge", target: object, patch: unknown) {
  return spawnSync(binary, ["patch", "--local", "-f", "-", "--type", type, "-p", JSON.stringify(patch), "-o", "json"], { input: JSON.stringify(target), encoding: "utf8" });
}

type Loose = Readonly<Record<string, unknown>>;
const SEED = 20_261_121;

/** `kubectl patch --local`: undefined where it refuses the patch. */
function byKubectl(type: "json" | "merge", target: Loose, patch: unknown): unknown {
  const { status, stdout } = runPatch(kubectl?.binary ?? "kubectl", type, target, patch);
  return status === 0 ? withoutNulls(JSON.parse(stdout)) : undefined;
}

/** Typed output leaves out what is null; ours does when it decodes. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key, withoutNulls(item)]),
  );
}

const key = fc.constantFrom("a", "b", "c", "d/e", "f~g");
const text = fc.constantFrom("1", "2", "");
const data = fc.dictionary(key, text, { maxKeys: 4 });
const configMap = fc.record({ data, labels: data }).map(({ data: values, labels }) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "m", labels }, data: values }));
const pointer = fc.tuple(fc.constantFrom("/data", "/metadata/labels", "/none"), key).map(([place, name]) => `${place}/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`);
const operation = fc.oneof(
  fc.record({ op: fc.constantFrom("add", "test", ...(kubectl !== undefined && hasServersJsonPatch(kubectl.binary) ? ["replace"] : [])), path: pointer, value: text }),
  fc.record({ op: fc.constant("remove"), path: pointer }),
  fc.record({ op: fc.constantFrom("move", "copy"), path: pointer, from: pointer }),
);

describe.skipIf(kubectl === undefined)("patches agree with kubectl's own", () => {
  test("JSON patches", () => {
    for (const [target, patch] of fc.sample(fc.tuple(configMap, fc.array(operation, { minLength: 1, maxLength: 3 })), { numRuns: 40, seed: SEED })) {
      let ours: unknown;
      try {
        ours = applyJsonPatch(deepFreeze(target), patch);
      } catch (error) {
        expect(error).toBeInstanceOf(StatusError);
      }
      expect({ patch, target, result: ours === undefined ? undefined : plain(ours) }).toEqual({ patch, target, result: plain(byKubectl("json", target, patch)) });
    }
  });

  test("merge patches", () => {
    const patches = fc.record({
      data: fc.option(fc.dictionary(key, fc.option(text), { maxKeys: 4 })),
      metadata: fc.record({ labels: fc.option(fc.dictionary(key, fc.option(text), { maxKeys: 3 })) }),
    });
    for (const [target, patch] of fc.sample(fc.tuple(configMap, patches), { numRuns: 30, seed: SEED })) {
      expect({ patch, target, result: plain(withoutNulls(applyMergePatch(deepFreeze(target), patch))) }).toEqual({ patch, target, result: plain(byKubectl("merge", target, patch)) });
    }
  });
});

/** What kubectl prints of a ConfigMap leaves out maps that are empty. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const { metadata, data: values, ...rest } = value as { readonly metadata: { readonly labels?: object; readonly name: string }; readonly data?: object };
  const isFull = (map: object | undefined) => map !== undefined && Object.keys(map).length > 0;
  return { ...rest, metadata: { name: metadata.name, ...(isFull(metadata.labels) ? { labels: metadata.labels } : {}) }, ...(isFull(values) ? { data: values } : {}) };
}

const environment = fc.uniqueArray(fc.record({ name: fc.constantFrom("A", "B", "C"), value: fc.constantFrom("1", "2") }), { selector: ({ name }) => name, maxLength: 3 });
const container = fc.record(
  { name: fc.constantFrom("x", "y", "z"), image: fc.constantFrom("nginx:1", "nginx:2"), env: environment, args: fc.array(fc.constantFrom("p", "q"), { maxLength: 2 }) },
  { requiredKeys: ["name", "image", "env"] },
);
const wanted = fc.record(
  {
    replicas: fc.integer({ min: 0, max: 3 }),
    paused: fc.boolean(),
    labels: fc.dictionary(fc.constantFrom("l1", "l2"), text, { maxKeys: 2 }),
    nodeSelector: fc.dictionary(fc.constantFrom("n1", "n2"), text, { maxKeys: 2 }),
    containers: fc.uniqueArray(container, { selector: ({ name }) => name, minLength: 1, maxLength: 3 }),
  },
  { requiredKeys: ["labels", "nodeSelector", "containers"] },
);
type Wanted = typeof wanted extends fc.Arbitrary<infer T> ? T : never;

/** Maps and lists of objects are always there: one that a manifest no longer has is taken away whole by kubectl's merge, and part by part by the server. */
const manifest = (name: string, { replicas, paused, labels, nodeSelector, containers }: Wanted): Loose => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, ...(labels === undefined ? {} : { labels }) },
  spec: {
    ...(replicas === undefined ? {} : { replicas }),
    ...(paused === undefined ? {} : { paused }),
    selector: { matchLabels: { app: "web" } },
    template: { metadata: { labels: { app: "web" } }, spec: { containers, ...(nodeSelector === undefined ? {} : { nodeSelector }) } },
  },
});

describe.skipIf(kubectl === undefined)("applying", () => {
  let api: TestListener;
  beforeAll(async () => {
    api = await startTestListener();
    for (const namespace of ["by-kubectl", "by-server"]) await createTestNamespace(api.client, namespace);
  });
  afterAll(() => api.stop());

  /** The object without what tells how it came to be; lists whose items have names are sorted by these. */
  const content = ({ metadata, ...rest }: KubeObject): unknown => {
    const { "kubectl.kubernetes.io/last-applied-configuration": _applied, ...annotations } = metadata.annotations ?? {};
    return sorted(withoutNulls({ ...rest, metadata: { labels: metadata.labels ?? {}, annotations, generation: undefined } }));
  };
  const sorted = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(sorted).toSorted((left, right) => (nameOf(left) < nameOf(right) ? -1 : 1));
    return typeof value === "object" && value !== null ? Object.fromEntries(Object.entries(value).map(([field, item]) => [field, field === "args" ? item : sorted(item)])) : value;
  };
  const nameOf = (value: unknown): string => (typeof value === "object" && value !== null && "name" in value ? String(value.name) : "");

  async function applyAll(objects: readonly Loose[], namespace: string, ...flags: readonly string[]): Promise<void> {
    const file = path.join(api.directory, `${namespace}.json`);
    await writeFile(file, JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
    if (kubectl === undefined) return;
    const { code, stderr } = await runKubectl(kubectl, api.kubeconfig, ["apply", "-n", namespace, "-f", file, ...flags], { timeoutMs: 90_000 });
    expect(code, stderr).toBe(0);
  }

  test("by the server ends where kubectl's three-way merge ends, and leaves what others have added", async () => {
    // The container that others add to stays: without its image it would be no container, and who owns what is left of it cannot help that.
    const keeping = ([first, second]: readonly [Wanted, Wanted]): readonly [Wanted, Wanted] => [
      first,
      { ...second, containers: [...first.containers.slice(0, 1).filter(({ name }) => !second.containers.some((other) => other.name === name)), ...second.containers] },
    ];
    const histories = fc.sample(fc.tuple(wanted, wanted).map(keeping), { numRuns: 40, seed: SEED });
    const deployments = api.client.for(deploymentResource);
    const others = api.client.as("other").for(deploymentResource);
    for (const [namespace, ...flags] of [["by-kubectl"], ["by-server", "--server-side"]] as const) {
      await applyAll(
        histories.map(([first], index) => manifest(`d${index}`, first)),
        namespace,
        ...flags,
      );
      for (const [index, [first]] of histories.entries()) {
        const added = {
          metadata: { labels: { other: "yes" }, annotations: { note: "mine" } },
          spec: { template: { spec: { containers: [{ name: first.containers[0]?.name ?? "", env: [{ name: "OTHER", value: "yes" }] }] } } },
        };
        await others.patch(namespace, `d${index}`, "strategic", added);
      }
      await applyAll(
        histories.map(([, second], index) => manifest(`d${index}`, second)),
        namespace,
        ...flags,
      );
    }
    for (const [index, history] of histories.entries()) {
      const [client, server] = [await deployments.get("by-kubectl", `d${index}`), await deployments.get("by-server", `d${index}`)];
      expect({ history, content: content(server) }).toEqual({ history, content: content(client) });
    }
  });

  test("what is applied a second time changes nothing, whoever merges", async () => {
    const objects = fc.sample(wanted, { numRuns: 20, seed: SEED + 1 }).map((one, index) => manifest(`again${index}`, one));
    const deployments = api.client.for(deploymentResource);
    for (const [namespace, ...flags] of [["by-kubectl"], ["by-server", "--server-side"]] as const) {
      await applyAll(objects, namespace, ...flags);
      const before = await deployments.list(namespace);
      await applyAll(objects, namespace, ...flags);
      const after = await deployments.list(namespace);
      expect(after.items.map(({ metadata }) => [metadata.name, metadata.resourceVersion])).toEqual(before.items.map(({ metadata }) => [metadata.name, metadata.resourceVersion]));
    }
  });
});
