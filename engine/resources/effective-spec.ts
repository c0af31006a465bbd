import { findCondition } from "../apimachinery/conditions.ts";
import { parseQuantity } from "../apimachinery/quantity.ts";
import type { Container, ContainerStatus, Pod, PodSpec, ResourceRequirements } from "./types.ts";

type List = Readonly<Record<string, string>> | undefined;

/**
 * A pod's specification with the resources that it takes up, also while it is about to be resized: of what it asks for, was granted and has, the
 * most; of a pod whose resize can never be, not what it asks for. Limits are not granted ahead. `countsWhole`: the same for the resources of the
 * pod as a whole, which otherwise count as specified. Pure.
 */
export function effectiveSpec(pod: Pod, { countsWhole }: { readonly countsWhole: boolean }): PodSpec {
  const { spec, status = {} } = pod;
  const isInfeasible = findCondition(status.conditions, "PodResizePending")?.reason === "Infeasible";
  const effective = (asked: ResourceRequirements | undefined, has: ResourceRequirements, granted: List): ResourceRequirements => ({
    requests: largest([isInfeasible ? undefined : asked?.requests, has.requests, granted]),
    limits: largest([isInfeasible ? undefined : asked?.limits, has.limits]),
  });
  const withStatus =
    (statuses: readonly ContainerStatus[] | undefined) =>
    (container: Container): Container => {
      const known = statuses?.find(({ name }) => name === container.name);
      return known?.resources === undefined
        ? container
        : { ...container, resources: effective(container.resources, known.resources, known.allocatedResources) };
    };
  const containers = mapChanged(spec.containers, withStatus(status.containerStatuses));
  const sidecar = withStatus(status.initContainerStatuses);
  const initContainers =
    spec.initContainers === undefined
      ? undefined
      : mapChanged(spec.initContainers, (container) => (container.restartPolicy === "Always" ? sidecar(container) : container));
  const whole =
    countsWhole && spec.resources !== undefined && status.resources !== undefined
      ? sameNames(spec.resources, effective(spec.resources, status.resources, status.allocatedResources))
      : spec.resources;
  if (containers === spec.containers && initContainers === spec.initContainers && whole === spec.resources) return spec;
  return { ...spec, containers, ...(initContainers === undefined ? {} : { initContainers }), ...(whole === undefined ? {} : { resources: whole }) };
}

/** The largest amount of each resource in any of the lists. */
function largest(lists: readonly List[]): Readonly<Record<string, string>> {
  const most: Record<string, string> = {};
  for (const list of lists) {
    for (const [name, amount] of Object.entries(list ?? {})) {
      const known = most[name];
      if (known === undefined || (known !== amount && parseQuantity(amount) > parseQuantity(known))) most[name] = amount;
    }
  }
  return most;
}

/** For the pod as a whole, only what is specified for it stands in place of its containers. */
function sameNames(asked: ResourceRequirements, actual: ResourceRequirements): ResourceRequirements {
  const only = (names: List, from: List) => Object.fromEntries(Object.keys(names ?? {}).map((name) => [name, from?.[name] ?? "0"]));
  return { requests: only(asked.requests, actual.requests), limits: only(asked.limits, actual.limits) };
}

/** The list itself when nothing in it changes. */
function mapChanged<T>(list: readonly T[], change: (item: T) => T): readonly T[] {
  const changed = list.map(change);
  return changed.some((item, index) => item !== list[index]) ? changed : list;
}
