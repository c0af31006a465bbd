import path from "node:path";
import { podContainers } from "../../engine/resources/pod-containers.ts";
import type { Pod } from "../../engine/resources/types.ts";

/**
 * Where in a volume others are mounted by any of the pod's containers, as paths in the volume. What is mounted in one of those is not named:
 * its place is in that volume. Pure.
 */
export function nestedMountPoints({ spec }: Pod, volumeName: string): readonly string[] {
  const places = new Set<string>();
  for (const { volumeMounts = [] } of [...podContainers(spec), ...(spec.ephemeralContainers ?? [])]) {
    const mounts = volumeMounts.map(({ name, mountPath, subPath, subPathExpr }) => ({
      at: path.posix.resolve("/", mountPath),
      isWhole: name === volumeName && !subPath && !subPathExpr,
    }));
    for (const volume of mounts.filter(({ isWhole }) => isWhole)) {
      const inside = mounts.filter(({ at }) => isBelow(at, volume.at));
      for (const { at } of inside) if (!inside.some((other) => isBelow(at, other.at))) places.add(path.posix.relative(volume.at, at));
    }
  }
  return [...places];
}

function isBelow(place: string, folder: string): boolean {
  return place.startsWith(folder === "/" ? folder : `${folder}/`) && place !== folder;
}
