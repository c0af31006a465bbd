import { mkdir, rm } from "node:fs/promises";
import path from "node:path";
import { parseCronSchedule } from "../apimachinery/cron-schedule.ts";
import { formatTime, sleep } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { service, type Service } from "../lib/service.ts";
import { backupCluster, type BackupSource } from "./backup-cluster.ts";
import type { BackupPlace } from "./backup-place.ts";
import { encryptFile } from "./encrypted-backup.ts";

export interface BackupScheduleOptions extends BackupSource {
  /** As in a CronJob, in UTC. */
  readonly schedule: string;
  readonly place: BackupPlace;
  /** How many backups of this cluster stay there; the oldest go. */
  readonly keep: number;
  /** Who can open them, as age recipients; when there is none, they are not encrypted. */
  readonly recipients: readonly string[];
  readonly logger: Logger;
}

/** A step of waiting stays below what timers can count. */
const WAIT_MAX_MS = 24 * 3_600_000;

/** Takes a backup to its place whenever the schedule says so. A backup that fails is logged, and the next one is tried. */
export function createBackupSchedule(options: BackupScheduleOptions): Service {
  const { clock, logger, place } = options;
  const next = parseCronSchedule(options.schedule);
  return service("backups", async (signal) => {
    while (!signal.aborted) {
      const due = next(clock.now()) ?? Infinity;
      while (clock.now() < due && !signal.aborted) await sleep(clock, Math.min(WAIT_MAX_MS, due - clock.now()), signal).catch(() => {});
      if (signal.aborted) return;
      try {
        logger.info("backup written", await takeBackup(options, due));
      } catch (error) {
        logger.error("backup not written; the next one is tried at its time", { place: place.name, error: describeError(error) });
      }
    }
  });
}

async function takeBackup(options: BackupScheduleOptions, timeMs: number): Promise<Readonly<Record<string, unknown>>> {
  const { cluster, dataDir, keep, place, recipients } = options;
  const name = fileName(cluster, timeMs);
  // Made beside what it is made of, and nowhere else in the clear.
  const file = path.join(dataDir, "server", name);
  const sealed = `${file}.age`;
  const isSealed = recipients.length > 0;
  try {
    await mkdir(path.dirname(file), { recursive: true, mode: 0o700 });
    const { objects, revision, sha256 } = await backupCluster(options, file);
    if (isSealed) await encryptFile(file, sealed, recipients);
    await place.add(isSealed ? sealed : file, isSealed ? `${name}.age` : name, (names) => chooseExpired(names, cluster, keep));
    return { place: place.name, name, objects, revision, sha256 };
  } finally {
    for (const left of [file, sealed]) await rm(left, { force: true });
  }
}

function fileName(cluster: string, timeMs: number): string {
  return `mainstay-${cluster}-${formatTime(timeMs).replaceAll(":", "")}.backup`;
}

const NAME = /^mainstay-(.+)-(\d{4}-\d\d-\d\dT\d{6}Z)\.backup(?:\.age)?$/;

/** The newest of what the schedule wrote, of whichever cluster. */
export function chooseNewest(names: readonly string[]): string | undefined {
  const time = (name: string) => NAME.exec(name)?.[2] ?? "";
  return names
    .filter((name) => NAME.test(name))
    .sort((a, b) => (time(a) < time(b) ? -1 : 1))
    .at(-1);
}

/** The backups of a cluster that are more than it keeps; files of others are never named. */
export function chooseExpired(names: readonly string[], cluster: string, keep: number): readonly string[] {
  const own = names.filter((name) => NAME.exec(name)?.[1] === cluster).sort();
  return own.slice(0, Math.max(0, own.length - keep));
}
