import { describe, expect, test } from "vitest";
import type { KubeObject, ManagedFieldsEntry } from "../../../../engine/apimachinery/object-meta.ts";
import { applyServerSide, trackUpdate, type UpdateRequest } from "../../../../engine/apimachinery/server-side-apply/server-side-apply.ts";
import { conform } from "../../../../engine/apimachinery/structural-schema.ts";
import { deepFreeze } from "../../../../engine/lib/freeze.ts";
import { loadSchema } from "../../../../engine/resources/load-schema.ts";

type Loose = Record<string, unknown>;

const T1 = "2026-01-01T00:00:01Z";
const configMapSchema = loadSchema("core/v1/config-map.yaml");
const deploymentSchema = loadSchema("apps/v1/deployment.yaml");
const podSchema = loadSchema("core/v1/pod.yaml");
const serviceSchema = loadSchema("core/v1/service.yaml");

const configMap = (data: Loose, metadata: Loose = {}): KubeObject => deepFreeze({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "n", ...metadata }, data } as KubeObject);

function track(before: KubeObject | undefined, after: KubeObject, options: Partial<UpdateRequest> = {}): KubeObject {
  const result = trackUpdate({ schema: configMapSchema, before, after, manager: "m", apiVersion: after.apiVersion, nowText: T1, ...options });
  return deepFreeze({ ...result, metadata: { ...result.metadata, uid: "u" } });
}

/** The object with other content, as a client sends it back. */
const edited = (object: KubeObject, change: Loose): KubeObject => deepFreeze({ ...object, ...change } as KubeObject);

const fieldsOf = (object: KubeObject, manager: string): unknown => object.metadata.managedFields?.find((entry) => entry.manager === manager)?.fieldsV1;
const managersOf = (object: KubeObject): string[] => (object.metadata.managedFields ?? []).map((entry) => `${entry.operation} ${entry.manager}`);

describe("ownership after a create", () => {
  test("of a ConfigMap is as recorded from upstream", () => {
    expect(track(undefined, configMap({ a: "1" }), { manager: "curl" }).metadata.managedFields).toEqual([
      { manager: "curl", operation: "Update", apiVersion: "v1", time: T1, fieldsType: "FieldsV1", fieldsV1: { "f:data": { ".": {}, "f:a": {} } } },
    ]);
  });

  test("has the nulls of custom kinds, and in items of lists those that Go writes", () => {
    const schema = {
      type: "object",
      properties: { spec: { type: "object", properties: { maybe: { type: "string", nullable: true }, any: { type: "object", "x-kubernetes-preserve-unknown-fields": true } } } },
    } as const;
    const made = track(undefined, deepFreeze({ apiVersion: "g.io/v1", kind: "Thing", metadata: { name: "t" }, spec: { maybe: null, any: { q: null, z: 1 } } } as KubeObject), { schema });
    expect(fieldsOf(made, "m")).toEqual({ "f:spec": { ".": {}, "f:any": { ".": {}, "f:q": {}, "f:z": {} }, "f:maybe": {} } });
    const set = edited(made, { spec: { maybe: "x", any: { q: null, z: 1 } } });
    const changed = track(made, set, { schema, manager: "n" });
    expect([fieldsOf(changed, "n"), fieldsOf(changed, "m")]).toEqual([{ "f:spec": { "f:maybe": {} } }, { "f:spec": { ".": {}, "f:any": { ".": {}, "f:q": {}, "f:z": {} } } }]);
    // Clients that mean to end the tracking send a list with an empty entry; of what users define an empty list is no list.
    expect(fieldsOf(track(changed, edited(changed, { metadata: { ...changed.metadata, managedFields: [] } }), { schema }), "n")).toEqual({ "f:spec": { "f:maybe": {} } });
    const before = deepFreeze({
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "d", managedFields: [{ manager: "x", operation: "Update", apiVersion: "apps/v1", time: T1, fieldsType: "FieldsV1", fieldsV1: { "f:metadata": { "f:labels": {} } } }] },
      status: {},
    } as unknown as KubeObject);
    const after = edited(before, { status: { conditions: [{ type: "Available", status: "True", lastTransitionTime: null, lastUpdateTime: null }] } });
    expect(fieldsOf(track(before, after, { schema: deploymentSchema, subresource: "status" }), "m")).toEqual({
      "f:status": { "f:conditions": { ".": {}, 'k:{"type":"Available"}': { ".": {}, "f:lastTransitionTime": {}, "f:lastUpdateTime": {}, "f:status": {}, "f:type": {} } } },
    });
  });

  test("of a Deployment is what kubectl create shows on a real server", () => {
    const sent = {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name: "nginx", namespace: "default", labels: { app: "nginx" } },
      spec: {
        replicas: 1,
        selector: { matchLabels: { app: "nginx" } },
        template: { metadata: { labels: { app: "nginx" } }, spec: { containers: [{ name: "nginx", image: "nginx", imagePullPolicy: "Always" }] } },
        strategy: { rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
      },
    };
    const object = structuredClone(conform(deploymentSchema, sent, { defaults: true, prune: true }).value) as KubeObject;
    // Upstream defaults this one for Pods only; templates share their schema with them.
    delete (object as unknown as { spec: { template: { spec: Loose } } }).spec.template.spec["enableServiceLinks"];
    const created = track(undefined, object, { schema: deploymentSchema, manager: "kubectl-create" });
    expect(JSON.stringify(fieldsOf(created, "kubectl-create"))).toBe(
      JSON.stringify({
        "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
        "f:spec": {
          "f:progressDeadlineSeconds": {},
          "f:replicas": {},
          "f:revisionHistoryLimit": {},
          "f:selector": {},
          "f:strategy": { "f:rollingUpdate": { ".": {}, "f:maxSurge": {}, "f:maxUnavailable": {} }, "f:type": {} },
          "f:template": {
            "f:metadata": { "f:labels": { ".": {}, "f:app": {} } },
            "f:spec": {
              "f:containers": {
                'k:{"name":"nginx"}': { ".": {}, "f:image": {}, "f:imagePullPolicy": {}, "f:name": {}, "f:resources": {}, "f:terminationMessagePath": {}, "f:terminationMessagePolicy": {} },
              },
              "f:dnsPolicy": {},
              "f:restartPolicy": {},
              "f:schedulerName": {},
              "f:securityContext": {},
              "f:terminationGracePeriodSeconds": {},
            },
          },
        },
      }),
    );
  });

  test("of a Service is what a real server shows", () => {
    const service = {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name: "s" },
      spec: { selector: { app: "a" }, type: "ClusterIP", sessionAffinity: "None", ports: [{ port: 80, protocol: "TCP", targetPort: 80 }] },
      status: { loadBalancer: {} },
    };
    expect(fieldsOf(track(undefined, service as unknown as KubeObject, { schema: serviceSchema }), "m")).toEqual({
      "f:spec": { "f:ports": { ".": {}, 'k:{"port":80,"protocol":"TCP"}': { ".": {}, "f:port": {}, "f:protocol": {}, "f:targetPort": {} } }, "f:selector": {}, "f:sessionAffinity": {}, "f:type": {} },
    });
  });

  test("of a generated name holds the prefix and no identity", () => {
    const created = track(
      undefined,
      configMap(
        {},
        {
          generateName: "c-",
          uid: "u",
          generation: 1,
          creationTimestamp: T1,
          resourceVersion: "1",
          ownerReferences: [{ apiVersion: "v1", kind: "A", name: "a", uid: "x", controller: true }],
          finalizers: ["x/y"],
        },
      ),
    );
    expect(fieldsOf(created, "m")).toEqual({ "f:data": {}, "f:metadata": { "f:finalizers": { ".": {}, 'v:"x/y"': {} }, "f:generateName": {}, "f:ownerReferences": { ".": {}, 'k:{"uid":"x"}': {} } } });
  });
});

describe("ownership after an update", () => {
  test("moves what changed to the writer and forgets what is gone", () => {
    const created = track(undefined, configMap({ a: "1", b: "1", c: "1" }), { manager: "one" });
    const next = track(created, edited(created, { data: { a: "1", b: "2", d: "1" } }), { manager: "two" });
    expect(fieldsOf(next, "one")).toEqual({ "f:data": { ".": {}, "f:a": {} } });
    expect(fieldsOf(next, "two")).toEqual({ "f:data": { "f:b": {}, "f:d": {} } });
  });

  test("that changes nothing returns the object itself, whoever writes", () => {
    const created = track(undefined, configMap({ a: "1" }), { manager: "one" });
    const same = edited(created, { data: { a: "1" } });
    expect(trackUpdate({ schema: configMapSchema, before: created, after: same, manager: "two", apiVersion: "v1", nowText: T1 })).toBe(same);
    expect(same.metadata.managedFields).toBe(created.metadata.managedFields);
  });

  test("keeps the stored entries when the writer does not send them", () => {
    const created = track(undefined, configMap({ a: "1" }), { manager: "one" });
    const next = track(created, configMap({ a: "1", b: "1" }), { manager: "two" });
    expect(managersOf(next)).toEqual(["Update one", "Update two"]);
  });

  test("takes fields from appliers too", () => {
    const applied = deepFreeze(applyServerSide({ schema: configMapSchema, live: undefined, intent: configMap({ a: "1" }), manager: "git", force: false, apiVersion: "v1", nowText: T1 }));
    const next = track(applied, edited(applied, { data: { a: "2" } }), { manager: "kubectl-edit" });
    expect(managersOf(next)).toEqual(["Update kubectl-edit"]);
  });

  test("keeps one entry per subresource", () => {
    const deployment = deepFreeze({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d" }, spec: { replicas: 1 }, status: {} }) as unknown as KubeObject;
    const created = track(undefined, deployment, { schema: deploymentSchema, manager: "c" });
    const status = track(created, edited(created, { spec: { replicas: 7 }, status: { observedGeneration: 1, conditions: [{ type: "Available", status: "True" }] } }), {
      schema: deploymentSchema,
      manager: "c",
      subresource: "status",
    });
    expect(status.metadata.managedFields?.map((entry) => [entry.subresource, entry.fieldsV1])).toEqual([
      [undefined, { "f:spec": { "f:replicas": {} } }],
      ["status", { "f:status": { "f:conditions": { ".": {}, 'k:{"type":"Available"}': { ".": {}, "f:status": {}, "f:type": {} } }, "f:observedGeneration": {} } }],
    ]);
  });

  test("treats a status that Kubernetes would write as {} as not there", () => {
    const pod = deepFreeze({ apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: { containers: [] } }) as unknown as KubeObject;
    const created = track(undefined, pod, { schema: podSchema, manager: "c" });
    expect(created.metadata.managedFields).toBeUndefined();
    const labelled = track(undefined, edited(pod, { metadata: { name: "p", labels: { a: "b" } } }), { schema: podSchema, manager: "c" });
    const running = track(labelled, edited(labelled, { status: { phase: "Running" } }), { schema: podSchema, manager: "kubelet", subresource: "status" });
    expect(fieldsOf(running, "kubelet")).toEqual({ "f:status": { "f:phase": {} } });
  });

  test("by a nameless client is recorded as unknown", () => {
    expect(managersOf(track(undefined, configMap({ a: "1" }), { manager: "" }))).toEqual(["Update unknown"]);
  });
});

describe("managedFields that a writer sends", () => {
  const entry = (manager: string, more: Partial<ManagedFieldsEntry> = {}): ManagedFieldsEntry => ({
    manager,
    operation: "Update",
    apiVersion: "v1",
    time: T1,
    fieldsType: "FieldsV1",
    fieldsV1: { "f:data": { "f:a": {} } },
    ...more,
  });
  const created = track(undefined, configMap({ a: "1" }), { manager: "one" });
  const send = (managedFields: unknown, options: Partial<UpdateRequest> = {}) => track(created, edited(created, { metadata: { ...created.metadata, managedFields } }), options);

  test("replace the stored ones, as kubectl does when it migrates to server-side apply", () => {
    expect(managersOf(send([entry("kubectl", { operation: "Apply" })]))).toEqual(["Apply kubectl"]);
  });

  test.each<[string, unknown]>([
    ["one empty entry", [{}]],
    ["an empty list", []],
  ])("reset ownership when they are %s", (_, managedFields) => {
    expect(send(managedFields).metadata.managedFields).toBeUndefined();
    expect("managedFields" in send(managedFields).metadata).toBe(false);
  });

  test("stay reset for updates, and start again with an apply", () => {
    const reset = send([{}]);
    expect(track(reset, edited(reset, { data: { a: "2" } })).metadata.managedFields).toBeUndefined();
  });

  test.each<[string, unknown]>([
    ["an unknown operation", [entry("x", { operation: "Create" })]],
    ["no version", [entry("x", { apiVersion: "" })]],
    ["another format", [entry("x", { fieldsType: "FieldsV2" })]],
    ["fields that are none", [entry("x", { fieldsV1: { a: {} } })]],
  ])("are ignored when they hold %s", (_, managedFields) => {
    expect(managersOf(send(managedFields))).toEqual(["Update one"]);
  });

  test("are ignored on a subresource", () => {
    expect(managersOf(send([entry("x")], { subresource: "status" }))).toEqual(["Update one"]);
    expect(managersOf(send([{}], { subresource: "status" }))).toEqual(["Update one"]);
  });
});

test("more than ten updaters are merged, the oldest first, into ancient-changes", () => {
  let object = track(undefined, configMap({ k0: "1" }), { manager: "m00", nowText: "2026-01-01T00:00:00Z" });
  const data: Loose = { k0: "1" };
  for (let i = 1; i <= 12; i++) {
    data[`k${i}`] = "1";
    object = track(object, edited(object, { data: { ...data } }), { manager: `m${String(i).padStart(2, "0")}`, nowText: `2026-01-01T00:00:${String(i).padStart(2, "0")}Z` });
    expect(object.metadata.managedFields?.length).toBe(Math.min(i + 1, 10));
  }
  expect(managersOf(object)).toEqual(["Update ancient-changes", ...[4, 5, 6, 7, 8, 9, 10, 11, 12].map((i) => `Update m${String(i).padStart(2, "0")}`)]);
  expect(fieldsOf(object, "ancient-changes")).toEqual({ "f:data": { ".": {}, "f:k0": {}, "f:k1": {}, "f:k2": {}, "f:k3": {} } });
  expect(object.metadata.managedFields?.[0]?.time).toBe("2026-01-01T00:00:03Z");
});

test("nobody owns a definition's names or a template's devices by what is set in them, for they are always there", () => {
  const fieldsOf = (file: string, after: KubeObject) =>
    trackUpdate({ schema: loadSchema(file), before: undefined, after, manager: "me", apiVersion: after.apiVersion, nowText: "2026-01-01T00:00:00Z" }).metadata.managedFields?.[0]?.fieldsV1;
  const names = { plural: "widgets", kind: "Widget" };
  expect(
    fieldsOf("apiextensions.k8s.io/v1/custom-resource-definition.yaml", {
      apiVersion: "apiextensions.k8s.io/v1",
      kind: "CustomResourceDefinition",
      metadata: { name: "widgets.example.com" },
      spec: { group: "example.com", names, conversion: { strategy: "None" } },
    } as KubeObject),
  ).toEqual({
    "f:spec": { "f:group": {}, "f:names": { "f:plural": {}, "f:kind": {} }, "f:conversion": { ".": {}, "f:strategy": {} } },
  });
  const template = { metadata: {}, spec: { devices: { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu" } }] } } };
  expect(
    JSON.stringify(
      fieldsOf("resource.k8s.io/v1/resource-claim-template.yaml", { apiVersion: "resource.k8s.io/v1", kind: "ResourceClaimTemplate", metadata: { name: "gpu" }, spec: template } as KubeObject),
    ),
  ).toBe('{"f:spec":{"f:spec":{"f:devices":{"f:requests":{}}}}}');
});

test.each<[string, string, Loose, unknown]>([
  [
    "a list by keys that would be null otherwise: its items, not the list",
    "storage.k8s.io/v1/csi-node.yaml",
    { spec: { drivers: [{ name: "d", nodeID: "i", topologyKeys: null }] } },
    { "f:spec": { "f:drivers": { 'k:{"name":"d"}': { ".": {}, "f:name": {}, "f:nodeID": {}, "f:topologyKeys": {} } } } },
  ],
  ["an empty list that would be null otherwise", "discovery.k8s.io/v1/endpoint-slice.yaml", { addressType: "IPv4", endpoints: [] }, { "f:addressType": {}, "f:endpoints": {} }],
  ["no zero that Go writes without being told", "core/v1/event.yaml", { reason: "R", reportingComponent: "", reportingInstance: "" }, { "f:reason": {} }],
  ["no object that an event is about by saying nothing of it", "core/v1/event.yaml", { reason: "R", involvedObject: {} }, { "f:reason": {} }],
  ["JSON of any shape as one", "apps/v1/controller-revision.yaml", { data: { spec: { a: 1 } }, revision: 2 }, { "f:data": {}, "f:revision": {} }],
  ["no empty selector that is there in any case", "networking.k8s.io/v1/network-policy.yaml", { spec: { podSelector: {}, policyTypes: ["Egress"] } }, { "f:spec": { "f:policyTypes": {} } }],
])("who creates owns %s", (_what, file, content, expected) => {
  const made = deepFreeze({ apiVersion: "g/v1", kind: "K", metadata: { name: "x" }, ...content } as KubeObject);
  expect(fieldsOf(track(undefined, made, { schema: loadSchema(file) }), "m")).toEqual(expected);
});
