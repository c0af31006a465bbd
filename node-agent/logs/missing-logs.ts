import type { Pod } from "../../engine/resources/types.ts";

/** Why a container has no log to show, in upstream's words, from what its pod's status says that it waits for. Pure. */
export function missingLogs({ metadata, status }: Pod, container: string, previous: boolean): string {
  const { name = "" } = metadata;
  if (previous) return `previous terminated container "${container}" in pod "${name}" not found`;
  const all = [...(status?.initContainerStatuses ?? []), ...(status?.containerStatuses ?? []), ...(status?.ephemeralContainerStatuses ?? [])];
  const reason = all.find((own) => own.name === container)?.state?.waiting?.reason;
  const why = reason === undefined ? " - no logs yet" : `: ${WORDS[reason] ?? reason}`;
  return `container "${container}" in pod "${name}" is waiting to start${why}`;
}

const WORDS: Readonly<Record<string, string>> = { ErrImagePull: "image can't be pulled", ImagePullBackOff: "trying and failing to pull image" };
