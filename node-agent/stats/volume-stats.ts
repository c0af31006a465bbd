import { statfs } from "node:fs/promises";
import type { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { podClaims } from "../../engine/resources/pod-claims.ts";
import type { Pod } from "../../engine/resources/types.ts";

/** What a pod has mounted: the place of each of its volumes on the machine, by name. */
export interface MountedVolumes {
  readonly pod: Pod;
  readonly places: ReadonlyMap<string, string>;
}

const FIGURES = {
  kubelet_volume_stats_capacity_bytes: "Size of the volume's file system.",
  kubelet_volume_stats_available_bytes: "What can still be written to the volume.",
  kubelet_volume_stats_used_bytes: "What the volume's file system holds.",
  kubelet_volume_stats_inodes: "Files that the volume's file system can hold.",
  kubelet_volume_stats_inodes_free: "Files that can still be made in the volume.",
  kubelet_volume_stats_inodes_used: "Files that the volume's file system holds.",
} as const;

/**
 * Room in persistent volumes, as gauges by claim. Gives the function that brings them up to date; what cannot be looked at
 * (a raw device, a file system that is gone) has no figures.
 */
export function meterVolumes(registry: MetricsRegistry, mounted: () => readonly MountedVolumes[]): () => Promise<void> {
  const gauges = Object.entries(FIGURES).map(([name, help]) => [name as keyof typeof FIGURES, registry.gauge(name, help)] as const); // the keys of that very table
  return async () => {
    const claims = new Map(mounted().flatMap(({ pod, places }) => podClaims(pod).flatMap(({ volume, claimName }) => {
      const place = places.get(volume.name);
      const namespace = pod.metadata.namespace ?? "";
      return place === undefined ? [] : [[`${namespace}/${claimName}`, { labels: { namespace, persistentvolumeclaim: claimName }, place }] as const];
    })));
    const found = await Promise.all([...claims.values()].map(async ({ labels, place }) => ({ labels, figures: await readFigures(place) })));
    for (const [name, gauge] of gauges) {
      gauge.clear();
      for (const { labels, figures } of found) if (figures !== undefined) gauge.set(figures[name], labels);
    }
  };
}

async function readFigures(place: string): Promise<Readonly<Record<keyof typeof FIGURES, number>> | undefined> {
  const found = await statfs(place).catch(() => undefined);
  // A device node lies on a file system that is not the volume's.
  if (found === undefined || found.blocks === 0) return undefined;
  return {
    kubelet_volume_stats_capacity_bytes: found.blocks * found.bsize,
    kubelet_volume_stats_available_bytes: found.bavail * found.bsize,
    kubelet_volume_stats_used_bytes: (found.blocks - found.bfree) * found.bsize,
    kubelet_volume_stats_inodes: found.files,
    kubelet_volume_stats_inodes_free: found.ffree,
    kubelet_volume_stats_inodes_used: found.files - found.ffree,
  };
}
