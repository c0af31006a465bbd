import { execFileSync, spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyStrategicMergePatch } from "../../engine/apimachinery/patches/strategic-merge-patch.ts";
import { deepFreeze } from "../../engine/lib/freeze.ts";
import { loadSchema } from "../../engine/resources/load-schema.ts";

/** `kubectl patch --local` merges with the Go types' own tags and needs no server: the reference for our schemas and our merge. */
const hasKubectl = spawnSync("kubectl", ["version", "--client"], { stdio: "ignore" }).status === 0;
if (!hasKubectl) console.log("strategic merge oracle: skipped, kubectl is not installed");

type Loose = Record<string, unknown>;

const schemas: Readonly<Record<string, ReturnType<typeof loadSchema>>> = {
  Deployment: loadSchema("apps/v1/deployment.yaml"),
  Pod: loadSchema("core/v1/pod.yaml"),
  Service: loadSchema("core/v1/service.yaml"),
  ServiceAccount: loadSchema("core/v1/service-account.yaml"),
  Node: loadSchema("core/v1/node.yaml"),
};

function byKubectl(target: Loose, patch: Loose): unknown {
  const text = execFileSync("kubectl", ["patch", "--local", "-f", "-", "--type", "strategic", "-p", JSON.stringify(patch), "-o", "json"], {
    input: JSON.stringify(target),
    encoding: "utf8",
    stdio: ["pipe", "pipe", "pipe"],
  });
  return withoutNulls(JSON.parse(text));
}

/** Appended items keep their nulls in kubectl's output; decoding drops them, which ours has done already. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key, withoutNulls(item)]),
  );
}

function expectSame(target: Loose, patch: Loose): void {
  const schema = schemas[String(target["kind"])];
  if (schema === undefined) throw new Error(`no schema for ${String(target["kind"])}`);
  const ours = applyStrategicMergePatch(schema, deepFreeze(target), deepFreeze(patch));
  expect(withoutNulls(ours)).toEqual(byKubectl(target, patch));
}

const pod = (spec: Loose, metadata: Loose = {}): Loose => ({ apiVersion: "v1", kind: "Pod", metadata: { name: "p", ...metadata }, spec });
const deployment = (template: Loose, rest: Loose = {}): Loose => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "d" },
  spec: { selector: { matchLabels: { app: "a" } }, template: { metadata: { labels: { app: "a" } }, spec: template }, ...rest },
});
const service = (spec: Loose): Loose => ({ apiVersion: "v1", kind: "Service", metadata: { name: "s" }, spec });

const three = {
  containers: [
    { name: "a", image: "a:1" },
    { name: "b", image: "b:1" },
    { name: "c", image: "c:1" },
  ],
};

const cases: Readonly<Record<string, readonly [Loose, Loose]>> = {
  "merges list items by name": [pod(three), { spec: { containers: [{ name: "b", image: "b:2" }] } }],
  "puts a new item where the patch has it": [
    pod(three),
    {
      spec: {
        containers: [
          { name: "x", image: "x" },
          { name: "b", image: "b:2" },
        ],
      },
    },
  ],
  "orders by the patch when it names several": [pod(three), { spec: { containers: [{ name: "c" }, { name: "a" }] } }],
  "deletes an item": [pod(three), { spec: { containers: [{ name: "b", $patch: "delete" }] } }],
  "deletes and adds": [
    pod(three),
    {
      spec: {
        containers: [
          { name: "b", $patch: "delete" },
          { name: "x", image: "x" },
        ],
      },
    },
  ],
  "replaces a list": [pod(three), { spec: { containers: [{ name: "x", image: "x" }, { $patch: "replace" }] } }],
  "replaces a map": [pod({ ...three, securityContext: { runAsUser: 1, fsGroup: 2 } }), { spec: { securityContext: { runAsGroup: 3, $patch: "replace" } } }],
  "empties a map": [pod({ ...three, securityContext: { runAsUser: 1 } }), { spec: { securityContext: { $patch: "delete" } } }],
  "ignores a directive for what is not there": [pod(three), { spec: { securityContext: { $patch: "delete" } } }],
  "removes fields by null": [pod({ ...three, nodeName: "n" }, { labels: { a: "1", b: "2" } }), { metadata: { labels: { a: null, z: null } }, spec: { nodeName: null } }],
  "drops nulls of new maps": [pod(three), { metadata: { labels: { a: "1", b: null } } }],
  "follows $setElementOrder": [pod(three), { spec: { "$setElementOrder/containers": [{ name: "c" }, { name: "a" }, { name: "b" }], containers: [{ name: "a", image: "a:2" }] } }],
  "follows $setElementOrder alone": [pod(three), { spec: { "$setElementOrder/containers": [{ name: "c" }, { name: "a" }] } }],
  "follows $setElementOrder with items it does not name": [pod(three), { spec: { "$setElementOrder/containers": [{ name: "x" }, { name: "b" }], containers: [{ name: "x", image: "x" }] } }],
  "deletes under $setElementOrder": [pod(three), { spec: { "$setElementOrder/containers": [{ name: "c" }, { name: "a" }], containers: [{ name: "b", $patch: "delete" }] } }],
  "merges finalizers": [pod(three, { finalizers: ["x/a", "x/b"] }), { metadata: { finalizers: ["x/c", "x/a"] } }],
  "deletes from finalizers": [pod(three, { finalizers: ["x/a", "x/b", "x/c"] }), { metadata: { "$deleteFromPrimitiveList/finalizers": ["x/b"] } }],
  "deletes from, adds to and orders finalizers": [
    pod(three, { finalizers: ["x/a", "x/b", "x/c"] }),
    { metadata: { "$deleteFromPrimitiveList/finalizers": ["x/b"], "$setElementOrder/finalizers": ["x/d", "x/c", "x/a"], finalizers: ["x/d"] } },
  ],
  "replaces atomic lists": [pod({ containers: [{ name: "a", command: ["x", "y"], args: ["1"] }] }), { spec: { containers: [{ name: "a", command: ["z"] }] } }],
  "replaces tolerations": [pod({ ...three, tolerations: [{ key: "a" }] }), { spec: { tolerations: [{ key: "b" }] } }],
  "merges environment and mounts": [
    pod({
      containers: [
        {
          name: "a",
          env: [
            { name: "A", value: "1" },
            { name: "B", value: "2" },
          ],
          volumeMounts: [{ name: "v", mountPath: "/a" }],
        },
      ],
    }),
    {
      spec: {
        containers: [
          {
            name: "a",
            env: [
              { name: "B", value: null, valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
              { name: "C", value: "3" },
            ],
            volumeMounts: [{ name: "v", mountPath: "/b" }],
          },
        ],
      },
    },
  ],
  "keeps only the named keys of a volume": [
    pod({
      ...three,
      volumes: [
        { name: "v", emptyDir: {} },
        { name: "w", emptyDir: {} },
      ],
    }),
    { spec: { volumes: [{ name: "v", configMap: { name: "c" }, $retainKeys: ["name", "configMap"] }] } },
  ],
  "keeps only the named keys of a strategy": [
    deployment(three, { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } }),
    { spec: { strategy: { $retainKeys: ["type"], type: "Recreate" } } },
  ],
  "retains keys of nested maps": [
    deployment(three, { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } } }),
    { spec: { strategy: { $retainKeys: ["type", "rollingUpdate"], rollingUpdate: { maxSurge: 2 } } } },
  ],
  "merges ports by port": [
    service({
      ports: [
        { name: "a", port: 80 },
        { name: "b", port: 81 },
      ],
    }),
    {
      spec: {
        ports: [
          { port: 81, targetPort: 8081 },
          { port: 82, name: "c" },
        ],
      },
    },
  ],
  "merges container ports": [
    pod({ containers: [{ name: "a", ports: [{ containerPort: 80, name: "x" }] }] }),
    { spec: { containers: [{ name: "a", ports: [{ containerPort: 80, protocol: "TCP" }, { containerPort: 81 }] }] } },
  ],
  "merges secrets of a service account": [
    { apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "a" }, secrets: [{ name: "a" }, { name: "b" }], imagePullSecrets: [{ name: "x" }] },
    { secrets: [{ name: "c" }], imagePullSecrets: [{ name: "x", $patch: "delete" }] },
  ],
  "merges conditions": [
    {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name: "n" },
      spec: { taints: [{ key: "a", effect: "NoSchedule" }], podCIDRs: ["10.0.0.0/24"] },
      status: { conditions: [{ type: "Ready", status: "True" }], addresses: [{ type: "InternalIP", address: "10.0.0.1" }] },
    },
    {
      spec: { taints: [{ key: "b", effect: "NoSchedule" }], podCIDRs: ["10.0.1.0/24"] },
      status: {
        conditions: [
          { type: "Disk", status: "False" },
          { type: "Ready", status: "False" },
        ],
        addresses: [{ type: "Hostname", address: "n" }],
      },
    },
  ],
  "merges owner references by uid": [
    pod(three, { ownerReferences: [{ apiVersion: "v1", kind: "A", name: "a", uid: "1" }] }),
    {
      metadata: {
        ownerReferences: [
          { uid: "1", controller: true },
          { apiVersion: "v1", kind: "B", name: "b", uid: "2" },
        ],
      },
    },
  ],
  "merges host aliases, spread constraints, pull secrets, init containers and gates": [
    pod({
      ...three,
      hostAliases: [{ ip: "1.1.1.1", hostnames: ["a"] }],
      imagePullSecrets: [{ name: "a" }],
      initContainers: [{ name: "i", image: "i" }],
      topologySpreadConstraints: [{ topologyKey: "z", maxSkew: 1, whenUnsatisfiable: "DoNotSchedule" }],
      schedulingGates: [{ name: "g" }],
    }),
    {
      spec: {
        hostAliases: [{ ip: "1.1.1.1", hostnames: ["b"] }, { ip: "2.2.2.2" }],
        imagePullSecrets: [{ name: "b" }],
        initContainers: [{ name: "i", image: "j" }],
        topologySpreadConstraints: [{ topologyKey: "z", maxSkew: 2 }],
        schedulingGates: [{ name: "h" }],
      },
    },
  ],
  "takes the patch's value where types differ": [pod({ ...three, volumes: [{ name: "v", emptyDir: {} }] }), { spec: { volumes: "none" } }],
};

describe.skipIf(!hasKubectl)("strategic merge agrees with kubectl", () => {
  test.each(Object.entries(cases))("when it %s", (_, [target, patch]) => expectSame(target, patch));

  test("for generated pods and patches", () => {
    const name = fc.constantFrom("a", "b", "c", "d");
    const env = fc.uniqueArray(fc.record({ name, value: fc.constantFrom("1", "2") }), { selector: (item) => item.name, maxLength: 4 });
    const container = fc.record({ name, image: fc.constantFrom("x", "y"), env }, { requiredKeys: ["name"] });
    const containers = fc.uniqueArray(container, { selector: (item) => item.name, maxLength: 4 });
    const finalizers = fc.uniqueArray(fc.constantFrom("x/a", "x/b", "x/c", "x/d"), { maxLength: 4 });
    const target = fc.record({ containers, finalizers });
    const change = fc.oneof(container, fc.record({ name, image: fc.constant(null) }), fc.record({ name, $patch: fc.constant("delete") }));
    const patched = fc.record({ containers: fc.uniqueArray(change, { selector: (item) => item.name, minLength: 1, maxLength: 4 }), finalizers, removed: finalizers });
    fc.assert(
      fc.property(target, patched, (before, after) => {
        // A finalizer that is added and deleted at once depends on Go's order of map keys.
        const removed = after.removed.filter((item) => !after.finalizers.includes(item));
        expectSame(pod({ containers: before.containers }, { finalizers: before.finalizers }), {
          metadata: { ...(after.finalizers.length > 0 ? { finalizers: after.finalizers } : {}), ...(removed.length > 0 ? { "$deleteFromPrimitiveList/finalizers": removed } : {}) },
          spec: { containers: after.containers },
        });
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  test("for generated orders", () => {
    const order = fc.shuffledSubarray(["a", "b", "c", "d", "e"], { minLength: 1 });
    const present = fc.shuffledSubarray(["a", "b", "c", "d", "e"], { minLength: 1 });
    fc.assert(
      fc.property(present, order, fc.subarray(["a", "b", "c", "d", "e"]), (live, wanted, changed) => {
        const items = (names: readonly string[], image: string) => names.map((item) => ({ name: item, image }));
        const patchItems = items(
          wanted.filter((item) => changed.includes(item)),
          "2",
        );
        const gone = live.filter((item) => changed.includes(item) && !wanted.includes(item)).map((item) => ({ name: item, $patch: "delete" }));
        expectSame(pod({ containers: items(live, "1") }), { spec: { "$setElementOrder/containers": wanted.map((item) => ({ name: item })), containers: [...patchItems, ...gone] } });
      }),
      { numRuns: 40, seed: 2 },
    );
  });
});
