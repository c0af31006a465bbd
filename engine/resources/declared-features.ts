import { jsonEqual } from "../lib/freeze.ts";
import type { PodSpec } from "./types.ts";

/** What nodes say in their status that they can, by upstream's names; agents of before do not say it. */
export type DeclaredFeature = "InPlacePodLevelResourcesVerticalScaling" | "InPlacePodVerticalScalingInitContainers" | "RestartAllContainersOnContainerExits";

/** What a node must be able to do for a change of a pod that it runs. Pure. */
export function featuresOfUpdate(spec: PodSpec, old: PodSpec): readonly DeclaredFeature[] {
  const isResized = (old.initContainers ?? []).some(
    (container, index) => container.restartPolicy !== "Always" && !jsonEqual(container.resources ?? {}, spec.initContainers?.[index]?.resources ?? {}),
  );
  return [
    ...(jsonEqual(spec.resources ?? {}, old.resources ?? {}) ? [] : (["InPlacePodLevelResourcesVerticalScaling"] as const)),
    ...(isResized ? (["InPlacePodVerticalScalingInitContainers"] as const) : []),
  ];
}
