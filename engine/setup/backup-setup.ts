import path from "node:path";
import type { BackupSource } from "../backup/backup-cluster.ts";
import { backupFolder, type BackupPlace } from "../backup/backup-place.ts";
import { backupRepository } from "../backup/backup-repository.ts";
import { createBackupSchedule } from "../backup/backup-schedule.ts";
import type { Client } from "../client/client.ts";
import type { ServerConfig } from "../options/config.ts";
import { elected, electedOptions } from "../elected-services.ts";
import type { EngineParts } from "../engine-parts.ts";
import type { Service } from "../lib/service.ts";

/** Every server fills its own folder; a repository is everybody's, and one server's task. */
export function setUpBackups(
  config: ServerConfig,
  parts: EngineParts,
  as: (username: string) => Client,
  saved: BackupSource,
  isShared: boolean,
): readonly Service[] {
  const { backupDir, backupRepo: url, backupRecipient: recipients, backupSchedule: schedule, backupKeep: keep } = config;
  const { clock, logger } = parts;
  const to = (place: BackupPlace) => createBackupSchedule({ ...saved, place, schedule, keep, recipients, logger });
  const services = backupDir === undefined ? [] : [to(backupFolder(backupDir))];
  if (url === undefined) return services;
  const repository = to(backupRepository({ url, cluster: config.clusterName, gitDir: path.join(config.dataDir, "server", "backups.git"), clock }));
  return [...services, isShared ? elected("mainstay-backups", async () => [repository], electedOptions(config, parts, as)) : repository];
}
