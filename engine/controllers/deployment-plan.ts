import { createHash } from "node:crypto";
import { scaledValue } from "../apimachinery/int-or-string.ts";
import { newControllerRef } from "../apimachinery/owner-references.ts";
import { jsonEqual } from "../lib/freeze.ts";
import type { Deployment, PodTemplateSpec, ReplicaSet } from "../resources/types.ts";

export const REVISION_ANNOTATION = "deployment.kubernetes.io/revision";
const DESIRED_ANNOTATION = "deployment.kubernetes.io/desired-replicas";
const MAX_ANNOTATION = "deployment.kubernetes.io/max-replicas";
export const HASH_LABEL = "pod-template-hash";
/** Annotations of a Deployment that its ReplicaSets do not inherit. */
const OWN_ANNOTATIONS = new Set([REVISION_ANNOTATION, "deployment.kubernetes.io/revision-history", DESIRED_ANNOTATION, MAX_ANNOTATION, "kubectl.kubernetes.io/last-applied-configuration", "deprecated.deployment.rollback.to"]);

export type DeploymentAction =
  | { readonly do: "create"; readonly set: ReplicaSet }
  | { readonly do: "scale"; readonly set: ReplicaSet; readonly replicas: number }
  | { readonly do: "annotate"; readonly set: ReplicaSet; readonly annotations: Readonly<Record<string, string>> }
  | { readonly do: "delete"; readonly set: ReplicaSet };

export interface DeploymentPlan {
  readonly actions: readonly DeploymentAction[];
  readonly newSet: ReplicaSet | undefined;
  readonly oldSets: readonly ReplicaSet[];
  /** The revision the Deployment should carry. */
  readonly revision: string | undefined;
}

/**
 * The next step of a Deployment, given its ReplicaSets: make or scale up the set of the current template, scale down the others,
 * within maxSurge and maxUnavailable, and forget old revisions. Pure. `podsLeft` is the number of pods of old sets that still exist;
 * Recreate waits for it to be 0.
 */
export function planDeployment(deployment: Deployment, sets: readonly ReplicaSet[], podsLeft: (set: ReplicaSet) => number): DeploymentPlan {
  const byAge = [...sets].sort((a, b) => compareText(a.metadata.creationTimestamp, b.metadata.creationTimestamp) || compareText(a.metadata.name, b.metadata.name));
  const existing = byAge.find((set) => sameTemplate(set.spec.template, deployment.spec.template));
  const oldSets = byAge.filter((set) => set !== existing);
  const newest = Math.max(0, ...oldSets.map(revisionOf));
  const revision = String(existing !== undefined && revisionOf(existing) > newest ? revisionOf(existing) : newest + 1);
  const nothing = { newSet: existing, oldSets };
  if (deployment.metadata.deletionTimestamp !== undefined) return { ...nothing, actions: [], revision: undefined };
  const current = deployment.metadata.annotations?.[REVISION_ANNOTATION];
  if (deployment.spec.paused === true || isScalingEvent(deployment, byAge)) return { ...nothing, actions: planProportionalScale(deployment, existing, oldSets), revision: existing === undefined ? current : revision };
  if (existing === undefined) {
    if (deployment.spec.strategy?.type === "Recreate") {
      const down = oldSets.filter((set) => (set.spec.replicas ?? 0) > 0).map((set) => ({ do: "scale", set, replicas: 0 }) as const);
      if (down.length > 0 || oldSets.some((set) => podsLeft(set) > 0)) return { ...nothing, actions: down, revision: current };
    }
    return { ...nothing, actions: [{ do: "create", set: newReplicaSet(deployment, revision, newSetReplicas(deployment, undefined, oldSets)) }], revision };
  }
  const annotations = { ...inheritedAnnotations(deployment), [REVISION_ANNOTATION]: revision, ...sizeAnnotations(deployment) };
  const annotate: DeploymentAction[] = Object.entries(annotations).every(([key, value]) => existing.metadata.annotations?.[key] === value) ? [] : [{ do: "annotate", set: existing, annotations }];
  const rollout = deployment.spec.strategy?.type === "Recreate" ? planRecreate(deployment, existing, oldSets, podsLeft) : planRolling(deployment, existing, oldSets);
  const cleanup = rollout.length === 0 && isComplete(deployment, existing, oldSets) ? planCleanup(deployment, oldSets) : [];
  return { ...nothing, actions: [...annotate, ...rollout, ...cleanup], revision };
}

/** How many more pods than wanted there may be, and how many fewer available. Both zero would never move, so one may be unavailable. */
export function rolloutBounds(deployment: Deployment): { readonly surge: number; readonly unavailable: number } {
  const replicas = deployment.spec.replicas ?? 1;
  if (deployment.spec.strategy?.type === "Recreate") return { surge: 0, unavailable: 0 };
  const { maxSurge = "25%", maxUnavailable = "25%" } = deployment.spec.strategy?.rollingUpdate ?? {};
  const surge = scaledValue(maxSurge, replicas, true);
  const unavailable = scaledValue(maxUnavailable, replicas, false);
  return { surge, unavailable: surge === 0 && unavailable === 0 ? 1 : Math.min(unavailable, replicas) };
}

export function isComplete(deployment: Deployment, newSet: ReplicaSet | undefined, oldSets: readonly ReplicaSet[]): boolean {
  const wanted = deployment.spec.replicas ?? 1;
  return newSet !== undefined && (newSet.spec.replicas ?? 0) === wanted && (newSet.status?.replicas ?? 0) === wanted && (newSet.status?.availableReplicas ?? 0) >= wanted && oldSets.every((set) => (set.status?.replicas ?? 0) === 0);
}

function planRolling(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): DeploymentAction[] {
  const up = newSetReplicas(deployment, newSet, oldSets);
  if (up !== (newSet.spec.replicas ?? 0)) return [{ do: "scale", set: newSet, replicas: up }];
  return planScaleDown(deployment, newSet, oldSets);
}

function newSetReplicas(deployment: Deployment, newSet: ReplicaSet | undefined, oldSets: readonly ReplicaSet[]): number {
  const wanted = deployment.spec.replicas ?? 1;
  const has = newSet?.spec.replicas ?? 0;
  if (deployment.spec.strategy?.type === "Recreate" || has > wanted) return wanted;
  const total = has + sum(oldSets, (set) => set.spec.replicas ?? 0);
  const room = wanted + rolloutBounds(deployment).surge - total;
  return room <= 0 ? has : Math.min(wanted, has + room);
}

function planScaleDown(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[]): DeploymentAction[] {
  const wanted = deployment.spec.replicas ?? 1;
  const old = oldSets.filter((set) => (set.spec.replicas ?? 0) > 0);
  if (old.length === 0) return [];
  const minAvailable = wanted - rolloutBounds(deployment).unavailable;
  const newUnavailable = (newSet.spec.replicas ?? 0) - (newSet.status?.availableReplicas ?? 0);
  const total = (newSet.spec.replicas ?? 0) + sum(old, (set) => set.spec.replicas ?? 0);
  let budget = total - minAvailable - newUnavailable;
  if (budget <= 0) return [];
  const target = new Map(old.map((set) => [set, set.spec.replicas ?? 0]));
  // Pods that are not available are no loss: they go first.
  for (const set of old) {
    const unhealthy = Math.min(budget, (target.get(set) ?? 0) - (set.status?.availableReplicas ?? 0));
    if (unhealthy > 0) {
      target.set(set, (target.get(set) ?? 0) - unhealthy);
      budget -= unhealthy;
    }
  }
  const available = (newSet.status?.availableReplicas ?? 0) + sum(old, (set) => set.status?.availableReplicas ?? 0);
  let healthy = available - minAvailable;
  for (const set of old) {
    const down = Math.min(healthy, target.get(set) ?? 0);
    if (down > 0) {
      target.set(set, (target.get(set) ?? 0) - down);
      healthy -= down;
    }
  }
  return old.filter((set) => target.get(set) !== set.spec.replicas).map((set) => ({ do: "scale", set, replicas: target.get(set) ?? 0 }));
}

function planRecreate(deployment: Deployment, newSet: ReplicaSet, oldSets: readonly ReplicaSet[], podsLeft: (set: ReplicaSet) => number): DeploymentAction[] {
  const down = oldSets.filter((set) => (set.spec.replicas ?? 0) > 0);
  if (down.length > 0) return down.map((set) => ({ do: "scale", set, replicas: 0 }));
  const wanted = deployment.spec.replicas ?? 1;
  if (oldSets.some((set) => podsLeft(set) > 0) || (newSet.spec.replicas ?? 0) === wanted) return [];
  return [{ do: "scale", set: newSet, replicas: wanted }];
}

/** Whether only the wanted number changed since the sets were sized: their annotations still hold the old one. */
function isScalingEvent(deployment: Deployment, sets: readonly ReplicaSet[]): boolean {
  return sets.some((set) => (set.spec.replicas ?? 0) > 0 && set.metadata.annotations?.[DESIRED_ANNOTATION] !== undefined && set.metadata.annotations[DESIRED_ANNOTATION] !== String(deployment.spec.replicas ?? 1));
}

/**
 * A new size while a rollout is under way or paused: each set grows or shrinks by its share of the pods, larger sets first,
 * so that neither version is thrown away in the middle.
 */
function planProportionalScale(deployment: Deployment, newSet: ReplicaSet | undefined, oldSets: readonly ReplicaSet[]): DeploymentAction[] {
  const wanted = deployment.spec.replicas ?? 1;
  const sized = (set: ReplicaSet, replicas: number): DeploymentAction[] => (replicas === (set.spec.replicas ?? 0) && hasSizeAnnotations(deployment, set) ? [] : [{ do: "scale", set, replicas }]);
  const active = [...oldSets, ...(newSet === undefined ? [] : [newSet])].filter((set) => (set.spec.replicas ?? 0) > 0);
  const only = active.length === 0 ? (newSet ?? oldSets.at(-1)) : active.length === 1 ? active[0] : undefined;
  if (only !== undefined) return sized(only, wanted);
  if (newSet !== undefined && (newSet.status?.availableReplicas ?? 0) >= wanted && (newSet.spec.replicas ?? 0) === wanted) return active.filter((set) => set !== newSet).flatMap((set) => sized(set, 0));
  if (active.length === 0) return [];
  const allowed = wanted > 0 ? wanted + rolloutBounds(deployment).surge : 0;
  const total = sum(active, (set) => set.spec.replicas ?? 0);
  let toAdd = allowed - total;
  const bySize = [...active].sort((a, b) => (b.spec.replicas ?? 0) - (a.spec.replicas ?? 0) || (toAdd > 0 ? compareText(b.metadata.creationTimestamp, a.metadata.creationTimestamp) : compareText(a.metadata.creationTimestamp, b.metadata.creationTimestamp)));
  const target = new Map<ReplicaSet, number>();
  for (const set of bySize) {
    const size = set.spec.replicas ?? 0;
    const before = Number(set.metadata.annotations?.[MAX_ANNOTATION] ?? total) || total;
    const share = Math.round((size * allowed) / before) - size;
    const change = toAdd > 0 ? Math.min(Math.max(share, 0), toAdd) : Math.max(Math.min(share, 0), toAdd);
    target.set(set, size + change);
    toAdd -= change;
  }
  const largest = bySize[0];
  if (largest !== undefined && toAdd !== 0) target.set(largest, Math.max(0, (target.get(largest) ?? 0) + toAdd));
  return bySize.flatMap((set) => sized(set, target.get(set) ?? 0));
}

function planCleanup(deployment: Deployment, oldSets: readonly ReplicaSet[]): DeploymentAction[] {
  const limit = deployment.spec.revisionHistoryLimit ?? 10;
  const idle = oldSets.filter((set) => set.metadata.deletionTimestamp === undefined && (set.spec.replicas ?? 0) === 0 && (set.status?.replicas ?? 0) === 0 && (set.metadata.generation ?? 0) <= (set.status?.observedGeneration ?? 0));
  return [...idle].sort((a, b) => revisionOf(a) - revisionOf(b)).slice(0, Math.max(0, idle.length - limit)).map((set) => ({ do: "delete", set }));
}

/** The set for the Deployment's current template. Its name carries a hash of the template and of past collisions. */
export function newReplicaSet(deployment: Deployment, revision: string, replicas: number): ReplicaSet {
  const hash = templateHash(deployment.spec.template, deployment.status?.collisionCount ?? 0);
  const template = deployment.spec.template;
  const selector = deployment.spec.selector;
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${deployment.metadata.name}-${hash}`,
      namespace: deployment.metadata.namespace ?? "",
      labels: { ...template.metadata?.labels, [HASH_LABEL]: hash },
      annotations: { ...inheritedAnnotations(deployment), [REVISION_ANNOTATION]: revision, ...sizeAnnotations(deployment) },
      ownerReferences: [newControllerRef(deployment)],
    },
    spec: {
      replicas,
      ...(deployment.spec.minReadySeconds === undefined ? {} : { minReadySeconds: deployment.spec.minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels: { ...template.metadata?.labels, [HASH_LABEL]: hash } } },
    },
  };
}

export function sizeAnnotations(deployment: Deployment): Record<string, string> {
  const replicas = deployment.spec.replicas ?? 1;
  return { [DESIRED_ANNOTATION]: String(replicas), [MAX_ANNOTATION]: String(replicas + rolloutBounds(deployment).surge) };
}

function hasSizeAnnotations(deployment: Deployment, set: ReplicaSet): boolean {
  return Object.entries(sizeAnnotations(deployment)).every(([key, value]) => set.metadata.annotations?.[key] === value);
}

function inheritedAnnotations(deployment: Deployment): Record<string, string> {
  return Object.fromEntries(Object.entries(deployment.metadata.annotations ?? {}).filter(([key]) => !OWN_ANNOTATIONS.has(key)));
}

export function revisionOf(set: ReplicaSet): number {
  return Number(set.metadata.annotations?.[REVISION_ANNOTATION] ?? 0) || 0;
}

/** Templates are equal when they differ in nothing but the hash label that the system adds. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return jsonEqual(withoutHash(a), withoutHash(b));
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const { [HASH_LABEL]: _hash, ...labels } = template?.metadata?.labels ?? {};
  return { ...template, metadata: { ...template?.metadata, labels } };
}

const HASH_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";

function templateHash(template: PodTemplateSpec, collisions: number): string {
  const digest = createHash("sha256").update(stableText(template)).update(String(collisions)).digest();
  return [...digest.subarray(0, 10)].map((byte) => HASH_ALPHABET[byte % HASH_ALPHABET.length]).join("");
}

/** JSON with sorted keys: equal values give equal text, however they were built. */
function stableText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableText).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  return `{${Object.entries(value).filter(([, field]) => field !== undefined).sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, field]) => `${JSON.stringify(key)}:${stableText(field)}`).join(",")}}`;
}

function sum<T>(items: readonly T[], value: (item: T) => number): number {
  return items.reduce((total, item) => total + value(item), 0);
}

function compareText(a: string | undefined, b: string | undefined): number {
  return (a ?? "") < (b ?? "") ? -1 : (a ?? "") > (b ?? "") ? 1 : 0;
}
