import type { FeatureGate, FeatureGates } from "../apimachinery/feature-gates.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { POD_SPECS } from "./pod-places.ts";

/** Names of fields from the top of an object on; a star stands for every item of a list or value of a map. */
type Path = readonly string[];

/** The fields of a feature that is off in 1.36. */
interface Feature {
  /** What switches it on; nothing does where this is absent. */
  readonly gate?: FeatureGate;
  readonly paths: readonly Path[];
  /** What goes along with a field that was all it held. */
  readonly goesEmpty?: string;
}

const path = (text: string): Path => text.split(".");

const CONTAINERS = ["containers", "initContainers", "ephemeralContainers"];

/** Of the spec of a pod, wherever it is. */
const OF_POD_SPECS: readonly Feature[] = [
  { paths: CONTAINERS.map((list) => path(`${list}.*.lifecycle.stopSignal`)), goesEmpty: "lifecycle" },
  { paths: [path("volumes.*.projected.sources.*.clusterTrustBundle")] },
  { paths: [path("volumes.*.projected.sources.*.podCertificate")] },
  { paths: [path("schedulingGroup")] },
];

const OF_KINDS: Readonly<Record<string, readonly Feature[]>> = {
  "/pods": [
    { paths: ["containerStatuses", "initContainerStatuses", "ephemeralContainerStatuses"].map((list) => path(`status.${list}.*.volumeMounts.*.volumeStatus`)) },
    { paths: [path("status.nodeAllocatableResourceClaimStatuses")] },
  ],
  // Agents cannot be configured through the API any more.
  "/nodes": [{ paths: [path("spec.configSource")] }, { paths: [path("status.config")] }],
  "apps/statefulsets": [{ gate: "MaxUnavailableStatefulSet", paths: [path("spec.updateStrategy.rollingUpdate.maxUnavailable")] }],
  "coordination.k8s.io/leases": [{ paths: [path("spec.strategy")] }, { paths: [path("spec.preferredHolder")] }],
  "resource.k8s.io/resourceslices": [
    { paths: [path("spec.devices.*.nodeAllocatableResourceMappings")] },
    { paths: ["bools", "ints", "strings", "versions"].map((list) => path(`spec.devices.*.attributes.*.${list}`)) },
  ],
  "storage.k8s.io/csidrivers": [{ gate: "VolumeLimitScaling", paths: [path("spec.preventPodSchedulingIfMissing")] }],
};

const FEATURES: ReadonlyMap<string, readonly Feature[]> = new Map(
  [...new Set([...Object.keys(POD_SPECS), ...Object.keys(OF_KINDS)])].map((kind) => {
    const root = POD_SPECS[kind];
    const ofPods = root === undefined ? [] : OF_POD_SPECS.map((feature) => ({ ...feature, paths: feature.paths.map((found) => [...root, ...found]) }));
    return [kind, [...ofPods, ...(OF_KINDS[kind] ?? [])]];
  }),
);

/** The object without the fields of features that are off, as upstream drops them. An object that has such fields already keeps them. Pure. */
export function withoutDisabledFields<T extends KubeObject>(
  { group, resource }: { readonly group: string; readonly resource: string },
  object: T,
  old: T | undefined,
  disabled: FeatureGates,
): T {
  let kept: unknown = object;
  for (const { gate, paths, goesEmpty } of FEATURES.get(`${group}/${resource}`) ?? []) {
    if (gate !== undefined && !disabled.has(gate)) continue;
    const used = paths.filter((found) => isSet(kept, found, 0));
    if (used.length === 0 || paths.some((found) => isSet(old, found, 0))) continue;
    for (const found of used) kept = without(kept, found, 0, goesEmpty);
  }
  return kept as T; // less of what may be absent
}

function isSet(value: unknown, names: Path, at: number): boolean {
  if (value === undefined || value === null) return false;
  const name = names[at];
  if (name === undefined) return true;
  if (typeof value !== "object") return false;
  if (name === "*") return Object.values(value).some((item) => isSet(item, names, at + 1));
  return isSet((value as Readonly<Record<string, unknown>>)[name], names, at + 1); // an object
}

function without(value: unknown, names: Path, at: number, goesEmpty: string | undefined): unknown {
  if (typeof value !== "object" || value === null) return value;
  const name = names[at] ?? "";
  if (Array.isArray(value)) return value.map((item: unknown) => without(item, names, at + 1, goesEmpty));
  if (name === "*") return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, without(item, names, at + 1, goesEmpty)]));
  if (!(name in value)) return value;
  const parts = Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
    if (key !== name) return [[key, inner]];
    if (at === names.length - 1) return [];
    const less = without(inner, names, at + 1, goesEmpty);
    return name === goesEmpty && typeof less === "object" && less !== null && Object.keys(less).length === 0 ? [] : [[key, less]];
  });
  return Object.fromEntries(parts);
}
