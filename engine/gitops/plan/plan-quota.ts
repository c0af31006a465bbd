import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { milliValue, parseQuantity } from "../../apimachinery/quantity.ts";
import { amounts, podRequests } from "../../resources/pod-requests.ts";
import type { Pod } from "../../resources/types.ts";
import { actionsOf, type SyncPlan } from "./plan-sync.ts";
import type { PlannedPods } from "./plan-workloads.ts";

/** A ResourceQuota, as far as a forecast needs it. */
export interface QuotaObject extends KubeObject {
  readonly spec?: { readonly hard?: Readonly<Record<string, string | number>>; readonly scopes?: readonly string[]; readonly scopeSelector?: unknown };
  readonly status?: { readonly used?: Readonly<Record<string, string | number>> };
}

/** One limit of a quota that a plan comes nearer to, or further from. */
export interface QuotaForecast {
  /** `shop/compute`. */
  readonly quota: string;
  readonly resource: string;
  readonly used: number;
  readonly after: number;
  readonly hard: number;
}

/** Objects that quotas count by short names; all others are counted as `count/<resource>.<group>`. */
const COUNTED: ReadonlyMap<string, string> = new Map(
  Object.entries({
    Service: "services",
    ConfigMap: "configmaps",
    Secret: "secrets",
    PersistentVolumeClaim: "persistentvolumeclaims",
    ReplicationController: "replicationcontrollers",
    ResourceQuota: "resourcequotas",
  }),
);

/**
 * What would be used of each quota once a plan is done and its workloads have their pods, where that differs from now.
 * Quotas with scopes count some pods only and are left out rather than guessed at.
 */
export function computeQuotaAfter(
  quotas: readonly QuotaObject[],
  plan: Pick<SyncPlan, "waves">,
  planned: readonly PlannedPods[],
  leaving: readonly Pod[],
): readonly QuotaForecast[] {
  const result: QuotaForecast[] = [];
  for (const { metadata, spec, status } of quotas) {
    if ((spec?.scopes ?? []).length > 0 || spec?.scopeSelector !== undefined) continue;
    const namespace = metadata.namespace ?? "";
    const changes = changesIn(namespace, plan, planned, leaving);
    for (const [resource, limit] of Object.entries(spec?.hard ?? {})) {
      const change = changes.get(resource) ?? 0;
      if (change === 0) continue;
      const used = valueOf(resource, status?.used?.[resource] ?? 0);
      result.push({ quota: `${namespace}/${metadata.name ?? ""}`, resource, used, after: used + change, hard: valueOf(resource, limit) });
    }
  }
  return result;
}

/** `quota shop/compute: requests.memory 512Mi → 768Mi of 1Gi`; what does not fit says so. */
export function formatQuota({ quota, resource, used, after, hard }: QuotaForecast): string {
  const shown = (value: number) => showAmount(resource, value);
  return `${after > hard ? "!" : "✓"} quota ${quota}: ${resource} ${shown(used)} → ${shown(after)} of ${shown(hard)}${after > hard ? ", so some pods or objects would be refused" : ""}`;
}

function changesIn(namespace: string, plan: Pick<SyncPlan, "waves">, planned: readonly PlannedPods[], leaving: readonly Pod[]): ReadonlyMap<string, number> {
  const changes = new Map<string, number>();
  const add = (resource: string, amount: number) => void changes.set(resource, (changes.get(resource) ?? 0) + amount);
  for (const { pod, count } of planned) if (pod.metadata.namespace === namespace) addPod(pod, count, add);
  for (const pod of leaving)
    if (pod.metadata.namespace === namespace && pod.status?.phase !== "Succeeded" && pod.status?.phase !== "Failed") addPod(pod, -1, add);
  for (const action of actionsOf(plan)) {
    if (action.do !== "create" && action.do !== "prune") continue;
    const object = action.do === "create" ? action.desired.object : action.live;
    if (object.metadata.namespace !== namespace) continue;
    const sign = action.do === "create" ? 1 : -1;
    const short = object.apiVersion.includes("/") ? undefined : COUNTED.get(object.kind);
    if (short !== undefined) add(short, sign);
    if (action.do === "create")
      add(`count/${action.desired.resource.resource}${action.desired.resource.group === "" ? "" : `.${action.desired.resource.group}`}`, sign);
  }
  return changes;
}

function addPod(pod: Pod, count: number, add: (resource: string, amount: number) => void): void {
  add("pods", count);
  add("count/pods", count);
  for (const [name, amount] of Object.entries(podRequests(pod.spec))) {
    add(`requests.${name}`, amount * count);
    if (name === "cpu" || name === "memory" || name === "ephemeral-storage") add(name, amount * count);
  }
  for (const container of pod.spec.containers)
    for (const [name, amount] of Object.entries(amounts(container.resources?.limits))) add(`limits.${name}`, amount * count);
}

function valueOf(resource: string, quantity: string | number): number {
  return isCpu(resource) ? milliValue(quantity) : parseQuantity(quantity);
}

function isCpu(resource: string): boolean {
  return /^(requests\.|limits\.)?cpu$/.test(resource);
}

function showAmount(resource: string, value: number): string {
  if (value === 0) return "0";
  if (isCpu(resource)) return value % 1000 === 0 ? String(value / 1000) : `${value}m`;
  if (/memory|storage|hugepages/.test(resource)) return value % (1 << 30) === 0 ? `${value / (1 << 30)}Gi` : `${Math.round(value / (1 << 20))}Mi`;
  return String(value);
}
