import type { Schema } from "../../apimachinery/schema.ts";
import { alwaysWrittenOf } from "../../apimachinery/server-side-apply/server-side-apply-shape.ts";
import { OpenApiPiece } from "./piece.ts";
import type { TypeNames } from "./type-names.ts";

/** OpenAPI's form of a schema; a plain JSON value. */
export type OpenApiSchema = Readonly<Record<string, unknown>>;

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

const APIEXTENSIONS = "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1";

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

/** Where a type is met: its package is called after that, unless it says itself whose it is. */
export interface TypePlace {
  readonly group: string;
  readonly version: string;
}

/** A type that everybody refers to by one name. */
export interface SharedType {
  readonly piece: OpenApiPiece;
  /** Names of the types that it refers to. */
  readonly needs: ReadonlySet<string>;
}

/** What is being written: where, and what it refers to so far. */
interface Writing {
  readonly place: TypePlace;
  readonly needs: Set<string>;
}

/** The named types of one form of documents, each written once for all documents that need it. */
export class SharedTypes {
  readonly #names: TypeNames;
  readonly #prefix: string;
  readonly #hasEnums: boolean;
  readonly #hasDefaults: boolean;
  readonly #formed: (schema: OpenApiSchema) => OpenApiSchema;
  readonly #types = new Map<string, SharedType | undefined>();
  #bytes = 0;

  /**
   * `prefix` is where the documents keep their types: `#/components/schemas/` or `#/definitions/`; `formed` is what they make of one. Types
   * say which values there are, and which are taken where there is none, only if they are to.
   */
  constructor(
    names: TypeNames,
    prefix: string,
    { hasEnums, hasDefaults }: { readonly hasEnums: boolean; readonly hasDefaults: boolean },
    formed: (schema: OpenApiSchema) => OpenApiSchema,
  ) {
    this.#names = names;
    this.#prefix = prefix;
    this.#hasEnums = hasEnums;
    this.#hasDefaults = hasDefaults;
    this.#formed = formed;
  }

  /** Of all types that have been written. */
  get bytes(): number {
    return this.#bytes;
  }

  get(name: string): SharedType {
    const type = this.#types.get(name);
    if (type === undefined) throw new Error(`invariant broken: the type ${name} is not written`);
    return type;
  }

  /** Writes a type with all that it consists of, unless it is there, and says how it is called. */
  write(type: Schema, place: TypePlace): string {
    // A kind that is served elsewhere as well, such as Scale, belongs to its own group wherever it is met first, and so does what it consists of.
    const own = type["x-kubernetes-group-version-kind"]?.[0] ?? place;
    const name = this.#names.nameOf(type, own.group, own.version);
    if (!this.#types.has(name)) {
      this.#types.set(name, undefined); // registered first, for a type may contain itself
      const needs = new Set<string>();
      const { required, ...rest } = this.#inline(type, { place: own, needs });
      const told = REQUIRED[name] ?? required;
      this.#put(name, { ...rest, ...(Array.isArray(told) && told.length > 0 ? { required: told } : {}) }, needs);
    }
    return name;
  }

  /** Adds a type that refers to no other, unless it is there. */
  add(name: string, schema: OpenApiSchema): string {
    if (!this.#types.has(name)) this.#put(name, schema, new Set());
    return name;
  }

  referTo(name: string): OpenApiSchema {
    return { $ref: this.#prefix + name };
  }

  /** A piece with one type that is not shared. */
  pieceOf(name: string, schema: OpenApiSchema): OpenApiPiece {
    return new OpenApiPiece({ [name]: this.#formed(schema) });
  }

  #put(name: string, schema: OpenApiSchema, needs: ReadonlySet<string>): void {
    const piece = this.pieceOf(name, schema);
    this.#bytes += piece.json.length;
    this.#types.set(name, { piece, needs });
  }

  #reference(name: string, { needs }: Writing): OpenApiSchema {
    needs.add(name);
    return this.referTo(name);
  }

  #property(schema: Schema, writing: Writing): OpenApiSchema {
    const scalar = SCALAR_TYPES[schema["x-kubernetes-int-or-string"] === true ? "int-or-string" : (schema.format ?? "")] ?? opaqueType(schema);
    if (scalar !== undefined) return beside(this.#reference(this.add(scalar.name, scalar.schema), writing), this.#annotations(schema, undefined));
    const type = namedType(schema);
    if (type === undefined) return this.#inline(schema, writing);
    const own = this.#annotations(schema, type);
    return beside(this.#reference(this.write(type, writing.place), writing), own);
  }

  #inline(schema: Schema, writing: Writing): OpenApiSchema {
    const out: Record<string, unknown> = { ...this.#annotations(schema, undefined) };
    if (schema.type !== undefined) out["type"] = schema.type;
    if (schema.format !== undefined) out["format"] = schema.format;
    if (schema.items !== undefined) out["items"] = this.#property(schema.items, writing);
    if (typeof schema.additionalProperties === "object") out["additionalProperties"] = this.#property(schema.additionalProperties, writing);
    if (Object.keys(schema.properties ?? {}).length > 0) out["properties"] = this.#properties(schema, writing);
    // The address of an object says its kind; a reference to another one has to.
    const isKind = schema["x-kubernetes-group-version-kind"] !== undefined;
    if (schema.required !== undefined && schema.required.length > 0)
      out["required"] = schema.required.filter((name) => !isKind || !["apiVersion", "kind", "metadata"].includes(name));
    if (Array.isArray(out["required"]) && out["required"].length === 0) delete out["required"];
    return out;
  }

  #properties(schema: Schema, writing: Writing): OpenApiSchema {
    const written = alwaysWrittenOf(schema);
    const entries = Object.entries(schema.properties ?? {}).map(([name, property]) => {
      const told = this.#property(property, writing);
      const fallback = this.#hasDefaults ? publishedDefault(schema, name, property, written.get(name)) : undefined;
      return [name, fallback === undefined ? told : withDefault(told, fallback)] as const;
    });
    return Object.fromEntries(entries);
  }

  /** What is said about a value besides its shape; of a named type only what the place itself adds. */
  #annotations(schema: Schema, type: Schema | undefined): Record<string, unknown> {
    const out: Record<string, unknown> = {};
    for (const name of ["description", "enum"] as const) if (schema[name] !== undefined && schema[name] !== type?.[name]) out[name] = schema[name];
    const choices = schema["x-mainstay-choices"] ?? (out["enum"] as readonly string[] | undefined)?.filter((choice) => choice !== ""); // enumerations are of texts
    if (!this.#hasEnums || choices === undefined) delete out["enum"];
    else out["enum"] = [...choices].sort(); // as upstream's generator puts them
    for (const name in schema) {
      if (!name.startsWith("x-kubernetes-") || name === "x-kubernetes-int-or-string") continue;
      const value = schema[name as keyof Schema];
      if (value !== type?.[name as keyof Schema]) out[name] = value;
    }
    return out;
  }
}

/** A reference beside other keys is not valid, so it is wrapped, as upstream wraps it. */
function beside(reference: OpenApiSchema, own: OpenApiSchema): OpenApiSchema {
  return Object.keys(own).length === 0 ? reference : { allOf: [reference], ...own };
}

function withDefault(told: OpenApiSchema, fallback: unknown): OpenApiSchema {
  const { $ref, ...rest } = told as { readonly $ref?: unknown };
  return $ref === undefined ? { ...told, default: fallback } : { allOf: [{ $ref }], ...rest, default: fallback };
}

/** Types of which upstream publishes what it fills in; of others only what tells the items of a list apart, and Go's zeros. */
const FILLED_TYPES = /^(AzureDisk|ISCSI|RBD|ScaleIO)\w*VolumeSource$|^(ReplicationControllerSpec|DeviceToleration)$/;

/** The default that is published of a property, where `written` is what Kubernetes writes where nothing is in it. */
function publishedDefault({ title = "" }: Schema, name: string, property: Schema, written: unknown): unknown {
  if (written !== undefined && written !== null) return Array.isArray(written) ? undefined : written;
  const isKey = name === "protocol" && (title === "ContainerPort" || title === "ServicePort");
  return isKey || FILLED_TYPES.test(title) ? property.default : undefined;
}

/** The shared type behind a property, which may be a view of it with annotations of its own. */
export function namedType(schema: Schema): Schema | undefined {
  for (let current: object | null = schema; current !== null && current !== Object.prototype; current = Object.getPrototypeOf(current) as object | null) {
    if (Object.hasOwn(current, "title") && Object.hasOwn(current, "properties")) return current as Schema;
  }
  return undefined;
}
