import { podContainers } from "../../engine/resources/pod-containers.ts";
import type { Pod } from "../../engine/resources/types.ts";

/** Names of the volumes that a pod's containers mount, and of those that they have as devices. A pod may have others, which nobody provides. */
export interface UsedVolumes {
  readonly mounted: ReadonlySet<string>;
  readonly devices: ReadonlySet<string>;
}

export function usedVolumes({ spec }: Pod): UsedVolumes {
  const containers = [...podContainers(spec), ...(spec.ephemeralContainers ?? [])];
  const namesOf = (uses: readonly { readonly name: string }[] | undefined) => (uses ?? []).map(({ name }) => name);
  return {
    mounted: new Set(containers.flatMap(({ volumeMounts }) => namesOf(volumeMounts))),
    devices: new Set(containers.flatMap(({ volumeDevices }) => namesOf(volumeDevices))),
  };
}

/** Why a volume of this mode is not what the pod's containers take it for; undefined when it is. Pure. */
export function modeProblem(pod: Pod, name: string, mode: string): string | undefined {
  const { mounted, devices } = usedVolumes(pod);
  if (mounted.has(name) && mode !== "Filesystem") return `volume ${name} has volumeMode ${mode}, but is specified in volumeMounts`;
  return devices.has(name) && mode !== "Block" ? `volume ${name} has volumeMode ${mode}, but is specified in volumeDevices` : undefined;
}
