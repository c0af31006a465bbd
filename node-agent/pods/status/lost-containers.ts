import { podContainers } from "../../../engine/resources/pod-containers.ts";
import type { Container, ContainerStatus, Pod } from "../../../engine/resources/types.ts";
import type { ContainerState } from "../../cri/runtime.ts";
import { restartsPodAfter } from "../restart-policy.ts";

/** What upstream shows of a container that was running and of which nobody knows how it ended. */
const UNKNOWN_END = {
  exitCode: 137,
  reason: "ContainerStatusUnknown",
  message: "The container could not be located when the pod was deleted.  The container used to be Running",
} as const;

/**
 * The containers that ran, as the pod's status says, and of which the runtime has no record any more, as ended ones: what may run only once
 * must not run again because its record was lost. Pure.
 */
export function lostContainers({ metadata, spec, status }: Pod, containers: readonly ContainerState[]): readonly ContainerState[] {
  const statuses = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? [])];
  const ran = podContainers(spec).flatMap((container) => {
    const known = statuses.find(({ name }) => name === container.name);
    return known?.containerID !== undefined && !containers.some(({ name }) => name === container.name) ? [{ container, known }] : [];
  });
  // Those of a pod that begins again were forgotten on purpose.
  if (ran.some(({ container, known }) => beginsAgain(container, known))) return [];
  return ran.flatMap(({ container, known }) => endOf(container, known, metadata.uid ?? ""));
}

function beginsAgain(container: Container, { state }: ContainerStatus): boolean {
  return state?.terminated !== undefined && restartsPodAfter(container, state.terminated.exitCode);
}

/** Nothing of one that waits: it is to be started anyway. */
function endOf(container: Container, { containerID = "", image, imageID, restartCount, state }: ContainerStatus, podUid: string): ContainerState[] {
  const ended = state?.terminated ?? (state?.running === undefined ? undefined : { ...UNKNOWN_END, startedAt: state.running.startedAt });
  if (ended === undefined) return [];
  return [
    {
      id: containerID.replace(/^[^:]*:\/\//, ""),
      sandboxId: "",
      podUid,
      name: container.name,
      attempt: restartCount,
      state: "exited",
      image,
      imageId: imageID,
      createdAtMs: 0,
      startedAtMs: milliseconds(ended.startedAt),
      finishedAtMs: milliseconds("finishedAt" in ended ? ended.finishedAt : undefined),
      exitCode: ended.exitCode,
      reason: ended.reason ?? "",
      message: ended.message ?? "",
      logPath: "",
      annotations: {},
    },
  ];
}

/** Zero for a time that nobody knows. */
function milliseconds(time: string | null | undefined): number {
  return Date.parse(time ?? "") || 0;
}
