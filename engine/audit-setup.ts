import { readFileSync } from "node:fs";
import type { ApiConfig } from "./api-options.ts";
import { fetchRemoteJson } from "./auth/remote-json.ts";
import { readKubeconfig } from "./client/kubeconfig.ts";
import { UsageError } from "./config.ts";
import type { Clock } from "./lib/clock.ts";
import type { Logger } from "./lib/log.ts";
import type { MetricsRegistry } from "./lib/metrics.ts";
import { AuditLogFile } from "./server/audit/audit-log-file.ts";
import { parseAuditPolicy, type AuditPolicy } from "./server/audit/audit-policy.ts";
import { AuditWebhook } from "./server/audit/audit-webhook.ts";
import { Auditor, type AuditSink } from "./server/audit/auditor.ts";

const WEBHOOK_TIMEOUT_MS = 30_000;

interface AuditParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
}

/** Who keeps the record that the switches ask for; undefined without a policy. Throws a UsageError for files that cannot be used. */
export async function setUpAudit(config: ApiConfig, parts: AuditParts): Promise<Auditor | undefined> {
  const { auditPolicyFile, auditLogPath, auditWebhookConfigFile } = config;
  if (auditPolicyFile === undefined) return undefined;
  const policy = readPolicy(auditPolicyFile);
  const sinks: AuditSink[] = [];
  if (auditLogPath !== undefined) sinks.push(await openLog(config, auditLogPath, parts));
  if (auditWebhookConfigFile !== undefined) sinks.push(openWebhook(config, auditWebhookConfigFile, parts));
  return new Auditor({ policy, sinks, clock: parts.clock, metrics: parts.metrics });
}

function readPolicy(file: string): AuditPolicy {
  try {
    return parseAuditPolicy(readFileSync(file, "utf8"));
  } catch (error) {
    throw new UsageError(`--audit-policy-file "${file}": ${error instanceof Error ? error.message : String(error)}`);
  }
}

async function openLog(config: ApiConfig, file: string, parts: AuditParts): Promise<AuditSink> {
  const log = new AuditLogFile({ ...parts, file, format: config.auditLogFormat, megabytesMax: config.auditLogMaxsize, daysMax: config.auditLogMaxage, backupsMax: config.auditLogMaxbackup, isCompressed: config.auditLogCompress });
  await log.open().catch((error: unknown) => {
    throw new UsageError(`--audit-log-path "${file}": ${error instanceof Error ? error.message : String(error)}`);
  });
  return log;
}

function openWebhook(config: ApiConfig, file: string, parts: AuditParts): AuditSink {
  let target;
  try {
    target = readKubeconfig(file);
  } catch (error) {
    throw new UsageError(`--audit-webhook-config-file "${file}": ${error instanceof Error ? error.message : String(error)}`);
  }
  const { server, ...credentials } = target;
  const send = async (body: unknown) => void (await fetchRemoteJson({ url: server, method: "POST", body, ...credentials, timeoutMs: WEBHOOK_TIMEOUT_MS, ignoresAnswer: true }));
  return new AuditWebhook({ ...parts, send, batchMax: config.auditWebhookBatchMaxSize, waitMs: config.auditWebhookBatchMaxWait, bufferMax: config.auditWebhookBatchBufferSize, initialBackoffMs: config.auditWebhookInitialBackoff });
}
