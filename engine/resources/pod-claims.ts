import type { Pod, Volume } from "./types.ts";

/** One of a pod's volumes that stands for a claim. */
export interface PodClaim {
  readonly volume: Volume;
  readonly claimName: string;
  /** Made for this pod alone, and owned by it. */
  readonly isEphemeral: boolean;
  readonly readOnly: boolean;
}

/** The claims that a pod's volumes name, or that are made for them. */
export function podClaims({ metadata, spec }: Pod): readonly PodClaim[] {
  return (spec.volumes ?? []).flatMap((volume): PodClaim[] => {
    if (volume.persistentVolumeClaim !== undefined)
      return [{ volume, claimName: volume.persistentVolumeClaim.claimName, isEphemeral: false, readOnly: volume.persistentVolumeClaim.readOnly === true }];
    return volume.ephemeral === undefined ? [] : [{ volume, claimName: `${metadata.name ?? ""}-${volume.name}`, isEphemeral: true, readOnly: false }];
  });
}
