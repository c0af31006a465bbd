import { compareQuantities } from "../../../engine/apimachinery/quantity.ts";
import { podRequests } from "../../../engine/resources/pod-requests.ts";
import type { Container, ContainerStatus, Pod, PodSpec, ResourceRequirements } from "../../../engine/resources/types.ts";
import { progressOf } from "./resize.ts";

/** What can change in place. */
const RESIZABLE = ["cpu", "memory"] as const;

/** A pod that asks for other amounts than it was granted. */
export interface ResizeRequest {
  readonly pod: Pod;
  readonly granted: Pod;
  /** Since when there is no room for it; absent before that was looked at. */
  readonly waitsSinceMs?: number | undefined;
}

/**
 * The pod's specification with what its status says it was granted; what no status tells of is granted as asked for. While a resize is being done
 * the status tells what limits there still are: they are those that were granted only if the newest resize is not the one that is being done. Pure.
 */
export function grantedByStatus(pod: Pod): PodSpec {
  const { spec, status = {} } = pod;
  const { pending, inProgress } = progressOf(pod);
  if (pending === undefined && inProgress !== undefined && inProgress.observedGeneration === pod.metadata.generation) return spec;
  const of = (
    asked: ResourceRequirements | undefined,
    known: Pick<ContainerStatus, "resources" | "allocatedResources"> | undefined,
  ): ResourceRequirements | undefined => {
    if (known?.resources === undefined && known?.allocatedResources === undefined) return asked;
    const { requests: _requests, limits: _limits, ...others } = asked ?? {};
    const requests = known.allocatedResources ?? known.resources?.requests;
    const shown = known.resources?.limits ?? asked?.limits;
    // A container is held to the pod's limit where it has none of its own; a guaranteed one may use exactly what it asks for.
    const limits =
      shown &&
      Object.fromEntries(
        Object.entries(shown).flatMap(([name, amount]) =>
          asked?.limits?.[name] === undefined && spec.resources?.limits?.[name] !== undefined
            ? []
            : [[name, status.qosClass === "Guaranteed" ? (requests?.[name] ?? amount) : amount]],
        ),
      );
    return { ...others, ...(requests === undefined ? {} : { requests }), ...(limits === undefined ? {} : { limits }) };
  };
  const named = (containers: readonly Container[], statuses: readonly ContainerStatus[] = []): PodSpec["containers"] =>
    containers.map((container) => ({
      ...container,
      resources:
        of(
          container.resources,
          statuses.find(({ name }) => name === container.name),
        ) ?? {},
    }));
  const whole = spec.resources === undefined ? undefined : of(spec.resources, status);
  return {
    ...spec,
    containers: named(spec.containers, status.containerStatuses),
    ...(spec.initContainers === undefined ? {} : { initContainers: named(spec.initContainers, status.initContainerStatuses) }),
    ...(whole === undefined ? {} : { resources: whole }),
  };
}

/** The pod with the resources of `granted`, a specification of the same containers; the pod itself where it asks for nothing else. Pure. */
export function withGranted(pod: Pod, granted: PodSpec): Pod {
  if (!asksForOther(pod.spec, granted)) return pod;
  const named = (containers: readonly Container[], like: readonly Container[] = []) =>
    containers.map((container) => withResources(container, like.find(({ name }) => name === container.name) ?? container));
  const { initContainers } = pod.spec;
  const spec = {
    ...pod.spec,
    containers: named(pod.spec.containers, granted.containers),
    ...(initContainers === undefined ? {} : { initContainers: named(initContainers, granted.initContainers) }),
  };
  return { ...pod, spec: withResources(spec, granted) };
}

function withResources<T extends { readonly resources?: ResourceRequirements }>(item: T, { resources }: { readonly resources?: ResourceRequirements }): T {
  const { resources: _asked, ...others } = item;
  return { ...others, ...(resources === undefined ? {} : { resources }) } as T; // the same but for an optional field
}

/** Whether a specification asks for another amount of anything that can change in place. Pure. */
export function asksForOther(spec: PodSpec, granted: PodSpec): boolean {
  if (spec === granted) return false;
  const differs = (one: ResourceRequirements | undefined, other: ResourceRequirements | undefined) =>
    (["requests", "limits"] as const).some((list) => RESIZABLE.some((name) => !isSameAmount(one?.[list]?.[name], other?.[list]?.[name])));
  const anyDiffers = (containers: readonly Container[] = [], others: readonly Container[] = []) =>
    containers.some((container) => {
      const other = others.find(({ name }) => name === container.name);
      return other !== undefined && differs(container.resources, other.resources);
    });
  return (
    differs(spec.resources, granted.resources) || anyDiffers(spec.containers, granted.containers) || anyDiffers(spec.initContainers, granted.initContainers)
  );
}

function isSameAmount(one: string | undefined, other: string | undefined): boolean {
  return one === other || (one !== undefined && other !== undefined && compareQuantities(one, other) === 0);
}

/**
 * In the order in which room is given to them: what asks for no more than it has, then by priority, guaranteed pods before others, and then
 * what has waited longest. Pure.
 */
export function orderResizes<T extends ResizeRequest>(requests: readonly T[]): T[] {
  const rank = ({ pod, granted, waitsSinceMs = Infinity }: T) => [
    growth(pod, granted),
    -(pod.spec.priority ?? 0),
    pod.status?.qosClass === "Guaranteed" ? 0 : 1,
    waitsSinceMs,
  ];
  const ranked = requests.map((request) => ({ request, rank: rank(request) }));
  return ranked.sort((a, b) => compareRanks(a.rank, b.rank)).map(({ request }) => request);
}

function growth(pod: Pod, granted: Pod): number {
  const [asked, has] = [podRequests(pod.spec), podRequests(granted.spec)];
  return RESIZABLE.some((name) => (asked[name] ?? 0) > (has[name] ?? 0)) ? 1 : 0;
}

function compareRanks(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at === -1 ? 0 : (a[at] ?? 0) < (b[at] ?? 0) ? -1 : 1;
}
