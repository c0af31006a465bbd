import { valueElement } from "./field-set-element.ts";
import { zeroOf } from "../schema-plan.ts";
import type { Schema } from "../schema.ts";

/**
 * How ownership and merging see a value: as one unit (`leaf`), field by field (`map`), or item by item (`set`, `keyed`).
 * Upstream derives the same from its OpenAPI documents.
 */
export type Shape =
  | { readonly is: "leaf" }
  | { readonly is: "set" }
  | { readonly is: "keyed"; readonly item: Schema | undefined; readonly keys: readonly string[]; readonly keyDefaults: ReadonlyMap<string, unknown> }
  | MapShape;

export interface MapShape {
  readonly is: "map";
  readonly properties: ReadonlyMap<string, Schema>;
  /** Schema of other keys; undefined where any value goes. */
  readonly values: Schema | undefined;
  /** Whether keys that are no properties are refused. */
  readonly isClosed: boolean;
  /** Fields that Kubernetes writes even when they are empty, with that empty value: for them, absent and empty are the same. */
  readonly alwaysWritten: ReadonlyMap<string, unknown>;
}

const LEAF: Shape = { is: "leaf" };
const FREE_MAP: MapShape = { is: "map", properties: new Map(), values: undefined, isClosed: false, alwaysWritten: new Map() };

/** Worked out once per schema object; schemas live as long as their kind. */
const shapes = new WeakMap<Schema, Shape>();

/** The shape of a value. Where the schema says nothing, objects are maps and everything else, lists included, is a leaf. */
export function shapeOf(schema: Schema | undefined, value: unknown): Shape {
  if (schema !== undefined) {
    let shape = shapes.get(schema);
    if (shape === undefined && schema.type !== undefined) shapes.set(schema, (shape = computeShape(schema)));
    if (shape !== undefined) return shape;
    if (schema["x-kubernetes-int-or-string"] === true) return LEAF;
  }
  return isMap(value) ? FREE_MAP : LEAF;
}

/** What Kubernetes writes of an object's fields even where nothing is in them. */
export function alwaysWrittenOf(schema: Schema): ReadonlyMap<string, unknown> {
  const shape = shapeOf(schema, {});
  return shape.is === "map" ? shape.alwaysWritten : new Map();
}

export function isMap(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The schema of one key of a map. */
export function schemaOfKey(shape: MapShape, key: string): Schema | undefined {
  return shape.properties.get(key) ?? shape.values;
}

/**
 * The path element of a list item; undefined when the item is no object or has none of the keys.
 * Keys that the item leaves out count with their default, as a port's protocol does.
 */
export function itemElement(shape: Extract<Shape, { is: "set" | "keyed" }>, item: unknown): string | undefined {
  if (shape.is === "set") return valueElement(item);
  if (!isMap(item)) return undefined;
  let text = "";
  for (const key of shape.keys) {
    const value = item[key] ?? shape.keyDefaults.get(key);
    if (value !== undefined) text += `${text === "" ? "" : ","}${JSON.stringify(key)}:${JSON.stringify(value)}`;
  }
  return text === "" ? undefined : `k:{${text}}`;
}

function computeShape(schema: Schema): Shape {
  if (schema.type === "array") return listShape(schema);
  if (schema.type !== "object" || schema["x-kubernetes-map-type"] === "atomic" || isRaw(schema)) return LEAF;
  const properties = new Map(Object.entries(schema.properties ?? {}));
  const values = typeof schema.additionalProperties === "object" ? schema.additionalProperties : undefined;
  const isOpen = schema["x-kubernetes-preserve-unknown-fields"] === true || schema.additionalProperties === true || values !== undefined;
  return { is: "map", properties, values, isClosed: properties.size > 0 && !isOpen, alwaysWritten: alwaysWrittenFields(schema, properties) };
}

/** What Kubernetes' own types hold as JSON of any shape is one unit; of what users define it is fields. */
function isRaw(schema: Schema): boolean {
  return schema["x-kubernetes-preserve-unknown-fields"] === true && schema.properties === undefined && schema["x-protobuf-tag"] !== undefined;
}

function listShape(schema: Schema): Shape {
  const type = schema["x-kubernetes-list-type"];
  if (type === "map") return keyedShape(schema.items, schema["x-kubernetes-list-map-keys"] ?? []);
  if (type === "set") return { is: "set" };
  // As upstream: a list without a type follows its strategic merge strategy.
  if (type === undefined && (schema["x-kubernetes-patch-strategy"] ?? "").split(",").includes("merge")) {
    const mergeKey = schema["x-kubernetes-patch-merge-key"];
    return mergeKey === undefined ? { is: "set" } : keyedShape(schema.items, [mergeKey]);
  }
  return LEAF;
}

function keyedShape(item: Schema | undefined, keys: readonly string[]): Shape {
  const keyDefaults = new Map<string, unknown>();
  for (const key of keys) {
    const property = item?.properties?.[key];
    // Of Kubernetes' own types a key that is left out is Go's zero, and validation says what is wrong with that.
    const isAlwaysThere =
      property?.["x-protobuf-tag"] !== undefined && (item?.required?.includes(key) === true || EMPTY_KEYS.has(`${item?.title ?? ""}.${key}`));
    const value = property?.default ?? (isAlwaysThere ? zeroOf(property) : undefined);
    if (value !== undefined && value !== null) keyDefaults.set(key, value);
  }
  return { is: "keyed", item, keys: [...keys].sort(), keyDefaults };
}

/** Upstream publishes an empty text as the default of these keys. */
const EMPTY_KEYS: ReadonlySet<string> = new Set(["LocalObjectReference.name"]);

/**
 * Facts about Kubernetes' Go types that its schemas do not tell: these fields hold a struct, not a pointer to one, or a list
 * that is written when empty, so they are always part of the JSON. Nobody becomes their owner by setting something inside.
 */
const ALWAYS_WRITTEN: ReadonlySet<string> = new Set([
  "DeploymentSpec.strategy",
  "DeploymentSpec.template",
  "ReplicaSetSpec.template",
  "StatefulSetSpec.template",
  "StatefulSetSpec.updateStrategy",
  "DaemonSetSpec.template",
  "DaemonSetSpec.updateStrategy",
  "JobSpec.template",
  "CronJobSpec.jobTemplate",
  "JobTemplateSpec.spec",
  "JobTemplateSpec.metadata",
  "PodTemplate.template",
  "PodTemplateSpec.metadata",
  "PodTemplateSpec.spec",
  "PodSpec.containers",
  "Container.resources",
  "EphemeralContainer.resources",
  "PersistentVolumeClaimSpec.resources",
  "PersistentVolumeClaimTemplate.spec",
  "HorizontalPodAutoscalerSpec.scaleTargetRef",
  "ServiceStatus.loadBalancer",
  "IngressStatus.loadBalancer",
  "NodeStatus.daemonEndpoints",
  "NodeStatus.nodeInfo",
  "NodeDaemonEndpoints.kubeletEndpoint",
  "NetworkPolicySpec.podSelector",
  "Event.involvedObject",
  "Event.source",
  "Event.deprecatedSource",
  "VolumeAttachmentSpec.source",
  "FlowSchemaSpec.priorityLevelConfiguration",
  "CustomResourceDefinitionSpec.names",
  "CustomResourceDefinitionStatus.acceptedNames",
  "CustomResourceDefinitionStatus.conditions",
  "MutatingWebhook.clientConfig",
  "ValidatingWebhook.clientConfig",
  "HTTPIngressPath.backend",
  "WeightedPodAffinityTerm.podAffinityTerm",
  "ContainerStatus.state",
  "ContainerStatus.lastState",
  "Endpoint.addresses",
  "Endpoint.conditions",
  "PersistentVolumeClaimTemplate.metadata",
  "ResourceClaimTemplateSpec.metadata",
  "ResourceClaimTemplateSpec.spec",
  "ResourceClaimSpec.devices",
  "AllocationResult.devices",
  "AllocatedDeviceStatus.conditions",
  "ResourceSliceSpec.pool",
  "CSINodeSpec.drivers",
  "LimitedPriorityLevelConfiguration.limitResponse",
  "PodFailurePolicyOnExitCodesRequirement.values",
  "NonResourcePolicyRule.nonResourceURLs",
  "NonResourcePolicyRule.verbs",
  "ResourcePolicyRule.apiGroups",
  "ResourcePolicyRule.namespaces",
  "ResourcePolicyRule.resources",
  "ResourcePolicyRule.verbs",
  "ContainerResourceMetricSource.target",
  "ContainerResourceMetricStatus.current",
  "ResourceMetricSource.target",
  "ResourceMetricStatus.current",
  "ExternalMetricSource.metric",
  "ExternalMetricSource.target",
  "ExternalMetricStatus.metric",
  "ExternalMetricStatus.current",
  "ObjectMetricSource.metric",
  "ObjectMetricSource.target",
  "ObjectMetricStatus.metric",
  "ObjectMetricStatus.current",
  "PodsMetricSource.metric",
  "PodsMetricSource.target",
  "PodsMetricStatus.metric",
  "PodsMetricStatus.current",
  "ObjectMetricSource.describedObject",
  "ObjectMetricStatus.describedObject",
  "Binding.target",
  "Event.regarding",
  "PreferredSchedulingTerm.preference",
  "TokenReviewStatus.user",
  "SelfSubjectReviewStatus.userInfo",
  "IngressServiceBackend.port",
  "ClusterRoleBinding.roleRef",
  "RoleBinding.roleRef",
]);

const NO_FIELDS: unknown = Object.freeze({});
const NO_ITEMS: unknown = Object.freeze([]);

function alwaysWrittenFields(schema: Schema, properties: ReadonlyMap<string, Schema>): ReadonlyMap<string, unknown> {
  const fields = new Map<string, unknown>();
  const isKind = properties.has("apiVersion") && properties.has("kind") && properties.has("metadata");
  if (isKind) fields.set("metadata", NO_FIELDS);
  for (const [name, property] of properties) {
    // Types without protobuf tags are custom resources, which upstream keeps as plain maps: there, absent is absent.
    if (property["x-protobuf-tag"] === undefined) continue;
    if (property["x-mainstay-null"] === true) {
      fields.set(name, null);
      continue;
    }
    if (isRequiredScalar(schema, name, property)) {
      fields.set(name, zeroOf(property));
      continue;
    }
    const isListed = ALWAYS_WRITTEN.has(`${schema.title ?? ""}.${name}`);
    const isStruct = property.type === "object" && property.properties !== undefined;
    if (isStruct && (isListed || (isKind && (name === "spec" || name === "status")))) fields.set(name, NO_FIELDS);
    else if (isListed && property.type === "array") fields.set(name, NO_ITEMS);
  }
  return fields;
}

/** What Go has no way to leave out is there with its zero, whoever is the first to write what it is in. */
function isRequiredScalar({ required = [] }: Schema, name: string, property: Schema): boolean {
  return (
    (required.includes(name) ? property.default === undefined : property.default !== undefined && property.default === zeroOf(property)) &&
    property["x-protobuf-presence"] !== true &&
    zeroOf(property) !== undefined &&
    zeroOf(property) !== null
  );
}
