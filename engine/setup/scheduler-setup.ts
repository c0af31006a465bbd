import { readFileSync } from "node:fs";
import type { Logger } from "../lib/log.ts";
import { UsageError, type ServerConfig } from "../options/config.ts";
import { parseSchedulerConfig } from "../scheduler/config/parse-scheduler-config.ts";
import type { SchedulerSettings } from "../scheduler/scheduler-settings.ts";

/**
 * Where pods go, as the file of --scheduler-config says; undefined without one. What means nothing here is told once. Throws a UsageError
 * with file and line for what cannot be.
 */
export function setUpScheduling({ schedulerConfig: file }: Pick<ServerConfig, "schedulerConfig">, logger: Logger): SchedulerSettings | undefined {
  if (file === undefined) return undefined;
  try {
    const { settings, notices } = parseSchedulerConfig(readFileSync(file, "utf8"), file);
    for (const notice of notices) logger.warn(notice);
    return settings;
  } catch (error) {
    throw new UsageError(`--scheduler-config: ${error instanceof Error ? error.message : String(error)}`);
  }
}
