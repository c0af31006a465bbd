import type { Container, PodSpec } from "./types.ts";

/** The containers that a pod is made with, in the order in which they start: those that were added for debugging are not among them. */
export function podContainers({ initContainers = [], containers }: Pick<PodSpec, "initContainers" | "containers">): readonly Container[] {
  return [...initContainers, ...containers];
}
