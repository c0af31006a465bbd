import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { build, buildByKubectl, findOracle, type Files } from "../kit/kustomize.ts";

/**
 * Random kustomizations held against the kustomize in kubectl: what one refuses the other must refuse, and what both build must be equal.
 * Names and values come from few words, so that bases, overlays, patches and references meet by chance.
 * The seed is fixed, so that a run means the same tomorrow; KUSTOMIZE_SEED and KUSTOMIZE_RUNS go looking for more.
 */
const kubectl = await findOracle();
const oracle = describe.skipIf(kubectl === undefined);

const name = fc.constantFrom("web", "api", "cfg");
const namespace = fc.constantFrom("shop", "team", "default");
const word = fc.constantFrom("a", "bb", "c-c", "1", "true", "x/y", "");
const maybe = <T>(arbitrary: fc.Arbitrary<T>, weight = 2) => fc.oneof({ weight, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary });
const labels = fc.dictionary(fc.constantFrom("app", "tier", "k8s.io/part"), fc.constantFrom("web", "api", "v1"), { maxKeys: 2 });
const metadata = fc.record({ name, namespace: maybe(namespace), labels: maybe(labels), annotations: maybe(labels) }, { requiredKeys: ["name"] });

const container = fc.record({
  name: fc.constantFrom("main", "side", "init"),
  image: fc.constantFrom("nginx", "nginx:1.0", "reg:5000/a/nginx:1", "redis@sha256:abc", "nginx:1@sha256:def"),
  env: maybe(
    fc.uniqueArray(
      fc.oneof(
        fc.record({ name: fc.constantFrom("A", "B"), value: word }),
        fc.record({ name: fc.constantFrom("C", "D"), valueFrom: fc.record({ configMapKeyRef: fc.record({ name, key: fc.constant("k") }) }) }),
      ),
      { selector: (entry) => entry.name, maxLength: 3 },
    ),
  ),
  ports: maybe(
    fc.uniqueArray(fc.record({ containerPort: fc.constantFrom(80, 81), protocol: maybe(fc.constantFrom("TCP", "UDP")), name: maybe(fc.constantFrom("http", "dns")) }), {
      selector: (port) => `${port.containerPort}${port.protocol ?? "TCP"}`,
      maxLength: 3,
    }),
  ),
  args: maybe(fc.array(word, { maxLength: 2 })),
});
const podSpec = fc.record({
  containers: fc.uniqueArray(container, { selector: (one) => one.name, minLength: 1, maxLength: 2 }),
  volumes: maybe(
    fc.uniqueArray(
      fc.oneof(
        fc.record({ name: fc.constant("v"), configMap: fc.record({ name }) }),
        fc.record({ name: fc.constant("s"), secret: fc.record({ secretName: name }) }),
        fc.record({ name: fc.constant("e"), emptyDir: fc.constant({}) }),
      ),
      { selector: (volume) => volume.name, maxLength: 2 },
    ),
  ),
  serviceAccountName: maybe(name),
  nodeSelector: maybe(labels),
});
const workload = fc.tuple(metadata, podSpec, maybe(fc.nat(3)), labels).map(([meta, spec, replicas, selector]) => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: meta,
  spec: { ...(replicas === undefined ? {} : { replicas }), selector: { matchLabels: selector }, template: { metadata: { labels: selector }, spec } },
}));
const configMap = fc.tuple(metadata, fc.dictionary(fc.constantFrom("k", "l"), word)).map(([meta, data]) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: meta, data }));
const service = fc.tuple(metadata, labels).map(([meta, selector]) => ({ apiVersion: "v1", kind: "Service", metadata: meta, spec: { selector, ports: [{ port: 80, targetPort: 8080 }] } }));
const account = metadata.map((meta) => ({ apiVersion: "v1", kind: "ServiceAccount", metadata: meta }));
const cluster = fc.constantFrom("Namespace", "PersistentVolume").chain((kind) => name.map((own) => ({ apiVersion: "v1", kind, metadata: { name: own } })));
const custom = fc
  .tuple(metadata, fc.jsonValue({ maxDepth: 2, noUnicodeString: true, stringUnit: "grapheme-ascii" }))
  .map(([meta, spec]) => ({ apiVersion: "example.org/v1", kind: "Thing", metadata: meta, spec: { value: withoutNulls(spec) } }));
const binding = fc.tuple(metadata, name, maybe(namespace), name).map(([meta, subject, inNamespace, role]) => ({
  apiVersion: "rbac.authorization.k8s.io/v1",
  kind: "RoleBinding",
  metadata: meta,
  subjects: [
    { kind: "ServiceAccount", name: subject, ...(inNamespace === undefined ? {} : { namespace: inNamespace }) },
    { kind: "ServiceAccount", name: "default" },
  ],
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: role },
}));
const object = fc.oneof({ weight: 3, arbitrary: workload }, { weight: 2, arbitrary: configMap }, service, account, cluster, custom, binding);

const target = fc.record({
  kind: maybe(fc.constantFrom("Deployment", "Config.*", "Service")),
  name: maybe(fc.constantFrom("web", "a.*", ".*")),
  labelSelector: maybe(fc.constantFrom("app", "app=web", "tier notin (v1)")),
});
const mergePatch = fc.oneof(
  fc.tuple(name, podSpec).map(([own, spec]) => ({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: own }, spec: { template: { spec } } })),
  fc.tuple(name, labels).map(([own, own2]) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: own, labels: own2 }, data: { k: null, m: "new" } })),
  fc.constant({ apiVersion: "v1", kind: "Service", metadata: { name: "web" }, $patch: "delete" }),
);
const patch = fc.oneof(
  mergePatch.map((value) => ({ patch: JSON.stringify(value) })),
  fc.tuple(mergePatch, target).map(([value, own]) => ({ patch: JSON.stringify(value), target: own })),
  target.map((own) => ({
    target: own,
    patch: JSON.stringify([
      { op: "add", path: "/metadata/annotations", value: { patched: "yes" } },
      { op: "test", path: "/metadata/annotations/patched", value: "yes" },
    ]),
  })),
);
const generator = fc.record(
  {
    name,
    namespace: maybe(namespace),
    behavior: maybe(fc.constantFrom("create", "merge", "replace"), 6),
    literals: fc.uniqueArray(fc.tuple(fc.constantFrom("k", "g"), word), { selector: ([key]) => key, maxLength: 2 }).map((pairs) => pairs.map(([key, value]) => `${key}=${value}`)),
    options: maybe(fc.record({ disableNameSuffixHash: fc.boolean(), labels: maybe(labels) }, { requiredKeys: ["disableNameSuffixHash"] })),
  },
  { requiredKeys: ["name", "literals"] },
);
const replacement = fc.record({
  source: fc.record(
    { kind: fc.constantFrom("ConfigMap", "Deployment"), name: maybe(name), fieldPath: fc.constantFrom("metadata.name", "data.k", "spec.template.spec.containers.0.image") },
    { requiredKeys: ["kind", "fieldPath"] },
  ),
  targets: fc.array(
    fc.record({
      select: fc.record({ kind: fc.constantFrom("Deployment", "ConfigMap") }),
      fieldPaths: fc.constantFrom(["metadata.annotations.copied"], ["spec.template.spec.containers.*.image"], ["data.k"]),
      options: fc.record({ create: fc.boolean() }),
    }),
    { minLength: 1, maxLength: 1 },
  ),
});

const settings = fc.record({
  namespace: maybe(namespace),
  namePrefix: maybe(fc.constant("p-")),
  nameSuffix: maybe(fc.constant("-s")),
  commonLabels: maybe(labels),
  commonAnnotations: maybe(labels),
  labels: maybe(fc.array(fc.record({ pairs: labels, includeSelectors: maybe(fc.boolean()), includeTemplates: maybe(fc.boolean()) }, { requiredKeys: ["pairs"] }), { minLength: 1, maxLength: 2 })),
  images: maybe(
    fc.array(
      fc.record(
        { name: fc.constantFrom("nginx", "redis", "reg:5000/a/nginx"), newName: maybe(fc.constant("other/n")), newTag: maybe(fc.constant("9")), digest: maybe(fc.constant("sha256:99")) },
        { requiredKeys: ["name"] },
      ),
      { minLength: 1, maxLength: 2 },
    ),
  ),
  replicas: maybe(fc.array(fc.record({ name, count: fc.nat(5) }), { minLength: 1, maxLength: 1 }), 6),
  patches: maybe(fc.array(patch, { minLength: 1, maxLength: 2 })),
  configMapGenerator: maybe(fc.array(generator, { minLength: 1, maxLength: 2 })),
  secretGenerator: maybe(fc.array(generator, { minLength: 1, maxLength: 1 })),
  replacements: maybe(fc.array(replacement, { minLength: 1, maxLength: 1 }), 5),
  sortOptions: maybe(fc.constant({ order: "fifo" })),
});

const repository = fc
  .record({ base: fc.array(object, { minLength: 1, maxLength: 4 }), own: fc.array(object, { maxLength: 2 }), below: settings, above: settings })
  .map(({ base, own, below, above }): Files => {
    const file = (value: unknown) => JSON.stringify(clean(value), null, 1);
    return {
      "base/kustomization.yaml": file({ resources: base.map((_, index) => `${index}.yaml`), ...below, sortOptions: undefined }),
      ...Object.fromEntries(base.map((value, index) => [`base/${index}.yaml`, file(value)])),
      "kustomization.yaml": file({ resources: ["base", ...own.map((_, index) => `${index}.yaml`)], ...above }),
      ...Object.fromEntries(own.map((value, index) => [`${index}.yaml`, file(value)])),
    };
  });

function clean(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(clean);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== undefined)
      .map(([key, item]) => [key, clean(item)]),
  );
}

function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(withoutNulls);
  if (typeof value !== "object" || value === null) return value === null ? "" : value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key === "__proto__" || key === "" ? "other" : key, withoutNulls(item)]));
}

type Result = { readonly is: "built"; readonly objects: unknown } | { readonly is: "refused"; readonly message: string };

async function attempt(run: () => unknown): Promise<Result> {
  try {
    return { is: "built", objects: JSON.parse(JSON.stringify(await run())) };
  } catch (error) {
    return { is: "refused", message: error instanceof Error ? error.message : String(error) };
  }
}

oracle("random kustomizations", () => {
  test("are built as kubectl builds them, or refused as it refuses them", async () => {
    if (kubectl === undefined) return;
    let built = 0;
    const runs = Number(process.env["KUSTOMIZE_RUNS"] ?? 120);
    await fc.assert(
      fc.asyncProperty(repository, async (files) => {
        const theirs = await attempt(() => buildByKubectl(kubectl, files));
        const ours = await attempt(async () => (await build(files)).map((resource) => resource.value));
        if (theirs.is === "built") {
          built++;
          expect(ours).toEqual(theirs);
        } else expect(ours.is, `kubectl says: ${theirs.message}`).toBe("refused");
      }),
      { numRuns: runs, seed: Number(process.env["KUSTOMIZE_SEED"] ?? 20_261_121) },
    );
    // A generator that only makes nonsense would prove nothing.
    expect(built).toBeGreaterThan(runs / 5);
  }, 600_000);
});
