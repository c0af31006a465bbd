import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { hasReason } from "../../../engine/apimachinery/status-error.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { beforeCreate } from "../../../engine/registry/before-create.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { refuseShape } from "../../../engine/registry/validate-object.ts";
import { mutatingAdmissionPolicyBindingResource } from "../../../engine/resources/admissionregistration/mutating-admission-policy-binding.ts";
import { mutatingAdmissionPolicyResource } from "../../../engine/resources/admissionregistration/mutating-admission-policy.ts";
import { mutatingWebhookConfigurationResource } from "../../../engine/resources/admissionregistration/mutating-webhook-configuration.ts";
import { validatingAdmissionPolicyBindingResource } from "../../../engine/resources/admissionregistration/validating-admission-policy-binding.ts";
import { validatingAdmissionPolicyResource } from "../../../engine/resources/admissionregistration/validating-admission-policy.ts";
import { validatingWebhookConfigurationResource } from "../../../engine/resources/admissionregistration/validating-webhook-configuration.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";

/** The causes of the refusal, `field: message`; the stored object when there is none. */
function create<T extends KubeObject>(definition: ResourceDefinition<T>, body: object): T | string[] {
  try {
    const { object, schemaErrors } = decodeObject(definition, { metadata: { name: "test" }, ...body });
    if (schemaErrors.length > 0) refuseShape(definition as unknown as ResourceDefinition, object, schemaErrors);
    return beforeCreate(definition, object, { nowText: "2026-01-01T00:00:00Z", random: seededRandom(1) });
  } catch (error) {
    if (!hasReason(error, "Invalid")) throw error;
    return (error.status.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
  }
}

const rule = { operations: ["CREATE"], apiGroups: [""], apiVersions: ["v1"], resources: ["pods"] };
const hook = (more: object = {}) => ({ name: "deny.example.com", clientConfig: { url: "https://example.com/check" }, sideEffects: "None", admissionReviewVersions: ["v1"], rules: [rule], ...more });
const webhook = (more: object) => create(validatingWebhookConfigurationResource, { webhooks: [hook(more)] });

describe("webhook configurations", () => {
  it("are completed as upstream completes them", () => {
    expect(create(mutatingWebhookConfigurationResource, { webhooks: [hook({ clientConfig: { service: { namespace: "n", name: "s" } } })] })).toMatchObject({
      metadata: { generation: 1 },
      webhooks: [
        {
          clientConfig: { service: { port: 443 } },
          failurePolicy: "Fail",
          matchPolicy: "Equivalent",
          namespaceSelector: {},
          objectSelector: {},
          timeoutSeconds: 10,
          reinvocationPolicy: "Never",
          rules: [{ scope: "*" }],
        },
      ],
    });
  });

  it.each<[string, object, string[]]>([
    ["a name of two parts", { name: "deny.example" }, ['webhooks[0].name: Invalid value: "deny.example": should be a domain with at least three segments separated by dots']],
    ["neither address nor Service", { clientConfig: {} }, ["webhooks[0].clientConfig: Required value: exactly one of url or service is required"]],
    [
      "both address and Service",
      { clientConfig: { url: "https://a.b", service: { namespace: "n", name: "s" } } },
      ["webhooks[0].clientConfig: Required value: exactly one of url or service is required"],
    ],
    [
      "an address without encryption",
      { clientConfig: { url: "http://a.b" } },
      [`webhooks[0].clientConfig.url: Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]`],
    ],
    ["an address with a user", { clientConfig: { url: "https://u:p@a.b" } }, ['webhooks[0].clientConfig.url: Invalid value: "u:p": user information is not permitted in the URL']],
    [
      "an address with a query and a fragment",
      { clientConfig: { url: "https://a.b?c=d#e" } },
      ['webhooks[0].clientConfig.url: Invalid value: "e": fragments are not permitted in the URL', 'webhooks[0].clientConfig.url: Invalid value: "c=d": query parameters are not permitted in the URL'],
    ],
    [
      "a Service's path that is no path",
      { clientConfig: { service: { namespace: "n", name: "s", path: "check//it" } } },
      [`webhooks[0].clientConfig.service.path: Invalid value: "check//it": must start with a '/'`, 'webhooks[0].clientConfig.service.path: Invalid value: "check//it": segment[1] may not be empty'],
    ],
    [
      "a port that is none",
      { clientConfig: { service: { namespace: "n", name: "s", port: 0 } } },
      ["webhooks[0].clientConfig.service.port: Invalid value: 0: port is not valid: must be between 1 and 65535, inclusive"],
    ],
    ["side effects", { sideEffects: "Some" }, ['webhooks[0].sideEffects: Unsupported value: "Some": supported values: "None", "NoneOnDryRun"']],
    ["no word on side effects", { sideEffects: undefined }, ["webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun"]],
    ["a timeout that is too long", { timeoutSeconds: 31 }, ["webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds"]],
    ["versions of reviews that nobody knows", { admissionReviewVersions: ["v7"] }, ['webhooks[0].admissionReviewVersions: Invalid value: ["v7"]: must include at least one of v1, v1beta1']],
    ["one version twice", { admissionReviewVersions: ["v1", "v1"] }, ['webhooks[0].admissionReviewVersions[1]: Invalid value: "v1": duplicate version']],
    ["an unknown failure policy", { failurePolicy: "Maybe" }, ['webhooks[0].failurePolicy: Unsupported value: "Maybe": supported values: "Fail", "Ignore"']],
    [
      "an asterisk among operations",
      { rules: [{ ...rule, operations: ["CREATE", "*"] }] },
      [`webhooks[0].rules[0].operations: Invalid value: ["CREATE","*"]: if '*' is present, must not specify other operations`],
    ],
    [
      "an unknown operation",
      { rules: [{ ...rule, operations: ["GET"] }] },
      ['webhooks[0].rules[0].operations[0]: Unsupported value: "GET": supported values: "*", "CONNECT", "CREATE", "DELETE", "UPDATE"'],
    ],
    [
      "a subresource that is covered already",
      { rules: [{ ...rule, resources: ["pods/*", "pods/status"] }] },
      [`webhooks[0].rules[0].resources[1]: Invalid value: "pods/status": if 'pods/*' is present, must not specify pods/status`],
    ],
    [
      "resources beside all of them",
      { rules: [{ ...rule, resources: ["*/*", "pods/status"] }] },
      [`webhooks[0].rules[0].resources: Invalid value: ["*/*","pods/status"]: if '*/*' is present, must not specify other resources`],
    ],
    ["no resources", { rules: [{ ...rule, resources: [] }] }, ["webhooks[0].rules[0].resources: Required value"]],
    ["a condition without a name", { matchConditions: [{ name: "", expression: "true" }] }, ["webhooks[0].matchConditions[0].name: Required value"]],
  ])("may not have %s", (_what, more, errors) => {
    expect(webhook(more)).toEqual(errors);
  });

  it("name each webhook once", () => {
    expect(create(validatingWebhookConfigurationResource, { webhooks: [hook(), hook()] })).toEqual(['webhooks[1].name: Duplicate value: "deny.example.com"']);
  });
});

const policy = (spec: object) => create(validatingAdmissionPolicyResource, { spec: { matchConstraints: { resourceRules: [rule] }, validations: [{ expression: "true" }], ...spec } });

describe("validating policies", () => {
  it("are completed as upstream completes them", () => {
    expect(policy({})).toMatchObject({
      metadata: { generation: 1 },
      spec: { failurePolicy: "Fail", matchConstraints: { matchPolicy: "Equivalent", namespaceSelector: {}, objectSelector: {}, resourceRules: [{ scope: "*" }] } },
    });
  });

  it.each<[string, object, string[]]>([
    ["no constraints", { matchConstraints: undefined }, ["spec.matchConstraints: Required value"]],
    ["constraints without resources", { matchConstraints: {} }, ["spec.matchConstraints.resourceRules: Required value"]],
    [
      "nothing to say",
      { validations: [] },
      [
        "spec.validations: Required value: validations or auditAnnotations must contain at least one item",
        "spec.auditAnnotations: Required value: validations or auditAnnotations must contain at least one item",
      ],
    ],
    ["an empty expression", { validations: [{ expression: " " }] }, ["spec.validations[0].expression: Required value: expression is not specified"]],
    ["a message of two lines", { validations: [{ expression: "true", message: "a\nb" }] }, ['spec.validations[0].message: Invalid value: "a\\nb": must not contain line breaks']],
    [
      "an unknown reason",
      { validations: [{ expression: "true", reason: "Because" }] },
      ['spec.validations[0].reason: Unsupported value: "Because": supported values: "Forbidden", "Invalid", "RequestEntityTooLarge"'],
    ],
    ["a variable whose name is a word of CEL", { variables: [{ name: "in", expression: "1" }] }, ['spec.variables[0].name: Invalid value: "in": must be a valid CEL identifier']],
    ["a kind of parameters without a version", { paramKind: { kind: "ConfigMap" } }, ["spec.paramKind.apiVersion: Required value"]],
    ["an audit annotation without a value", { auditAnnotations: [{ key: "a", valueExpression: "" }] }, ["spec.auditAnnotations[0].valueExpression: Required value: valueExpression is not specified"]],
    [
      "one audit annotation twice",
      {
        auditAnnotations: [
          { key: "a", valueExpression: "'x'" },
          { key: "a", valueExpression: "'x'" },
        ],
      },
      ['spec.auditAnnotations[1].key: Duplicate value: "a"'],
    ],
  ])("may not have %s", (_what, spec, errors) => {
    expect(policy(spec)).toEqual(errors);
  });

  it.each<[string, object, string[]]>([
    [
      "both denies and warns",
      { validationActions: ["Deny", "Warn"] },
      [
        'spec.validationActions: Invalid value: ["Deny","Warn"]: must not contain both Deny and Warn (repeating the same validation failure information in the API response and headers serves no purpose)',
      ],
    ],
    ["does nothing", { validationActions: [] }, ["spec.validationActions: Required value: at least one validation action is required"]],
    ["names no parameters", { paramRef: { parameterNotFoundAction: "Deny" } }, ["spec.paramRef: Required value: one of name or selector must be specified"]],
    [
      "names parameters twice",
      { paramRef: { name: "a", selector: {}, parameterNotFoundAction: "Deny" } },
      ["spec.paramRef.name: Forbidden: name and selector are mutually exclusive", "spec.paramRef.selector: Forbidden: name and selector are mutually exclusive"],
    ],
    ["does not say what missing parameters mean", { paramRef: { name: "a" } }, ["spec.paramRef.parameterNotFoundAction: Required value"]],
  ])("have no binding that %s", (_what, spec, errors) => {
    expect(create(validatingAdmissionPolicyBindingResource, { spec: { policyName: "p", validationActions: ["Deny"], ...spec } })).toEqual(errors);
  });
});

describe("mutating policies", () => {
  const mutating = (spec: object) =>
    create(mutatingAdmissionPolicyResource, {
      spec: {
        matchConstraints: { resourceRules: [rule] },
        reinvocationPolicy: "Never",
        mutations: [{ patchType: "JSONPatch", jsonPatch: { expression: "[JSONPatch{op: 'remove', path: '/a'}]" } }],
        ...spec,
      },
    });

  it.each<[string, object, string[]]>([
    ["no changes", { mutations: [] }, ["spec.mutations: Required value: mutations must contain at least one item"]],
    ["no word on being asked again", { reinvocationPolicy: undefined }, ["spec.reinvocationPolicy: Required value"]],
    [
      "deletes to change",
      { matchConstraints: { resourceRules: [{ ...rule, operations: ["DELETE"] }] } },
      ['spec.matchConstraints.resourceRules.operations: Unsupported value: "DELETE": supported values: "*", "CONNECT", "CREATE", "UPDATE"'],
    ],
    [
      "a change of another form than it says",
      { mutations: [{ patchType: "JSONPatch", applyConfiguration: { expression: "Object{}" } }] },
      [
        "spec.mutations[0].jsonPatch: Required value: must be specified when patchType is JSONPatch",
        'spec.mutations[0].applyConfiguration: Invalid value: "{applyConfiguration}": must not be specified when patchType is JSONPatch',
      ],
    ],
    ["a change of an unknown form", { mutations: [{ patchType: "Merge" }] }, ['spec.mutations[0].patchType: Unsupported value: "Merge": supported values: "ApplyConfiguration", "JSONPatch"']],
  ])("may not have %s", (_what, spec, errors) => {
    expect(mutating(spec)).toEqual(errors);
  });

  it("have bindings that name them", () => {
    expect(create(mutatingAdmissionPolicyBindingResource, { spec: { policyName: "" } })).toEqual(["spec.policyName: Required value"]);
  });
});
