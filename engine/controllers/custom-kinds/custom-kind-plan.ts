import { caBundleError } from "../../apimachinery/ca-bundle.ts";
import { findCondition, isConditionTrue, withCondition } from "../../apimachinery/conditions.ts";
import { withoutFinalizer } from "../../apimachinery/object-copy.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { joinProblems } from "../../apimachinery/status-error.ts";
import { formatTime } from "../../lib/clock.ts";
import { CLEANUP_FINALIZER, customResourceDefinitionResource } from "../../resources/apiextensions/custom-resource-definition.ts";
import { approvalOf } from "../../resources/apiextensions/definition-validation.ts";
import { schemaOf } from "../../resources/apiextensions/definition-versions.ts";
import { structuralErrors } from "../../resources/apiextensions/structural-rules.ts";
import type { ResourceReference } from "../../resources/define-resource.ts";
import type { CustomResourceDefinition, CustomResourceDefinitionCondition, CustomResourceDefinitionNames } from "../../resources/types.ts";
import { hasStatus } from "../kept-status.ts";
import { isAmongBuiltIn } from "./custom-references.ts";
import { isBeingDeleted, update, type Action } from "../define-controller.ts";

export interface CustomKindInputs {
  readonly definition: CustomResourceDefinition;
  /** The other definitions of the same group. */
  readonly others: readonly CustomResourceDefinition[];
  /** What is left of a kind that is being deleted; asked of the API itself. */
  readonly leftovers: Leftovers | undefined;
}

export interface Leftovers {
  readonly resource: ResourceReference;
  readonly objects: readonly KubeObject[];
}

type Condition = CustomResourceDefinitionCondition;

/**
 * Accepts the names of a kind unless another one of its group has them, establishes it, says whether its schema is structural and its group its own; and
 * empties it when it is being deleted. Pure.
 */
export function planCustomKind(inputs: CustomKindInputs, againMs: number, nowMs: number): readonly Action[] {
  const { definition } = inputs;
  if (isBeingDeleted(definition)) return definition.metadata.finalizers?.includes(CLEANUP_FINALIZER) === true ? planCleanup(inputs, againMs, nowMs) : [];
  const { names, conflicts } = chooseNames(definition, inputs.others);
  const isEstablished = isConditionTrue(definition.status?.conditions, "Established");
  const accepted: Condition =
    conflicts.length === 0
      ? condition("NamesAccepted", "True", "NoConflicts", "no conflicts found")
      : { ...condition("NamesAccepted", "False", conflicts.at(-1)?.reason ?? "", conflicts.at(-1)?.message ?? "") };
  const established = isEstablished ? [] : [establishment(definition, conflicts.length > 0)];
  const approved = approvalCondition(definition);
  const structural = structuralCondition(definition);
  const kept =
    structural === undefined
      ? (definition.status?.conditions ?? []).filter(({ type }) => type !== "NonStructuralSchema")
      : (definition.status?.conditions ?? []);
  const conditions = [accepted, ...established, ...(structural === undefined ? [] : [structural]), ...(approved === undefined ? [] : [approved])].reduce<
    readonly Condition[]
  >((list, next) => withCondition(list, next, formatTime(nowMs)), kept);
  const status = { ...definition.status, acceptedNames: names, conditions };
  return hasStatus(customResourceDefinitionResource, definition, status) ? [] : [update(customResourceDefinitionResource, { ...definition, status }, "status")];
}

function establishment({ spec }: CustomResourceDefinition, hasConflicts: boolean): Condition {
  if (hasConflicts) return condition("Established", "False", "NotAccepted", "not all names are accepted");
  const { caBundle } = spec.conversion?.webhook?.clientConfig ?? {};
  if (caBundle && caBundleError(caBundle) !== undefined)
    return condition("Established", "False", "InvalidCABundle", "The conversion webhook CABundle is invalid");
  return condition("Established", "True", "InitialNamesAccepted", "the initial names have been accepted");
}

const APPROVAL_REASONS = {
  approved: "ApprovedAnnotation",
  bypassed: "UnapprovedAnnotation",
  missing: "MissingAnnotation",
  invalid: "InvalidAnnotation",
} as const;

/** Of kinds in the groups of Kubernetes' community; others have none. */
export function approvalCondition(definition: CustomResourceDefinition): Condition | undefined {
  const approval = approvalOf(definition);
  return (
    approval &&
    condition("KubernetesAPIApprovalPolicyConformant", approval.state === "approved" ? "True" : "False", APPROVAL_REASONS[approval.state], approval.message)
  );
}

interface NameConflict {
  readonly reason: string;
  readonly message: string;
}

/** Names that no other definition of the group has been given; of the others, those that were accepted before stay. */
function chooseNames(
  { spec, status }: CustomResourceDefinition,
  others: readonly CustomResourceDefinition[],
): { readonly names: CustomResourceDefinitionNames; readonly conflicts: readonly NameConflict[] } {
  const taken = others.flatMap(({ status: other }) => (other?.acceptedNames === undefined ? [] : [other.acceptedNames]));
  const resources = new Set(taken.flatMap(({ plural, singular = "", shortNames = [] }) => [plural, singular, ...shortNames]));
  const kinds = new Set(taken.flatMap(({ kind, listKind = "" }) => [kind, listKind]));
  const wanted = spec.names;
  const before = status?.acceptedNames ?? { plural: "", kind: "" };
  const conflicts: NameConflict[] = [];
  const choose = (name: string, known: string, used: ReadonlySet<string>, reason: string): string => {
    if (name === known || !used.has(name)) return name;
    conflicts.push({ reason, message: `${JSON.stringify(name)} is already in use` });
    return known;
  };
  const plural = choose(wanted.plural, before.plural, resources, "PluralConflict");
  const singular = choose(wanted.singular ?? "", before.singular ?? "", resources, "SingularConflict");
  const clashes = (wanted.shortNames ?? []).filter((name) => before.shortNames?.includes(name) !== true && resources.has(name));
  if (clashes.length > 0)
    conflicts.push({ reason: "ShortNamesConflict", message: joinProblems(clashes.map((name) => `${JSON.stringify(name)} is already in use`)) });
  const shortNames = clashes.length > 0 ? before.shortNames : wanted.shortNames;
  const kind = choose(wanted.kind, before.kind, kinds, "KindConflict");
  const listKind = choose(wanted.listKind ?? "", before.listKind ?? "", kinds, "ListKindConflict");
  const names = {
    plural,
    ...(singular === "" ? {} : { singular }),
    ...(shortNames === undefined ? {} : { shortNames }),
    kind,
    ...(listKind === "" ? {} : { listKind }),
    ...(wanted.categories === undefined ? {} : { categories: wanted.categories }),
  };
  return { names, conflicts };
}

/** Only definitions from elsewhere can be wrong here: writes through the API are refused. */
function structuralCondition({ spec }: CustomResourceDefinition): Condition | undefined {
  const errors = [
    ...(spec.preserveUnknownFields === true ? ["spec.preserveUnknownFields: Invalid value: true: must be false"] : []),
    ...spec.versions.flatMap((version, index) => {
      const schema = schemaOf(version);
      return schema === undefined
        ? []
        : structuralErrors(schema, `spec.versions[${index}].schema.openAPIV3Schema`).map(({ field, message }) => `${field}: ${message}`);
    }),
  ];
  return errors.length === 0 ? undefined : condition("NonStructuralSchema", "True", "Violations", joinProblems(errors));
}

/** The objects of the kind go first, whatever their finalizers make of that; then the definition may. */
function planCleanup({ definition, leftovers }: CustomKindInputs, againMs: number, nowMs: number): readonly Action[] {
  const isDone = leftovers === undefined || leftovers.objects.length === 0;
  const next = termination(definition, isDone);
  const conditions = withCondition(definition.status?.conditions, next, formatTime(nowMs));
  const told = { ...definition, status: { ...definition.status, conditions } };
  if (isDone) return [update(customResourceDefinitionResource, withoutFinalizer(told, CLEANUP_FINALIZER), "status")];
  const isKnown = findCondition(definition.status?.conditions, "Terminating")?.reason === next.reason;
  const namespaces = new Set(leftovers.objects.filter((object) => !isBeingDeleted(object)).map(({ metadata }) => metadata.namespace ?? ""));
  return [
    { do: "wait", forMs: namespaces.size > 0 ? Math.min(SOON_MS, againMs) : againMs },
    ...(isKnown ? [] : [update(customResourceDefinitionResource, told, "status")]),
    ...[...namespaces].map((namespace): Action => ({ do: "deleteCollection", resource: leftovers.resource, namespace })),
  ];
}

const SOON_MS = 50;

function termination(definition: CustomResourceDefinition, isDone: boolean): Condition {
  if (isAmongBuiltIn(definition))
    return condition("Terminating", "False", "OverlappingBuiltInResource", "instances overlap with built-in resources in storage");
  if (!isConditionTrue(definition.status?.conditions, "Established"))
    return condition("Terminating", "False", "NeverEstablished", "resource was never established");
  if (isDone) return condition("Terminating", "False", "InstanceDeletionCompleted", "removed all instances");
  return condition("Terminating", "True", "InstanceDeletionInProgress", "CustomResource deletion is in progress");
}

function condition(type: string, status: "True" | "False", reason: string, message: string): Condition {
  return { type, status, reason, message };
}
