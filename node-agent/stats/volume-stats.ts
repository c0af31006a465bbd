import { statfs } from "node:fs/promises";
import type { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { podClaims } from "../../engine/resources/pod-claims.ts";
import type { Pod } from "../../engine/resources/types.ts";
import { VolumeUsage_Unit as Unit, type VolumeUsage } from "../csi/csi_pb.ts";

/** What a pod has mounted: the place of each of its volumes on the machine, by name. */
export interface MountedVolumes {
  readonly pod: Pod;
  readonly places: ReadonlyMap<string, string>;
}

/** Room in a volume, in upstream's words (stats/v1alpha1). Drivers need not say all of it. */
export interface VolumeFigures {
  readonly capacityBytes?: number;
  readonly availableBytes?: number;
  readonly usedBytes?: number;
  readonly inodes?: number;
  readonly inodesFree?: number;
  readonly inodesUsed?: number;
}

/** One volume of one pod that was looked at. */
export interface VolumeReading {
  readonly podUid: string;
  readonly name: string;
  readonly pvcRef?: { readonly name: string; readonly namespace: string };
  readonly figures: VolumeFigures;
}

const GAUGES: readonly (readonly [name: string, field: keyof VolumeFigures, help: string])[] = [
  ["kubelet_volume_stats_capacity_bytes", "capacityBytes", "Size of the volume's file system."],
  ["kubelet_volume_stats_available_bytes", "availableBytes", "What can still be written to the volume."],
  ["kubelet_volume_stats_used_bytes", "usedBytes", "What the volume's file system holds."],
  ["kubelet_volume_stats_inodes", "inodes", "Files that the volume's file system can hold."],
  ["kubelet_volume_stats_inodes_free", "inodesFree", "Files that can still be made in the volume."],
  ["kubelet_volume_stats_inodes_used", "inodesUsed", "Files that the volume's file system holds."],
];

/** What the driver of a place says of it; undefined for places that no driver speaks for. */
export type DriverUsage = (place: string) => Promise<readonly VolumeUsage[] | undefined>;

/**
 * Looks at the volumes of pods that are claims or of drivers. What cannot be looked at (a raw device whose driver says nothing, a file system
 * that is gone) is left out. Nothing is looked at twice.
 */
export async function readVolumes(mounted: readonly MountedVolumes[], usage: DriverUsage): Promise<readonly VolumeReading[]> {
  const looks = new Map<string, Promise<VolumeFigures | undefined>>();
  const look = (place: string) => {
    const known = looks.get(place) ?? readFigures(place, usage);
    looks.set(place, known);
    return known;
  };
  const readings = mounted.flatMap(({ pod, places }) => {
    const { uid: podUid = "", namespace = "" } = pod.metadata;
    const claims = new Map(podClaims(pod).map(({ volume, claimName }) => [volume.name, claimName]));
    return (pod.spec.volumes ?? []).map(async ({ name, csi }): Promise<readonly VolumeReading[]> => {
      const place = places.get(name);
      const claim = claims.get(name);
      if (place === undefined || (claim === undefined && csi === undefined)) return [];
      const figures = await look(place);
      return figures === undefined ? [] : [{ podUid, name, ...(claim === undefined ? {} : { pvcRef: { name: claim, namespace } }), figures }];
    });
  });
  return (await Promise.all(readings)).flat();
}

/** Room in persistent volumes, as gauges by claim. Gives the function that brings them up to date. */
export function meterVolumes(registry: MetricsRegistry, read: () => Promise<readonly VolumeReading[]>): () => Promise<void> {
  const gauges = GAUGES.map(([name, field, help]) => [field, registry.gauge(name, help)] as const);
  return async () => {
    const readings = await read();
    for (const [field, gauge] of gauges) {
      gauge.clear();
      for (const { pvcRef, figures } of readings) {
        const figure = figures[field];
        if (pvcRef !== undefined && figure !== undefined) gauge.set(figure, { namespace: pvcRef.namespace, persistentvolumeclaim: pvcRef.name });
      }
    }
  };
}

async function readFigures(place: string, usage: DriverUsage): Promise<VolumeFigures | undefined> {
  // A driver knows its volumes best, devices among them; one that fails to say leaves it to the file system.
  const told = await usage(place).catch(() => undefined);
  if (told !== undefined) return driverFigures(told);
  const found = await statfs(place).catch(() => undefined);
  // A device node lies on a file system that is not the volume's.
  if (found === undefined || found.blocks === 0) return undefined;
  return {
    capacityBytes: found.blocks * found.bsize,
    availableBytes: found.bavail * found.bsize,
    usedBytes: (found.blocks - found.bfree) * found.bsize,
    inodes: found.files,
    inodesFree: found.ffree,
    inodesUsed: found.files - found.ffree,
  };
}

/** Figures in the words of CSI. Pure. */
function driverFigures(usage: readonly VolumeUsage[]): VolumeFigures {
  const bytes = usage.find(({ unit }) => unit === Unit.BYTES);
  const inodes = usage.find(({ unit }) => unit === Unit.INODES);
  return {
    ...(bytes === undefined ? {} : { capacityBytes: Number(bytes.total), availableBytes: Number(bytes.available), usedBytes: Number(bytes.used) }),
    ...(inodes === undefined ? {} : { inodes: Number(inodes.total), inodesFree: Number(inodes.available), inodesUsed: Number(inodes.used) }),
  };
}
