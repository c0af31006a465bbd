import { describe, expect, it } from "vitest";
import type { CustomResourceDefinition } from "../../../engine/resources/types.ts";
import { embeddedErrors, unreadableObject } from "../../../engine/resources/apiextensions/embedded-objects.ts";
import { validateDefinition } from "../../../engine/resources/apiextensions/definition-validation.ts";

const SCHEMA = {
  type: "object",
  properties: { spec: { type: "object", properties: { size: { type: "integer" }, name: { type: "string" } } }, status: { type: "object", properties: { ready: { type: "integer" } } } },
};
const VERSION = { name: "v1", served: true, storage: true, schema: { openAPIV3Schema: SCHEMA } };
const NAMES = { plural: "boats", singular: "boat", kind: "Boat", listKind: "BoatList" };
const AT = "spec.versions[0]";
/** What all versions say alike is told of as a part of the spec. */
const SCHEMA_AT = "spec.validation.openAPIV3Schema";

function definition(spec: object = {}, rest: object = {}): CustomResourceDefinition {
  const whole = { group: "sea.example", scope: "Namespaced", names: NAMES, versions: [VERSION], ...spec };
  return { metadata: { name: `${whole.names.plural}.${whole.group}` }, spec: whole, status: { storedVersions: ["v1"] }, ...rest } as unknown as CustomResourceDefinition; // tables hold wrong ones too
}

const version = (change: object) => definition({ versions: [{ ...VERSION, ...change }] });
const schema = (openAPIV3Schema: object) => version({ schema: { openAPIV3Schema } });
const field = (property: object) => schema({ type: "object", properties: { it: property } });
const IT = `${SCHEMA_AT}.properties[it]`;

function problems(now: CustomResourceDefinition, old?: CustomResourceDefinition): readonly string[] {
  return validateDefinition(now, old).map(({ field: at, message }) => `${at}: ${message}`);
}

describe("the definition of a custom kind", () => {
  it.each<[string, CustomResourceDefinition, readonly string[]]>([
    ["is right as its documentation shows it", definition(), []],
    ["is named after its plural and group", definition({}, { metadata: { name: "boats" } }), [`metadata.name: Invalid value: "boats": must be spec.names.plural+"."+spec.group`]],
    ["has a group with a dot", definition({ group: "sea" }), [`spec.group: Invalid value: "sea": should be a domain with at least one dot`]],
    [
      "keeps unknown fields of old, or has defaults",
      definition({ preserveUnknownFields: true, versions: [{ ...VERSION, schema: { openAPIV3Schema: { type: "object", properties: { it: { type: "integer", default: 1 } } } } }] }),
      [
        "spec.preserveUnknownFields: Invalid value: true: must be false in order to use defaults in the schema",
        "spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead",
      ],
    ],
    ["has a known scope", definition({ scope: "Galaxy" }), [`spec.scope: Unsupported value: "Galaxy": supported values: "Cluster", "Namespaced"`]],
    ["has a scope", definition({ scope: "" }), ["spec.scope: Required value"]],
    ["has all its names", definition({ names: { plural: "boats", kind: "Boat" } }), ["spec.names.singular: Required value", "spec.names.listKind: Required value"]],
    ["has lists of another kind", definition({ names: { ...NAMES, listKind: "Boat" } }), [`spec.names.listKind: Invalid value: "Boat": kind and listKind may not be the same`]],
    [
      "has versions of different names",
      definition({ versions: [VERSION, { ...VERSION, storage: false }] }),
      [expect.stringMatching(/^spec\.versions: Invalid value: .*: must contain unique version names$/) as string],
    ],
    [
      "has versions with names, of which the first is told of twice",
      definition({ versions: [{ ...VERSION, name: "V1" }] }, { status: { storedVersions: ["V1"] } }),
      [expect.stringContaining('spec.versions[0].name: Invalid value: "V1": a DNS-1035 label') as string, expect.stringContaining('spec.version: Invalid value: "V1": a DNS-1035 label') as string],
    ],
    [
      "is told of version by version where they differ",
      definition({
        versions: [
          VERSION,
          {
            ...VERSION,
            name: "v2",
            storage: false,
            schema: { openAPIV3Schema: { type: "object", properties: { it: {} } } },
            subresources: { scale: { specReplicasPath: "", statusReplicasPath: ".status.ready" } },
          },
        ],
      }),
      [
        "spec.versions[1].schema.openAPIV3Schema.properties[it].type: Required value: must not be empty for specified object fields",
        "spec.versions[1].subresources.scale.specReplicasPath: Required value",
      ],
    ],
    [
      "is selected by fields of every version, or of none where the schemas differ",
      definition({
        versions: [
          { ...VERSION, selectableFields: [{ jsonPath: ".spec.name" }] },
          { ...VERSION, name: "v2", storage: false, schema: { openAPIV3Schema: { type: "object" } }, selectableFields: [{ jsonPath: ".spec.name" }] },
        ],
      }),
      ['spec.selectableFields: Invalid value: "": may only be set when validations.schema is included'],
    ],
    ["stores one version", version({ storage: false }), [expect.stringMatching(/^spec\.versions: Invalid value: .*: must have exactly one version marked as storage version$/) as string]],
    ["has a schema", version({ schema: undefined }), [`${AT}.schema.openAPIV3Schema: Required value`]],
    ["warns only of deprecated versions", version({ deprecationWarning: "old" }), [`${AT}.deprecationWarning: Invalid value: "old": can only be set for deprecated versions`]],
    [
      "warns in one line",
      version({ deprecated: true, deprecationWarning: "a\nb" }),
      [`${AT}.deprecationWarning: Invalid value: "a\\nb": must only contain printable UTF-8 characters; non-printable character found at index 1`],
    ],
    ["remembers what was stored", definition({}, { status: { storedVersions: [] } }), ["status.storedVersions: Invalid value: null: must have at least one stored version"]],
    [
      "keeps versions that were stored",
      definition({}, { status: { storedVersions: ["v1", "v0"] } }),
      [
        'status.storedVersions[1]: Invalid value: "v0": missing from spec.versions; v0 was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in v0 and removes v0 from status.storedVersions',
      ],
    ],
    [
      "does not preserve everything",
      definition({ preserveUnknownFields: true }),
      ["spec.preserveUnknownFields: Invalid value: true: cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead"],
    ],
    ["converts in a known way", definition({ conversion: { strategy: "Magic" } }), [`spec.conversion.strategy: Unsupported value: "Magic": supported values: "None", "Webhook"`]],
    [
      "names its webhook",
      definition({ conversion: { strategy: "Webhook", webhook: { conversionReviewVersions: ["v1"] } } }),
      ["spec.conversion.webhookClientConfig: Required value: required when strategy is set to Webhook"],
    ],
    [
      "speaks a known version with its webhook",
      definition({ conversion: { strategy: "Webhook", webhook: { conversionReviewVersions: ["v9"], clientConfig: { url: "https://convert.example" } } } }),
      [`spec.conversion.conversionReviewVersions: Invalid value: ["v9"]: must include at least one of v1, v1beta1`],
    ],
    [
      "has no webhook without the strategy",
      definition({ conversion: { strategy: "None", webhook: { conversionReviewVersions: ["v1"], clientConfig: { url: "https://convert.example" } } } }),
      [
        "spec.conversion.webhookClientConfig: Forbidden: should not be set when strategy is not set to Webhook",
        "spec.conversion.conversionReviewVersions: Forbidden: should not be set when strategy is not set to Webhook",
      ],
    ],
    [
      "has columns of known types",
      version({ additionalPrinterColumns: [{ name: "Size", type: "size", jsonPath: ".spec.size" }] }),
      [`spec.additionalPrinterColumns[0].type: Invalid value: "size": must be one of boolean,date,integer,number,string`],
    ],
    [
      "has columns with paths",
      version({ additionalPrinterColumns: [{ name: "Size", type: "integer", jsonPath: "spec.size" }] }),
      [`spec.additionalPrinterColumns[0].JSONPath: Invalid value: "spec.size": must be a simple json path starting with .`],
    ],
    [
      "scales by its spec",
      version({ subresources: { scale: { specReplicasPath: ".status.size", statusReplicasPath: ".status.ready" } } }),
      [`spec.subresources.scale.specReplicasPath: Invalid value: ".status.size": should be a json path under .spec`],
    ],
    [
      "is selected by fields that exist",
      version({ selectableFields: [{ jsonPath: ".spec.colour" }] }),
      [`spec.selectableFields[0].jsonPath: Invalid value: ".spec.colour": is an invalid path: does not refer to a valid field`],
    ],
    [
      "is selected by plain values",
      version({ selectableFields: [{ jsonPath: ".spec" }] }),
      [`spec.selectableFields[0].jsonPath: Invalid value: ".spec": must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.`],
    ],
    ["is selected by each field once", version({ selectableFields: [{ jsonPath: ".spec.name" }, { jsonPath: ".spec.name" }] }), [`spec.selectableFields[1].jsonPath: Duplicate value: ".spec.name"`]],
  ])("%s", (_what, body, expected) => {
    expect(problems(body)).toEqual(expected);
  });

  const established = (spec: object) => definition(spec, { status: { storedVersions: ["v1"], conditions: [{ type: "Established", status: "True" }] } });

  it.each<[string, CustomResourceDefinition, readonly string[]]>([
    ["may get versions", established({ versions: [VERSION, { ...VERSION, name: "v2", storage: false }] }), []],
    ["keeps its scope once it is served", established({ scope: "Cluster" }), [`spec.scope: Invalid value: "Cluster": field is immutable`]],
    ["keeps its kind once it is served", established({ names: { ...NAMES, kind: "Ship" } }), [`spec.names.kind: Invalid value: "Ship": field is immutable`]],
  ])("changes: %s", (_what, body, expected) => {
    expect(problems(body, established({}))).toEqual(expected);
  });
});

describe("the schema of a custom kind", () => {
  it.each<[string, CustomResourceDefinition, readonly string[]]>([
    ["types its root", schema({ properties: {} }), [`${SCHEMA_AT}.type: Required value: must not be empty at the root`]],
    ["describes an object", schema({ type: "string" }), [`${SCHEMA_AT}.type: Invalid value: "string": must be object at the root`]],
    ["is never null", schema({ type: "object", nullable: true }), [`${SCHEMA_AT}.nullable: Forbidden: nullable cannot be true at the root`]],
    [
      "says nothing of metadata but names",
      schema({ type: "object", properties: { metadata: { type: "object", properties: { labels: { type: "object" } } } } }),
      [`${SCHEMA_AT}.properties[metadata]: Forbidden: must not specify anything other than name and generateName, but metadata is implicitly specified`],
    ],
    ["types its fields", field({}), [`${IT}.type: Required value: must not be empty for specified object fields`]],
    ["types its items", field({ type: "array", items: {} }), [`${IT}.items.type: Required value: must not be empty for specified array items`]],
    ["describes items", field({ type: "array" }), [`${IT}.items: Required value: must be specified`]],
    ["knows the types", field({ type: "text" }), [`${IT}.type: Unsupported value: "text": supported values: "array", "boolean", "integer", "number", "object", "string"`]],
    ["lets numbers or texts have no type", field({ "x-kubernetes-int-or-string": true, anyOf: [{ type: "integer" }, { type: "string" }] }), []],
    ["does not type branches", field({ type: "string", anyOf: [{ type: "string" }] }), [`${IT}.anyOf[0].type: Forbidden: must be empty to be structural`]],
    // Upstream looks no deeper than the branches of the root.
    [
      "describes what its branches judge",
      schema({ type: "object", anyOf: [{ properties: { a: { minimum: 1 } } }] }),
      [`${SCHEMA_AT}.properties[a]: Required value: because it is defined in ${SCHEMA_AT}.anyOf[0].properties[a]`],
    ],
    ["has no defaults in branches", field({ type: "string", not: { default: "x" } }), [`${IT}.not.default: Forbidden: must be undefined to be structural`]],
    [
      "has either properties or additional ones",
      field({ type: "object", properties: { a: { type: "string" } }, additionalProperties: { type: "string" } }),
      [`${IT}.additionalProperties: Forbidden: additionalProperties and properties are mutual exclusive`],
    ],
    [
      "does not compare all items",
      field({ type: "array", uniqueItems: true, items: { type: "string" } }),
      [`${IT}.uniqueItems: Forbidden: uniqueItems cannot be set to true since the runtime complexity becomes quadratic`],
    ],
    ["refers to nothing", field({ type: "object", $ref: "#/x" }), [`${IT}.$ref: Forbidden: $ref is not supported`]],
    [
      "keeps unknown fields or says nothing",
      field({ type: "object", "x-kubernetes-preserve-unknown-fields": false }),
      [`${IT}.x-kubernetes-preserve-unknown-fields: Invalid value: false: must be true or undefined`],
    ],
    [
      "embeds objects",
      field({ type: "string", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true }),
      [`${IT}.type: Invalid value: "string": must be object if x-kubernetes-embedded-resource is true`],
    ],
    [
      "embeds objects with fields",
      field({ type: "object", "x-kubernetes-embedded-resource": true }),
      [`${IT}.properties: Required value: must not be empty if x-kubernetes-embedded-resource is true without x-kubernetes-preserve-unknown-fields`],
    ],
    [
      "has keys for maps of items",
      field({ type: "array", "x-kubernetes-list-type": "map", items: { type: "object", properties: {} } }),
      [`${IT}.x-kubernetes-list-map-keys: Required value: must not be empty if x-kubernetes-list-type is map`],
    ],
    [
      "requires the keys of maps of items",
      field({ type: "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], items: { type: "object", properties: { k: { type: "string" } } } }),
      [`${IT}.items.properties[k].default: Required value: this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property`],
    ],
    [
      "has sets of whole objects only",
      field({ type: "array", "x-kubernetes-list-type": "set", items: { type: "object", properties: {} } }),
      [`${IT}.items.x-kubernetes-map-type: Invalid value: null: must be atomic as item of a list with x-kubernetes-list-type=set`],
    ],
    [
      "has patterns that compile",
      field({ type: "string", pattern: "(" }),
      [`${IT}.pattern: Invalid value: "(": must be a valid regular expression, but isn't: error parsing regexp: missing closing ): \`(\``],
    ],
    ["defaults to what it accepts", field({ type: "string", maxLength: 2, default: "long" }), [`${IT}.default: Too long: may not be more than 2 bytes`]],
    [
      "defaults to what it accepts, told by the place in the default",
      field({ type: "object", properties: { a: { type: "string" } }, default: { a: 1 } }),
      [`${IT}.default.a: Invalid value: "integer": a in body must be of type string: "integer"`],
    ],
    ["defaults to a value of its type", field({ type: "string", default: 1 }), [`${IT}.default: Invalid value: "integer":  in body must be of type string: "integer"`]],
    [
      "defaults to what its rules accept",
      field({ type: "object", properties: { a: { type: "string" } }, default: { a: "x" }, "x-kubernetes-validations": [{ rule: "self.a == 'y'", message: "y is meant" }] }),
      [`${IT}.default: Invalid value: y is meant`],
    ],
    ["is no default for whole objects that are none", schema({ type: "object", default: {} }), [`${SCHEMA_AT}.default.apiVersion: Required value`, `${SCHEMA_AT}.default.kind: Required value`]],
    [
      "has a type, and null is none",
      field({ type: "null" }),
      [
        `${IT}.type: Unsupported value: "null": supported values: "array", "boolean", "integer", "number", "object", "string"`,
        `${IT}.type: Forbidden: type cannot be set to null, use nullable as an alternative`,
      ],
    ],
    ["names no language", field({ type: "string", $schema: "http://json-schema.org/schema#" }), [`${SCHEMA_AT}: Invalid value: "": OpenAPIV3Schema 'schema' is not supported`]],
    ["defaults to what it keeps", field({ type: "object", properties: { a: { type: "string" } }, default: { b: "x" } }), [`${IT}.default: Invalid value: {"b":"x"}: must not have unknown fields`]],
    [
      "defaults nothing in metadata",
      schema({ type: "object", properties: { metadata: { type: "object", properties: { name: { type: "string", default: "x" } } } } }),
      [`${SCHEMA_AT}.properties[metadata].properties[name].default: Forbidden: must not be set in top-level metadata`],
    ],
  ])("%s", (_what, body, expected) => {
    expect(problems(body)).toEqual(expected);
  });
});

describe("a rule of a schema", () => {
  const rules = (...list: object[]) => field({ type: "object", properties: { a: { type: "integer" }, list: { type: "array", items: { type: "string" } } }, "x-kubernetes-validations": list });
  const RULE = `${IT}.x-kubernetes-validations[0]`;
  const items = (rule: string, more: object = {}) => field({ type: "array", ...more, items: { type: "integer", "x-kubernetes-validations": [{ rule }] } });

  it.each<[string, CustomResourceDefinition, readonly string[]]>([
    ["may judge", rules({ rule: "self.a > 1", message: "more" }), []],
    ["is written", rules({ rule: " " }), [`${RULE}.rule: Required value: rule is not specified`]],
    ["of several lines explains itself", rules({ rule: "self.a\n> 1" }), [`${RULE}.message: Required value: message must be specified if rule contains line breaks`]],
    [
      "gives a known reason",
      rules({ rule: "true", reason: "Because" }),
      [`${RULE}.reason: Unsupported value: "Because": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"`],
    ],
    ["points to a field", rules({ rule: "true", fieldPath: ".b" }), [`${RULE}.fieldPath: Invalid value: ".b": must be a valid path`]],
    ["may compare with what was", rules({ rule: "self.a >= oldSelf.a" }), []],
    [
      "makes old values optional where it uses them",
      rules({ rule: "self.a > 1", optionalOldSelf: true }),
      [`${RULE}.optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule`],
    ],
    [
      "has no old items in plain lists",
      items("self >= oldSelf", { maxItems: 5 }),
      [`${IT}.items.x-kubernetes-validations[0].rule: Invalid value: "self >= oldSelf": oldSelf cannot be used on the uncorrelatable portion of the schema within ${IT}`],
    ],
  ])("%s", (_what, body, expected) => {
    expect(problems(body)).toEqual(expected);
  });

  it.each<[string, CustomResourceDefinition, string]>([
    ["is well typed", rules({ rule: "self.a == 'x'" }), "compilation failed"],
    [
      "is shown as upstream's own type",
      rules({ rule: "self.a > 'x'", message: "m" }),
      `${RULE}.rule: Invalid value: {"Rule":"self.a \\u003e 'x'","Message":"m","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:8: `,
    ],
    ["sees values of a known type", field({ "x-kubernetes-preserve-unknown-fields": true, "x-kubernetes-validations": [{ rule: "true" }] }), "failed to construct type information"],
    ["names fields that exist", rules({ rule: "self.b > 1" }), "undefined field 'b'"],
    ["comes to a yes or no", rules({ rule: "self.a" }), "must evaluate to a bool"],
    ["has messages of text", rules({ rule: "true", messageExpression: "1" }), "must evaluate to a string"],
    [
      "is affordable",
      rules({ rule: "self.list.all(x, self.list.all(y, self.list.all(z, x + y != z)))" }),
      "estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule, or adding maxItems, maxProperties, and maxLength where arrays, maps, and strings are declared)",
    ],
  ])("%s", (_what, body, expected) => {
    expect(problems(body).join("\n")).toContain(expected);
  });
});

it("objects of a kind that holds no others are not searched for any", () => {
  const value = new Proxy({}, { ownKeys: () => expect.fail("it is gone through") });
  const holding = (schemaOfIt: object) => ({ type: "object", properties: { spec: { type: "object", additionalProperties: schemaOfIt } } });
  expect([unreadableObject(SCHEMA, value), embeddedErrors(SCHEMA, value)]).toEqual([undefined, []]);
  const schemaOfHolder = holding({ type: "object", "x-kubernetes-embedded-resource": true });
  expect(unreadableObject(schemaOfHolder, { spec: { it: { kind: 1 } } })).toContain("spec[it].kind");
  expect(embeddedErrors(schemaOfHolder, { spec: { it: { kind: "Boat" } } }).map(({ field: at }) => at)).toEqual(["spec[it].apiVersion"]);
});
