import type { PodSpec } from "../../engine/resources/types.ts";

type Places = Pick<PodSpec, "initContainers" | "ephemeralContainers">;

/** Where a pod's spec has a container, for events about it: `spec.initContainers{migrate}`. */
export function containerFieldPath(spec: Places, name: string): string {
  return `spec.${{ container: "containers", init_container: "initContainers", ephemeral_container: "ephemeralContainers" }[containerType(spec, name)]}{${name}}`;
}

/** The same for metrics, in upstream's words. */
export function containerType({ initContainers, ephemeralContainers }: Places, name: string): "container" | "init_container" | "ephemeral_container" {
  const isIn = (containers: readonly { readonly name: string }[] | undefined) => containers?.some((container) => container.name === name) === true;
  return isIn(initContainers) ? "init_container" : isIn(ephemeralContainers) ? "ephemeral_container" : "container";
}
