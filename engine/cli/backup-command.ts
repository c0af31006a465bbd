import { mkdirSync } from "node:fs";
import { statSync } from "node:fs";
import path from "node:path";
import { backupCluster, restoreCluster } from "../backup/backup-cluster.ts";
import type { BackupSummary } from "../backup/backup-file.ts";
import { requestBackup } from "../control-socket.ts";
import { formatTime, systemClock } from "../lib/clock.ts";
import { lockDirectory } from "../lib/directory-lock.ts";
import { openStorage } from "../storage/open-storage.ts";
import type { Storage } from "../storage/storage.ts";

export type StoreFlags = Readonly<Record<string, string>>;

/** `mainstay backup`: the running server writes it, or we do while none runs. */
export async function runBackupCommand(file: string | undefined, flags: StoreFlags): Promise<void> {
  const dataDir = path.resolve(flags["dataDir"] ?? "");
  const cluster = process.env["MAINSTAY_CLUSTER_NAME"] ?? "local";
  const target = path.resolve(file ?? `mainstay-${cluster}-${formatTime(systemClock.now()).replaceAll(":", "")}.backup`);
  const summary = (await requestBackup(dataDir, target)) ?? (await withStore(dataDir, flags, (storage) => backupCluster({ storage, dataDir, cluster, clock: systemClock }, target)));
  process.stdout.write(`${target}: ${describe(summary)}, ${(statSync(target).size / 2 ** 20).toFixed(1)} MiB, sha256 ${summary.sha256}\n`);
}

/** `mainstay restore`: never over something that is there. */
export async function runRestoreCommand(file: string, flags: StoreFlags): Promise<void> {
  const dataDir = path.resolve(flags["dataDir"] ?? "");
  const summary = await withStore(dataDir, flags, (storage) => restoreCluster(path.resolve(file), { storage, dataDir }));
  process.stdout.write(`restored ${describe(summary)} of cluster ${summary.cluster} as of ${summary.time} into ${dataDir}; start it with: mainstay server --data-dir ${dataDir}\n`);
}

/** Holds the data directory meanwhile, so that no server starts on a store that is being read or written. */
async function withStore<T>(dataDir: string, flags: StoreFlags, work: (storage: Storage) => Promise<T>): Promise<T> {
  const lock = lockDirectory(dataDir);
  try {
    const serverDir = path.join(dataDir, "server");
    mkdirSync(serverDir, { recursive: true, mode: 0o700 });
    const storage = await openStorage({ dataDir: serverDir, endpoint: flags["datastoreEndpoint"], caFile: flags["datastoreCafile"], certFile: flags["datastoreCertfile"], keyFile: flags["datastoreKeyfile"] });
    try {
      return await work(storage);
    } finally {
      await storage.close();
    }
  } finally {
    lock.release();
  }
}

function describe({ objects, files, revision }: BackupSummary): string {
  return `${objects} objects at revision ${revision}, ${files} files`;
}
