import { invalid } from "../../apimachinery/field-error.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { forbidden, internalError, joinProblems } from "../../apimachinery/status-error.ts";
import { describeError } from "../../lib/log.ts";
import { podResource } from "../../resources/core/pod.ts";
import { valueAt } from "../../resources/pod-places.ts";
import type { Container, Namespace, Pod, PodSpec } from "../../resources/types.ts";
import { isKind, requestName, type AdmissionAttributes, type AdmissionPlugin, type AdmissionReader } from "../admission.ts";
import { templatePlace } from "../pod-templates.ts";
import { readNamespace } from "../request-matching.ts";
import type { PodParts } from "./check.ts";
import { describeViolations, evaluatePod } from "./evaluate-pod.ts";
import type { PodSecurityMetrics } from "./pod-security-metrics.ts";
import { asksForNothing, formatLevel, isSameLevel, labelsOf, LEVELS, MODES, OPEN_POLICY, readPolicy, type LevelVersion, type Policy } from "./policy.ts";
import type { PodSecuritySettings } from "./pod-security-settings.ts";

/** More pods of a namespace are not looked at when its level rises. */
const PODS_MAX = 3_000;
const ANNOTATION = "pod-security.kubernetes.io/";
const [ENFORCED, EXEMPT, ERROR] = [`${ANNOTATION}enforce-policy`, `${ANNOTATION}exempt`, `${ANNOTATION}error`] as const;
/** Writes to these change nothing of what a pod may do. */
const HARMLESS_SUBRESOURCES = new Set(["exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status"]);

export interface PodSecurityParts {
  readonly settings: PodSecuritySettings;
  readonly metrics: PodSecurityMetrics;
}

/** Holds pods to the level that their namespace's labels ask for; makers of pods are warned early, and so is who raises the level. */
export function podSecurity(parts: PodSecurityParts): AdmissionPlugin {
  return {
    name: "PodSecurity",
    async validate(attributes, reader) {
      if (attributes.operation !== "CREATE" && attributes.operation !== "UPDATE") return;
      if (isKind(attributes, "", "namespaces")) return validateNamespace(attributes, reader, parts.settings);
      if (isKind(attributes, "", "pods")) return validatePod(attributes, reader, parts);
      const place = attributes.subresource === undefined ? templatePlace(attributes) : undefined;
      if (place !== undefined) return validateWorkload(attributes, place, reader, parts);
    },
  };
}

async function validateNamespace(attributes: AdmissionAttributes, reader: AdmissionReader, settings: PodSecuritySettings): Promise<void> {
  const namespace = attributes.object as Namespace; // isKind
  if (attributes.subresource !== undefined) return;
  const { name = "", labels } = namespace.metadata;
  const { policy, errors } = readPolicy(labels, settings.defaults);
  const before = attributes.old === undefined ? undefined : readPolicy(attributes.old.metadata.labels, settings.defaults);
  const isNews = JSON.stringify(errors) !== JSON.stringify(before?.errors ?? []);
  if (errors.length > 0 && isNews) throw invalid("", "Namespace", name, errors);
  if (before !== undefined && !isRaised(policy.enforce, before.policy.enforce)) return;
  const warnings = settings.exemptions.namespaces.includes(name)
    ? describeIgnored(name, labels, policy, settings)
    : before === undefined
      ? []
      : describeMisfits(
          name,
          (await reader.list(podResource, name)).filter(({ spec }) => !isExemptClass(spec, settings)),
          policy.enforce,
        );
  for (const warning of warnings) attributes.notes?.warn(warning);
}

function isRaised(enforce: LevelVersion, before: LevelVersion): boolean {
  if (enforce.level === "privileged" || isSameLevel(enforce, before)) return false;
  return enforce.minor !== before.minor || LEVELS.indexOf(enforce.level) > LEVELS.indexOf(before.level);
}

/** Who asks for something in an exempt namespace is told that nothing comes of it. Pure. */
function describeIgnored(
  namespace: string,
  labels: Readonly<Record<string, string>> | undefined,
  policy: Policy,
  { defaults }: PodSecuritySettings,
): readonly string[] {
  if (asksForNothing(policy) || MODES.every((mode) => isSameLevel(policy[mode], defaults[mode]))) return [];
  const asked = MODES.filter((mode) => policy[mode].level !== "privileged" && labelsOf(mode).some((label) => labels?.[label] !== undefined));
  return [
    `namespace ${JSON.stringify(namespace)} is exempt from Pod Security, and the policy (${asked.map((mode) => `${mode}=${formatLevel(policy[mode])}`).join(", ")}) will be ignored`,
  ];
}

/** What to say about the pods of a namespace that its new level would not have let in. Pods that fail alike share a line. Pure. */
export function describeMisfits(namespace: string, pods: readonly Pod[], enforce: LevelVersion): readonly string[] {
  const byReason = new Map<string, string[]>();
  for (const pod of pods.slice(0, PODS_MAX)) {
    const reasons = evaluatePod(pod, enforce)
      .map(({ reason }) => reason)
      .join(", ");
    if (reasons !== "") byReason.set(reasons, [...(byReason.get(reasons) ?? []), pod.metadata.name ?? ""].sort());
  }
  const others = (count: number) => (count === 0 ? "" : count === 1 ? " (and 1 other pod)" : ` (and ${count} other pods)`);
  return [
    ...(pods.length > PODS_MAX ? [`new PodSecurity enforce level only checked against the first ${PODS_MAX} of ${pods.length} existing pods`] : []),
    ...(byReason.size > 0 ? [`existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${formatLevel(enforce)}"`] : []),
    ...[...byReason].map(([reasons, names]) => `${names[0]}${others(names.length - 1)}: ${reasons}`).sort(),
  ];
}

async function validatePod(attributes: AdmissionAttributes, reader: AdmissionReader, parts: PodSecurityParts): Promise<void> {
  const { subresource, notes } = attributes;
  if ((subresource !== undefined && HARMLESS_SUBRESOURCES.has(subresource)) || isExemptRequest(attributes, parts)) return;
  const found = await policyOf(attributes, reader, parts);
  if (found.is === "failed") throw internalError(found.problem);
  if (found.problem === undefined && asksForNothing(found.policy)) {
    notes?.annotate(ENFORCED, formatLevel(OPEN_POLICY.enforce));
    return parts.metrics.evaluated(attributes, "enforce", found.policy.enforce, "allow");
  }
  const pod = attributes.object as Pod; // isKind, and subresources with other bodies are left out
  const old = attributes.old as Pod | undefined; // likewise
  if (old === undefined || isSignificant(pod, old)) judge(attributes, pod, found, parts, true);
}

async function validateWorkload(attributes: AdmissionAttributes, place: readonly string[], reader: AdmissionReader, parts: PodSecurityParts): Promise<void> {
  if (isExemptRequest(attributes, parts)) return;
  const found = await policyOf(attributes, reader, parts);
  // Its pods will be refused; whoever makes what makes them need not wait for that to be mended.
  if (found.is === "failed" || (found.problem === undefined && found.policy.audit.level === "privileged" && found.policy.warn.level === "privileged")) return;
  const template = templateAt(attributes.object, place);
  if (template !== undefined) judge(attributes, template, found, parts, false);
}

/** Notes for the audit log what a pod breaks, and tells its writer, by an error when it `isEnforced`. */
function judge(
  attributes: AdmissionAttributes,
  pod: PodParts,
  { policy, problem }: FoundPolicy,
  { settings, metrics }: PodSecurityParts,
  isEnforced: boolean,
): void {
  const { notes } = attributes;
  if (isExemptClass(pod.spec, settings)) {
    notes?.annotate(EXEMPT, "runtimeClass");
    return metrics.exempted(attributes);
  }
  if (problem !== undefined) {
    notes?.annotate(ERROR, problem);
    metrics.failed(attributes, false);
  }
  const known = new Map<string, string>();
  const breaches = (level: LevelVersion): string => {
    const name = formatLevel(level);
    const text = known.get(name) ?? describeViolations(evaluatePod(pod, level));
    known.set(name, text);
    return text === "" ? "" : `PodSecurity "${name}": ${text}`;
  };
  const refusal = isEnforced ? breaches(policy.enforce) : "";
  if (isEnforced) {
    notes?.annotate(ENFORCED, formatLevel(policy.enforce));
    metrics.evaluated(attributes, "enforce", policy.enforce, refusal === "" ? "allow" : "deny");
  }
  const audited = breaches(policy.audit);
  if (audited !== "") {
    notes?.annotate(`${ANNOTATION}audit-violations`, `would violate ${audited}`);
    metrics.evaluated(attributes, "audit", policy.audit, "deny");
  }
  if (refusal !== "") throw forbidden(podResource, requestName(attributes), `violates ${refusal}`);
  const warned = breaches(policy.warn);
  if (warned === "") return;
  notes?.warn(`would violate ${warned}`);
  metrics.evaluated(attributes, "warn", policy.warn, "deny");
}

/** Whose pods are not looked at is noted for the audit log. */
function isExemptRequest(attributes: AdmissionAttributes, { settings: { exemptions }, metrics }: PodSecurityParts): boolean {
  const { namespace, user, notes } = attributes;
  const reason = exemptions.namespaces.includes(namespace) ? "namespace" : exemptions.usernames.includes(user.username) ? "user" : undefined;
  if (reason === undefined) return false;
  notes?.annotate(EXEMPT, reason);
  metrics.exempted(attributes);
  return true;
}

function isExemptClass({ runtimeClassName }: PodSpec, { exemptions }: PodSecuritySettings): boolean {
  return runtimeClassName !== undefined && exemptions.runtimeClasses.includes(runtimeClassName);
}

interface FoundPolicy {
  readonly is: "found";
  readonly policy: Policy;
  /** What of the labels cannot be read. */
  readonly problem: string | undefined;
}

/** A commit may bring the namespace itself; then its labels are judged when it comes. */
async function policyOf(
  attributes: AdmissionAttributes,
  reader: AdmissionReader,
  { settings, metrics }: PodSecurityParts,
): Promise<FoundPolicy | { readonly is: "failed"; readonly problem: string }> {
  const { namespace, assumedNamespaces, notes } = attributes;
  const found = await readNamespace(attributes, reader).catch((error: unknown) => describeError(error));
  if (typeof found === "string" || (found === undefined && assumedNamespaces?.has(namespace) !== true)) {
    const problem = `failed to lookup namespace ${JSON.stringify(namespace)}`;
    notes?.annotate(ERROR, `${problem}: ${found ?? `namespace ${JSON.stringify(namespace)} not found`}`);
    metrics.failed(attributes, true);
    return { is: "failed", problem };
  }
  const { policy, errors } = readPolicy(found?.metadata.labels, settings.defaults);
  return {
    is: "found",
    policy,
    problem: errors.length === 0 ? undefined : `Failed to parse policy: ${joinProblems(errors.map(({ field, message }) => `${field}: ${message}`))}`,
  };
}

function templateAt(object: KubeObject | undefined, place: readonly string[]): PodParts | undefined {
  const template = valueAt(object, place) as { readonly metadata?: PodParts["metadata"]; readonly spec?: PodSpec } | undefined; // likewise
  return template?.spec === undefined ? undefined : { metadata: template.metadata ?? {}, spec: template.spec };
}

/** Whether an update changes what is run; the rest of what a pod may do cannot change. */
function isSignificant(pod: Pod, old: Pod): boolean {
  const differs = (now: readonly Container[] = [], before: readonly Container[] = []) =>
    now.length !== before.length || now.some(({ image }, index) => image !== before[index]?.image);
  const debuggers = old.spec.ephemeralContainers ?? [];
  return (
    differs(pod.spec.containers, old.spec.containers) ||
    differs(pod.spec.initContainers, old.spec.initContainers) ||
    (pod.spec.ephemeralContainers ?? []).some((container) => debuggers.find(({ name }) => name === container.name)?.image !== container.image)
  );
}
