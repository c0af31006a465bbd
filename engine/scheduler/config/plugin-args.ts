import { ConfigFields } from "../../apimachinery/config-fields.ts";
import { duplicateField, forbiddenField, invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { qualifiedNameError } from "../../apimachinery/names.ts";
import { conform } from "../../apimachinery/structural-schema.ts";
import { parseGoDurationMs } from "../../lib/go-duration.ts";
import { podResource } from "../../resources/core/pod.ts";
import { validatePodSpec } from "../../resources/validation/pod-spec.ts";
import type { NodeAffinity, Pod, TopologySpreadConstraint } from "../../resources/types.ts";
import type { PluginArgs, ScoringStrategy, ShapePoint, WeightedResource } from "../scheduler-settings.ts";

const ANY = Number.MIN_SAFE_INTEGER;
const STRATEGIES = ["LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"] as const;

type ReadArgs = (args: ConfigFields, usual: PluginArgs, errors: FieldError[]) => PluginArgs;

/** What plugins can be told, by their names. Each throws with the place of what cannot be read, and adds what cannot be to `errors`, in upstream's words. */
export const pluginArgs: Readonly<Record<string, ReadArgs>> = {
  NodeResourcesFit(args, usual, errors) {
    args.refuseOthers(known("ignoredResources", "ignoredResourceGroups", "scoringStrategy"));
    const [ignored, ignoredGroups] = [args.texts("ignoredResources"), args.texts("ignoredResourceGroups")];
    ignored.forEach((name, index) => errors.push(...nameErrors(`${args.path}.ignoredResources[${index}]`, name)));
    ignoredGroups.forEach((group, index) => {
      const at = `${args.path}.ignoredResourceGroups[${index}]`;
      if (group.includes("/")) errors.push(invalidField(at, group, "resource group name can't contain '/'"));
      errors.push(...nameErrors(at, group));
    });
    const strategy = args.part("scoringStrategy");
    return { ...usual, fit: { ignored, ignoredGroups, strategy: strategy === undefined ? usual.fit.strategy : readStrategy(strategy, usual, errors) } };
  },
  NodeResourcesBalancedAllocation(args, usual, errors) {
    args.refuseOthers(known("resources"));
    const resources = readResources(args);
    resources.forEach(({ name, weight }, index) => {
      const at = `${args.path}.resources[${index}]`;
      if (resources.findIndex((other) => other.name === name) < index) errors.push(duplicateField(`${at}.name`, name));
      if (weight !== 1) errors.push(invalidField(`${at}.weight`, weight, "must be 1"));
    });
    return { ...usual, balanced: resources.length === 0 ? usual.balanced : resources.map(({ name }) => name) };
  },
  PodTopologySpread(args, usual, errors) {
    args.refuseOthers(known("defaultConstraints", "defaultingType"));
    const type = args.text("defaultingType") || "System";
    const list = readPart(args, "defaultConstraints", (value) => ({ topologySpreadConstraints: value })).value as readonly TopologySpreadConstraint[]; // conforms, or an error says where it does not
    if (type !== "System" && type !== "List") errors.push(unsupportedValue(`${args.path}.defaultingType`, type, ["System", "List"]));
    if (type === "System" && list.length > 0) errors.push(invalidField(`${args.path}.defaultingType`, type, "when .defaultConstraints are not empty"));
    list.forEach((constraint, index) => errors.push(...constraintErrors(constraint, list, index, `${args.path}.defaultConstraints`)));
    return { ...usual, spread: type === "List" ? list : undefined };
  },
  InterPodAffinity(args, usual, errors) {
    args.refuseOthers(known("hardPodAffinityWeight", "ignorePreferredTermsOfExistingPods"));
    const hardWeight = args.whole("hardPodAffinityWeight", ANY) ?? usual.affinity.hardWeight;
    if (hardWeight < 0 || hardWeight > 100) errors.push(invalidField(`${args.path}.hardPodAffinityWeight`, hardWeight, "not in valid range [0, 100]"));
    return { ...usual, affinity: { hardWeight, ignoresWishesOfOthers: args.flag("ignorePreferredTermsOfExistingPods") } };
  },
  NodeAffinity(args, usual, errors) {
    args.refuseOthers(known("addedAffinity"));
    if (args.part("addedAffinity") === undefined) return usual;
    const read = readPart(args, "addedAffinity", (value) => ({ affinity: { nodeAffinity: value } }));
    const addedAffinity = read.value as NodeAffinity; // conforms, or an error says where it does not
    const problems =
      read.errors.length > 0
        ? read.errors
        : validatePodSpec({ containers: [{ name: "c", image: "i" }], affinity: { nodeAffinity: addedAffinity } } as Pod["spec"], "spec").filter(({ field }) =>
            field.startsWith("spec.affinity.nodeAffinity"),
          );
    errors.push(...problems.map((error) => ({ ...error, field: error.field.replace("spec.affinity.nodeAffinity", `${args.path}.addedAffinity`) })));
    return { ...usual, addedAffinity };
  },
  DefaultPreemption(args, usual, errors) {
    args.refuseOthers(known("minCandidateNodesPercentage", "minCandidateNodesAbsolute"));
    const nodesPercent = args.whole("minCandidateNodesPercentage", ANY) ?? usual.preemption.nodesPercent;
    const nodesMin = args.whole("minCandidateNodesAbsolute", ANY) ?? usual.preemption.nodesMin;
    const [percentAt, minAt] = [`${args.path}.minCandidateNodesPercentage`, `${args.path}.minCandidateNodesAbsolute`];
    if (nodesPercent < 0 || nodesPercent > 100) errors.push(invalidField(percentAt, nodesPercent, "not in valid range [0, 100]"));
    if (nodesMin < 0) errors.push(invalidField(minAt, nodesMin, "not in valid range [0, inf)"));
    if (nodesPercent === 0 && nodesMin === 0)
      errors.push(
        invalidField(percentAt, 0, "cannot be zero at the same time as minCandidateNodesAbsolute"),
        invalidField(minAt, 0, "cannot be zero at the same time as minCandidateNodesPercentage"),
      );
    return { ...usual, preemption: { nodesPercent, nodesMin } };
  },
  VolumeBinding(args, usual, errors) {
    args.refuseOthers(known("bindTimeoutSeconds", "shape"));
    const seconds = args.whole("bindTimeoutSeconds", ANY) ?? usual.volumesMs / 1000;
    if (seconds < 0) errors.push(invalidField(`${args.path}.bindTimeoutSeconds`, seconds, "invalid BindTimeoutSeconds, should not be a negative value"));
    if (args.list("shape").length > 0)
      errors.push(
        invalidField(`${args.path}.shape`, args.value("shape"), "unexpected field `shape`, remove it or turn on the feature gate StorageCapacityScoring"),
      );
    return { ...usual, volumesMs: seconds * 1000 };
  },
  DynamicResources(args, usual, errors) {
    args.refuseOthers(known("filterTimeout", "bindingTimeout"));
    for (const [name, usualMs] of [
      ["filterTimeout", 10_000],
      ["bindingTimeout", 600_000],
    ] as const) {
      const text = args.text(name);
      if (text !== undefined && parseGoDurationMs(text) !== usualMs)
        errors.push(invalidField(`${args.path}.${name}`, text, `must be ${usualMs / 1000}s: it cannot be chosen here`));
    }
    return usual;
  },
};

function known(...names: readonly string[]): readonly string[] {
  return ["apiVersion", "kind", ...names];
}

function readStrategy(strategy: ConfigFields, usual: PluginArgs, errors: FieldError[]): ScoringStrategy {
  strategy.refuseOthers(["type", "resources", "requestedToCapacityRatio"]);
  const told = strategy.text("type") ?? "";
  const type = STRATEGIES.find((one) => one === told);
  if (type === undefined) errors.push(unsupportedValue(`${strategy.path}.type`, told, STRATEGIES));
  const listed = readResources(strategy);
  listed.forEach(({ name, weight }, index) => {
    if (weight <= 0 || weight > 100)
      errors.push(invalidField(`${strategy.path}.resources[${index}].weight`, weight, `resource weight of ${name} not in valid range (0, 100]`));
  });
  const resources = listed.length === 0 ? usual.fit.strategy.resources : listed;
  const ratio = strategy.part("requestedToCapacityRatio");
  if (type !== "RequestedToCapacityRatio") {
    if (ratio !== undefined && type !== undefined) errors.push(forbiddenField(ratio.path, "must be nil when type is not RequestedToCapacityRatio"));
    return { type: type ?? "LeastAllocated", resources };
  }
  if (ratio === undefined) errors.push(requiredField(`${strategy.path}.requestedToCapacityRatio`, "must be specified when type is RequestedToCapacityRatio"));
  ratio?.refuseOthers(["shape"]);
  return { type, resources, shape: ratio === undefined ? [] : readShape(ratio, errors) };
}

/** A weight that is not said, or 0, is 1. */
function readResources(fields: ConfigFields): readonly WeightedResource[] {
  return fields.list("resources").map((resource) => {
    resource.refuseOthers(["name", "weight"]);
    return { name: resource.required("name"), weight: resource.whole("weight", ANY) || 1 };
  });
}

function readShape(ratio: ConfigFields, errors: FieldError[]): readonly ShapePoint[] {
  const at = `${ratio.path}.shape`;
  const shape = ratio.list("shape").map((point) => {
    point.refuseOthers(["utilization", "score"]);
    return { utilization: point.whole("utilization", ANY) ?? 0, score: point.whole("score", ANY) ?? 0 };
  });
  if (shape.length === 0) errors.push(requiredField(at, "at least one point must be specified"));
  const unsorted = shape.findIndex(({ utilization }, index) => index > 0 && (shape[index - 1]?.utilization ?? 0) >= utilization);
  if (unsorted > 0) errors.push(invalidField(`${at}[${unsorted}].utilization`, shape[unsorted]?.utilization, "values must be sorted in increasing order"));
  shape.forEach(({ utilization, score }, index) => {
    if (utilization < 0 || utilization > 100) errors.push(invalidField(`${at}[${index}].utilization`, utilization, "not in valid range [0, 100]"));
    if (score < 0 || score > 10) errors.push(invalidField(`${at}[${index}].score`, score, "not in valid range [0, 10]"));
  });
  return shape;
}

function constraintErrors(
  { maxSkew, topologyKey, whenUnsatisfiable, labelSelector }: TopologySpreadConstraint,
  list: readonly TopologySpreadConstraint[],
  index: number,
  path: string,
): readonly FieldError[] {
  const at = `${path}[${index}]`;
  const errors: FieldError[] = [];
  if (!(maxSkew > 0)) errors.push(invalidField(`${at}.maxSkew`, maxSkew, "not in valid range (0, inf)"));
  if (!topologyKey) errors.push(requiredField(`${at}.topologyKey`, "can not be empty"));
  else errors.push(...nameErrors(`${at}.topologyKey`, topologyKey));
  if (!whenUnsatisfiable) errors.push(requiredField(`${at}.whenUnsatisfiable`, "can not be empty"));
  else if (!["DoNotSchedule", "ScheduleAnyway"].includes(whenUnsatisfiable))
    errors.push(unsupportedValue(`${at}.whenUnsatisfiable`, whenUnsatisfiable, ["DoNotSchedule", "ScheduleAnyway"]));
  if (labelSelector !== undefined) errors.push(forbiddenField(`${at}.labelSelector`, "constraint must not define a selector, as they deduced for each pod"));
  if (list.slice(0, index).some((other) => other.topologyKey === topologyKey && other.whenUnsatisfiable === whenUnsatisfiable))
    errors.push(duplicateField(at, `{${topologyKey}, ${whenUnsatisfiable}}`));
  return errors;
}

interface ReadPart {
  readonly value: unknown;
  /** What its schema says against it, as fields of a pod. */
  readonly errors: readonly FieldError[];
}

/**
 * A part of a pod's specification, read as the API reads it; what it holds is for others to judge. Throws with the place of what is unknown
 * or of a wrong type.
 */
function readPart(args: ConfigFields, name: string, specOf: (value: unknown) => object): ReadPart {
  const value = args.value(name);
  if (value === undefined || value === null) return { value: [], errors: [] };
  const at = `${args.path}.${name}`;
  const pod = (inner: unknown) => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p" },
    spec: { containers: [{ name: "c", image: "i" }], ...specOf(inner) },
  });
  const prefix = name === "addedAffinity" ? "spec.affinity.nodeAffinity" : "spec.topologySpreadConstraints";
  const { value: conformed, unknown, errors } = conform(podResource.schema, pod(value), { defaults: true, prune: true });
  const strange = unknown.find((field) => field.startsWith(prefix));
  if (strange !== undefined) throw new Error(`${strange.replace(prefix, at)}: is not known`);
  const wrong = errors.find(({ type, field }) => type === "FieldValueTypeInvalid" && field.startsWith(prefix));
  if (wrong !== undefined) throw new Error(`${wrong.field.replace(prefix, at)}: ${wrong.message}`);
  const { spec } = conformed as Pod; // the shape of one, as far as it is looked at
  return {
    value: name === "addedAffinity" ? (spec.affinity?.nodeAffinity ?? {}) : (spec.topologySpreadConstraints ?? []),
    errors: errors.filter(({ field }) => field.startsWith(prefix)),
  };
}

function nameErrors(at: string, name: string): readonly FieldError[] {
  const problem = qualifiedNameError(name);
  return problem === undefined ? [] : [invalidField(at, name, problem)];
}
