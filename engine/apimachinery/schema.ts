/**
 * A structural schema: the JSON Schema subset of Kubernetes' CustomResourceDefinitions, with its `x-kubernetes-*` extensions.
 * `schemas/**.yaml` is written in it; `$ref`s are resolved to shared Schema objects when a schema is loaded,
 * so recursive types are cyclic graphs: walk along a value, never along the schema alone.
 */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  /** Strings: `date-time`, `byte`, `quantity`, `micro-time`. Integers: `int32`, `int64`. Numbers: `double`. */
  readonly format?: string;
  readonly description?: string;
  /** The type's name, such as `PodSpec`; generated TypeScript and OpenAPI definitions use it. */
  readonly title?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly default?: unknown;
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minProperties?: number;
  readonly maxProperties?: number;
  readonly nullable?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-list-type"?: "atomic" | "set" | "map";
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  /** Items with equal keys are accepted, as upstream accepts them in some lists of its own kinds, although server-side apply goes by the keys. */
  readonly "x-mainstay-allow-duplicates"?: boolean;
  readonly "x-mainstay-choices"?: readonly string[];
  /** Values of this JSON type are accepted beside those that the schema describes, and looked at by nobody here. */
  readonly "x-mainstay-or"?: "array" | "boolean";
  /** Kubernetes' Go type cannot leave the property out: where nothing is in it, null is written. */
  readonly "x-mainstay-null"?: boolean;
  /**
   * That the property is required, its choices and its bounds are published and no more: the kind's rules judge what is in it, if anybody
   * does. What is missing is Go's zero.
   */
  readonly "x-mainstay-unchecked"?: boolean;
  /** Of a quantity among others by name: it is not rounded up to thousandths, as upstream's defaults do in core's lists of resources. */
  readonly "x-mainstay-exact"?: boolean;
  /** Of custom kinds: anything may stand there, but objects in it, at any depth, hold nothing. */
  readonly "x-mainstay-bare"?: boolean;
  /** What is said about the property when it is missing, after `Required value: `. */
  readonly "x-mainstay-required-detail"?: string;
  readonly "x-kubernetes-map-type"?: "atomic" | "granular";
  /** Strategic merge: the key of list items, and how to combine (`merge`, `replace`, `retainKeys`, or `merge,retainKeys`). */
  readonly "x-kubernetes-patch-merge-key"?: string;
  readonly "x-kubernetes-patch-strategy"?: string;
  readonly "x-kubernetes-group-version-kind"?: readonly { readonly group: string; readonly version: string; readonly kind: string }[];
  /** The field number of this property in Kubernetes' protobuf encoding of the enclosing message. */
  readonly "x-protobuf-tag"?: number;
  /** The protobuf type where it does not follow from `type` and `format`, e.g. `Quantity`, `IntOrString`, `Time`, `MicroTime`, `RawExtension`, `FieldsV1`. */
  readonly "x-protobuf-type"?: string;
  /**
   * The property is part of a message that Kubernetes embeds: this is the embedded message's tag, and `x-protobuf-tag` counts inside it.
   * So `emptyDir` of a Volume is field 2 of the embedded VolumeSource, which is field 2 of Volume. Several numbers: embedded in embedded.
   */
  readonly "x-protobuf-inline"?: number | readonly number[];
  /**
   * A zero value (0, false, the empty text) says something else than absence, as in `replicas: 0`; of a message, that there may be none, as
   * in a pointer. Where this is not set, protobuf's zero values mean absence, because its writers always send them.
   */
  readonly "x-protobuf-presence"?: boolean;
}
