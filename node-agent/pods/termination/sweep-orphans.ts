import { existsSync, readdirSync, rmSync } from "node:fs";
import path from "node:path";
import { describeError, type Logger } from "../../../engine/lib/log.ts";
import type { DriverVolumes } from "../../volumes/volume-plugin.ts";
import { unmountVolumes } from "../../volumes/volumes.ts";
import { cgroupsWithin, removePodCgroup } from "../../cgroups/cgroups.ts";
import { podUidOf, QOS_CLASSES, qosFolder } from "../../cgroups/pod-cgroup.ts";

export interface OrphanPlaces {
  readonly podsDir: string;
  readonly logsDir: string;
  readonly cgroupRoot: string;
}

/**
 * Removes what a dead agent left of pods that neither the API nor the runtime knows any more: volumes, logs, cgroups. Persistent volumes are
 * not among them. Gives the pods of which something could not be removed, such as a volume whose driver is not there yet.
 */
export async function sweepOrphans(
  { podsDir, logsDir, cgroupRoot }: OrphanPlaces,
  known: ReadonlySet<string>,
  drivers: DriverVolumes,
  logger: Logger,
): Promise<readonly string[]> {
  const left: string[] = [];
  const orphans = new Set(namesIn(podsDir).filter((uid) => !known.has(uid)));
  const logs = namesIn(logsDir).filter((name) => !known.has(uidOfLogs(name)));
  for (const uid of orphans) {
    try {
      await unmountVolumes(path.join(podsDir, uid), drivers);
      logger.info("removed what was left of a pod", { uid });
    } catch (error) {
      left.push(uid);
      logger.warn("what is left of a pod could not be removed, will retry", { uid, error: describeError(error) });
    }
  }
  for (const name of logs) rmSync(path.join(logsDir, name), { recursive: true, force: true });
  sweepCgroups(cgroupRoot, (uid) => known.has(uid));
  return left;
}

/**
 * Removes the cgroups of pods that are not known. One outlives its pod where the runtime had forgotten a sandbox of it whose processes were in it; while
 * they are, it stays.
 */
export function sweepCgroups(cgroupRoot: string, isKnown: (uid: string) => boolean): void {
  for (const folder of QOS_CLASSES.map((qos) => qosFolder(cgroupRoot, qos)))
    for (const name of cgroupsWithin(folder)) {
      const uid = podUidOf(name);
      if (uid !== undefined && !isKnown(uid)) removePodCgroup(`${folder}/${name}`);
    }
}

/** Folders of logs are named `<namespace>_<pod>_<uid>`. */
function uidOfLogs(name: string): string {
  return name.slice(name.lastIndexOf("_") + 1);
}

/** Read in one go: under virtual time nothing passes meanwhile, however busy the machine is. */
function namesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
