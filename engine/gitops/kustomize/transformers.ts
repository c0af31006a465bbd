import { updateField, type FieldSpec, type MissingField } from "./field-spec.ts";
import { isMap, isScalar, textOf, type Steps } from "./json-value.ts";
import { BuildFault, type Place } from "./kustomize-error.ts";
import { replaceImage, type ImageChange } from "./image-name.ts";
import type { ResourceMap } from "./resource-map.ts";
import type { FieldPlace, Resource } from "./resource.ts";
import { describeId, isClusterScoped, isSelected, type Gvk } from "./resource-id.ts";
import { contentHash } from "./content-hash.ts";

/** Changes the objects of a build in place; `at` is the line that asked for it, for messages and for the way back from a field. */
export type Transformer = (map: ResourceMap, at: Place) => void;

/** Updates a field of an object and keeps in mind which line did so. */
function touch(resource: Resource, spec: FieldSpec, missing: MissingField | undefined, at: Place, update: (current: unknown) => unknown): void {
  const changed = updateField(resource, spec, missing, (current) => update(current));
  resource.touches.push(...changed.map((steps: Steps) => ({ steps, file: at.file, line: at.line })));
  resource.settleShared();
}

function scalarOrFault(current: unknown, path: string): string {
  if (current !== null && current !== undefined && !isScalar(current)) throw new BuildFault(`${path} holds a map or list where a single value belongs`);
  return textOf(current);
}

const ROLE_BINDINGS: readonly string[] = ["RoleBinding", "ClusterRoleBinding"];

export interface NamespaceOptions {
  readonly namespace: string;
  readonly fieldSpecs: readonly FieldSpec[];
  readonly unsetOnly?: boolean;
  /** Which subjects of bindings move along: those called `default` unless said otherwise. */
  readonly setRoleBindingSubjects?: "defaultOnly" | "allServiceAccounts" | "none";
}

/** Puts every object into a namespace, except those that have none. */
export function setNamespace(options: NamespaceOptions): Transformer {
  return (map, at) => {
    if (options.namespace === "") return;
    for (const resource of map.resources) {
      resource.rememberId();
      moveToNamespace(resource, options, at);
    }
    const twice = map.collision();
    if (twice !== undefined) throw new BuildFault(`namespace ${options.namespace} gives two objects one name: ${describeId(twice.id)}`);
  };
}

function moveToNamespace(resource: Resource, options: NamespaceOptions, at: Place): void {
  const value = (current: unknown) =>
    options.unsetOnly === true && textOf(current) !== "" ? current : (scalarOrFault(current, "namespace"), options.namespace);
  if (!isClusterScoped(resource.id)) touch(resource, { group: "", version: "", kind: "", path: "metadata/namespace", create: true }, "text", at, value);
  const isBinding = ROLE_BINDINGS.includes(resource.kind);
  if (isBinding) moveSubjects(resource, options, value);
  for (const spec of options.fieldSpecs) {
    // The object's own namespace was just set; a name is a namespace in Namespaces only.
    if (spec.path === "metadata/namespace" || (spec.path === "metadata/name" && textOf(resource.value["apiVersion"]) !== "v1")) continue;
    if (isBinding && ROLE_BINDINGS.includes(spec.kind) && spec.path === "subjects/namespace") continue;
    touch(resource, spec, "text", at, value);
  }
}

function moveSubjects(resource: Resource, options: NamespaceOptions, value: (current: unknown) => unknown): void {
  const subjects = resource.value["subjects"];
  if (options.setRoleBindingSubjects === "none" || !Array.isArray(subjects)) return;
  for (const subject of subjects) {
    if (!isMap(subject)) continue;
    const moves = options.setRoleBindingSubjects === "allServiceAccounts" ? subject["kind"] === "ServiceAccount" : subject["name"] === "default";
    if (moves) subject["namespace"] = value(subject["namespace"] ?? "");
  }
}

/** Kinds whose names mean something outside the build. */
const KEEP_NAMES: readonly Partial<Gvk>[] = [
  { kind: "CustomResourceDefinition" },
  { group: "apiregistration.k8s.io", kind: "APIService" },
  { kind: "Namespace" },
];

/** Puts text before or behind names; what refers to them follows at the end of the build. */
export function addAffix(side: "prefix" | "suffix", text: string, fieldSpecs: readonly FieldSpec[]): Transformer {
  return (map, at) => {
    for (const resource of map.resources) {
      const original = resource.originalId;
      if (KEEP_NAMES.some((pattern) => isSelected(original, pattern))) continue;
      for (const spec of fieldSpecs) {
        if (!isSelected(original, spec)) continue;
        if (spec.path === "metadata/name" && text !== "") {
          if (side === "prefix") resource.prefixes = [...resource.prefixes, text];
          else resource.suffixes = [...resource.suffixes, text];
          resource.rememberId();
        }
        touch(resource, spec, "text", at, (current) =>
          side === "prefix" ? text + scalarOrFault(current, spec.path) : scalarOrFault(current, spec.path) + text,
        );
      }
    }
  };
}

/** Sets labels or annotations in every field that the specs name. */
export function setEntries(entries: Readonly<Record<string, string>>, fieldSpecs: readonly FieldSpec[]): Transformer {
  const keys = Object.keys(entries).sort();
  return (map, at) => {
    for (const resource of map.resources) for (const key of keys) setEntry(resource, key, entries[key] ?? "", fieldSpecs, at);
  };
}

function setEntry(resource: Resource, key: string, value: string, fieldSpecs: readonly FieldSpec[], at: Place): void {
  const added: FieldPlace[] = [];
  for (const spec of fieldSpecs) {
    updateField(resource, spec, "map", (current, steps) => {
      if (current === null || current === undefined) return current;
      if (!isMap(current)) throw new BuildFault(`${spec.path} of ${describeId(resource.id)} is no map`);
      if (!Object.hasOwn(current, key)) added.push({ holder: current, key });
      if (current[key] !== value) resource.touches.push({ steps: [...steps, key], file: at.file, line: at.line });
      current[key] = value;
      return current;
    });
  }
  resource.settleShared();
  resource.shareFields(added);
}

/** Gives images another name, tag or digest: in every list of containers, wherever it stands, and in the fields of the specs. */
export function setImage(change: ImageChange, fieldSpecs: readonly FieldSpec[]): Transformer {
  const replace = replaceImage(change);
  return (map, at) => {
    for (const resource of map.resources) {
      if (resource.kind === "CustomResourceDefinition") continue;
      walkContainers(resource.value, [], (container, steps) => {
        if (container["image"] === undefined || container["image"] === null) return;
        const image = replace(scalarOrFault(container["image"], "image"));
        if (image === container["image"]) return;
        container["image"] = image;
        resource.touches.push({ steps: [...steps, "image"], file: at.file, line: at.line });
      });
      // Upstream never makes image fields, whatever their specs say.
      for (const spec of fieldSpecs)
        touch(resource, spec, undefined, at, (current) => (current === null || current === undefined ? current : replace(scalarOrFault(current, spec.path))));
    }
  };
}

function walkContainers(value: unknown, steps: Steps, visit: (container: Record<string, unknown>, steps: Steps) => void): void {
  if (Array.isArray(value)) value.forEach((item, index) => walkContainers(item, [...steps, index], visit));
  if (!isMap(value)) return;
  for (const [key, child] of Object.entries(value)) {
    walkContainers(child, [...steps, key], visit);
    if ((key === "containers" || key === "initContainers") && Array.isArray(child))
      child.forEach((item, index) => void (isMap(item) && visit(item, [...steps, key, index])));
  }
}

/** Sets how many replicas the workload of a name has. */
export function setReplicas(name: string, count: number, fieldSpecs: readonly FieldSpec[]): Transformer {
  return (map, at) => {
    let isFound = false;
    for (const spec of fieldSpecs) {
      for (const resource of map.matchingAny((id) => id.name === name && isSelected(id, spec))) {
        isFound = true;
        touch(resource, spec, "text", at, (current) => (scalarOrFault(current, spec.path), count));
      }
    }
    if (!isFound) throw new BuildFault(`no ${[...new Set(fieldSpecs.map((spec) => spec.kind))].join(", ")} is called ${name}, so its replicas cannot be set`);
  };
}

/** Appends to generated names the hash of what they hold. */
export function addHashes(map: ResourceMap): void {
  for (const resource of map.resources) {
    if (!resource.needsHash) continue;
    const hash = contentHash(resource);
    resource.rememberId();
    resource.setMetadata("name", `${resource.name}-${hash}`);
  }
}
