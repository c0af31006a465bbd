import { afterAll, beforeAll, expect } from "vitest";
import { map, MAPS, startWire, status, type Probe, type Wire } from "../kit/wire.ts";
import { askProbes } from "./wire-probes.ts";

const notAcceptable = status(406, "NotAcceptable", "406: Not Acceptable\n\nAvailable representations: application/json, application/yaml, application/vnd.kubernetes.protobuf", {});

/** What is there: objects, lists, pages, questions that are answered and never stored. In order: later ones rely on what earlier ones left. */
const probes: readonly Probe[] = [
  { name: "get", request: `GET ${MAPS}/c1`, code: 200, answer: { kind: "ConfigMap", data: { a: "1" } } },
  { name: "get what is not there", request: `GET ${MAPS}/none`, ...status(404, "NotFound", 'configmaps "none" not found', { name: "none", kind: "configmaps" }) },
  {
    name: "get in an unknown form",
    request: `GET ${MAPS}/c1`,
    headers: { accept: "text/html" },
    ...notAcceptable,
    text: JSON.stringify(notAcceptable.answer, null, 2),
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
    name: "a question asked for as a table",
    request: "POST /apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
    body: { spec: { nonResourceAttributes: { path: "/", verb: "get" } } },
    headers: { accept: "application/json;as=Table;v=v1;g=meta.k8s.io" },
    code: 406,
    answer: { reason: "NotAcceptable" },
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
  { name: "a page with a slash at its end", request: "GET /healthz/", code: 404, text: "404 page not found\n" },
  { name: "another page with one", request: "GET /version/", code: 200, answer: { major: "1" } },
  { name: "an unknown resource", request: "GET /api/v1/namespaces/wire/foos", ...status(404, "NotFound", "the server could not find the requested resource", {}) },
  { name: "an unknown group", request: "GET /apis/nope.io/v1", code: 404, text: "404 page not found\n" },
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

let wire: Wire;
beforeAll(async () => {
  wire = await startWire();
  expect((await wire.send(`POST ${MAPS}`, map("c1"))).code).toBe(201);
});
afterAll(() => wire.stop());

askProbes(probes, () => wire);
