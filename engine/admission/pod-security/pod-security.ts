import { invalid } from "../../apimachinery/field-error.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { forbidden } from "../../apimachinery/status-error.ts";
import { namespaceResource } from "../../resources/core/namespace.ts";
import { podResource } from "../../resources/core/pod.ts";
import type { Container, Namespace, Pod, PodSpec } from "../../resources/types.ts";
import { isKind, type AdmissionAttributes, type AdmissionPlugin, type AdmissionReader } from "../admission.ts";
import { templatePlace, valueAt } from "../pod-templates.ts";
import type { PodParts } from "./check.ts";
import { describeViolations, evaluatePod } from "./evaluate-pod.ts";
import { asksForNothing, formatLevel, isSameLevel, labelsOf, LEVELS, MODES, readPolicy, type LevelVersion, type Policy } from "./policy.ts";
import type { PodSecuritySettings } from "./pod-security-settings.ts";

/** More pods of a namespace are not looked at when its level rises. */
const PODS_MAX = 3_000;
const ANNOTATION = "pod-security.kubernetes.io/";
/** Writes to these change nothing of what a pod may do. */
const HARMLESS_SUBRESOURCES = new Set(["exec", "attach", "binding", "eviction", "log", "portforward", "proxy", "status", "resize"]);

/** Holds pods to the level that their namespace's labels ask for; makers of pods are warned early, and so is who raises the level. */
export function podSecurity(settings: PodSecuritySettings): AdmissionPlugin {
  return {
    name: "PodSecurity",
    async validate(attributes, reader) {
      if (attributes.operation !== "CREATE" && attributes.operation !== "UPDATE") return;
      if (isKind(attributes, "", "namespaces")) return validateNamespace(attributes, reader, settings);
      if (isKind(attributes, "", "pods")) return validatePod(attributes, reader, settings);
      const place = attributes.subresource === undefined ? templatePlace(attributes) : undefined;
      if (place !== undefined) return validateWorkload(attributes, place, reader, settings);
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
    : before === undefined ? [] : describeMisfits(name, (await reader.list(podResource, name)).filter(({ spec }) => !isExemptClass(spec, settings)), policy.enforce);
  for (const warning of warnings) attributes.notes?.warn(warning);
}

function isRaised(enforce: LevelVersion, before: LevelVersion): boolean {
  if (enforce.level === "privileged" || isSameLevel(enforce, before)) return false;
  return enforce.minor !== before.minor || LEVELS.indexOf(enforce.level) > LEVELS.indexOf(before.level);
}

/** Who asks for something in an exempt namespace is told that nothing comes of it. Pure. */
function describeIgnored(namespace: string, labels: Readonly<Record<string, string>> | undefined, policy: Policy, { defaults }: PodSecuritySettings): readonly string[] {
  if (asksForNothing(policy) || MODES.every((mode) => isSameLevel(policy[mode], defaults[mode]))) return [];
  const asked = MODES.filter((mode) => policy[mode].level !== "privileged" && labelsOf(mode).some((label) => labels?.[label] !== undefined));
  return [`namespace ${JSON.stringify(namespace)} is exempt from Pod Security, and the policy (${asked.map((mode) => `${mode}=${formatLevel(policy[mode])}`).join(", ")}) will be ignored`];
}

/** What to say about the pods of a namespace that its new level would not have let in. Pods that fail alike share a line. Pure. */
export function describeMisfits(namespace: string, pods: readonly Pod[], enforce: LevelVersion): readonly string[] {
  const byReason = new Map<string, string[]>();
  for (const pod of pods.slice(0, PODS_MAX)) {
    const reasons = evaluatePod(pod, enforce).map(({ reason }) => reason).join(", ");
    if (reasons !== "") byReason.set(reasons, [...(byReason.get(reasons) ?? []), pod.metadata.name ?? ""].sort());
  }
  const others = (count: number) => (count === 0 ? "" : count === 1 ? " (and 1 other pod)" : ` (and ${count} other pods)`);
  return [
    ...(pods.length > PODS_MAX ? [`new PodSecurity enforce level only checked against the first ${PODS_MAX} of ${pods.length} existing pods`] : []),
    ...(byReason.size > 0 ? [`existing pods in namespace "${namespace}" violate the new PodSecurity enforce level "${formatLevel(enforce)}"`] : []),
    ...[...byReason].map(([reasons, names]) => `${names[0]}${others(names.length - 1)}: ${reasons}`).sort(),
  ];
}

async function validatePod(attributes: AdmissionAttributes, reader: AdmissionReader, settings: PodSecuritySettings): Promise<void> {
  if (attributes.subresource !== undefined && HARMLESS_SUBRESOURCES.has(attributes.subresource)) return;
  const pod = attributes.object as Pod; // isKind, and subresources with other bodies are left out
  const old = attributes.old as Pod | undefined; // likewise
  if (isExemptRequest(attributes, settings)) return;
  if (old !== undefined && !isSignificant(pod, old)) return;
  const policy = await policyOf(attributes, reader, settings);
  if (policy === undefined || isExemptPod(attributes, pod.spec, settings)) return;
  const violations = evaluatePod(pod, policy.enforce);
  attributes.notes?.annotate(`${ANNOTATION}enforce-policy`, formatLevel(policy.enforce));
  remark(attributes, pod, policy, violations.length === 0);
  if (violations.length > 0) throw forbidden(podResource, attributes.name || (pod.metadata.generateName ?? ""), `violates PodSecurity "${formatLevel(policy.enforce)}": ${describeViolations(violations)}`);
}

async function validateWorkload(attributes: AdmissionAttributes, place: readonly string[], reader: AdmissionReader, settings: PodSecuritySettings): Promise<void> {
  if (isExemptRequest(attributes, settings)) return;
  const policy = await policyOf(attributes, reader, settings);
  const template = templateAt(attributes.object, place);
  if (policy !== undefined && template !== undefined && !isExemptPod(attributes, template.spec, settings)) remark(attributes, template, policy, true);
}

/** Whose pods are not looked at is noted for the audit log. */
function isExemptRequest({ namespace, user, notes }: AdmissionAttributes, { exemptions }: PodSecuritySettings): boolean {
  const reason = exemptions.namespaces.includes(namespace) ? "namespace" : exemptions.usernames.includes(user.username) ? "user" : undefined;
  if (reason !== undefined) notes?.annotate(`${ANNOTATION}exempt`, reason);
  return reason !== undefined;
}

function isExemptPod({ notes }: AdmissionAttributes, spec: PodSpec, settings: PodSecuritySettings): boolean {
  const isExempt = isExemptClass(spec, settings);
  if (isExempt) notes?.annotate(`${ANNOTATION}exempt`, "runtimeClass");
  return isExempt;
}

function isExemptClass({ runtimeClassName }: PodSpec, { exemptions }: PodSecuritySettings): boolean {
  return runtimeClassName !== undefined && exemptions.runtimeClasses.includes(runtimeClassName);
}

/** Notes for the audit log; and for the writer, unless an error says it all. */
function remark({ notes }: AdmissionAttributes, pod: PodParts, policy: Policy, isAllowed: boolean): void {
  const describe = (level: LevelVersion) => {
    const violations = evaluatePod(pod, level);
    return violations.length === 0 ? undefined : `would violate PodSecurity "${formatLevel(level)}": ${describeViolations(violations)}`;
  };
  const audit = describe(policy.audit);
  if (audit !== undefined) notes?.annotate(`${ANNOTATION}audit-violations`, audit);
  const warning = isAllowed ? describe(policy.warn) : undefined;
  if (warning !== undefined) notes?.warn(warning);
}

/** Undefined when the namespace asks for nothing. A commit may bring the namespace itself; then its labels are judged when it comes. */
async function policyOf({ namespace, notes }: AdmissionAttributes, reader: AdmissionReader, { defaults }: PodSecuritySettings): Promise<Policy | undefined> {
  const found = (await reader.get(namespaceResource, "", namespace)) ?? (await reader.get(namespaceResource, "", namespace, { fresh: true }));
  const { policy, errors } = readPolicy(found?.metadata.labels, defaults);
  if (errors.length > 0) notes?.annotate(`${ANNOTATION}error`, `Failed to parse policy: ${errors.map(({ field, message }) => `${field}: ${message}`).join(", ")}`);
  return asksForNothing(policy) ? undefined : policy;
}

function templateAt(object: KubeObject | undefined, place: readonly string[]): PodParts | undefined {
  const template = valueAt(object, place) as { readonly metadata?: PodParts["metadata"]; readonly spec?: PodSpec } | undefined; // likewise
  return template?.spec === undefined ? undefined : { metadata: template.metadata ?? {}, spec: template.spec };
}

/** Whether an update changes what is run; the rest of what a pod may do cannot change. */
function isSignificant(pod: Pod, old: Pod): boolean {
  const differs = (now: readonly Container[] = [], before: readonly Container[] = []) => now.length !== before.length || now.some(({ image }, index) => image !== before[index]?.image);
  const debuggers = old.spec.ephemeralContainers ?? [];
  return (
    differs(pod.spec.containers, old.spec.containers) ||
    differs(pod.spec.initContainers, old.spec.initContainers) ||
    (pod.spec.ephemeralContainers ?? []).some((container) => debuggers.find(({ name }) => name === container.name)?.image !== container.image)
  );
}
