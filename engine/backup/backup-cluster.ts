import { existsSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import path from "node:path";
import { formatTime, type Clock } from "../lib/clock.ts";
import { readSnapshot, writeSnapshot } from "../storage/copy-storage.ts";
import type { Storage } from "../storage/storage.ts";
import { readBackupFile, writeBackupFile, type BackupSummary } from "./backup-file.ts";
import { hostedRepositories, readClusterFiles, writeClusterFiles } from "./cluster-files.ts";

export interface BackupSource {
  readonly storage: Storage;
  readonly dataDir: string;
  readonly cluster: string;
  readonly clock: Clock;
}

/**
 * Writes everything that makes a cluster into one file: all objects as of one revision, its keys, its hosted repository. The cluster goes
 * on meanwhile. The repository is read after the objects, so it is never behind them.
 */
export async function backupCluster({ storage, dataDir, cluster, clock }: BackupSource, file: string): Promise<BackupSummary> {
  const time = formatTime(clock.now());
  const snapshot = await readSnapshot(storage);
  return writeBackupFile(file, { ...snapshot, cluster, time, files: await readClusterFiles(dataDir) });
}

/**
 * Brings a backup back, into an empty store and a data directory that holds no cluster. The whole file is verified before anything is
 * written; the objects come last, so that a restore that was interrupted is seen as one, and can be repeated after clearing the directory.
 */
export async function restoreCluster(file: string, { storage, dataDir }: Pick<BackupSource, "storage" | "dataDir">): Promise<BackupSummary> {
  const backup = await readBackupFile(file);
  const repositories = (await hostedRepositories(dataDir)).map((name) => `git/${name}.git`);
  const taken = ["server/pki/ca.key", ...repositories].find((name) => existsSync(path.join(dataDir, name)));
  if (taken !== undefined)
    throw new Error(
      `${dataDir} holds a cluster already (${taken}); restore into an empty directory, or remove this one with: mainstay reset --data-dir ${dataDir}`,
    );
  await mkdir(dataDir, { recursive: true, mode: 0o755 });
  await writeClusterFiles(dataDir, backup.files);
  await writeSnapshot(storage, backup);
  return { revision: backup.revision, cluster: backup.cluster, time: backup.time, objects: backup.entries.length, files: backup.files.length, sha256: "" };
}
