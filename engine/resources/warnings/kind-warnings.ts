import type { KubeObject } from "../../apimachinery/object-meta.ts";
import type {
  CronJob,
  CSIStorageCapacity,
  Endpoints,
  EndpointSlice,
  Ingress,
  Job,
  JobSpec,
  NetworkPolicy,
  Node,
  PodTemplateSpec,
  RuntimeClass,
  StatefulSet,
  StorageClass,
} from "../types.ts";
import { addressWarnings, cidrWarnings } from "../validation/ip.ts";
import { claimSpecWarnings } from "./claim-warnings.ts";
import { nodeLabelProblem, selectorWarnings, termWarnings } from "./node-label-warnings.ts";
import { nameWarnings } from "./name-warnings.ts";
import { isSameGeneration, podWarnings } from "./pod-warnings.ts";

interface PodMaker extends KubeObject {
  readonly spec: { readonly template?: PodTemplateSpec };
}

/** In Jobs of more indexes and more pods at once, those that fail may be too many to be written down. */
const INDEXES_MAX = 100_000;
const PARALLEL_MAX = 10_000;

/** Of what makes pods that are called after it. */
export function podMakerWarnings({ metadata, spec }: PodMaker, old?: PodMaker): string[] {
  return [
    ...(old === undefined ? nameWarnings(metadata.name) : []),
    ...(isSameGeneration(metadata, old) ? [] : podWarnings(spec.template ?? {}, "spec.template")),
  ];
}

export function statefulSetWarnings({ metadata, spec }: StatefulSet, old?: StatefulSet): string[] {
  // Upstream names the place in two ways.
  const claims = (spec.volumeClaimTemplates ?? []).flatMap((claim, index) =>
    claimSpecWarnings(claim.spec, `spec.volumeClaimTemplates[${index}]${old === undefined ? "" : ".Spec"}`),
  );
  return [
    ...(isSameGeneration(metadata, old) ? [] : podWarnings(spec.template, "spec.template")),
    ...claims,
    ...((spec.revisionHistoryLimit ?? 0) < 0
      ? ["spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended"]
      : []),
  ];
}

export function jobWarnings({ metadata, spec }: Job, old?: Job): string[] {
  return [...(old === undefined ? nameWarnings(metadata.name) : []), ...(isSameGeneration(metadata, old) ? [] : jobSpecWarnings(spec, "spec"))];
}

export function cronJobWarnings({ metadata, spec }: CronJob, old?: CronJob): string[] {
  return [
    ...(old === undefined ? nameWarnings(metadata.name) : []),
    ...(spec.jobTemplate.spec === undefined || isSameGeneration(metadata, old) ? [] : jobSpecWarnings(spec.jobTemplate.spec, "spec.jobTemplate.spec")),
    ...(old !== undefined && spec.schedule.includes("TZ")
      ? [
          "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details",
        ]
      : []),
  ];
}

function jobSpecWarnings({ completionMode, completions = 0, parallelism = 0, template }: JobSpec, at: string): string[] {
  const isHuge = completionMode === "Indexed" && completions > INDEXES_MAX && parallelism > PARALLEL_MAX;
  const text =
    "In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, Kubernetes might not be able to track completedIndexes when a big number of indexes fail";
  return [...(isHuge ? [`${at}: ${text}`] : []), ...podWarnings(template, `${at}.template`)];
}

export function nodeWarnings({ spec = {} }: Node): string[] {
  return [
    ...(spec.configSource === undefined ? [] : ["spec.configSource: the feature is removed"]),
    ...(spec.externalID ? ["spec.externalID: this field is deprecated, and is unused by Kubernetes"] : []),
    ...(spec.podCIDRs ?? []).flatMap((range, index) => cidrWarnings(range, `spec.podCIDRs[${index}]`)),
  ];
}

/** Controllers write no others than canonical addresses, and often. */
export function endpointsWarnings({ metadata, subsets = [] }: Endpoints): string[] {
  if (metadata.labels?.["endpoints.kubernetes.io/managed-by"] === "endpoint-controller") return [];
  return subsets.flatMap((subset, index) =>
    (["addresses", "notReadyAddresses"] as const).flatMap((list) =>
      (subset[list] ?? []).flatMap(({ ip }, a) => addressWarnings(ip, `subsets[${index}].${list}[${a}].ip`)),
    ),
  );
}

export function endpointSliceWarnings({ metadata, addressType, endpoints }: EndpointSlice, old?: EndpointSlice): string[] {
  const gone = old === undefined && addressType === "FQDN" ? ["spec.addressType: FQDN endpoints are deprecated"] : [];
  const manager = metadata.labels?.["endpointslice.kubernetes.io/managed-by"];
  if (manager === "endpointslice-controller.k8s.io" || manager === "endpointslicemirroring-controller.k8s.io") return gone;
  return [
    ...gone,
    ...(endpoints ?? []).flatMap(({ addresses }, index) => addresses.flatMap((address, a) => addressWarnings(address, `endpoints[${index}].addresses[${a}]`))),
  ];
}

export function networkPolicyWarnings({ spec = {} }: NetworkPolicy): string[] {
  const rules = [
    ...(spec.ingress ?? []).map(({ from = [] }, index) => [`spec.ingress[${index}].from`, from] as const),
    ...(spec.egress ?? []).map(({ to = [] }, index) => [`spec.egress[${index}].to`, to] as const),
  ];
  return rules.flatMap(([at, peers]) =>
    peers.flatMap(({ ipBlock }, index) => {
      const block = `${at}[${index}].ipBlock`;
      return ipBlock === undefined
        ? []
        : [...cidrWarnings(ipBlock.cidr, `${block}.cidr`), ...(ipBlock.except ?? []).flatMap((cidr, e) => cidrWarnings(cidr, `${block}.except[${e}]`))];
    }),
  );
}

const CLASS_ANNOTATION = "kubernetes.io/ingress.class";

export function ingressWarnings({ metadata, spec }: Ingress, old?: Ingress): string[] {
  const isOld = old === undefined && metadata.annotations?.[CLASS_ANNOTATION] !== undefined && spec?.ingressClassName === undefined;
  return isOld ? [`annotation ${JSON.stringify(CLASS_ANNOTATION)} is deprecated, please use 'spec.ingressClassName' instead`] : [];
}

export function runtimeClassWarnings({ scheduling }: RuntimeClass, old?: RuntimeClass): string[] {
  return old === undefined ? selectorWarnings(scheduling?.nodeSelector ?? {}, () => "scheduling.nodeSelector") : [];
}

export function storageClassWarnings({ allowedTopologies = [] }: StorageClass): string[] {
  return allowedTopologies.flatMap(({ matchLabelExpressions = [] }, index) =>
    matchLabelExpressions.flatMap(({ key }, e) => {
      const problem = nodeLabelProblem(key);
      return problem === undefined ? [] : [`allowedTopologies[${index}].matchLabelExpressions[${e}].key: ${problem}`];
    }),
  );
}

export function storageCapacityWarnings({ nodeTopology = {} }: CSIStorageCapacity): string[] {
  return [
    ...termWarnings(nodeTopology, "nodeTopology", false),
    ...selectorWarnings(nodeTopology.matchLabels ?? {}, (label) => `nodeTopology.matchLabels.${label}`),
  ];
}

/** Names that upstream keeps for configurations out of files. */
export function staticNameWarnings({ metadata: { name = "" } }: KubeObject): string[] {
  return name.endsWith(".static.k8s.io")
    ? ['metadata.name: names ending with ".static.k8s.io" are reserved for static manifest-based configurations and cannot be managed via the API']
    : [];
}
