import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { cause, map, MAPS, startWire, status, type Probe, type Wire } from "../kit/wire.ts";

const REQUIRED_NAME = "Required value: name or generateName is required";
const SUBDOMAIN =
  "Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/** What is written, and what is refused. In order: later ones rely on what earlier ones left. */
const probes: readonly Probe[] = [
  { name: "create", request: `POST ${MAPS}`, body: map("c1"), code: 201, answer: { kind: "ConfigMap", apiVersion: "v1", data: { a: "1" } } },
  { name: "create again", request: `POST ${MAPS}`, body: map("c1"), ...status(409, "AlreadyExists", 'configmaps "c1" already exists', { name: "c1", kind: "configmaps" }) },
  {
    name: "create without a name",
    request: `POST ${MAPS}`,
    body: { apiVersion: "v1", kind: "ConfigMap", metadata: {} },
    ...status(422, "Invalid", `ConfigMap "" is invalid: metadata.name: ${REQUIRED_NAME}`, { kind: "ConfigMap", causes: [cause("FieldValueRequired", REQUIRED_NAME, "metadata.name")] }),
  },
  {
    name: "create with a bad name",
    request: `POST ${MAPS}`,
    body: map("Bad_Name"),
    ...status(422, "Invalid", `ConfigMap "Bad_Name" is invalid: metadata.name: ${SUBDOMAIN}`, {
      name: "Bad_Name",
      kind: "ConfigMap",
      causes: [cause("FieldValueInvalid", SUBDOMAIN, "metadata.name")],
    }),
  },
  {
    name: "create with a resourceVersion",
    request: `POST ${MAPS}`,
    body: map("rv", { metadata: { name: "rv", resourceVersion: "5" } }),
    code: 500,
    answer: { message: "resourceVersion should not be set on objects to be created", code: 500 },
  },
  {
    name: "create of another kind",
    request: `POST ${MAPS}`,
    body: { apiVersion: "v1", kind: "Secret", metadata: { name: "x" } },
    ...status(400, "BadRequest", 'Secret in version "v1" cannot be handled as a ConfigMap: converting (v1.Secret) to (core.ConfigMap): unknown conversion'),
  },
  {
    name: "create in another namespace",
    request: `POST ${MAPS}`,
    body: map("x", { metadata: { name: "x", namespace: "other" } }),
    ...status(400, "BadRequest", "the namespace of the provided object does not match the namespace sent on the request"),
  },
  {
    name: "create in a missing namespace",
    request: "POST /api/v1/namespaces/nope/configmaps",
    body: map("x"),
    ...status(404, "NotFound", 'namespaces "nope" not found', { name: "nope", kind: "namespaces" }),
  },
  {
    name: "broken JSON",
    request: `POST ${MAPS}`,
    body: "{",
    ...status(400, "BadRequest", "the object provided is unrecognized (must be of type ConfigMap): couldn't get version/kind; json parse error: unexpected end of JSON input ({)"),
  },
  {
    name: "an unknown body type",
    request: `POST ${MAPS}`,
    body: "x",
    headers: { "content-type": "text/plain" },
    ...status(415, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf"),
  },
  {
    name: "an unknown field, strictly",
    request: `POST ${MAPS}?fieldValidation=Strict`,
    body: map("s", { foo: 1 }),
    code: 400,
    answer: { message: 'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: unknown field "foo"', reason: "BadRequest" },
  },
  {
    name: "unknown and repeated fields, strictly",
    request: "POST /apis/apps/v1/namespaces/shop/deployments?fieldValidation=Strict",
    body: '{"metadata":{"name":"d","odd":1},"spec":{"replicas":2,"extra":1,"replicas":3}}',
    code: 400,
    answer: {
      message: 'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "metadata.odd", unknown field "spec.extra", duplicate field "spec.replicas"',
      reason: "BadRequest",
    },
  },
  {
    name: "an apply of a repeated key, strictly",
    request: `PATCH ${MAPS}/twice?fieldManager=m&fieldValidation=Strict`,
    body: "apiVersion: v1\nkind: ConfigMap\ndata:\n  a: v\n  a: w\n",
    headers: { "content-type": "application/apply-patch+yaml" },
    ...status(400, "BadRequest", 'error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 5: key "a" already set in map'),
  },
  {
    name: "an unknown dry run",
    request: `POST ${MAPS}?dryRun=x`,
    body: map("d"),
    ...status(422, "Invalid", 'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["x"]: supported values: "All"', {
      group: "meta.k8s.io",
      kind: "CreateOptions",
      causes: [cause("FieldValueNotSupported", 'Unsupported value: ["x"]: supported values: "All"', "dryRun")],
    }),
  },
  {
    name: "a stale PUT",
    request: `PUT ${MAPS}/c1`,
    body: map("c1", { metadata: { name: "c1", resourceVersion: "1" } }),
    ...status(409, "Conflict", 'Operation cannot be fulfilled on configmaps "c1": the object has been modified; please apply your changes to the latest version and try again', {
      name: "c1",
      kind: "configmaps",
    }),
  },
  { name: "a PUT of another name", request: `PUT ${MAPS}/c1`, body: map("cX"), ...status(400, "BadRequest", "the name of the object (cX) does not match the name on the URL (c1)") },
  { name: "a DELETE of another uid in the query", request: `DELETE ${MAPS}/c1?uid=other`, code: 409, answer: { reason: "Conflict" } },
  { name: "a DELETE of another state in the query", request: `DELETE ${MAPS}/c1?resourceVersion=1`, code: 409, answer: { reason: "Conflict" } },
  { name: "a DELETE of all that are of another uid", request: `DELETE ${MAPS}`, body: { preconditions: { uid: "other" } }, code: 409, answer: { reason: "Conflict" } },
  { name: "a DELETE of all that are in another state", request: `DELETE ${MAPS}?resourceVersion=0`, code: 409, answer: { reason: "Conflict" } },
  { name: "a DELETE with a list in its body", request: `DELETE ${MAPS}/c1`, body: [], code: 400, answer: { reason: "BadRequest" } },
  { name: "what none of them deleted", request: `GET ${MAPS}/c1`, code: 200 },
  {
    name: "a DELETE of a class that pods of the system have",
    request: "DELETE /apis/scheduling.k8s.io/v1/priorityclasses/system-node-critical",
    ...status(403, "Forbidden", 'priorityclasses.scheduling.k8s.io "system-node-critical" is forbidden: this is a system priority class and cannot be deleted', {
      name: "system-node-critical",
      group: "scheduling.k8s.io",
      kind: "priorityclasses",
    }),
  },
  { name: "what is to be held", request: `POST ${MAPS}`, body: map("held", { metadata: { name: "held", finalizers: ["example.com/x"] } }), code: 201 },
  { name: "a trial of its DELETE", request: `DELETE ${MAPS}/held?dryRun=All`, code: 200, answer: { metadata: { deletionGracePeriodSeconds: 0, deletionTimestamp: expect.any(String) } } },
  { name: "its DELETE", request: `DELETE ${MAPS}/held`, code: 200, answer: { metadata: { finalizers: ["example.com/x"] } } },
  {
    name: "a PATCH that takes its last finalizer",
    request: `PATCH ${MAPS}/held`,
    body: { metadata: { finalizers: null }, data: { a: "2" } },
    headers: { "content-type": "application/merge-patch+json" },
    code: 200,
    answer: { metadata: { name: "held" }, data: { a: "2" } },
  },
  { name: "and is gone with it", request: `GET ${MAPS}/held`, code: 404 },
  { name: "a node in a zone", request: "POST /api/v1/nodes", body: { apiVersion: "v1", kind: "Node", metadata: { name: "zoned", labels: { "topology.kubernetes.io/zone": "z1" } } }, code: 201 },
  {
    name: "a pod that comes with its node",
    request: "POST /api/v1/namespaces/wire/pods",
    body: { apiVersion: "v1", kind: "Pod", metadata: { name: "placed" }, spec: { nodeName: "zoned", automountServiceAccountToken: false, containers: [{ name: "c", image: "i" }] } },
    code: 201,
    answer: { metadata: { labels: { "topology.kubernetes.io/zone": "z1" } } },
  },
  {
    name: "a container to look into it",
    request: "PATCH /api/v1/namespaces/wire/pods/placed/ephemeralcontainers",
    body: { spec: { ephemeralContainers: [{ name: "look", image: "i" }] } },
    headers: { "content-type": "application/strategic-merge-patch+json" },
    code: 200,
    answer: { spec: { ephemeralContainers: [{ name: "look", imagePullPolicy: "Always" }] } },
  },
  {
    name: "an address by the older field",
    request: "PATCH /api/v1/namespaces/wire/pods/placed/status",
    body: { status: { podIP: "10.1.0.6" } },
    headers: { "content-type": "application/merge-patch+json" },
    code: 200,
    answer: { status: { podIP: "10.1.0.6", podIPs: [{ ip: "10.1.0.6" }] } },
  },
  {
    name: "a pod behind a gate",
    request: "POST /api/v1/namespaces/wire/pods",
    body: {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "gated" },
      spec: { schedulingGates: [{ name: "example.com/g" }], automountServiceAccountToken: false, containers: [{ name: "c", image: "i" }] },
    },
    code: 201,
    answer: { status: { conditions: [{ type: "PodScheduled", reason: "SchedulingGated", lastTransitionTime: expect.stringMatching(/Z$/) as string }] } },
  },
  {
    name: "an address of a Service",
    request: "POST /apis/networking.k8s.io/v1/ipaddresses",
    body: { apiVersion: "networking.k8s.io/v1", kind: "IPAddress", metadata: { name: "10.96.250.1" }, spec: { parentRef: { resource: "services", namespace: "wire", name: "x" } } },
    code: 201,
    answer: { metadata: expect.not.objectContaining({ generation: 1 }) as object },
  },
  {
    name: "a DELETE of it in less than no time",
    request: "DELETE /api/v1/namespaces/wire/pods/placed",
    body: { gracePeriodSeconds: -1 },
    code: 200,
    answer: { metadata: { deletionGracePeriodSeconds: 1 } },
  },
  {
    name: "a PUT of no name",
    request: `PUT ${MAPS}/c1`,
    body: map("c1", { metadata: {} }),
    ...status(400, "BadRequest", "the name of the object (c1 based on URL) was undeterminable: name must be provided"),
  },
  {
    name: "a replication controller to be scaled",
    request: "POST /api/v1/namespaces/wire/replicationcontrollers",
    body: {
      apiVersion: "v1",
      kind: "ReplicationController",
      metadata: { name: "rc" },
      spec: { replicas: 2, template: { metadata: { labels: { app: "x" } }, spec: { containers: [{ name: "c", image: "i" }] } } },
    },
    code: 201,
  },
  {
    name: "a PUT of an empty Scale",
    request: "PUT /api/v1/namespaces/wire/replicationcontrollers/rc/scale",
    body: {},
    ...status(400, "BadRequest", "the name of the object (rc based on URL) was undeterminable: name must be provided"),
  },
  {
    name: "a PUT of another's Scale",
    request: "PUT /api/v1/namespaces/wire/replicationcontrollers/rc/scale",
    body: { metadata: { name: "other" } },
    ...status(400, "BadRequest", "the name of the object (other) does not match the name on the URL (rc)"),
  },
  { name: "a Scale that nobody changed", request: "GET /api/v1/namespaces/wire/replicationcontrollers/rc/scale", code: 200, answer: { spec: { replicas: 2 } } },
  { name: "a DELETE of two dots", request: `DELETE ${MAPS}/..`, ...status(400, "BadRequest", "Name parameter invalid: \"..\": may not be '..'") },
  { name: "a DELETE of two escaped dots", request: `DELETE ${MAPS}/%2e%2e`, ...status(400, "BadRequest", "Name parameter invalid: \"..\": may not be '..'") },
  { name: "the namespace around them", request: "GET /api/v1/namespaces/wire", code: 200, answer: { status: { phase: "Active" } } },
  { name: "pods by all of their addresses", request: "GET /api/v1/pods?fieldSelector=status.podIPs=10.1.0.6", code: 200, answer: { items: [] } },
  {
    name: "a PUT of another uid",
    request: `PUT ${MAPS}/c1`,
    body: map("c1", { metadata: { name: "c1", uid: "other" } }),
    code: 409,
    answer: { reason: "Conflict", details: { name: "c1", kind: "configmaps" } },
  },
  { name: "a PUT of what is not there", request: `PUT ${MAPS}/none`, body: map("none"), ...status(404, "NotFound", 'configmaps "none" not found', { name: "none", kind: "configmaps" }) },
  { name: "a PUT without a version", request: `PUT ${MAPS}/c1`, body: map("c1"), code: 200, answer: { data: { a: "1" } } },
  { name: "a merge patch", request: `PATCH ${MAPS}/c1`, body: { data: { a: null, b: "2" } }, headers: { "content-type": "application/merge-patch+json" }, code: 200, answer: { data: { b: "2" } } },
  {
    name: "a strategic merge patch",
    request: `PATCH ${MAPS}/c1`,
    body: { data: { c: "3" } },
    headers: { "content-type": "application/strategic-merge-patch+json" },
    code: 200,
    answer: { data: { b: "2", c: "3" } },
  },
  {
    name: "a JSON patch whose test fails",
    request: `PATCH ${MAPS}/c1`,
    body: [{ op: "test", path: "/data/b", value: "x" }],
    headers: { "content-type": "application/json-patch+json" },
    ...status(422, "Invalid", "the server rejected our request due to an error in our request", {}),
  },
  {
    name: "a patch of no known type",
    request: `PATCH ${MAPS}/c1`,
    body: {},
    headers: { "content-type": "application/json" },
    ...status(415, "UnsupportedMediaType", "415: Unsupported Media Type", {}),
  },
  {
    name: "an apply that creates",
    request: `PATCH ${MAPS}/ssa?fieldManager=m1`,
    body: map("ssa", { data: { k: "1" } }),
    headers: { "content-type": "application/apply-patch+yaml" },
    code: 201,
    answer: { data: { k: "1" } },
  },
  {
    name: "an apply by nobody",
    request: `PATCH ${MAPS}/ssa`,
    body: map("ssa"),
    headers: { "content-type": "application/apply-patch+yaml" },
    code: 422,
    answer: { message: 'PatchOptions.meta.k8s.io "" is invalid: fieldManager: Required value: is required for apply patch' },
  },
  {
    name: "an apply that conflicts",
    request: `PATCH ${MAPS}/ssa?fieldManager=m2`,
    body: map("ssa", { data: { k: "2" } }),
    headers: { "content-type": "application/apply-patch+yaml" },
    ...status(409, "Conflict", 'Apply failed with 1 conflict: conflict with "m1": .data.k', { causes: [cause("FieldManagerConflict", 'conflict with "m1"', ".data.k")] }),
  },
  {
    name: "an apply by force",
    request: `PATCH ${MAPS}/ssa?fieldManager=m2&force=true`,
    body: map("ssa", { data: { k: "2" } }),
    headers: { "content-type": "application/apply-patch+yaml" },
    code: 200,
    answer: { data: { k: "2" } },
  },
  { name: "an object with a finalizer", request: `POST ${MAPS}`, body: map("fin", { metadata: { name: "fin", finalizers: ["x/y"] } }), code: 201, answer: { metadata: { finalizers: ["x/y"] } } },
  { name: "its delete", request: `DELETE ${MAPS}/fin`, code: 200, answer: { kind: "ConfigMap", metadata: { deletionGracePeriodSeconds: 0, finalizers: ["x/y"] } } },
  { name: "its delete by the older option", request: `DELETE ${MAPS}/fin?orphanDependents=false`, code: 202, answer: { kind: "ConfigMap" } },
  { name: "its second delete", request: `DELETE ${MAPS}/fin`, code: 200, answer: { kind: "ConfigMap", metadata: { deletionGracePeriodSeconds: 0 } } },
  {
    name: "one more finalizer",
    request: `PATCH ${MAPS}/fin`,
    body: { metadata: { finalizers: ["x/y", "z/w"] } },
    headers: { "content-type": "application/merge-patch+json" },
    code: 422,
    answer: { details: { name: "fin", kind: "ConfigMap" } },
  },
  {
    name: "none any more",
    request: `PATCH ${MAPS}/fin`,
    body: { metadata: { finalizers: null } },
    headers: { "content-type": "application/merge-patch+json" },
    code: 200,
    answer: { metadata: { name: "fin" } },
  },
  {
    name: "a delete of another uid",
    request: `DELETE ${MAPS}/c1`,
    body: { kind: "DeleteOptions", apiVersion: "v1", preconditions: { uid: "other" } },
    code: 409,
    answer: { reason: "Conflict", details: { name: "c1", kind: "ConfigMap" } },
  },
  {
    name: "a delete by an unknown policy",
    request: `DELETE ${MAPS}/c1`,
    body: { kind: "DeleteOptions", apiVersion: "v1", propagationPolicy: "Nope" },
    code: 422,
    answer: { message: 'DeleteOptions.meta.k8s.io "" is invalid: propagationPolicy: Unsupported value: "Nope": supported values: "Foreground", "Background", "Orphan", "nil"' },
  },
  { name: "a delete", request: `DELETE ${MAPS}/c1`, code: 200, answer: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details: { name: "c1", kind: "configmaps" } } },
  { name: "a delete of what is not there", request: `DELETE ${MAPS}/c1`, ...status(404, "NotFound", 'configmaps "c1" not found', { name: "c1", kind: "configmaps" }) },
  { name: "a delete of a selection", request: `DELETE ${MAPS}?labelSelector=zz%3D1`, code: 200, answer: { kind: "ConfigMapList", items: [] } },
  { name: "a POST to an object", request: `POST ${MAPS}/c1`, body: map("c1"), ...status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}) },
  {
    name: "a pod without containers",
    request: "POST /api/v1/namespaces/wire/pods",
    body: { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: {} },
    ...status(422, "Invalid", 'Pod "p" is invalid: spec.containers: Required value', { name: "p", kind: "Pod", causes: [cause("FieldValueRequired", "Required value", "spec.containers")] }),
  },
  {
    name: "a pod",
    request: "POST /api/v1/namespaces/wire/pods",
    body: { apiVersion: "v1", kind: "Pod", metadata: { name: "p" }, spec: { containers: [{ name: "c", image: "nginx" }] } },
    code: 201,
    answer: {
      metadata: { generation: 1 },
      spec: {
        restartPolicy: "Always",
        terminationGracePeriodSeconds: 30,
        dnsPolicy: "ClusterFirst",
        securityContext: {},
        schedulerName: "default-scheduler",
        priority: 0,
        enableServiceLinks: true,
        preemptionPolicy: "PreemptLowerPriority",
      },
      status: { phase: "Pending", qosClass: "BestEffort" },
    },
  },
  { name: "an exec that is no upgrade", request: "GET /api/v1/namespaces/wire/pods/p/exec", ...status(400, "BadRequest", "Upgrade request required") },
  {
    name: "a move of a pod",
    request: "PATCH /api/v1/namespaces/wire/pods/p",
    body: { spec: { nodeName: "n1" } },
    headers: { "content-type": "application/merge-patch+json" },
    code: 422,
    answer: { details: { name: "p", kind: "Pod", causes: [{ reason: "FieldValueForbidden", field: "spec" }] } },
  },
  {
    name: "a binding",
    request: "POST /api/v1/namespaces/wire/pods/p/binding",
    body: { apiVersion: "v1", kind: "Binding", metadata: { name: "p" }, target: { kind: "Node", name: "n1" } },
    code: 201,
    answer: { kind: "Status", status: "Success", code: 201 },
  },
  {
    name: "a second binding",
    request: "POST /api/v1/namespaces/wire/pods/p/binding",
    body: { apiVersion: "v1", kind: "Binding", metadata: { name: "p" }, target: { kind: "Node", name: "n2" } },
    ...status(409, "Conflict", 'Operation cannot be fulfilled on pods/binding "p": pod p is already assigned to node "n1"', { name: "p", kind: "pods/binding" }),
  },
  {
    name: "a patch of an eviction",
    request: "PATCH /api/v1/namespaces/wire/pods/p/eviction",
    headers: { "content-type": "application/merge-patch+json" },
    ...status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}),
  },
  {
    name: "an eviction in its older version, tried",
    request: "POST /api/v1/namespaces/wire/pods/p/eviction?dryRun=All",
    body: { apiVersion: "policy/v1beta1", kind: "Eviction", metadata: { name: "p" } },
    code: 201,
    answer: { kind: "Status", status: "Success", code: 201 },
  },
  {
    name: "an eviction in no version",
    request: "POST /api/v1/namespaces/wire/pods/p/eviction",
    body: { apiVersion: "policy/v2", kind: "Eviction", metadata: { name: "p" } },
    ...status(400, "BadRequest", "the API version in the data (policy/v2) does not match the expected API version (policy/v1)"),
  },
  {
    name: "an eviction",
    request: "POST /api/v1/namespaces/wire/pods/p/eviction",
    body: { apiVersion: "policy/v1", kind: "Eviction", metadata: { name: "p" } },
    code: 201,
    answer: { kind: "Status", status: "Success", code: 201 },
  },
  {
    name: "the evicted pod",
    request: "GET /api/v1/namespaces/wire/pods/p",
    code: 200,
    answer: {
      metadata: { generation: 2, deletionGracePeriodSeconds: 30 },
      spec: { nodeName: "n1" },
      status: {
        conditions: [
          { type: "PodScheduled", status: "True" },
          { type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI", message: "Eviction API: evicting" },
        ],
      },
    },
  },
  { name: "its end by force", request: "DELETE /api/v1/namespaces/wire/pods/p?gracePeriodSeconds=0", code: 200, answer: { kind: "Pod", metadata: { deletionGracePeriodSeconds: 0 } } },
];

let wire: Wire;
beforeAll(async () => {
  wire = await startWire();
});
afterAll(() => wire.stop());

describe("every probe is answered as upstream answers it", () => {
  for (const probe of probes) {
    test(probe.name, async () => {
      const answer = await wire.send(probe.request, probe.body, probe.headers);
      expect({ code: answer.code, text: answer.code === probe.code ? "" : answer.text }).toEqual({ code: probe.code, text: "" });
      if (probe.text !== undefined) expect(answer.text).toBe(probe.text);
      if (probe.answer !== undefined) expect(JSON.parse(answer.text)).toMatchObject(probe.answer);
      expect(answer.headers["audit-id"]).toMatch(/^[0-9a-f-]{36}$/);
    });
  }
});
