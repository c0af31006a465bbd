import { APP_ARMOR_CONTAINER, appArmorProfileOf, SECCOMP_CONTAINER, SECCOMP_POD } from "../profile-annotations.ts";
import type { ObjectMeta } from "../../apimachinery/object-meta.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { repeatsOf } from "../../lib/repeats.ts";
import type { Container, PodSpec, Volume } from "../types.ts";
import { addressWarnings } from "../validation/ip.ts";
import { claimSpecWarnings } from "./claim-warnings.ts";
import { containerWarnings, fractionWarnings, portWarnings, type PlacedContainers } from "./container-warnings.ts";
import { nodeLabelProblem, selectorWarnings, termWarnings } from "./node-label-warnings.ts";
import { volumePathWarnings } from "./volume-path-warnings.ts";

/** A pod, or the template of one. */
export interface PodLike {
  readonly metadata?: Pick<ObjectMeta, "annotations">;
  readonly spec?: PodSpec;
}

/** Of no effect for a long time. */
const GONE_ANNOTATIONS: Readonly<Record<string, string>> = {
  "scheduler.alpha.kubernetes.io/critical-pod": 'non-functional in v1.16+; use the "priorityClassName" field instead',
  "security.alpha.kubernetes.io/sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
  "security.alpha.kubernetes.io/unsafe-sysctls": 'non-functional in v1.11+; use the "sysctls" field instead',
};
const GONE_VOLUMES = {
  photonPersistentDisk: "deprecated in v1.11, non-functional in v1.16+",
  gitRepo: "deprecated in v1.11, and disabled by default in v1.33+",
  scaleIO: "deprecated in v1.16, non-functional in v1.22+",
  flocker: "deprecated in v1.22, non-functional in v1.25+",
  storageos: "deprecated in v1.22, non-functional in v1.25+",
  quobyte: "deprecated in v1.22, non-functional in v1.25+",
  glusterfs: "deprecated in v1.25, non-functional in v1.26+",
  cephfs: "deprecated in v1.28, non-functional in v1.31+",
  rbd: "deprecated in v1.28, non-functional in v1.31+",
} as const;

/** What is accepted, yet hardly meant: told to the writer, as upstream does. `at` is the template's place, empty for a pod itself. */
export function podWarnings({ metadata, spec }: PodLike, at: string): string[] {
  if (spec === undefined) return [];
  const [of, annotations] = [at === "" ? "spec" : `${at}.spec`, metadata?.annotations ?? {}];
  const annotationAt = (key: string) => `${at === "" ? "" : `${at}.`}metadata.annotations[${key}]`;
  const containers: PlacedContainers = (
    [
      ["initContainers", spec.initContainers],
      ["containers", spec.containers],
    ] as const
  ).flatMap(([list, all = []]) => all.map((container, index) => [`${of}.${list}[${index}]`, container] as const));
  return [
    ...placementWarnings(spec, of),
    ...Object.entries(GONE_ANNOTATIONS).flatMap(([key, sentence]) => (annotations[key] === undefined ? [] : [`${annotationAt(key)}: ${sentence}`])),
    ...(spec.volumes ?? []).flatMap((volume, index) => volumeWarnings(volume, `${of}.volumes[${index}]`)),
    ...volumePathWarnings(spec.volumes ?? []),
    ...listWarnings(spec, of),
    ...["memory", "ephemeral-storage"].flatMap((name) => fractionWarnings(spec.overhead?.[name], `${of}.overhead[${name}]`)),
    ...(annotations[SECCOMP_POD] === undefined || spec.securityContext?.seccompProfile !== undefined
      ? []
      : [`${annotationAt(SECCOMP_POD)}: non-functional in v1.27+; use the "seccompProfile" field instead`]),
    ...containers.flatMap(([path, container]) => [...seccompWarnings(container, annotations, annotationAt), ...containerWarnings(container, path)]),
    ...(at === "" ? [] : appArmorWarnings({ metadata, spec }, at)),
    ...portWarnings(containers),
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0
      ? [`${of}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`]
      : []),
    ...affinityWarnings(spec, of),
    ...(spec.dnsConfig?.nameservers ?? []).flatMap((address, index) => addressWarnings(address, `${of}.dnsConfig.nameservers[${index}]`)),
    ...(spec.hostAliases ?? []).flatMap(({ ip }, index) => addressWarnings(ip, `${of}.hostAliases[${index}].ip`)),
  ];
}

/** Whether a write has left the spec as it was: its writer has heard before what is odd about it. */
export function isSameGeneration({ generation }: ObjectMeta, old: { readonly metadata: ObjectMeta } | undefined): boolean {
  return old !== undefined && old.metadata.generation === generation;
}

/** By which labels nodes are chosen. */
function placementWarnings({ nodeSelector = {}, affinity, topologySpreadConstraints = [] }: PodSpec, of: string): string[] {
  const at = `${of}.affinity.nodeAffinity`;
  const { requiredDuringSchedulingIgnoredDuringExecution: required, preferredDuringSchedulingIgnoredDuringExecution: preferred = [] } =
    affinity?.nodeAffinity ?? {};
  return [
    ...selectorWarnings(nodeSelector, (label) => `${of}.nodeSelector[${label}]`),
    ...(required?.nodeSelectorTerms ?? []).flatMap((term, index) =>
      termWarnings(term, `${at}.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[${index}]`, false),
    ),
    ...preferred.flatMap(({ preference }, index) =>
      termWarnings(preference, `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].preference`, true),
    ),
    ...topologySpreadConstraints.flatMap(({ topologyKey, labelSelector }, index) => {
      const [constraint, problem] = [`${of}.topologySpreadConstraints[${index}]`, nodeLabelProblem(topologyKey)];
      return [...(problem === undefined ? [] : [`${constraint}.topologyKey: ${topologyKey} is ${problem}`]), ...nullSelector(labelSelector, constraint)];
    }),
  ];
}

function affinityWarnings({ affinity }: PodSpec, of: string): string[] {
  return (["podAffinity", "podAntiAffinity"] as const).flatMap((kind) => {
    const { requiredDuringSchedulingIgnoredDuringExecution: required = [], preferredDuringSchedulingIgnoredDuringExecution: preferred = [] } =
      affinity?.[kind] ?? {};
    const at = `${of}.affinity.${kind}`;
    return [
      ...required.flatMap(({ labelSelector }, index) => nullSelector(labelSelector, `${at}.requiredDuringSchedulingIgnoredDuringExecution[${index}]`)),
      ...preferred.flatMap(({ podAffinityTerm }, index) =>
        nullSelector(podAffinityTerm.labelSelector, `${at}.preferredDuringSchedulingIgnoredDuringExecution[${index}].podAffinityTerm`),
      ),
    ];
  });
}

function nullSelector(selector: unknown, at: string): string[] {
  return selector === undefined ? [`${at}.labelSelector: a null labelSelector results in matching no pod`] : [];
}

function volumeWarnings(volume: Volume, at: string): string[] {
  const gone = Object.entries(GONE_VOLUMES).flatMap(([source, sentence]) =>
    volume[source as keyof typeof GONE_VOLUMES] === undefined ? [] : [`${at}.${source === "storageos" ? "storageOS" : source}: ${sentence}`],
  ); // the table's own names; of one upstream tells another spelling
  return [...gone, ...claimSpecWarnings(volume.ephemeral?.volumeClaimTemplate?.spec, `${at}.ephemeral.volumeClaimTemplate.spec`)];
}

/** Of two items with one name only one counts. */
function listWarnings({ hostAliases = [], imagePullSecrets = [] }: PodSpec, of: string): string[] {
  const names = imagePullSecrets.map(({ name = "" }) => name);
  return [
    ...repeated(hostAliases.map(({ ip }) => ip)).map(([index, ip]) => `${of}.hostAliases[${index}].ip: duplicate ip ${JSON.stringify(ip)}`),
    ...repeated(names).map(([index, name]) => `${of}.imagePullSecrets[${index}].name: duplicate name ${JSON.stringify(name)}`),
    ...names.flatMap((name, index) => (name === "" ? [`${of}.imagePullSecrets[${index}].name: invalid empty name ""`] : [])),
  ];
}

function repeated(texts: readonly string[]): readonly (readonly [number, string])[] {
  const repeats = repeatsOf(texts);
  return texts.flatMap((text, index) => (repeats[index] === true ? [[index, text] as const] : []));
}

function seccompWarnings({ name, securityContext }: Container, annotations: Readonly<Record<string, string>>, annotationAt: (key: string) => string): string[] {
  const key = `${SECCOMP_CONTAINER}${name}`;
  return annotations[key] === undefined || securityContext?.seccompProfile !== undefined
    ? []
    : [`${annotationAt(key)}: non-functional in v1.27+; use the "seccompProfile" field instead`];
}

/** Of annotations that have no field beside them: said of templates, and of pods as they were written, for they are kept with the fields. */
export function appArmorWarnings({ metadata, spec }: PodLike, at: string): string[] {
  const annotations = metadata?.annotations;
  if (annotations === undefined || spec === undefined) return [];
  return [...(spec.initContainers ?? []), ...spec.containers].flatMap(({ name, securityContext }) => {
    const key = `${APP_ARMOR_CONTAINER}${name}`;
    const asked = annotations[key];
    const isAnswered =
      asked === undefined ||
      securityContext?.appArmorProfile !== undefined ||
      (spec.securityContext?.appArmorProfile !== undefined && jsonEqual(spec.securityContext.appArmorProfile, appArmorProfileOf(asked)));
    return isAnswered ? [] : [`${at === "" ? "" : `${at}.`}metadata.annotations[${key}]: deprecated since v1.30; use the "appArmorProfile" field instead`];
  });
}
