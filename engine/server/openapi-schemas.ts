import type { Schema } from "../apimachinery/schema.ts";

/** OpenAPI's form of a schema; a plain JSON value. */
export type OpenApiSchema = Readonly<Record<string, unknown>>;

/** Types that every group uses; they are named after the package they come from upstream. */
const META_TYPES: ReadonlySet<string> = new Set([
  "ObjectMeta",
  "OwnerReference",
  "ManagedFieldsEntry",
  "ListMeta",
  "ShardInfo",
  "LabelSelector",
  "LabelSelectorRequirement",
  "Condition",
  "Status",
  "StatusDetails",
  "StatusCause",
  "DeleteOptions",
  "WatchEvent",
  "APIVersions",
  "APIGroupList",
  "APIGroup",
  "GroupVersionForDiscovery",
  "ServerAddressByClientCIDR",
  "APIResourceList",
  "APIResource",
  "Preconditions",
  "MicroTime",
  "Time",
  "FieldSelectorRequirement",
]);

/** Types that other groups share, and the package whose they are. */
const PACKAGE_OF_TYPE: Readonly<Record<string, string>> = {
  TopologySelectorTerm: "io.k8s.api.core.v1",
  TopologySelectorLabelRequirement: "io.k8s.api.core.v1",
};

/** Names that are longer here, as equal ones of other groups are in the same folder. */
const LONGER_NAME = /^(ApiextensionsV1|ApiregistrationV1)/;

/** What upstream says is required, where it is less than is judged here, or more: by that generated clients tell what may be left out. */
const REQUIRED: Readonly<Record<string, readonly string[]>> = {
  ...Object.fromEntries(
    [
      "core.v1.Pod",
      "core.v1.ReplicationController",
      "apps.v1.DaemonSet",
      "apps.v1.Deployment",
      "apps.v1.ReplicaSet",
      "apps.v1.StatefulSet",
      "batch.v1.Job",
      "policy.v1.PodDisruptionBudgetStatus",
      "scheduling.v1.PriorityClass",
      "admissionregistration.v1.MutatingAdmissionPolicy",
      "admissionregistration.v1.MutatingAdmissionPolicyBinding",
      "admissionregistration.v1.ValidatingAdmissionPolicy",
    ].map((name) => [`io.k8s.api.${name}`, []]),
  ),
  "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService": [],
  "io.k8s.api.core.v1.Event": ["metadata", "involvedObject"],
  "io.k8s.api.events.v1.Event": ["eventTime"],
  "io.k8s.api.core.v1.LimitRangeSpec": ["limits"],
  "io.k8s.api.core.v1.ScaleIOPersistentVolumeSource": ["gateway", "system", "secretRef"],
  "io.k8s.api.core.v1.ScaleIOVolumeSource": ["gateway", "system", "secretRef"],
  "io.k8s.api.authentication.v1.TokenReviewSpec": ["token"],
  "io.k8s.api.networking.v1.IPAddress": ["spec"],
  "io.k8s.api.storage.v1.CSINodeSpec": ["drivers"],
  "io.k8s.api.storage.v1.VolumeAttachmentStatus": ["attached"],
  "io.k8s.api.resource.v1.ResourcePool": ["name", "generation", "resourceSliceCount"],
  "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinitionVersion": ["name", "served", "storage"],
};

/** Values that have a name of their own upstream; `kubectl explain` shows it. */
const SCALAR_TYPES: Readonly<Record<string, { readonly name: string; readonly schema: OpenApiSchema }>> = {
  "int-or-string": {
    name: "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
    schema: {
      description: "A number, or a text such as 25% or the name of a port.",
      format: "int-or-string",
      oneOf: [{ type: "integer" }, { type: "string" }],
    },
  },
  quantity: {
    name: "io.k8s.apimachinery.pkg.api.resource.Quantity",
    schema: { description: "An amount, such as 500m, 2 or 1Gi.", oneOf: [{ type: "string" }, { type: "number" }] },
  },
  "date-time": {
    name: "io.k8s.apimachinery.pkg.apis.meta.v1.Time",
    schema: { description: "A moment, such as 2026-01-31T12:00:00Z.", type: "string", format: "date-time" },
  },
  "micro-time": {
    name: "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime",
    schema: { description: "A moment with microseconds.", type: "string", format: "date-time" },
  },
};

/** Groups whose types upstream keeps with the servers that brought them. */
const PACKAGES: Readonly<Record<string, string>> = {
  "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
  "apiregistration.k8s.io": "io.k8s.kube-aggregator.pkg.apis.apiregistration",
};
const APIEXTENSIONS = `${PACKAGES["apiextensions.k8s.io"]}.v1`;

/** Values of any shape that have a name of their own upstream, by what they are in protobuf. */
const OPAQUE_TYPES: Readonly<Record<string, { readonly name: string; readonly schema: OpenApiSchema }>> = {
  FieldsV1: {
    name: "io.k8s.apimachinery.pkg.apis.meta.v1.FieldsV1",
    schema: { description: "A set of fields, as a tree of f:, k: and v: keys.", type: "object" },
  },
  RawExtension: { name: "io.k8s.apimachinery.pkg.runtime.RawExtension", schema: { description: "An object of any kind.", type: "object" } },
  SchemaOrArray: { name: `${APIEXTENSIONS}.JSONSchemaPropsOrArray`, schema: { description: "A schema, or a list of them." } },
  SchemaOrBoolean: { name: `${APIEXTENSIONS}.JSONSchemaPropsOrBool`, schema: { description: "A schema, or whether anything is allowed." } },
  SchemaOrStrings: { name: `${APIEXTENSIONS}.JSONSchemaPropsOrStringArray`, schema: { description: "A schema, or a list of names." } },
};
const ANY_JSON = { name: `${APIEXTENSIONS}.JSON`, schema: { description: "Any JSON value." } };

function opaqueType(schema: Schema): (typeof OPAQUE_TYPES)[string] | undefined {
  const named = OPAQUE_TYPES[schema["x-protobuf-type"] ?? ""];
  return named ?? (schema.type === undefined && schema["x-kubernetes-preserve-unknown-fields"] === true ? ANY_JSON : undefined);
}

/**
 * Names for types. A type keeps the name it got first, so a PodSpec is that of core/v1 also inside a Deployment.
 * Equal titles of different types in one package get numbers.
 */
export class TypeNames {
  readonly #names = new Map<Schema, string>();
  readonly #taken = new Set<string>();

  nameOf(type: Schema, group: string, version: string): string {
    let name = this.#names.get(type);
    if (name === undefined) {
      const title = (type.title ?? "Type").replace(LONGER_NAME, "");
      const home = META_TYPES.has(title) ? "io.k8s.apimachinery.pkg.apis.meta.v1" : (PACKAGE_OF_TYPE[title] ?? `${packageOf(group)}.${version}`);
      const stem = `${home}.${title}`;
      name = stem;
      for (let number = 2; this.#taken.has(name); number++) name = `${stem}${number}`;
      this.#taken.add(name);
      this.#names.set(type, name);
    }
    return name;
  }
}

/** Collects the named types that a document needs, and writes references to them. */
export class SchemaWriter {
  readonly schemas = new Map<string, OpenApiSchema>();
  readonly #names: TypeNames;
  readonly #prefix: string;
  readonly #hasEnums: boolean;
  #place: { readonly group: string; readonly version: string };

  /**
   * `prefix` is where the document keeps its types: `#/components/schemas/` or `#/definitions/`. Without `hasEnums` types do not say which
   * values there are.
   */
  constructor(names: TypeNames, prefix: string, place: { readonly group: string; readonly version: string }, hasEnums = true) {
    this.#names = names;
    this.#prefix = prefix;
    this.#hasEnums = hasEnums;
    this.#place = place;
  }

  /** A reference to a named type, which is added to the document. */
  reference(type: Schema): OpenApiSchema {
    // A kind that is served elsewhere as well, such as Scale, belongs to its own group wherever it is met first, and so does what it consists of.
    const outer = this.#place;
    this.#place = type["x-kubernetes-group-version-kind"]?.[0] ?? outer;
    const name = this.#names.nameOf(type, this.#place.group, this.#place.version);
    if (!this.schemas.has(name)) {
      this.schemas.set(name, {}); // registered first, for a type may contain itself
      const { required, ...rest } = this.#inline(type);
      const told = REQUIRED[name] ?? required;
      this.schemas.set(name, { ...rest, ...(Array.isArray(told) && told.length > 0 ? { required: told } : {}) });
    }
    this.#place = outer;
    return { $ref: this.#prefix + name };
  }

  add(name: string, schema: OpenApiSchema): OpenApiSchema {
    this.schemas.set(name, schema);
    return { $ref: this.#prefix + name };
  }

  #property(schema: Schema): OpenApiSchema {
    const scalar = SCALAR_TYPES[schema["x-kubernetes-int-or-string"] === true ? "int-or-string" : (schema.format ?? "")] ?? opaqueType(schema);
    if (scalar !== undefined) return { allOf: [this.add(scalar.name, scalar.schema)], ...this.#annotations(schema, undefined) };
    const type = namedType(schema);
    if (type === undefined) return this.#inline(schema);
    const own = this.#annotations(schema, type);
    // A reference beside other keys is not valid, so it is wrapped, as upstream wraps it.
    return Object.keys(own).length === 0 ? this.reference(type) : { allOf: [this.reference(type)], ...own };
  }

  #inline(schema: Schema): OpenApiSchema {
    const out: Record<string, unknown> = { ...this.#annotations(schema, undefined) };
    if (schema.type !== undefined) out["type"] = schema.type;
    if (schema.format !== undefined) out["format"] = schema.format;
    if (schema.items !== undefined) out["items"] = this.#property(schema.items);
    if (typeof schema.additionalProperties === "object") out["additionalProperties"] = this.#property(schema.additionalProperties);
    if (Object.keys(schema.properties ?? {}).length > 0)
      out["properties"] = Object.fromEntries(Object.entries(schema.properties ?? {}).map(([name, property]) => [name, this.#property(property)]));
    // The address of an object says its kind; a reference to another one has to.
    const isKind = schema["x-kubernetes-group-version-kind"] !== undefined;
    if (schema.required !== undefined && schema.required.length > 0)
      out["required"] = schema.required.filter((name) => !isKind || !["apiVersion", "kind", "metadata"].includes(name));
    if (Array.isArray(out["required"]) && out["required"].length === 0) delete out["required"];
    return out;
  }

  /** What is said about a value besides its shape; of a named type only what the place itself adds. */
  #annotations(schema: Schema, type: Schema | undefined): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    for (const name of ["description", "default", "enum"] as const) if (schema[name] !== undefined && schema[name] !== type?.[name]) out[name] = schema[name];
    if (!this.#hasEnums) delete out["enum"];
    // As upstream's generator puts them.
    if (Array.isArray(out["enum"])) out["enum"] = [...(out["enum"] as readonly string[])].sort(); // enumerations are of texts
    for (const name in schema) {
      if (!name.startsWith("x-kubernetes-") || name === "x-kubernetes-int-or-string") continue;
      const value = schema[name as keyof Schema];
      if (value !== type?.[name as keyof Schema]) out[name] = value;
    }
    return out;
  }
}

/** The shared type behind a property, which may be a view of it with annotations of its own. */
export function namedType(schema: Schema): Schema | undefined {
  for (let current: object | null = schema; current !== null && current !== Object.prototype; current = Object.getPrototypeOf(current) as object | null) {
    if (Object.hasOwn(current, "title") && Object.hasOwn(current, "properties")) return current as Schema;
  }
  return undefined;
}

/** `io.k8s.api.core`, `io.k8s.api.apps`; groups of our own are reversed as a whole. */
function packageOf(group: string): string {
  if (group === "") return "io.k8s.api.core";
  const elsewhere = PACKAGES[group];
  if (elsewhere !== undefined) return elsewhere;
  if (!group.includes(".") || group.endsWith(".k8s.io")) return `io.k8s.api.${group.split(".")[0] ?? group}`;
  return group.split(".").reverse().join(".");
}
