import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { backupCluster, restoreCluster } from "../backup/backup-cluster.ts";
import type { BackupSummary } from "../backup/backup-file.ts";
import { fetchNewestBackup } from "../backup/backup-repository.ts";
import { withoutCredentials } from "../lib/without-credentials.ts";
import { chooseNewest } from "../backup/backup-schedule.ts";
import { decryptFile, isEncrypted } from "../backup/encrypted-backup.ts";
import { UsageError } from "../options/config.ts";
import { requestBackup } from "../control-socket.ts";
import { formatTime, systemClock } from "../lib/clock.ts";
import { lockDirectory } from "../lib/directory-lock.ts";
import { isQuorumMember } from "../quorum/member.ts";
import { openStorage, storeFile } from "../storage/open-storage.ts";
import type { Storage } from "../storage/storage.ts";

export type StoreFlags = Readonly<Record<string, string>>;

/** `mainstay backup`: the running server writes it, or we do while none runs. */
export async function runBackupCommand(file: string | undefined, flags: StoreFlags): Promise<void> {
  const dataDir = path.resolve(flags["dataDir"] ?? "");
  const cluster = process.env["MAINSTAY_CLUSTER_NAME"] ?? "local";
  const target = path.resolve(file ?? `mainstay-${cluster}-${formatTime(systemClock.now()).replaceAll(":", "")}.backup`);
  const summary =
    (await requestBackup(dataDir, target)) ??
    (await withStore(withState(dataDir, flags), flags, (storage) => backupCluster({ storage, dataDir, cluster, clock: systemClock }, target)));
  process.stdout.write(`${target}: ${describe(summary)}, ${(statSync(target).size / 2 ** 20).toFixed(1)} MiB, sha256 ${summary.sha256}\n`);
}

/** The data directory itself; refused when it has no store, of which opening would make an empty one. */
function withState(dataDir: string, flags: StoreFlags): string {
  const serverDir = path.join(dataDir, "server");
  if (flags["datastoreEndpoint"] !== undefined || isQuorumMember(serverDir) || existsSync(storeFile(serverDir))) return dataDir;
  throw new UsageError(`there is no cluster in ${dataDir}; name the server's directory with --data-dir, or its store with --datastore-endpoint`);
}

/** `mainstay restore`: from a file or a repository of backups, and never over something that is there. */
export async function runRestoreCommand(from: string, flags: StoreFlags): Promise<void> {
  const dataDir = path.resolve(flags["dataDir"] ?? "");
  const work = mkdtempSync(path.join(os.tmpdir(), "mainstay-restore-"));
  try {
    await restoreFrom(await openedBackup(from, flags["ageKeyFile"], work), dataDir, flags);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

/** The backup as a plain file: fetched if it is in a repository, decrypted if it is encrypted. */
async function openedBackup(from: string, keyFile: string | undefined, work: string): Promise<string> {
  let file = path.resolve(from);
  if (!existsSync(file) || statSync(file).isDirectory()) {
    const [url = "", cluster] = from.split("#");
    if (!/^[a-z]+:\/\/|^[^/]+@[^/]+:/i.test(url) && !existsSync(url)) throw new UsageError(`${from}: there is no such file, and it is no URL of a repository`);
    const { name, content } = await fetchNewestBackup(url, cluster, path.join(work, "git"), chooseNewest);
    process.stdout.write(`the newest backup of ${withoutCredentials(url)} is ${name}\n`);
    file = path.join(work, name);
    writeFileSync(file, content, { mode: 0o600 });
  }
  if (!(await isEncrypted(file))) return file;
  const opened = path.join(work, "opened.backup");
  await decryptFile(file, opened, keyFile);
  return opened;
}

async function restoreFrom(file: string, dataDir: string, flags: StoreFlags): Promise<void> {
  const summary = await withStore(dataDir, flags, (storage) => restoreCluster(file, { storage, dataDir }));
  process.stdout.write(
    `restored ${describe(summary)} of cluster ${summary.cluster} as of ${summary.time} into ${dataDir}; start it with: mainstay server --data-dir ${dataDir}\n`,
  );
}

/** Holds the data directory meanwhile, so that no server starts on a store that is being read or written. */
async function withStore<T>(dataDir: string, flags: StoreFlags, work: (storage: Storage) => Promise<T>): Promise<T> {
  const lock = lockDirectory(dataDir);
  try {
    const serverDir = path.join(dataDir, "server");
    // Its SQLite file would be an empty one beside the cluster's real state.
    if (flags["datastoreEndpoint"] === undefined && isQuorumMember(serverDir))
      throw new UsageError(`the state of ${dataDir} is in the quorum of its servers: start its server first`);
    mkdirSync(serverDir, { recursive: true, mode: 0o700 });
    const storage = await openStorage({
      dataDir: serverDir,
      endpoint: flags["datastoreEndpoint"],
      caFile: flags["datastoreCafile"],
      certFile: flags["datastoreCertfile"],
      keyFile: flags["datastoreKeyfile"],
    });
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
