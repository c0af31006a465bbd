import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../../engine/apimachinery/object-meta.ts";
import { applyServerSide, trackUpdate, type ApplyRequest, type UpdateRequest } from "../../../../engine/apimachinery/server-side-apply/server-side-apply.ts";
import { StatusError } from "../../../../engine/apimachinery/status-error.ts";
import { deepFreeze } from "../../../../engine/lib/freeze.ts";
import { isSameState } from "../../../../engine/registry/before-update.ts";
import { loadSchema } from "../../../../engine/resources/load-schema.ts";

const T1 = "2026-01-01T00:00:01Z";
const T2 = "2026-01-01T00:00:02Z";
const configMapSchema = loadSchema("core/v1/config-map.yaml");
const deploymentSchema = loadSchema("apps/v1/deployment.yaml");
const serviceSchema = loadSchema("core/v1/service.yaml");

type Loose = Record<string, unknown>;

function configMap(data: Loose | undefined, metadata: Loose = {}): KubeObject {
  return deepFreeze({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "n", ...metadata }, ...(data === undefined ? {} : { data }) });
}

function deployment(spec: Loose): KubeObject {
  return deepFreeze({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "shop" }, spec });
}

function service(spec: Loose): KubeObject {
  return deepFreeze({ apiVersion: "v1", kind: "Service", metadata: { name: "web", namespace: "shop" }, spec });
}

function schemaOf(object: KubeObject) {
  return object.kind === "Deployment" ? deploymentSchema : object.kind === "Service" ? serviceSchema : configMapSchema;
}

/** As the store returns it: with a uid, and frozen. */
function stored(object: KubeObject): KubeObject {
  return deepFreeze({ ...object, metadata: { ...object.metadata, uid: "u1", resourceVersion: "1" } });
}

function apply(live: KubeObject | undefined, manager: string, intent: KubeObject, options: Partial<ApplyRequest> = {}): KubeObject {
  return stored(applyServerSide({ schema: schemaOf(intent), live, intent, manager, force: false, apiVersion: intent.apiVersion, nowText: T1, ...options }));
}

function update(before: KubeObject | undefined, manager: string, after: KubeObject, options: Partial<UpdateRequest> = {}): KubeObject {
  return stored(trackUpdate({ schema: schemaOf(after), before, after, manager, apiVersion: after.apiVersion, nowText: T1, ...options }));
}

/** `operation manager` (with subresource) → fields. */
function owners(object: KubeObject): Record<string, unknown> {
  return Object.fromEntries((object.metadata.managedFields ?? []).map((entry) => [`${entry.operation} ${entry.manager}${entry.subresource ? `/${entry.subresource}` : ""}`, entry.fieldsV1]));
}

function failure(run: () => unknown): StatusError {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error("expected a failure");
}

const data = (object: KubeObject): unknown => (object as unknown as { data?: unknown }).data;
const spec = (object: KubeObject): Loose => (object as unknown as { spec: Loose }).spec;

describe("server-side apply of a ConfigMap", () => {
  test("creates the object and owns exactly the leaves of the intent", () => {
    const created = apply(undefined, "m1", configMap({ k: "1" }, { labels: { a: "b" } }));
    expect(data(created)).toEqual({ k: "1" });
    expect(created.metadata.managedFields).toEqual([
      { manager: "m1", operation: "Apply", apiVersion: "v1", time: T1, fieldsType: "FieldsV1", fieldsV1: { "f:data": { "f:k": {} }, "f:metadata": { "f:labels": { "f:a": {} } } } },
    ]);
  });

  test("answers a value that another manager owns with the recorded conflict", () => {
    const live = apply(undefined, "m1", configMap({ k: "1" }));
    expect(failure(() => apply(live, "m2", configMap({ k: "2" }))).status).toEqual({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: 'Apply failed with 1 conflict: conflict with "m1": .data.k',
      reason: "Conflict",
      details: { causes: [{ reason: "FieldManagerConflict", message: 'conflict with "m1"', field: ".data.k" }] },
      code: 409,
    });
  });

  test("lists several conflicts by manager, and says which version an updater used", () => {
    let live = update(undefined, "kubectl-edit", configMap({ a: "1", b: "1" }));
    live = apply(live, "m1", configMap({ c: "1" }));
    const error = failure(() => apply(live, "m2", configMap({ a: "2", b: "2", c: "2" })));
    expect(error.message).toBe('Apply failed with 3 conflicts: conflicts with "kubectl-edit" using v1:\n- .data.a\n- .data.b\nconflicts with "m1":\n- .data.c');
    expect(error.status.details?.causes?.map((cause) => `${cause.message}: ${cause.field}`)).toEqual([
      'conflict with "kubectl-edit" using v1: .data.a',
      'conflict with "kubectl-edit" using v1: .data.b',
      'conflict with "m1": .data.c',
    ]);
    expect(failure(() => apply(live, "m2", configMap({ a: "2", b: "1" }))).message).toBe('Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .data.a');
  });

  test("names the subresource of an updater in a conflict", () => {
    let live = update(undefined, "creator", deployment({ replicas: 1 }));
    live = update(live, "autoscaler", { ...live, ...deployment({ replicas: 3 }), metadata: live.metadata }, { subresource: "scale" });
    expect(failure(() => apply(live, "git", deployment({ replicas: 2 }))).message).toBe(
      'Apply failed with 1 conflict: conflict with "autoscaler" with subresource "scale" using apps/v1: .spec.replicas',
    );
  });

  test("takes the field over when forced", () => {
    const live = apply(undefined, "m1", configMap({ k: "1", other: "1" }));
    const forced = apply(live, "m2", configMap({ k: "2" }), { force: true });
    expect(data(forced)).toEqual({ k: "2", other: "1" });
    expect(owners(forced)).toEqual({ "Apply m1": { "f:data": { "f:other": {} } }, "Apply m2": { "f:data": { "f:k": {} } } });
  });

  test("drops a manager who has nothing left", () => {
    const forced = apply(apply(undefined, "m1", configMap({ k: "1" })), "m2", configMap({ k: "2" }), { force: true });
    expect(Object.keys(owners(forced))).toEqual(["Apply m2"]);
  });

  test("leaves an empty map behind where a null stands for one whose entries are given up", () => {
    const schema = {
      type: "object",
      properties: {
        apiVersion: { type: "string" },
        kind: { type: "string" },
        metadata: { type: "object", "x-kubernetes-preserve-unknown-fields": true },
        spec: {
          type: "object",
          properties: {
            m: { type: "object", additionalProperties: { type: "string", nullable: false }, nullable: false },
            l: { type: "array", items: { type: "string" }, "x-kubernetes-list-type": "set", nullable: false },
            n: { type: "integer" },
          },
        },
      },
    } as const;
    const thing = (value: Loose): KubeObject => deepFreeze({ apiVersion: "g.io/v1", kind: "Thing", metadata: { name: "t" }, spec: value });
    const live = apply(undefined, "m1", thing({ m: { k: "1" }, n: 2 }), { schema });
    expect(spec(apply(live, "m1", thing({ m: null, n: 2 }), { schema }))).toEqual({ m: {}, n: 2 });
    expect(spec(apply(apply(undefined, "m1", thing({ l: ["a"], n: 2 }), { schema }), "m1", thing({ l: null, n: 2 }), { schema }))).toEqual({ n: 2 });
    const shared = apply(live, "m2", thing({ m: { l: "2" } }), { schema });
    expect(spec(apply(shared, "m1", thing({ m: null, n: 2 }), { schema }))).toEqual({ m: { l: "2" }, n: 2 });
  });

  test("shares a field when the values are equal, and keeps it while one owner is left", () => {
    let live = apply(apply(undefined, "m1", configMap({ k: "1" })), "m2", configMap({ k: "1" }));
    // Who applies what is there already has no time, and so comes first.
    expect(Object.keys(owners(live))).toEqual(["Apply m2", "Apply m1"]);
    expect(live.metadata.managedFields?.map(({ manager, time }) => [manager, time === undefined])).toEqual([
      ["m2", true],
      ["m1", false],
    ]);
    live = apply(live, "m1", configMap({ x: "1" }));
    expect(data(live)).toEqual({ k: "1", x: "1" });
    live = apply(live, "m2", configMap({ y: "1" }));
    expect(data(live)).toEqual({ x: "1", y: "1" });
  });

  test("removes only what this manager applied before and nobody else owns", () => {
    let live = apply(undefined, "m1", configMap({ a: "1", b: "1" }));
    live = update(live, "kubectl-edit", { ...configMap({ a: "1", b: "1", c: "1" }), metadata: live.metadata });
    live = apply(live, "m1", configMap({ a: "1" }));
    expect(data(live)).toEqual({ a: "1", c: "1" });
    live = apply(live, "m1", configMap(undefined));
    expect(data(live)).toEqual({ c: "1" });
    expect(Object.keys(owners(live))).toEqual(["Update kubectl-edit"]);
  });

  test("removes a map that only this manager filled, and keeps an empty one it asked for", () => {
    const live = apply(undefined, "m1", configMap({ a: "1" }));
    expect(data(apply(live, "m1", configMap(undefined)))).toBeUndefined();
    expect(data(apply(undefined, "m1", configMap({})))).toEqual({});
    expect(owners(apply(undefined, "m1", configMap({})))).toEqual({ "Apply m1": { "f:data": {} } });
  });

  test("returns the live object itself when nothing changes", () => {
    const live = apply(undefined, "m1", configMap({ a: "1", b: "1" }));
    const again = applyServerSide({ schema: configMapSchema, live, intent: configMap({ b: "1", a: "1" }), manager: "m1", force: false, apiVersion: "v1", nowText: T2 });
    expect(again).toBe(live);
  });

  test("moves an entry's time only when its fields or their values change", () => {
    let live = apply(undefined, "m1", configMap({ a: "1" }));
    live = apply(live, "m2", configMap({ b: "1" }), { nowText: T2 });
    expect(live.metadata.managedFields?.map((entry) => entry.time)).toEqual([T1, T2]);
    live = apply(live, "m1", configMap({ a: "2" }), { nowText: "2026-01-01T00:00:03Z" });
    expect(live.metadata.managedFields?.map((entry) => `${entry.manager} ${entry.time}`)).toEqual([`m2 ${T2}`, "m1 2026-01-01T00:00:03Z"]);
  });

  test("refuses managedFields in the intent", () => {
    const error = failure(() => apply(undefined, "m1", configMap({}, { managedFields: [] })));
    expect(error.status).toMatchObject({ code: 400, reason: "BadRequest", message: "metadata.managedFields must be nil" });
  });

  test("refuses fields that the schema does not know, with their paths", () => {
    const wrong = deepFreeze({ ...configMap({ a: "1" }), foo: 1, metadata: { name: "c", namespace: "n", bar: 2 } }) as unknown as KubeObject;
    const error = failure(() => apply(undefined, "m1", wrong));
    expect(error.status).toMatchObject({ code: 500 });
    expect(error.reason).toBeUndefined();
    expect(error.message).toBe("failed to create typed patch object (n/c; /v1, Kind=ConfigMap): errors:\n  .metadata.bar: field not declared in schema\n  .foo: field not declared in schema");
  });

  test("refuses another version than the request's", () => {
    expect(failure(() => apply(undefined, "m1", { ...configMap({}), apiVersion: "v2" }, { apiVersion: "v1" })).message).toContain("Specified patch version: v2, expected: v1");
  });

  test("carries the intent's resourceVersion into the result, so that the store can refuse it", () => {
    const live = apply(undefined, "m1", configMap({ a: "1" }));
    const result = applyServerSide({ schema: configMapSchema, live, intent: configMap({ a: "1" }, { resourceVersion: "77" }), manager: "m1", force: false, apiVersion: "v1", nowText: T2 });
    expect(result.metadata.resourceVersion).toBe("77");
  });

  test("treats keys that look like prototypes as plain data", () => {
    const intent = configMap(JSON.parse('{"__proto__": "x", "constructor": "y"}') as Loose);
    const live = apply(undefined, "m1", intent);
    const next = apply(live, "m2", configMap(JSON.parse('{"__proto__": "x", "z": "1"}') as Loose));
    expect(JSON.stringify(data(next))).toBe('{"__proto__":"x","constructor":"y","z":"1"}');
    expect(owners(next)).toEqual({ "Apply m1": { "f:data": { "f:__proto__": {}, "f:constructor": {} } }, "Apply m2": { "f:data": { "f:__proto__": {}, "f:z": {} } } });
  });
});

test("what differs in nothing but times is not worth a write", () => {
  const live = apply(undefined, "m1", configMap({ k: "1" }));
  expect(isSameState(live, apply(undefined, "m1", configMap({ k: "1" }), { nowText: T2 }))).toBe(true);
  for (const other of [configMap({ k: "2" }), configMap({ k: "1", l: "1" })]) expect(isSameState(live, apply(undefined, "m1", other, { nowText: T2 }))).toBe(false);
  expect(isSameState(live, apply(undefined, "m2", configMap({ k: "1" })))).toBe(false);
});

describe("first applies", () => {
  test("make before-first-apply the owner of what an untracked object had", () => {
    const live = stored(configMap({ a: "1", b: "1" }));
    const error = failure(() => apply(live, "m1", configMap({ a: "2" })));
    expect(error.message).toBe('Apply failed with 1 conflict: conflict with "before-first-apply" using v1: .data.a');
    const forced = apply(live, "m1", configMap({ a: "2" }), { force: true });
    expect(owners(forced)).toEqual({ "Apply m1": { "f:data": { "f:a": {} } }, "Update before-first-apply": { "f:data": { ".": {}, "f:b": {} } } });
  });

  const annotation = "kubectl.kubernetes.io/last-applied-configuration";
  const lastApplied = (values: Loose) => JSON.stringify({ apiVersion: "v1", kind: "ConfigMap", metadata: { annotations: {}, name: "c", namespace: "n" }, data: values });

  test("by kubectl take over what its client-side apply set, and keep the annotation true", () => {
    const live = update(undefined, "kubectl-client-side-apply", configMap({ a: "1", b: "1" }, { annotations: { [annotation]: lastApplied({ a: "1", b: "1" }) } }));
    const applied = apply(live, "kubectl", configMap({ a: "2", b: "1" }));
    expect(data(applied)).toEqual({ a: "2", b: "1" });
    expect(applied.metadata.annotations?.[annotation]).toBe('{"apiVersion":"v1","data":{"a":"2","b":"1"},"kind":"ConfigMap","metadata":{"name":"c","namespace":"n"}}\n');
    expect(owners(applied)["Apply kubectl"]).toEqual({ "f:data": { "f:a": {}, "f:b": {} } });
  });

  test("by anybody else, or over a value changed since, remain conflicts", () => {
    const created = update(undefined, "kubectl-client-side-apply", configMap({ a: "1", b: "1" }, { annotations: { [annotation]: lastApplied({ a: "1", b: "1" }) } }));
    expect(failure(() => apply(created, "argo", configMap({ a: "2" }))).reason).toBe("Conflict");
    const edited = update(created, "kubectl-edit", { ...created, data: { a: "9", b: "1" } } as KubeObject);
    expect(failure(() => apply(edited, "kubectl", configMap({ a: "2", b: "2" }))).message).toBe('Apply failed with 1 conflict: conflict with "kubectl-edit" using v1: .data.a');
  });
});

describe("server-side apply by schema", () => {
  const template = (containers: readonly Loose[], rest: Loose = {}) => ({ metadata: { labels: { app: "web" } }, spec: { containers, ...rest } });
  const selector = { matchLabels: { app: "web" } };

  test("owns atomic selectors as one, structs not at all, and list items by their keys", () => {
    const created = apply(
      undefined,
      "git",
      deployment({
        replicas: 2,
        selector,
        strategy: { type: "Recreate" },
        template: template([{ name: "app", image: "nginx:1", ports: [{ containerPort: 80 }], env: [{ name: "A", value: "1" }], command: ["a", "b"] }]),
      }),
    );
    expect(owners(created)["Apply git"]).toEqual({
      "f:spec": {
        "f:replicas": {},
        "f:selector": {},
        "f:strategy": { "f:type": {} },
        "f:template": {
          "f:metadata": { "f:labels": { "f:app": {} } },
          "f:spec": {
            "f:containers": {
              'k:{"name":"app"}': {
                ".": {},
                "f:command": {},
                "f:env": { 'k:{"name":"A"}': { ".": {}, "f:name": {}, "f:value": {} } },
                "f:image": {},
                "f:name": {},
                "f:ports": { 'k:{"containerPort":80,"protocol":"TCP"}': { ".": {}, "f:containerPort": {} } },
              },
            },
          },
        },
      },
    });
  });

  test("joins ports whose protocol is left out with those that say TCP", () => {
    const live = apply(undefined, "a", service({ ports: [{ port: 80, protocol: "TCP", name: "http" }] }));
    const next = apply(
      live,
      "b",
      service({
        ports: [
          { port: 80, targetPort: 8080 },
          { port: 80, protocol: "UDP" },
        ],
      }),
    );
    expect(spec(next)["ports"]).toEqual([
      { port: 80, protocol: "TCP", name: "http", targetPort: 8080 },
      { port: 80, protocol: "UDP" },
    ]);
  });

  test("adds a container beside others' and takes only its own away", () => {
    let live = apply(undefined, "git", deployment({ selector, template: template([{ name: "app", image: "nginx:1" }]) }));
    live = apply(live, "mesh", deployment({ template: { spec: { containers: [{ name: "sidecar", image: "mesh:1" }] } } }));
    const names = (object: KubeObject) => ((spec(object)["template"] as Loose)["spec"] as { containers: { name: string }[] }).containers.map((container) => container.name);
    expect(names(live)).toEqual(["app", "sidecar"]);
    live = apply(live, "git", deployment({ selector, template: template([{ name: "app2", image: "nginx:2" }]) }));
    expect(names(live)).toEqual(["sidecar", "app2"]);
  });

  test("leaves fields alone that others own inside the same item", () => {
    let live = apply(undefined, "git", deployment({ replicas: 1, selector, template: template([{ name: "app", image: "nginx:1" }]) }));
    live = apply(live, "tuner", deployment({ template: { spec: { containers: [{ name: "app", resources: { limits: { cpu: "1" } } }] } } }));
    live = apply(live, "git", deployment({ selector, template: template([{ name: "app", image: "nginx:2" }]) }));
    expect(((spec(live)["template"] as Loose)["spec"] as { containers: unknown[] }).containers).toEqual([{ name: "app", image: "nginx:2", resources: { limits: { cpu: "1" } } }]);
    expect(spec(live)["replicas"]).toBeUndefined();
  });

  test("removes a struct as a whole with the defaults inside it", () => {
    let live = apply(undefined, "git", deployment({ selector, strategy: { rollingUpdate: { maxSurge: 1 } }, template: template([]) }));
    live = stored({ ...live, spec: { ...spec(live), strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1, maxUnavailable: "25%" } } } } as KubeObject);
    expect(spec(apply(live, "git", deployment({ selector, template: template([]) })))["strategy"]).toBeUndefined();
  });

  test.each([
    ["abc", "b", "abc"],
    ["abc", "ca", "bca"],
    ["abc", "nb", "anbc"],
    ["abc", "bn", "abcn"],
    ["bax", "abn", "axbn"],
    ["", "ba", "ba"],
  ])("orders live items %s and the intent's %s as %s", (live, intent, expected) => {
    const pod = (names: string) => deployment({ template: { spec: { containers: [...names].map((name) => ({ name })) } } });
    const merged = apply(apply(undefined, "a", pod(live)), "b", pod(intent));
    expect(((spec(merged)["template"] as Loose)["spec"] as { containers: { name: string }[] }).containers.map(({ name }) => name).join("")).toBe(expected);
  });

  test("does not take defaults inside an atomic value for a change", () => {
    const template = (fieldRef: Loose) => ({ template: { spec: { containers: [{ name: "app", env: [{ name: "A", valueFrom: { fieldRef } }] }] } } });
    const intent = deployment(template({ fieldPath: "metadata.name" }));
    const created = applyServerSide({ schema: deploymentSchema, live: undefined, intent, manager: "a", force: false, apiVersion: "apps/v1", nowText: T1 });
    const live = stored({ ...created, spec: template({ fieldPath: "metadata.name", apiVersion: "v1" }) } as KubeObject);
    expect(applyServerSide({ schema: deploymentSchema, live, intent, manager: "a", force: false, apiVersion: "apps/v1", nowText: T2 })).toBe(live);
    expect(failure(() => apply(live, "b", intent)).message).toContain('.spec.template.spec.containers[name="app"].env[name="A"].valueFrom.fieldRef');
    const taken = apply(live, "b", intent, { force: true });
    expect(spec(taken)).toEqual(spec(live));
    expect(JSON.stringify(owners(taken)["Apply a"])).not.toContain("fieldRef");
  });

  test("keeps a map empty that its owner wanted so, after others' fields in it went", () => {
    const volumes = (emptyDir: Loose) => deployment({ template: { spec: { volumes: [{ name: "v", emptyDir }] } } });
    let live = apply(apply(undefined, "a", volumes({})), "b", volumes({ sizeLimit: "1Gi" }));
    live = apply(live, "b", deployment({ paused: true }));
    expect(spec(live)["template"]).toEqual({ spec: { volumes: [{ name: "v", emptyDir: {} }] } });
  });

  test("treats null as saying nothing about maps and lists, and as absence of leaves", () => {
    const live = apply(undefined, "a", deployment({ replicas: 3, selector, template: template([{ name: "app" }]) }));
    const next = apply(live, "a", deployment({ replicas: null, selector, template: { metadata: { creationTimestamp: null, labels: { app: "web" } }, spec: { containers: [{ name: "app" }] } } }));
    expect(spec(next)).toEqual({ selector, template: template([{ name: "app" }]) });
  });

  test("takes a null for a quarrel with who owns what it would take away", () => {
    const live = apply(undefined, "a", deployment({ replicas: 3, paused: true }));
    const intent = deployment({ replicas: null });
    expect(failure(() => apply(live, "b", intent)).message).toBe('Apply failed with 1 conflict: conflict with "a": .spec.replicas');
    expect(spec(apply(live, "b", intent, { force: true }))).toEqual({ paused: true });
    // Nobody owns what is not there.
    expect(spec(apply(live, "b", deployment({ minReadySeconds: null })))).toEqual(spec(live));
  });

  test("refuses items that share a key", () => {
    const intent = deployment({
      selector,
      template: template([
        {
          name: "app",
          env: [
            { name: "A", value: "1" },
            { name: "A", value: "2" },
          ],
        },
      ]),
    });
    expect(failure(() => apply(undefined, "a", intent)).message).toBe(
      'failed to create typed patch object (shop/web; apps/v1, Kind=Deployment): .spec.template.spec.containers[name="app"].env: duplicate entries for key [name="A"]',
    );
  });

  test("replaces stored duplicates by the intent's one item", () => {
    const duplicated = stored(deployment({ template: { spec: { containers: [{ name: "app", env: [{ name: "A", value: "1" }, { name: "B" }, { name: "A", value: "2" }] }] } } }));
    const live = update(undefined, "x", duplicated);
    expect((owners(live)["Update x"] as { "f:spec": { "f:template": { "f:spec": { "f:containers": Loose } } } })["f:spec"]["f:template"]["f:spec"]["f:containers"]['k:{"name":"app"}']).toMatchObject({
      "f:env": { 'k:{"name":"A"}': {} },
    });
    const next = apply(live, "a", deployment({ template: { spec: { containers: [{ name: "app", env: [{ name: "A", value: "3" }] }] } } }), { force: true });
    expect(((spec(next)["template"] as Loose)["spec"] as { containers: { env: unknown[] }[] }).containers[0]?.env).toEqual([{ name: "A", value: "3" }, { name: "B" }]);
  });

  test("does not own status through the main resource, and nothing else through status", () => {
    const created = apply(undefined, "a", { ...deployment({ replicas: 1 }), status: { replicas: 5 } } as KubeObject);
    expect(owners(created)).toEqual({ "Apply a": { "f:spec": { "f:replicas": {} } } });
    const status = apply(created, "controller", { ...deployment({ replicas: 9 }), status: { replicas: 5 } } as KubeObject, { subresource: "status" });
    expect(owners(status)).toEqual({ "Apply a": { "f:spec": { "f:replicas": {} } }, "Apply controller/status": { "f:status": { "f:replicas": {} } } });
  });
});

describe("a list that is applied empty", () => {
  const text = { type: "string" } as const;
  const item = { type: "object", required: ["name"], properties: { name: text } } as const;
  const list = { type: "array", items: item, "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] } as const;
  const spec = { type: "object", properties: { list, set: { type: "array", items: text, "x-kubernetes-list-type": "set" }, a: text, b: text } } as const;
  const metadata = loadSchema("meta/v1/meta.yaml", "ObjectMeta");
  const schema: ApplyRequest["schema"] = { type: "object", properties: { apiVersion: text, kind: text, metadata, spec } };
  const boat = (spec: Loose): KubeObject => deepFreeze({ apiVersion: "b.io/v1", kind: "Boat", metadata: { name: "b" }, spec });
  const applied = (live: KubeObject | undefined, manager: string, spec: Loose) => apply(live, manager, boat(spec), { schema });
  const specOf = (object: KubeObject) => (object as unknown as { readonly spec?: unknown }).spec;

  test("is there, and nobody's, where there was none", () => {
    const made = applied(undefined, "m", { list: [] });
    expect([specOf(made), made.metadata.managedFields]).toEqual([{ list: [] }, undefined]);
  });

  test("goes with the last of its items, and what holds nothing else as well", () => {
    const live = applied(undefined, "m", { list: [{ name: "x" }], a: "1" });
    expect(specOf(applied(live, "m", { list: [], a: "1" }))).toEqual({ a: "1" });
    expect(specOf(applied(live, "m", { list: [] }))).toBeUndefined();
    expect(specOf(applied(live, "m", { set: [] }))).toBeUndefined();
  });

  test("keeps the items of others", () => {
    const live = applied(applied(undefined, "m", { list: [{ name: "x" }] }), "n", { list: [{ name: "y" }] });
    expect(specOf(applied(live, "m", { list: [] }))).toEqual({ list: [{ name: "y" }] });
  });
});
