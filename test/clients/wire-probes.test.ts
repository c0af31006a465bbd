import { gunzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSigningRequest, readCertificate } from "../../engine/auth/certificates.ts";
import { ClusterPki } from "../../engine/auth/cluster-pki.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";
import { rawClient, type RawAnswer } from "../kit/raw-https.ts";

/**
 * Answers of a kube-apiserver 1.36 to odd requests, as far as clients read them: reasons, causes and texts.
 * Each probe says what is the same there and here.
 */
interface Probe {
  readonly name: string;
  readonly request: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly code: number;
  /** A part of the answer's JSON. */
  readonly answer?: object;
  readonly text?: string;
}

let api: TestListener;
let admin: Awaited<ReturnType<typeof rawClient>>;
beforeAll(async () => {
  api = await startTestListener({ minRequestTimeoutSeconds: 1 });
  await createTestNamespace(api.client, "wire");
  admin = await rawClient(api.url, api.pki, { commonName: "admin", organizations: ["system:masters"] });
});
afterAll(async () => {
  admin.close();
  await api.stop();
});

const MAPS = "/api/v1/namespaces/wire/configmaps";
const map = (name: string, more: object = {}) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name }, data: { a: "1" }, ...more });
const status = (code: number, reason: string, message: string, details?: object) => ({
  code,
  answer: { kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, reason, ...(details === undefined ? {} : { details }), code },
});
const cause = (reason: string, message: string, field: string) => ({ reason, message, field });

function send(target: string, body?: unknown, headers: Readonly<Record<string, string>> = {}): Promise<RawAnswer> {
  const [method = "GET", path = "/"] = target.split(" ");
  const text = body === undefined ? undefined : typeof body === "string" ? body : JSON.stringify(body);
  return admin.send(path, { method, headers: { ...(text === undefined ? {} : { "content-type": "application/json" }), ...headers }, ...(text === undefined ? {} : { body: text }) });
}

const REQUIRED_NAME = "Required value: name or generateName is required";
const SUBDOMAIN =
  "Invalid value: \"Bad_Name\": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/** In order: later ones rely on what earlier ones left. */
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
    name: "a question asked for as a table",
    request: "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: { spec: { nonResourceAttributes: { path: "/", verb: "get" } } },
    headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
    code: 406,
    answer: { reason: "NotAcceptable" },
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
  { name: "get", request: `GET ${MAPS}/c1`, code: 200, answer: { kind: "ConfigMap", data: { a: "1" } } },
  { name: "get what is not there", request: `GET ${MAPS}/none`, ...status(404, "NotFound", 'configmaps "none" not found', { name: "none", kind: "configmaps" }) },
  {
    name: "get in an unknown form",
    request: `GET ${MAPS}/c1`,
    headers: { accept: "text/html" },
    ...status(406, "NotAcceptable", "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf", {}),
  },
  { name: "get for an export", request: `GET ${MAPS}/c1?export=true`, ...status(400, "BadRequest", "the export parameter, deprecated since v1.14, is no longer supported") },
  {
    name: "metadata by its older name",
    request: `GET ${MAPS}/c1`,
    headers: { accept: "application/json;as=PartialObjectMetadata;v=v1beta1;g=meta.k8s.io" },
    code: 200,
    answer: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1beta1", metadata: { name: "c1" } },
  },
  { name: "an empty group that is said", request: `POST ${MAPS}?dryRun=All`, body: map("g", { apiVersion: "/v1" }), code: 201, answer: { apiVersion: "v1" } },
  {
    name: "unknown and repeated fields of YAML, strictly",
    request: `POST ${MAPS}?fieldValidation=Strict`,
    body: "metadata: {name: odd, odd: 1}\nfoo: 1\ndata:\n  a: v\n  a: w\n  b: v\n  b: w\nbar: 2\n",
    headers: { "content-type": "application/yaml" },
    code: 400,
    answer: {
      message:
        'ConfigMap in version "v1" cannot be handled as a ConfigMap: strict decoding error: yaml: unmarshal errors:\n  line 5: key "a" already set in map\n  line 7: key "b" already set in map, unknown field "bar", unknown field "foo", unknown field "metadata.odd"',
    },
  },
  { name: "a page with a bad token", request: `GET ${MAPS}?continue=abc`, code: 400, answer: { reason: "BadRequest" } },
  { name: "a list by field", request: `GET ${MAPS}?fieldSelector=metadata.name%3Dc1`, code: 200, answer: { kind: "ConfigMapList", apiVersion: "v1", items: [{ metadata: { name: "c1" } }] } },
  {
    name: "a list by an unknown field",
    request: `GET ${MAPS}?fieldSelector=spec.x%3D1`,
    ...status(400, "BadRequest", '"spec.x" is not a known field selector: only "metadata.name", "metadata.namespace"'),
  },
  { name: "a bad label selector", request: `GET ${MAPS}?labelSelector=a%3D%3D%3D`, ...status(400, "BadRequest", "unable to parse requirement: found '=', expected: identifier") },
  {
    name: "a list at exactly zero",
    request: `GET ${MAPS}?resourceVersion=0&resourceVersionMatch=Exact`,
    code: 422,
    answer: { message: 'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch "exact" is forbidden for resourceVersion "0"' },
  },
  {
    name: "a match without a version",
    request: `GET ${MAPS}?resourceVersionMatch=Exact`,
    code: 422,
    answer: { message: 'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided' },
  },
  {
    name: "a list in the future",
    request: `GET ${MAPS}?resourceVersion=999999999`,
    code: 504,
    answer: { reason: "Timeout", details: { causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }], retryAfterSeconds: 1 } },
  },
  {
    name: "a page of the future",
    request: `GET ${MAPS}?continue=${Buffer.from(JSON.stringify({ v: "meta.k8s.io/v1", rv: 99999999, start: "c1\0" })).toString("base64url")}`,
    code: 504,
    answer: { reason: "Timeout", details: { causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }] } },
  },
  {
    name: "a page of another form",
    request: `GET ${MAPS}?continue=${Buffer.from(JSON.stringify({ v: "v9" })).toString("base64url")}`,
    ...status(400, "BadRequest", "invalid continue token: continue key is not valid: server does not recognize this encoded version v9"),
  },
  { name: "a limit that says nothing", request: `GET ${MAPS}?limit=`, ...status(400, "BadRequest", 'strconv.ParseInt: parsing "": invalid syntax') },
  { name: "a limit beyond all numbers", request: `GET ${MAPS}?limit=9223372036854775808`, ...status(400, "BadRequest", 'strconv.ParseInt: parsing "9223372036854775808": value out of range') },
  {
    name: "a watch that goes on where a page ended",
    request: `GET ${MAPS}?watch=true&continue=abc`,
    code: 422,
    answer: { message: 'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden when continue is provided' },
  },
  { name: "nodes by their namespace", request: "GET /api/v1/nodes?fieldSelector=metadata.namespace=x", ...status(400, "BadRequest", "field label not supported: metadata.namespace") },
  { name: "classes by their namespace", request: "GET /apis/storage.k8s.io/v1/storageclasses?fieldSelector=metadata.namespace=x", code: 200, answer: { items: [] } },
  {
    name: "replica sets by their size",
    request: "GET /apis/apps/v1/replicasets?fieldSelector=status.replicas=2",
    ...status(400, "BadRequest", '"status.replicas" is not a known field selector: only "metadata.name", "metadata.namespace"'),
  },
  {
    name: "rows of an unknown fullness",
    request: `GET ${MAPS}?includeObject=Foo`,
    headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
    ...status(400, "BadRequest", `Unable to convert to Table as requested: includeObject: Invalid value: "Foo": must be 'Metadata', 'Object', 'None', or empty`),
  },
  { name: "an unknown fullness of no rows", request: `GET ${MAPS}?includeObject=Foo&fieldSelector=metadata.name=none`, code: 200, answer: { items: [] } },
  {
    name: "a flow schema tried late",
    request: "POST /apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
    body: { apiVersion: "flowcontrol.apiserver.k8s.io/v1", kind: "FlowSchema", metadata: { name: "a-late" }, spec: { matchingPrecedence: 900, priorityLevelConfiguration: { name: "none" } } },
    code: 201,
  },
  {
    name: "a flow schema tried early",
    request: "POST /apis/flowcontrol.apiserver.k8s.io/v1/flowschemas",
    body: { apiVersion: "flowcontrol.apiserver.k8s.io/v1", kind: "FlowSchema", metadata: { name: "z-early" }, spec: { matchingPrecedence: 100, priorityLevelConfiguration: { name: "none" } } },
    code: 201,
  },
  {
    name: "both in the order in which they are tried",
    request: "GET /apis/flowcontrol.apiserver.k8s.io/v1/flowschemas?includeObject=None",
    headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
    code: 200,
    answer: {
      rows: [
        { cells: expect.arrayContaining(["z-early"]) as unknown[], object: null },
        { cells: expect.arrayContaining(["a-late"]) as unknown[], object: null },
      ],
    },
  },
  {
    name: "a table of no known version",
    request: `GET ${MAPS}`,
    headers: { accept: "application/json;as=Table" },
    ...status(406, "NotAcceptable", "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf"),
  },
  {
    name: "a version that is no number",
    request: `GET ${MAPS}?resourceVersion=abc`,
    ...status(400, "BadRequest", 'invalid resource version: resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax'),
  },
  {
    name: "initial events without a match",
    request: `GET ${MAPS}?watch=1&sendInitialEvents=true&timeoutSeconds=1`,
    code: 422,
    answer: { message: 'ListOptions.meta.k8s.io "" is invalid: resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to NotOlderThan' },
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
    name: "a question about oneself",
    request: "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
    body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview", metadata: { name: "x" } },
    code: 201,
    answer: { metadata: { creationTimestamp: expect.stringMatching(/Z$/) as string }, status: { userInfo: { username: "admin" } } },
  },
  {
    name: "a question about no token",
    request: "POST /apis/authentication.k8s.io/v1/tokenreviews",
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: {} },
    ...status(400, "BadRequest", "token is required for TokenReview in authentication"),
  },
  {
    name: "a question about a token that is none",
    request: "POST /apis/authentication.k8s.io/v1/tokenreviews",
    body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token: "x" } },
    code: 201,
    answer: { status: { user: {} } },
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
  { name: "an empty namespace", request: "GET /api/v1/namespaces//configmaps?fieldSelector=metadata.name=c1", code: 200, answer: { items: [{ metadata: { name: "c1" } }] } },
  { name: "an empty name", request: `GET ${MAPS}//c1`, ...status(404, "NotFound", "the server could not find the requested resource", {}) },
  { name: "an empty name before a log", request: "GET /api/v1/namespaces/wire/pods//log", ...status(404, "NotFound", "the server could not find the requested resource", {}) },
  { name: "two slashes at the beginning", request: `GET /${MAPS}`, code: 404, text: "404 page not found\n" },
  {
    name: "a subresource watched by the old address",
    request: "GET /api/v1/watch/namespaces/wire/replicationcontrollers/rc/status",
    ...status(404, "NotFound", "the server could not find the requested resource", {}),
  },
  { name: "a POST to a log", request: "POST /api/v1/namespaces/wire/pods/p/log", body: {}, ...status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}) },
  { name: "an empty resource", request: "GET /api/v1/namespaces/wire//pods", code: 404, text: "404 page not found\n" },
  { name: "a POST to a page", request: "POST /healthz", body: {}, code: 200, text: "ok" },
  { name: "a POST to a list of resources", request: "POST /api/v1", body: {}, ...status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}) },
  { name: "a DELETE of the version", request: "DELETE /version", ...status(405, "MethodNotAllowed", "the server does not allow this method on the requested resource", {}) },
  { name: "pods by all of their addresses", request: "GET /api/v1/pods?fieldSelector=status.podIPs=10.1.0.6", code: 200, answer: { items: [] } },
  { name: "a page with a slash at its end", request: "GET /healthz/", code: 404, text: "404 page not found\n" },
  { name: "another page with one", request: "GET /version/", code: 200, answer: { major: "1" } },
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
  { name: "an unknown resource", request: "GET /api/v1/namespaces/wire/foos", ...status(404, "NotFound", "the server could not find the requested resource", {}) },
  { name: "an unknown group", request: "GET /apis/nope.io/v1", code: 404, text: "404 page not found\n" },
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
  {
    name: "an access review",
    request: "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: { apiVersion: "authorization.k8s.io/v1", kind: "SelfSubjectAccessReview", spec: { resourceAttributes: { verb: "get", resource: "pods" } } },
    code: 201,
    answer: { status: { allowed: true } },
  },
  {
    name: "a question about oneself",
    request: "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
    body: { apiVersion: "authentication.k8s.io/v1", kind: "SelfSubjectReview" },
    code: 201,
    answer: { status: { userInfo: { username: "admin", groups: ["system:masters", "system:authenticated"] } } },
  },
  { name: "the version", request: "GET /version", code: 200, answer: { major: "1", minor: "36" } },
  { name: "health", request: "GET /healthz", code: 200, text: "ok" },
];

describe("every probe is answered as upstream answers it", () => {
  for (const probe of probes) {
    test(probe.name, async () => {
      const answer = await send(probe.request, probe.body, probe.headers);
      expect({ code: answer.code, text: answer.code === probe.code ? "" : answer.text }).toEqual({ code: probe.code, text: "" });
      if (probe.text !== undefined) expect(answer.text).toBe(probe.text);
      if (probe.answer !== undefined) expect(JSON.parse(answer.text)).toMatchObject(probe.answer);
      expect(answer.headers["audit-id"]).toMatch(/^[0-9a-f-]{36}$/);
    });
  }
});

describe("the form of answers", () => {
  test("warnings name unknown and duplicate fields, and the last duplicate counts", async () => {
    const answer = await send(`POST ${MAPS}`, '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c4"},"data":{"a":"1","a":"2"},"foo":1}');
    expect(answer.code).toBe(201);
    expect(answer.headers["warning"]).toBe('299 - "duplicate field \\"data.a\\"", 299 - "unknown field \\"foo\\""');
    expect(JSON.parse(answer.text)).toMatchObject({ data: { a: "2" } });
  });

  describe("patches say what they hold that nobody knows", () => {
    const at = "PATCH /apis/apps/v1/namespaces/wire/deployments/odd";
    const container = '"name":"c","odd":1,"imagePullPolicy":"Always","imagePullPolicy":"Never"';
    const merge = `{"spec":{"zebra":1,"ape":1,"ape":2,"paused":true,"paused":false,"template":{"spec":{"containers":[{${container},"image":"i"}]}}}}`;
    const operations =
      '[{"op":"add","path":"/spec/zebra","value":1,"why":"x"},{"op":"add","path":"/spec/no","path":"/spec/ape","value":1},{"op":"add","path":"/spec/template/spec/containers/0/odd","value":1}]';
    const repeated = ['duplicate field "spec.ape"', 'duplicate field "spec.paused"', 'duplicate field "spec.template.spec.containers[0].imagePullPolicy"'];
    beforeAll(async () => {
      const labels = { app: "odd" };
      await send("POST /apis/apps/v1/namespaces/wire/deployments", {
        metadata: { name: "odd" },
        spec: { selector: { matchLabels: labels }, template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "i" }] } } },
      });
    });
    test.each([
      ["merge-patch", merge, [...repeated, 'unknown field "spec.ape"', 'unknown field "spec.template.spec.containers[0].odd"', 'unknown field "spec.zebra"']],
      ["strategic-merge-patch", merge, [...repeated, 'unknown field "spec.ape"', 'unknown field "spec.template.spec.containers[0].odd"', 'unknown field "spec.zebra"']],
      [
        "json-patch",
        operations,
        [
          'json patch unknown field "[0].why"',
          'json patch duplicate field "[1].path"',
          'unknown field "spec.ape"',
          'unknown field "spec.template.spec.containers[0].odd"',
          'unknown field "spec.zebra"',
        ],
      ],
      [
        "json-patch",
        '[{"op":"replace","path":"/spec/template/spec/containers/0","value":{"name":"c","zebra":1,"image":"i","ports":[{"lynx":1,"containerPort":80,"eel":1}],"ape":1}}]',
        ["zebra", "ports[0].lynx", "ports[0].eel", "ape"].map((field) => `unknown field "spec.template.spec.containers[0].${field}"`),
      ],
    ])("%s", async (type, body, problems) => {
      const headers = { "content-type": `application/${type}+json` };
      const strict = await send(`${at}?fieldValidation=Strict`, body, headers);
      expect({ code: strict.code, says: (JSON.parse(strict.text) as { message: string }).message.endsWith(`: strict decoding error: ${problems.join(", ")}`) ? problems : strict.text }).toEqual({
        code: 422,
        says: problems,
      });
      const warned = await send(at, body, headers);
      expect({ code: warned.code, warning: warned.headers["warning"] }).toEqual({ code: 200, warning: problems.map((problem) => `299 - ${JSON.stringify(problem)}`).join(", ") });
      const ignored = await send(`${at}?fieldValidation=Ignore`, body, headers);
      expect({ code: ignored.code, warning: ignored.headers["warning"] }).toEqual({ code: 200, warning: undefined });
    });
    test("a patch of a scale, too", async () => {
      const answer = await send(
        "PATCH /apis/apps/v1/namespaces/wire/deployments/odd/scale?fieldValidation=Strict",
        { spec: { replicas: 2, odd: 1 } },
        { "content-type": "application/merge-patch+json" },
      );
      expect({ code: answer.code, text: answer.text }).toEqual({ code: 422, text: expect.stringContaining('strict decoding error: unknown field \\"spec.odd\\"') as unknown });
    });
  });

  test("an address of the older form is a watch of the same place, and a watch ends though nobody asked it to", async () => {
    await send(`POST ${MAPS}`, map("watched"));
    const answer = await send("GET /api/v1/watch/namespaces/wire/configmaps/watched");
    expect(JSON.parse(answer.text.split("\n")[0] ?? "")).toMatchObject({ type: "ADDED", object: { metadata: { name: "watched" } } });
  });

  test("warnings about YAML are one for each line", async () => {
    const answer = await send(`POST ${MAPS}?dryRun=All`, "metadata: {name: odd}\ndata:\n  a: v\n  a: w\n  b: v\n  b: w\n", { "content-type": "application/yaml" });
    expect(answer.headers["warning"]).toBe('299 - "line 4: key \\"a\\" already set in map", 299 - "line 6: key \\"b\\" already set in map"');
  });

  test("YAML goes both ways", async () => {
    const made = await send(`POST ${MAPS}`, 'apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: yaml\ndata:\n  a: "1"\n', { "content-type": "application/yaml", accept: "application/yaml" });
    expect(made.code).toBe(201);
    expect(made.headers["content-type"]).toBe("application/yaml");
    expect(made.text).toMatch(/^apiVersion: v1\ndata:\n {2}a: "1"\nkind: ConfigMap\n/);
  });

  test("a table has columns, cells and the metadata of its objects", async () => {
    const answer = await send(`GET ${MAPS}/yaml`, undefined, { accept: "application/json;as=Table;g=meta.k8s.io;v=v1" });
    const { columnDefinitions, rows } = JSON.parse(answer.text) as { columnDefinitions: { name: string }[]; rows: { cells: unknown[]; object: object }[] };
    expect(columnDefinitions.map((column) => column.name)).toEqual(["Name", "Data", "Age"]);
    expect(rows[0]?.cells.slice(0, 2)).toEqual(["yaml", 1]);
    expect(rows[0]?.object).toMatchObject({ kind: "PartialObjectMetadata", metadata: { name: "yaml" } });
  });

  test("metadata alone, page by page", async () => {
    const answer = await send(`GET ${MAPS}?limit=1`, undefined, { accept: "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1" });
    const list = JSON.parse(answer.text) as { kind: string; metadata: { continue: string; remainingItemCount: number }; items: object[] };
    expect(list).toMatchObject({ kind: "PartialObjectMetadataList", items: [{ kind: "PartialObjectMetadata" }] });
    expect(list.metadata.remainingItemCount).toBeGreaterThan(0);
    const next = await send(`GET ${MAPS}?limit=1&continue=${list.metadata.continue}`);
    expect((JSON.parse(next.text) as { items: object[] }).items).toHaveLength(1);
  });

  test("failures are protobuf for those who ask for it", async () => {
    const answer = await send(`GET ${MAPS}/none`, undefined, { accept: "application/vnd.kubernetes.protobuf" });
    expect(answer.code).toBe(404);
    expect(answer.headers["content-type"]).toBe("application/vnd.kubernetes.protobuf");
    expect(answer.body.subarray(0, 4).toString("latin1")).toBe("k8s\0");
    expect(answer.text).toContain('configmaps "none" not found');
  });

  test("kinds of our own are never protobuf, and say so or fall back to JSON", async () => {
    expect((await send("GET /apis/mainstay.dev/v1alpha1/applications", undefined, { accept: "application/vnd.kubernetes.protobuf" })).code).toBe(406);
    expect((await send("GET /apis/mainstay.dev/v1alpha1/applications", undefined, { accept: "application/vnd.kubernetes.protobuf,application/json" })).headers["content-type"]).toBe(
      "application/json",
    );
  });

  test("large answers are compressed for those who can read it", async () => {
    await send(`POST ${MAPS}`, map("large", { data: { a: "x".repeat(200_000) } }));
    const answer = await send(`GET ${MAPS}/large`, undefined, { "accept-encoding": "gzip" });
    expect(answer.headers["content-encoding"]).toBe("gzip");
    expect(JSON.parse(gunzipSync(answer.body).toString("utf8"))).toMatchObject({ metadata: { name: "large" } });
    expect((await send(`GET ${MAPS}/large`)).headers["content-encoding"]).toBeUndefined();
  });

  test("a body above three mebibytes is refused", async () => {
    const answer = await send(`POST ${MAPS}`, map("huge", { data: { a: "x".repeat(3 << 20) } })).catch((error: unknown) => error);
    // Node may cut the connection before the client has sent everything.
    if (answer instanceof Error) expect(answer.message).toMatch(/ECONNRESET|EPIPE|socket hang up/);
    else expect((answer as RawAnswer).code).toBe(413);
  });
});

describe("watches on the wire", () => {
  test("a watch from no version begins with what there is", async () => {
    const answer = await send(`GET ${MAPS}?watch=1&resourceVersion=0&timeoutSeconds=1&fieldSelector=metadata.name%3Dyaml`);
    expect(answer.code).toBe(200);
    expect(JSON.parse(answer.text.split("\n")[0] ?? "")).toMatchObject({ type: "ADDED", object: { kind: "ConfigMap", metadata: { name: "yaml" } } });
  });

  test("initial events end with a marked bookmark", async () => {
    const answer = await send(`GET ${MAPS}?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1&fieldSelector=metadata.name%3Dyaml`);
    const events = answer.text
      .trim()
      .split("\n")
      .map((line) => JSON.parse(line) as { type: string; object: object });
    expect(events.map((event) => event.type)).toEqual(["ADDED", "BOOKMARK"]);
    expect(events[1]?.object).toMatchObject({ kind: "ConfigMap", apiVersion: "v1", metadata: { annotations: { "k8s.io/initial-events-end": "true" } } });
  });

  test("protobuf frames carry their length", async () => {
    const answer = await send(`GET ${MAPS}?watch=1&timeoutSeconds=1&fieldSelector=metadata.name%3Dyaml`, undefined, { accept: "application/vnd.kubernetes.protobuf;stream=watch" });
    expect(answer.headers["content-type"]).toBe("application/vnd.kubernetes.protobuf;stream=watch");
    expect(answer.body.readUInt32BE(0)).toBe(answer.body.length - 4);
    expect(answer.text).toContain("ADDED");
  });
});

describe("who may do what", () => {
  test("a bad token is a 401, nobody in particular sees health and version only", async () => {
    const nobody = await rawClient(api.url, api.pki, undefined);
    const bad = await nobody.send("/api/v1/namespaces", { headers: { authorization: "Bearer nonsense" } });
    expect(JSON.parse(bad.text)).toEqual({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message: "Unauthorized", reason: "Unauthorized", code: 401 });
    expect((await nobody.send("/readyz?verbose")).text).toMatch(/^\[\+\]ping ok\n\[\+\]log ok\n\[\+\]etcd ok\n[^]*readyz check passed\n$/);
    expect((await nobody.send("/version")).code).toBe(200);
    const refused = await nobody.send(MAPS);
    expect(JSON.parse(refused.text)).toMatchObject({
      code: 403,
      reason: "Forbidden",
      message: 'configmaps is forbidden: User "system:anonymous" cannot list resource "configmaps" in API group "" in the namespace "wire"',
      details: { kind: "configmaps" },
    });
    expect(JSON.parse((await nobody.send("/metrics")).text)).toMatchObject({ code: 403, message: 'forbidden: User "system:anonymous" cannot get path "/metrics"' });
    nobody.close();
  });

  test("an administrator may act as somebody else, others may not", async () => {
    const asUser = await send(
      "POST /apis/authentication.k8s.io/v1/selfsubjectreviews",
      { kind: "SelfSubjectReview", apiVersion: "authentication.k8s.io/v1" },
      { "impersonate-user": "jane", "impersonate-group": "dev" },
    );
    expect(JSON.parse(asUser.text)).toMatchObject({ status: { userInfo: { username: "jane", groups: ["dev", "system:authenticated"] } } });
    const joe = await rawClient(api.url, api.pki, { commonName: "joe", organizations: [] });
    expect((await joe.send(MAPS, { headers: { "impersonate-user": "admin" } })).code).toBe(403);
    joe.close();
  });

  test("a machine joins with the token, and is that node from then on", async () => {
    const machine = await rawClient(api.url, api.pki, undefined);
    const { request: csr } = await createSigningRequest("whoever");
    const join = (token: string, nodePassword = "a secret of this machine alone") =>
      machine.send("/mainstay/v1/join", {
        method: "POST",
        headers: { authorization: `Bearer ${token}`, "content-type": "application/json" },
        body: JSON.stringify({ nodeName: "n7", nodePassword, csr }),
      });
    expect((await join("guess")).code).toBe(401);
    const answer = await join(api.joinToken);
    expect(answer.code).toBe(201);
    const { certificate, ca } = JSON.parse(answer.text) as { certificate: string; ca: string };
    expect(ca).toBe(api.pki.ca);
    expect(readCertificate(certificate).commonName).toBe("system:node:n7");
    expect((await join(api.joinToken)).code).toBe(201);
    const thief = await join(api.joinToken, "a secret of another machine");
    expect(thief.code).toBe(403);
    expect(JSON.parse(thief.text)).toMatchObject({ message: expect.stringContaining('the name "n7" belongs to another machine') as unknown });
    expect((await machine.send("/mainstay/v1/ca", {})).text).toBe(api.pki.ca);
    const pods = await machine.send("/api/v1/pods", { headers: { authorization: `Bearer ${api.joinToken}` } });
    expect(pods.code).toBe(403);
    machine.close();
    const nobody = await rawClient(api.url, api.pki, undefined);
    expect((await nobody.send("/mainstay/v1/join", { method: "POST", body: "{}" })).code).toBe(403);
    nobody.close();
  });

  test("a certificate of another authority is a 401", async () => {
    const other = await ClusterPki.open(`${api.directory}/other`, systemClock);
    const stranger = await rawClient(api.url, { ...other, ca: api.pki.ca, certificate: other.certificate.bind(other) } as unknown as typeof api.pki, {
      commonName: "admin",
      organizations: ["system:masters"],
    });
    expect((await stranger.send(MAPS)).code).toBe(401);
    stranger.close();
  });
});
