import { plural } from "../../lib/plural.ts";
import type { Container, ObjectMeta, PodSpec } from "../../resources/types.ts";

/** Why a pod breaks a rule: in brief, and who does what. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

export type PodParts = { readonly metadata: Pick<ObjectMeta, "annotations">; readonly spec: PodSpec };

/** One rule of a level, in each of its revisions. */
export interface Check {
  /** Upstream's name; checks are told in its order. */
  readonly id: string;
  /** A baseline check that this restricted one makes needless. */
  readonly replaces?: string;
  /** By the first minor release that it holds for, oldest first. */
  readonly revisions: readonly { readonly since: number; readonly test: (pod: PodParts) => Violation | undefined }[];
}

/** Everything in a pod that runs, in the order in which it is told. */
export function allContainers({ initContainers = [], containers, ephemeralContainers = [] }: PodSpec): readonly Container[] {
  return [...initContainers, ...containers, ...ephemeralContainers];
}

/** Names of the containers that do something. */
export function containersThat({ spec }: PodParts, does: (container: Container) => boolean): readonly string[] {
  return allContainers(spec)
    .filter(does)
    .map(({ name }) => name);
}

/** `container "a"`, `containers "a", "b"`. */
export function sayContainers(names: readonly string[]): string {
  return `${plural(names.length, "container")} ${quoted(names)}`;
}

/** Who set something: the pod itself, containers, or both. */
export function saySetters(isPod: boolean, containers: readonly string[]): string {
  return [...(isPod ? ["pod"] : []), ...(containers.length > 0 ? [sayContainers(containers)] : [])].join(" and ");
}

export function quoted(values: readonly string[]): string {
  return values.map((value) => JSON.stringify(value)).join(", ");
}

/** Each once, in order. */
export function distinct(values: readonly string[]): string[] {
  return [...new Set(values)].sort();
}
