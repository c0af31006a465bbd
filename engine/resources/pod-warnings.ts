import { parseQuantity } from "../apimachinery/quantity.ts";
import type { ObjectMeta } from "../apimachinery/object-meta.ts";
import type { Container, PodSpec } from "./types.ts";

/** What is accepted, yet hardly meant: told to the writer, as upstream does. `path` is the spec's place. */
export function podWarnings(spec: PodSpec, path: string): string[] {
  const lists = [["initContainers", spec.initContainers ?? []], ["containers", spec.containers]] as const;
  return [
    ...lists.flatMap(([list, containers]) => containers.flatMap((container, index) => containerWarnings(container, `${path}.${list}[${index}]`))),
    ...((spec.terminationGracePeriodSeconds ?? 0) < 0 ? [`${path}.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`] : []),
    ...(spec.volumes ?? []).flatMap((volume, index) => (volume.gitRepo === undefined ? [] : [`${path}.volumes[${index}].gitRepo: deprecated in v1.11, and disabled by default in v1.33+`])),
  ];
}

/** Whether a write has left the spec as it was: its writer has heard before what is odd about it. */
export function isSameGeneration({ generation }: ObjectMeta, old: { readonly metadata: ObjectMeta } | undefined): boolean {
  return old !== undefined && old.metadata.generation === generation;
}

function containerWarnings(container: Container, path: string): string[] {
  const warnings: string[] = [];
  const variables = new Set<string>();
  for (const [index, { name, value }] of (container.env ?? []).entries()) {
    const refersToItself = value?.includes(`$(${name})`) === true;
    if (variables.has(name) && !refersToItself) warnings.push(`${path}.env[${index}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`);
    variables.add(name);
  }
  const ports = new Map<string, number>();
  for (const [index, port] of (container.ports ?? []).entries()) {
    const key = `${port.protocol ?? "TCP"} ${port.containerPort} ${port.hostPort ?? 0} ${port.hostIP ?? ""}`;
    const first = ports.get(key);
    if (first !== undefined) warnings.push(`${path}.ports[${index}]: duplicate port definition with ${path}.ports[${first}]`);
    else ports.set(key, index);
  }
  for (const kind of ["requests", "limits"] as const) {
    for (const name of ["memory", "ephemeral-storage"]) {
      const amount = container.resources?.[kind]?.[name];
      if (amount !== undefined && !Number.isInteger(parseQuantity(amount))) warnings.push(`${path}.resources.${kind}[${name}]: fractional byte value ${JSON.stringify(amount)} is invalid, must be an integer`);
    }
  }
  return warnings;
}
