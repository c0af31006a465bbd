import { jsonEqual } from "../lib/freeze.ts";
import { forbiddenField, invalidField, invalidFields, requiredField, tooLong, unsupportedValue, type FieldError } from "./field-error.ts";
import { dnsLabelProblems, dnsSubdomainProblems, labelValueProblems, pathSegmentNameProblems, qualifiedNameProblems } from "./names.ts";
import type { ObjectMeta, OwnerReference } from "./object-meta.ts";

/** How a kind's objects may be called; a resource definition's strategy says it. */
export type NameRule = "dnsLabel" | "dnsSubdomain" | "pathSegment";

const NAME_RULES: Readonly<Record<NameRule, (name: string) => readonly string[]>> = {
  dnsLabel: dnsLabelProblems,
  dnsSubdomain: dnsSubdomainProblems,
  pathSegment: pathSegmentNameProblems,
};

/** Upstream's bound for all annotations of an object together. */
const ANNOTATION_BYTES_MAX = 256 * 1024;
const MANAGER_LENGTH_MAX = 128;
const SUBRESOURCE_LENGTH_MAX = 256;

/** What a kind says about the metadata of its objects. */
export interface MetadataRules {
  readonly nameRule?: NameRule;
  readonly namespaced: boolean;
  /** Whether finalizers may have names without a domain that nobody knows. */
  readonly anyFinalizers?: boolean;
  /**
   * Of an update, upstream's registry judges the metadata as that of a new object and as a change, and the kind's own rules do so once more: as a
   * change (when absent), as a new object's, as both, or as neither. Each tells what it finds.
   */
  readonly metadataOnUpdate?: "new" | "both" | "none" | undefined;
}

/** Metadata of an object that is about to be created; its name has been generated already. */
export function validateObjectMeta(meta: ObjectMeta, { nameRule = "dnsSubdomain", namespaced, anyFinalizers = true }: MetadataRules): FieldError[] {
  const { name } = meta;
  return [
    ...generateNameErrors(meta, nameRule),
    ...(name ? invalidFields("metadata.name", name, NAME_RULES[nameRule](name)) : [requiredField("metadata.name", "name or generateName is required")]),
    ...namespaceErrors(meta.namespace, namespaced),
    ...((meta.generation ?? 0) < 0 ? [invalidField("metadata.generation", meta.generation, "must be greater than or equal to 0")] : []),
    ...contentErrors(meta),
    ...finalizerErrors(meta.finalizers ?? []),
    ...managedFieldsErrors(meta.managedFields ?? []),
    ...(anyFinalizers ? [] : unknownFinalizerErrors(meta.finalizers ?? [])),
  ];
}

/**
 * What an update may not do to metadata, as often as upstream tells it. The registry has filled in what clients may leave out (uid, times,
 * resourceVersion).
 */
export function validateObjectMetaUpdate(
  meta: ObjectMeta,
  old: ObjectMeta,
  { nameRule = "dnsSubdomain", anyFinalizers = true, metadataOnUpdate }: MetadataRules,
): FieldError[] {
  // A part that is still the stored one was checked when it was stored.
  const content = contentErrors(meta, old);
  const managed = meta.managedFields === old.managedFields ? [] : managedFieldsErrors(meta.managedFields ?? []);
  const finalizers = jsonEqual(meta.finalizers, old.finalizers) ? [] : (meta.finalizers ?? []);
  const change = [...changeErrors(meta, old), ...content, ...managed];
  const asNew = (rule: NameRule) => [
    ...(meta.generateName === old.generateName ? [] : generateNameErrors(meta, rule)),
    ...content,
    ...finalizerErrors(finalizers),
    ...managed,
  ];
  const unknown = anyFinalizers ? [] : unknownFinalizerErrors(finalizers);
  const once = [...asNew("pathSegment"), ...change];
  if (metadataOnUpdate === "none") return once;
  return [...once, ...(metadataOnUpdate === "new" ? [] : [...change, ...unknown]), ...(metadataOnUpdate === undefined ? [] : [...asNew(nameRule), ...unknown])];
}

function changeErrors(meta: ObjectMeta, old: ObjectMeta): FieldError[] {
  const errors: FieldError[] = [];
  if (old.deletionTimestamp !== undefined) {
    const added = (meta.finalizers ?? []).filter((name) => !old.finalizers?.includes(name)).sort();
    if (added.length > 0)
      errors.push(
        forbiddenField(
          "metadata.finalizers",
          `no new finalizers can be added if the object is being deleted, found new finalizers []string{${added.map((name) => JSON.stringify(name)).join(", ")}}`,
        ),
      );
  }
  if (!meta.resourceVersion) errors.push(invalidField("metadata.resourceVersion", meta.resourceVersion ?? "", "must be specified for an update"));
  if ((meta.generation ?? 0) < (old.generation ?? 0)) errors.push(invalidField("metadata.generation", meta.generation ?? 0, "must not be decremented"));
  for (const field of ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"] as const) {
    if ((meta[field] ?? "") !== (old[field] ?? ""))
      errors.push(invalidField(`metadata.${field}`, meta[field] ?? (field.endsWith("stamp") || field.endsWith("Seconds") ? null : ""), "field is immutable"));
  }
  return errors;
}

function generateNameErrors({ generateName }: ObjectMeta, nameRule: NameRule): FieldError[] {
  if (!generateName) return [];
  return invalidFields(
    "metadata.generateName",
    generateName,
    NAME_RULES[nameRule](nameRule === "pathSegment" ? generateName : withoutTrailingDash(generateName)),
  );
}

/** Labels as they appear in metadata, templates and selectors' matchLabels. */
export function labelErrors(labels: Readonly<Record<string, string>>, field: string): FieldError[] {
  return Object.entries(labels).flatMap(([key, value]) => [
    ...invalidFields(field, key, qualifiedNameProblems(key)),
    ...invalidFields(field, value, labelValueProblems(value)),
  ]);
}

function namespaceErrors(namespace: string | undefined, namespaced: boolean): FieldError[] {
  if (!namespaced) return namespace ? [forbiddenField("metadata.namespace", "not allowed on this type")] : [];
  if (!namespace) return [requiredField("metadata.namespace")];
  return invalidFields("metadata.namespace", namespace, dnsLabelProblems(namespace));
}

function contentErrors(meta: ObjectMeta, old?: ObjectMeta): FieldError[] {
  return [
    ...(meta.labels === undefined || meta.labels === old?.labels ? [] : labelErrors(meta.labels, "metadata.labels")),
    ...(meta.annotations === undefined || meta.annotations === old?.annotations ? [] : annotationErrors(meta.annotations, "metadata.annotations")),
    ...(meta.ownerReferences === undefined || meta.ownerReferences === old?.ownerReferences ? [] : ownerErrors(meta.ownerReferences)),
  ];
}

/** Annotations as they appear in metadata and templates. */
export function annotationErrors(annotations: Readonly<Record<string, string>>, field: string): FieldError[] {
  const errors: FieldError[] = [];
  let size = 0;
  for (const [key, value] of Object.entries(annotations)) {
    size += Buffer.byteLength(key) + Buffer.byteLength(value);
    // Letter case does not matter in annotation keys, also not in their prefix.
    errors.push(...invalidFields(field, key, qualifiedNameProblems(key.toLowerCase())));
  }
  return size > ANNOTATION_BYTES_MAX ? [...errors, tooLong(field, ANNOTATION_BYTES_MAX)] : errors;
}

function ownerErrors(owners: readonly OwnerReference[]): FieldError[] {
  // Upstream names the list and not its entry.
  const at = "metadata.ownerReferences";
  const errors = owners.flatMap((owner) => {
    const problems: FieldError[] = [];
    if (!/^([^/]*\/)?[^/]+$/.test(owner.apiVersion)) problems.push(invalidField(`${at}.apiVersion`, owner.apiVersion, "version must not be empty"));
    for (const field of ["kind", "name", "uid"] as const)
      if (!owner[field]) problems.push(invalidField(`${at}.${field}`, owner[field] ?? "", "must not be empty"));
    if (owner.apiVersion === "v1" && owner.kind === "Event") problems.push(invalidField(at, owner, "/v1, Kind=Event is disallowed from being an owner"));
    return problems;
  });
  const [first, ...others] = owners.filter((owner) => owner.controller === true);
  for (const other of others) {
    errors.push(
      invalidField(
        "metadata.ownerReferences",
        owners,
        `Only one reference can have Controller set to true. Found "true" in references for ${first?.kind}/${first?.name} and ${other.kind}/${other.name}`,
      ),
    );
  }
  return errors;
}

function finalizerErrors(finalizers: readonly string[]): FieldError[] {
  const errors = finalizers.flatMap((name) => invalidFields("metadata.finalizers", name, qualifiedNameProblems(name)));
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    errors.push(invalidField("metadata.finalizers", finalizers, "finalizer orphan and foregroundDeletion cannot be both set"));
  }
  return errors;
}

const KNOWN_FINALIZERS = ["kubernetes", "orphan", "foregroundDeletion"];

function unknownFinalizerErrors(finalizers: readonly string[]): FieldError[] {
  return finalizers.flatMap((name, index) =>
    name.includes("/") || KNOWN_FINALIZERS.includes(name)
      ? []
      : [invalidField(`metadata.finalizers[${index}]`, name, "name is neither a standard finalizer name nor is it fully qualified")],
  );
}

function managedFieldsErrors(entries: NonNullable<ObjectMeta["managedFields"]>): FieldError[] {
  return entries.flatMap((entry, index) => {
    const at = `metadata.managedFields[${index}]`;
    const problems: FieldError[] = [];
    if (!entry.operation) problems.push(requiredField(`${at}.operation`, "must not be empty"));
    else if (entry.operation !== "Apply" && entry.operation !== "Update")
      problems.push(unsupportedValue(`${at}.operation`, entry.operation, ["Apply", "Update"]));
    if (entry.fieldsType && entry.fieldsType !== "FieldsV1") problems.push(invalidField(`${at}.fieldsType`, entry.fieldsType, "must be `FieldsV1`"));
    if ((entry.manager ?? "").length > MANAGER_LENGTH_MAX) problems.push(tooLong(`${at}.manager`, MANAGER_LENGTH_MAX));
    if ((entry.subresource ?? "").length > SUBRESOURCE_LENGTH_MAX) problems.push(tooLong(`${at}.subresource`, SUBRESOURCE_LENGTH_MAX));
    return problems;
  });
}

/** `web-` is a fine beginning: what the system adds makes the name end well. */
function withoutTrailingDash(name: string): string {
  return name.length > 1 && name.endsWith("-") ? `${name.slice(0, -2)}a` : name;
}
