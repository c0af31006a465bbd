import { readdirSync } from "node:fs";
import { rename } from "node:fs/promises";
import path from "node:path";
import { hasReason } from "../../engine/apimachinery/status-error.ts";
import type { Client } from "../../engine/client/client.ts";
import type { InformerFactory } from "../../engine/client/informer-factory.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { persistentVolumeResource } from "../../engine/resources/core/persistent-volume.ts";
import { isLocalPathVolume, LOCAL_PATH_FINALIZER, LOCAL_PATH_NODE_LABEL } from "../../engine/resources/storage/local-path.ts";
import { VOLUME_PROTECTION } from "../../engine/resources/storage/protection.ts";
import type { PersistentVolume } from "../../engine/resources/types.ts";
import { removeTree } from "./remove-tree.ts";

export interface LocalVolumesOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeName: string;
  readonly volumesDir: string;
}

const LOOK_MS = 30_000;
/** A folder that is on its way out has this before its name: what is not deleted to its end before a crash is found again by it. */
const DOOMED = ".deleted-";

/** Deletes the folders of volumes that are being deleted, and only then lets the volumes go. A folder that no volume names is left alone. */
export function createLocalVolumes({ client, informers, clock, logger, nodeName, volumesDir }: LocalVolumesOptions): Service {
  const volumes = informers.informer(persistentVolumeResource, { labelSelector: `${LOCAL_PATH_NODE_LABEL}=${nodeName}` });

  const finish = async (volume: PersistentVolume) => {
    const { name = "", finalizers = [] } = volume.metadata;
    await deleteFolder(volumesDir, volume.spec?.local?.path ?? "");
    const left = finalizers.filter((finalizer) => finalizer !== LOCAL_PATH_FINALIZER);
    await client.for(persistentVolumeResource).patch("", name, "merge", {
      metadata: { uid: volume.metadata.uid, resourceVersion: volume.metadata.resourceVersion, finalizers: left.length === 0 ? null : left },
    });
    logger.info("folder of a deleted volume removed", { volume: name });
  };

  const finishDue = async () => {
    for (const volume of volumes.list().filter(isDue)) {
      await finish(volume).catch((error: unknown) => {
        if (!hasReason(error, "NotFound", "Conflict"))
          logger.warn("folder of a deleted volume not removed, will retry", { volume: volume.metadata.name, error: describeError(error) });
      });
    }
  };

  return service("local-volumes", async (signal) => {
    let wake = () => {};
    const remove = volumes.addHandler({ add: () => wake(), update: () => wake() });
    try {
      await volumes.waitForSync(signal);
      await clearDoomed(volumesDir).catch((error: unknown) =>
        logger.warn("leftovers of deleted volumes not removed, will retry", { error: describeError(error) }),
      );
      while (!signal.aborted) {
        const changed = new Promise<void>((resolve) => (wake = resolve));
        await finishDue();
        await Promise.race([changed, sleep(clock, LOOK_MS, signal).catch(() => {})]);
      }
    } finally {
      remove();
    }
  });
}

/** Deleted, no claim has it any more, and nobody has done it yet. */
function isDue(volume: PersistentVolume): boolean {
  const { deletionTimestamp, finalizers = [] } = volume.metadata;
  return deletionTimestamp !== undefined && finalizers.includes(LOCAL_PATH_FINALIZER) && !finalizers.includes(VOLUME_PROTECTION) && isLocalPathVolume(volume);
}

/** Only a folder of ours: directly below the folder for volumes. One that is not there has been deleted before, or was never needed. */
export async function deleteFolder(volumesDir: string, place: string): Promise<void> {
  const name = path.basename(place);
  if (path.dirname(place) !== volumesDir || name === "" || name.startsWith(".")) throw new Error(`delete ${place}: it is not in ${volumesDir}`);
  const doomed = path.join(volumesDir, `${DOOMED}${name}`);
  await rename(place, doomed).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error; // what fs rejects with
  });
  await removeTree(doomed);
}

async function clearDoomed(volumesDir: string): Promise<void> {
  let names: readonly string[] = [];
  try {
    names = readdirSync(volumesDir);
  } catch {
    return; // no volume has been made yet
  }
  for (const name of names) if (name.startsWith(DOOMED)) await removeTree(path.join(volumesDir, name));
}
