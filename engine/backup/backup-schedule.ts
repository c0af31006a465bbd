import { mkdir, readdir, rm } from "node:fs/promises";
import path from "node:path";
import { formatTime, sleep } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { service, type Service } from "../lib/service.ts";
import { backupCluster, type BackupSource } from "./backup-cluster.ts";
import { parseSchedule } from "./cron-schedule.ts";

export interface BackupScheduleOptions extends BackupSource {
  /** Five fields of cron, in UTC. */
  readonly schedule: string;
  readonly directory: string;
  /** How many backups of this cluster stay in the directory; the oldest go. */
  readonly keep: number;
  readonly logger: Logger;
}

/** A step of waiting stays below what timers can count. */
const WAIT_MAX_MS = 24 * 3_600_000;

/** Writes a backup into a directory whenever the schedule says so. A backup that fails is logged, and the next one is tried. */
export function createBackupSchedule(options: BackupScheduleOptions): Service {
  const { clock, logger, directory } = options;
  const next = parseSchedule(options.schedule);
  return service("backups", async (signal) => {
    while (!signal.aborted) {
      const due = next(clock.now());
      while (clock.now() < due && !signal.aborted) await sleep(clock, Math.min(WAIT_MAX_MS, due - clock.now()), signal).catch(() => {});
      if (signal.aborted) return;
      try {
        await mkdir(directory, { recursive: true, mode: 0o700 });
        const file = path.join(directory, fileName(options.cluster, due));
        const { objects, revision, sha256 } = await backupCluster(options, file);
        logger.info("backup written", { file, objects, revision, sha256 });
        for (const old of chooseExpired(await readdir(directory), options.cluster, options.keep)) await rm(path.join(directory, old), { force: true });
      } catch (error) {
        logger.error("backup not written; the next one is tried at its time", { directory, error: describeError(error) });
      }
    }
  });
}

function fileName(cluster: string, timeMs: number): string {
  return `mainstay-${cluster}-${formatTime(timeMs).replaceAll(":", "")}.backup`;
}

/** The backups of a cluster in a directory that are more than it keeps; files of others are never named. */
export function chooseExpired(names: readonly string[], cluster: string, keep: number): readonly string[] {
  const pattern = new RegExp(`^mainstay-${cluster}-\\d{4}-\\d\\d-\\d\\dT\\d{6}Z\\.backup$`);
  const own = names.filter((name) => pattern.test(name)).sort();
  return own.slice(0, Math.max(0, own.length - keep));
}
