import type { ContainerStatus, PodStatus } from "../../../engine/resources/types.ts";

/** The labels under which upstream counts an end. */
export interface Termination {
  readonly container_type: "init_container" | "container" | "ephemeral_container";
  readonly exit_code: string;
  readonly reason: string;
}

/** The containers that the later status shows as ended and the earlier did not. Pure. */
export function computeTerminations(before: PodStatus | undefined, now: PodStatus): Termination[] {
  const ended = (
    container_type: Termination["container_type"],
    old: readonly ContainerStatus[] = [],
    statuses: readonly ContainerStatus[] = [],
  ): Termination[] =>
    statuses.flatMap(({ name, state }) => {
      const end = state?.terminated;
      const isKnown = old.some((status) => status.name === name && status.state?.terminated !== undefined);
      return end === undefined || isKnown ? [] : [{ container_type, exit_code: String(end.exitCode), reason: end.reason ?? "" }];
    });
  return [
    ...ended("init_container", before?.initContainerStatuses, now.initContainerStatuses),
    ...ended("container", before?.containerStatuses, now.containerStatuses),
    ...ended("ephemeral_container", before?.ephemeralContainerStatuses, now.ephemeralContainerStatuses),
  ];
}
