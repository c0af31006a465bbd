import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { RequestNotes } from "../../../engine/apimachinery/request-notes.ts";
import { mutatingAdmissionPolicyBindingResource } from "../../../engine/resources/admissionregistration/mutating-admission-policy-binding.ts";
import { mutatingAdmissionPolicyResource } from "../../../engine/resources/admissionregistration/mutating-admission-policy.ts";
import { validatingAdmissionPolicyBindingResource } from "../../../engine/resources/admissionregistration/validating-admission-policy-binding.ts";
import { validatingAdmissionPolicyResource } from "../../../engine/resources/admissionregistration/validating-admission-policy.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { clusterRoleBindingResource } from "../../../engine/resources/rbac/cluster-role-binding.ts";
import { clusterRoleResource } from "../../../engine/resources/rbac/cluster-role.ts";
import type { MutatingAdmissionPolicySpec, Mutation, ParamRef, PolicyRule, ValidatingAdmissionPolicyBindingSpec, ValidatingAdmissionPolicySpec } from "../../../engine/resources/types.ts";
import { failure } from "../../kit/failure.ts";
import { adminUser, startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
beforeEach(async () => {
  api = await startTestApi();
  await api.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels: { tier: "gold" } } });
});
afterEach(() => api.stop());

const GROUP = "admissionregistration.k8s.io/v1";
const RULES = [{ operations: ["CREATE", "UPDATE", "DELETE"], apiGroups: [""], apiVersions: ["v1"], resources: ["configmaps"] }];
const WRITES = [{ operations: ["CREATE", "UPDATE"], apiGroups: ["*"], apiVersions: ["*"], resources: ["configmaps", "deployments"] }];

async function validating(name: string, spec: Partial<ValidatingAdmissionPolicySpec>, binding: Partial<ValidatingAdmissionPolicyBindingSpec> = {}): Promise<void> {
  await api.client
    .for(validatingAdmissionPolicyResource)
    .create({ apiVersion: GROUP, kind: "ValidatingAdmissionPolicy", metadata: { name }, spec: { matchConstraints: { resourceRules: RULES }, ...spec } });
  await api.client
    .for(validatingAdmissionPolicyBindingResource)
    .create({ apiVersion: GROUP, kind: "ValidatingAdmissionPolicyBinding", metadata: { name: `${name}-b` }, spec: { policyName: name, validationActions: ["Deny"], ...binding } });
}

async function mutating(name: string, mutations: readonly Mutation[], spec: Partial<MutatingAdmissionPolicySpec> = {}, paramRef?: ParamRef): Promise<void> {
  await api.client
    .for(mutatingAdmissionPolicyResource)
    .create({ apiVersion: GROUP, kind: "MutatingAdmissionPolicy", metadata: { name }, spec: { matchConstraints: { resourceRules: WRITES }, reinvocationPolicy: "Never", mutations, ...spec } });
  await api.client
    .for(mutatingAdmissionPolicyBindingResource)
    .create({ apiVersion: GROUP, kind: "MutatingAdmissionPolicyBinding", metadata: { name: `${name}-b` }, spec: { policyName: name, ...(paramRef === undefined ? {} : { paramRef }) } });
}

const apply = (expression: string): Mutation => ({ patchType: "ApplyConfiguration", applyConfiguration: { expression } });
const jsonPatch = (expression: string): Mutation => ({ patchType: "JSONPatch", jsonPatch: { expression } });
const configMaps = () => api.client.for(configMapResource);
const configMap = (name: string, data: Readonly<Record<string, string>> = {}, labels: Readonly<Record<string, string>> = {}) => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name, namespace: "shop", labels },
  data,
});

async function noted(body: KubeObject): Promise<RequestNotes> {
  const notes = new RequestNotes();
  await api.server.handle({ verb: "create", user: adminUser, userAgent: "test", resource: configMapResource, namespace: "shop", body, options: {}, notes }).catch(() => {});
  return notes;
}

describe("policies that validate", () => {
  test("deny what does not hold, as upstream tells it", async () => {
    await validating("limits", { validations: [{ expression: "size(object.data) < 2" }, { expression: "'a' in object.data", message: "an a is needed" }] });
    await configMaps().create(configMap("good", { a: "1" }));
    const text = "ValidatingAdmissionPolicy 'limits' with binding 'limits-b' denied request: failed expression: size(object.data) < 2";
    expect((await failure(configMaps().create(configMap("bad", { a: "1", b: "2" })))).status).toEqual({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      reason: "Invalid",
      code: 422,
      message: `configmaps "bad" is forbidden: ${text}`,
      details: { name: "bad", kind: "configmaps", causes: [{ message: text }] },
    });
    expect((await failure(configMaps().create(configMap("bad", { b: "2" })))).message).toContain("denied request: an a is needed");
  });

  test.each([
    ["Forbidden", 403],
    ["RequestEntityTooLarge", 413],
  ])("a reason of %s is kept", async (reason, code) => {
    await validating("p", { validations: [{ expression: "false", reason }] });
    expect((await failure(configMaps().create(configMap("m")))).status).toMatchObject({ reason, code });
  });

  test("tell by an expression what is wrong, unless that fails or is too long", async () => {
    await validating("p", {
      variables: [
        { name: "count", expression: "size(object.data)" },
        { name: "isBig", expression: "variables.count > 1" },
      ],
      validations: [{ expression: "!variables.isBig", messageExpression: "'too many: ' + string(variables.count) + ' in ' + namespaceObject.metadata.labels['tier']", message: "fallback" }],
    });
    expect((await failure(configMaps().create(configMap("m", { a: "1", b: "2" })))).message).toContain("denied request: too many: 2 in gold");
    await api.client.for(validatingAdmissionPolicyResource).patch("", "p", "json", [{ op: "replace", path: "/spec/validations/0/messageExpression", value: "string(object.none.here)" }]);
    expect((await failure(configMaps().create(configMap("m", { a: "1", b: "2" })))).message).toContain("denied request: fallback");
    await api.client.for(validatingAdmissionPolicyResource).patch("", "p", "json", [{ op: "replace", path: "/spec/validations/0/messageExpression", value: "'two\\nlines'" }]);
    expect((await failure(configMaps().create(configMap("m", { a: "1", b: "2" })))).message).toContain("denied request: fallback");
  });

  test("see the old object, the request and who may do what", async () => {
    await validating("p", {
      validations: [
        { expression: "request.operation != 'UPDATE' || object.data.a == oldObject.data.a", message: "a is fixed" },
        { expression: "request.operation != 'DELETE' || (object == null && oldObject.data.a != 'keep')", message: "kept" },
        {
          expression:
            "authorizer.group('').resource('configmaps').namespace('shop').check('delete').allowed() && !authorizer.serviceAccount('shop', 'x').group('').resource('pods').check('get').allowed()",
          message: "rights",
        },
        { expression: "request.userInfo.username == 'kubernetes-admin' && request.namespace == 'shop' && request.dryRun == false && request.resource.resource == 'configmaps'" },
      ],
    });
    await configMaps().create(configMap("m", { a: "keep" }));
    expect((await failure(configMaps().patch("shop", "m", "merge", { data: { a: "other" } }))).message).toContain("a is fixed");
    expect((await failure(configMaps().delete("shop", "m"))).message).toContain("kept");
    expect((await failure(configMaps().deleteCollection("shop", {}))).message).toContain("kept");
  });

  test("do what their binding says: warn, note for the audit log, or deny", async () => {
    await validating(
      "p",
      {
        validations: [{ expression: "false", message: "no" }],
        auditAnnotations: [
          { key: "who", valueExpression: "'by ' + request.userInfo.username" },
          { key: "none", valueExpression: "null" },
        ],
      },
      { validationActions: ["Warn", "Audit"] },
    );
    const notes = await noted(configMap("m"));
    expect(notes.warnings).toEqual(["Validation failed for ValidatingAdmissionPolicy 'p' with binding 'p-b': no"]);
    expect(Object.fromEntries([...notes.annotations].filter(([key]) => !key.startsWith("authorization.k8s.io/")))).toEqual({
      "validation.policy.admission.k8s.io/validation_failure": '[{"message":"no","policy":"p","binding":"p-b","expressionIndex":0,"validationActions":["Warn","Audit"]}]',
      "p/who": "by kubernetes-admin",
    });
    expect((await configMaps().get("shop", "m")).metadata.name).toBe("m");
  });

  test("are about what both the policy and the binding choose", async () => {
    const deny = { validations: [{ expression: "false" }] };
    await validating("excluded", {
      ...deny,
      matchConstraints: { resourceRules: RULES, excludeResourceRules: [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["configmaps"], resourceNames: ["m"] }] },
    });
    await validating("named", { ...deny, matchConstraints: { resourceRules: RULES.map((rule) => ({ ...rule, resourceNames: ["other"] })) } });
    await validating("elsewhere", deny, { matchResources: { namespaceSelector: { matchLabels: { tier: "silver" } } } });
    await validating("unlabelled", deny, { matchResources: { objectSelector: { matchLabels: { app: "x" } } } });
    await validating("conditional", { ...deny, matchConditions: [{ name: "none", expression: "request.userInfo.username == 'nobody'" }] });
    await api.client
      .for(validatingAdmissionPolicyResource)
      .create({ apiVersion: GROUP, kind: "ValidatingAdmissionPolicy", metadata: { name: "unbound" }, spec: { matchConstraints: { resourceRules: RULES }, ...deny } });
    await configMaps().create(configMap("m"));
    expect((await failure(configMaps().create(configMap("n")))).message).toContain("'excluded'");
  });

  test("are evaluated with each of their parameters", async () => {
    await configMaps().create(configMap("limit-1", { max: "3" }, { limits: "yes" }));
    await configMaps().create(configMap("limit-2", { max: "1" }, { limits: "yes" }));
    const spec = {
      paramKind: { apiVersion: "v1", kind: "ConfigMap" },
      matchConditions: [{ name: "params", expression: "params != null && !has(object.metadata.labels)" }],
      validations: [{ expression: "size(object.data) <= int(params.data.max)", messageExpression: "'more than ' + params.data.max" }],
    };
    await validating("named", spec, { paramRef: { name: "limit-1", parameterNotFoundAction: "Deny" } });
    const data = { a: "", b: "" };
    await configMaps().create({ ...configMap("two", data), metadata: { name: "two", namespace: "shop" } });
    await validating("selected", spec, { paramRef: { selector: { matchLabels: { limits: "yes" } }, parameterNotFoundAction: "Deny" } });
    expect((await failure(configMaps().create({ ...configMap("m", data), metadata: { name: "m", namespace: "shop" } }))).message).toContain(
      "'selected' with binding 'selected-b' denied request: more than 1",
    );
  });

  test.each<[string, Partial<ValidatingAdmissionPolicySpec>, Partial<ValidatingAdmissionPolicyBindingSpec>, string]>([
    [
      "parameters that are missing",
      { paramKind: { apiVersion: "v1", kind: "ConfigMap" } },
      { paramRef: { name: "gone", parameterNotFoundAction: "Deny" } },
      "with binding 'p-b' denied request: failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction",
    ],
    [
      "parameters of an unknown kind",
      { paramKind: { apiVersion: "x.example.com/v1", kind: "Limit" } },
      { paramRef: { name: "gone", parameterNotFoundAction: "Deny" } },
      "denied request: failed to configure binding: paramKind kind `&ParamKind{APIVersion:x.example.com/v1,Kind:Limit,}` not known",
    ],
    ["an expression that fails", { validations: [{ expression: "object.none.here == 1" }] }, {}, "denied request: expression 'object.none.here == 1' resulted in error: no such key: none"],
    [
      "a variable that fails",
      { variables: [{ name: "v", expression: "object.none.here" }], validations: [{ expression: "variables.v == 1" }] },
      {},
      `denied request: expression 'variables.v == 1' resulted in error: composited variable "v" fails to evaluate: no such key: none`,
    ],
    [
      "an annotation that fails",
      { validations: [{ expression: "true" }], auditAnnotations: [{ key: "k", valueExpression: "string(object.none.here)" }] },
      { validationActions: ["Warn"] },
      "denied request: expression 'string(object.none.here)' resulted in error: no such key: none",
    ],
    [
      "a condition that fails",
      { matchConditions: [{ name: "c", expression: "object.none.here == 1" }] },
      {},
      "denied request: expression 'object.none.here == 1' resulted in error: no such key: none",
    ],
  ])("%s deny, or are passed over by policies that ignore failures", async (_name, spec, binding, message) => {
    await validating("p", { validations: [{ expression: "true" }], ...spec }, binding);
    expect((await failure(configMaps().create(configMap("m")))).message).toContain(message);
    await api.client.for(validatingAdmissionPolicyResource).patch("", "p", "merge", { spec: { failurePolicy: "Ignore" } });
    await configMaps().create(configMap("m"));
  });

  test("end when their budget is spent", async () => {
    const heavy = "object.data.map(k, object.data.map(l, object.data.map(m, k + l + m))).size() > 0";
    await validating("p", { validations: Array.from({ length: 20 }, () => ({ expression: heavy })) });
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`k${index}`, ""]));
    expect((await failure(configMaps().create(configMap("m", many)))).message).toContain(
      "denied request: validation failed due to running out of cost budget, no further validation rules will be run",
    );
  });

  test("cannot be about themselves", async () => {
    await validating("all", { matchConstraints: { resourceRules: [{ operations: ["*"], apiGroups: ["*"], apiVersions: ["*"], resources: ["*"] }] }, validations: [{ expression: "false" }] });
    await failure(configMaps().create(configMap("m")));
    await api.client.for(validatingAdmissionPolicyBindingResource).delete("", "all-b");
    await configMaps().create(configMap("m"));
  });
});

describe("policies that change objects", () => {
  test("lay what they say over the object, lists by their keys", async () => {
    await mutating("side", [
      apply(
        "Object{metadata: Object.metadata{labels: {'made': 'yes'}}, spec: Object.spec{template: Object.spec.template{spec: Object.spec.template.spec{containers: [Object.spec.template.spec.containers{name: 'c', imagePullPolicy: 'Never'}, Object.spec.template.spec.containers{name: 'side', image: 'busybox'}]}}}}",
      ),
    ]);
    const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "nginx" }] } };
    const made = await api.client
      .for(deploymentResource)
      .create({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "shop", labels: { own: "1" } }, spec: { selector: { matchLabels: { app: "web" } }, template } });
    expect(made.metadata.labels).toEqual({ own: "1", made: "yes" });
    expect(made.spec.template.spec?.containers).toMatchObject([
      { name: "c", image: "nginx", imagePullPolicy: "Never" },
      { name: "side", image: "busybox", imagePullPolicy: "Always", terminationMessagePath: "/dev/termination-log" },
    ]);
  });

  test("patch it, where a test that does not hold changes nothing", async () => {
    await mutating("a", [
      jsonPatch(
        "[JSONPatch{op: 'test', path: '/data/a', value: '1'}, JSONPatch{op: 'add', path: '/metadata/annotations', value: {'x': 'y'}}, JSONPatch{op: 'add', path: '/metadata/annotations/' + jsonpatch.escapeKey('example.com/a'), value: '2'}]",
      ),
    ]);
    await mutating("b", [jsonPatch("[JSONPatch{op: 'move', from: '/data/a', path: '/data/moved'}, JSONPatch{op: 'add', path: '/metadata/labels', value: {'n': string(size(object.data))}}]")]);
    const made = await configMaps().create(configMap("m", { a: "1" }));
    expect(made).toMatchObject({ data: { moved: "1" }, metadata: { labels: { n: "1" }, annotations: { x: "y", "example.com/a": "2" } } });
    const other = await configMaps().create(configMap("n", { a: "0" }));
    expect(other.data).toEqual({ moved: "0" });
    expect(other.metadata.annotations).toBeUndefined();
  });

  test("run in the order of their names, with parameters, and again when they wish to", async () => {
    await configMaps().create(configMap("params", { team: "red" }));
    const set = (key: string, value: string) => jsonPatch(`[JSONPatch{op: 'add', path: '/data/${key}', value: ${value}}]`);
    const keys = "object.data.map(k, k).filter(k, k in ['one', 'two']).join('+')";
    await mutating("p1", [set("one", `'seen:' + ${keys}`)], { reinvocationPolicy: "IfNeeded" });
    await mutating("p2", [set("two", "params.data.team")], { paramKind: { apiVersion: "v1", kind: "ConfigMap" } }, { name: "params", parameterNotFoundAction: "Deny" });
    expect((await configMaps().create(configMap("m", { a: "" }))).data).toEqual({ a: "", one: "seen:one+two", two: "red" });
  });

  test.each<[string, Mutation, string]>([
    [
      "a type that is not that of its place",
      apply("Object{spec: Object.specx{}}"),
      `type mismatch: unexpected type name "Object.specx", expected "Object.spec", which matches field name path from root Object type`,
    ],
    [
      "a field that does not exist",
      apply("Object{spec: Object.spec{replicasx: 1}}"),
      "error applying patch: failed to convert patch object to typed object: .spec.replicasx: field not declared in schema",
    ],
    [
      "a part of an atomic list",
      apply("Object{spec: Object.spec{selector: Object.spec.selector{matchLabels: {'l': 'v'}}}}"),
      "error applying patch: invalid ApplyConfiguration: may not mutate atomic arrays, maps or structs: .spec.selector",
    ],
    ["an expression that fails", apply("Object{spec: Object.spec{replicas: object.none}}"), "expression 'Object{spec: Object.spec{replicas: object.none}}' resulted in error: no such key: none"],
  ])("%s denies", async (_name, mutation, message) => {
    await mutating("p", [mutation]);
    const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "nginx" }] } };
    const create = () =>
      api.client
        .for(deploymentResource)
        .create({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "web", namespace: "shop" }, spec: { selector: { matchLabels: { app: "web" } }, template } });
    const { status } = await failure(create());
    expect(status).toMatchObject({ reason: "Invalid", code: 403, message: `policy 'p' with binding 'p-b' denied request: ${message}` });
    await api.client.for(mutatingAdmissionPolicyResource).patch("", "p", "merge", { spec: { failurePolicy: "Ignore" } });
    expect((await create()).spec.replicas).toBe(1);
  });
});

describe("policies that cannot be compiled are refused with the place", () => {
  test.each<[string, Partial<ValidatingAdmissionPolicySpec>, string]>([
    ["validation", { validations: [{ expression: "object.x +" }] }, 'spec.validations[0].expression: Invalid value: "object.x +": compilation failed: ERROR: <input>:1:'],
    ["result", { validations: [{ expression: "'text'" }] }, "spec.validations[0].expression: Invalid value: \"'text'\": must evaluate to bool but got string"],
    ["result that only an object shows", { validations: [{ expression: "object.x" }] }, 'spec.validations[0].expression: Invalid value: "object.x": must evaluate to bool but got dyn'],
    [
      "annotation that only an object shows",
      { validations: [{ expression: "true" }], auditAnnotations: [{ key: "k", valueExpression: "object.x" }] },
      'spec.auditAnnotations[0].valueExpression: Invalid value: "object.x": must evaluate to one of [string null_type] but got dyn',
    ],
    ["message", { validations: [{ expression: "true", messageExpression: "1" }] }, 'spec.validations[0].messageExpression: Invalid value: "1": must evaluate to string but got int'],
    ["authorizer in a message", { validations: [{ expression: "true", messageExpression: "authorizer.path('/').check('get').reason()" }] }, "undeclared reference to 'authorizer'"],
    ["params without a kind", { validations: [{ expression: "params.x == 1" }] }, "undeclared reference to 'params'"],
    [
      "later variable",
      {
        variables: [
          { name: "a", expression: "variables.b" },
          { name: "b", expression: "1" },
        ],
        validations: [{ expression: "true" }],
      },
      "spec.variables[0].expression: Invalid value: \"variables.b\": compilation failed: ERROR: <input>:1:10: undefined field 'b'",
    ],
    ["annotation", { validations: [{ expression: "true" }], auditAnnotations: [{ key: "k", valueExpression: "1" }] }, "spec.auditAnnotations[0].valueExpression"],
  ])("%s", async (_name, spec, message) => {
    expect((await failure(validating("p", spec))).message).toContain(message);
  });

  test("mutation", async () => {
    expect((await failure(mutating("p", [apply("'teapot'")]))).message).toContain(
      "spec.mutations[0].applyConfiguration.expression: Invalid value: \"'teapot'\": must evaluate to Object but got string",
    );
  });
});

describe("who makes a policy show its parameters must be able to read them", () => {
  const paramKind = { apiVersion: "v1", kind: "Secret" };
  const policy = {
    apiVersion: GROUP,
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "p" },
    spec: { paramKind, matchConstraints: { resourceRules: RULES }, validations: [{ expression: "true" }] },
  };
  const binding = {
    apiVersion: GROUP,
    kind: "ValidatingAdmissionPolicyBinding",
    metadata: { name: "b" },
    spec: { policyName: "p", paramRef: { name: "s", namespace: "shop", parameterNotFoundAction: "Deny" }, validationActions: ["Warn"] },
  };

  async function allow(...rules: readonly PolicyRule[]): Promise<void> {
    await api.client.for(clusterRoleResource).create({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "writer" },
      rules: [{ apiGroups: ["admissionregistration.k8s.io"], resources: ["*"], verbs: ["*"] }, ...rules],
    });
    await api.client.for(clusterRoleBindingResource).create({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "writer" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "writer" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "writer" }],
    });
    await api.store.caughtUp();
  }

  test("all of a kind for the policy, the very ones for the binding", async () => {
    await allow();
    const writer = api.as("writer");
    const { status } = await failure(writer.for(validatingAdmissionPolicyResource).create(policy));
    expect(status.details?.causes).toEqual([
      {
        reason: "FieldValueForbidden",
        field: "spec.paramKind",
        message: 'Forbidden: user &{writer  [system:authenticated] map[]} must have "get" permission on all objects of the referenced paramKind (kind=Secret, apiVersion=v1)',
      },
    ]);
    await api.client.for(validatingAdmissionPolicyResource).create(policy);
    expect((await failure(writer.for(validatingAdmissionPolicyBindingResource).create(binding))).message).toContain(
      'spec.paramRef: Forbidden: user &{writer  [system:authenticated] map[]} does not have "get" permission on the object referenced by paramRef',
    );
    // What does not change is not asked about.
    await writer.for(validatingAdmissionPolicyResource).patch("", "p", "merge", { metadata: { labels: { a: "b" } } });
  });

  test("with the right they may", async () => {
    await allow({ apiGroups: [""], resources: ["secrets"], verbs: ["get", "list"] });
    const writer = api.as("writer");
    await writer.for(validatingAdmissionPolicyResource).create(policy);
    await writer.for(validatingAdmissionPolicyBindingResource).create(binding);
  });
});

test("policies are counted by what they decided, and by which action of their binding", async () => {
  await validating("limits", { validations: [{ expression: "size(object.data) < 2" }] }, { validationActions: ["Deny", "Audit"] });
  await validating("hints", { failurePolicy: "Ignore", validations: [{ expression: "object.data['none'] == ''" }] });
  const mark = (label: string) => jsonPatch(`[JSONPatch{op: "add", path: "/metadata/labels/${label}", value: "yes"}]`);
  await mutating("marks", [mark("marked"), mark("seen")]);
  await mutating("unsure", [mark("unsure")], { matchConditions: [{ name: "none", expression: "object.data['none'] == ''" }], failurePolicy: "Ignore" });
  await configMaps().create(configMap("good", { a: "1" }, { x: "y" }));
  await failure(configMaps().create(configMap("bad", { a: "1", b: "2" }, { x: "y" })));
  const lines = api.server.metrics
    .render()
    .split("\n")
    .filter((line) => /^apiserver_(validating|mutating)_admission_policy_check_total/.test(line))
    .sort();
  expect(lines).toEqual([
    'apiserver_mutating_admission_policy_check_total{error_type="no_error",policy="marks",policy_binding="marks-b"} 4',
    'apiserver_validating_admission_policy_check_total{enforcement_action="allow",error_type="invalid_error",policy="hints",policy_binding="hints-b"} 2',
    'apiserver_validating_admission_policy_check_total{enforcement_action="audit",error_type="no_error",policy="limits",policy_binding="limits-b"} 1',
    'apiserver_validating_admission_policy_check_total{enforcement_action="deny",error_type="no_error",policy="limits",policy_binding="limits-b"} 1',
  ]);
});
