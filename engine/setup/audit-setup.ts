import type { ApiConfig } from "../options/api-options.ts";
import { fetchRemoteJson } from "../auth/remote-json.ts";
import { UsageError } from "../options/config.ts";
import { readOption, webhookTarget } from "../options/option-files.ts";
import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Egress } from "../apimachinery/egress.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";
import { AuditBatch } from "../server/audit/audit-batch.ts";
import { blockingSink, truncatingSink } from "../server/audit/audit-blocking.ts";
import { AuditLogFile } from "../server/audit/audit-log-file.ts";
import { parseAuditPolicy } from "../server/audit/audit-policy.ts";
import { AuditWebhook } from "../server/audit/audit-webhook.ts";
import { Auditor, type AuditBackend, type AuditSink } from "../server/audit/auditor.ts";

const WEBHOOK_TIMEOUT_MS = 30_000;

interface AuditParts {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  readonly egress?: Egress | undefined;
}

/** Who keeps the record that the switches ask for; undefined without a policy. Throws a UsageError for files that cannot be used. */
export async function setUpAudit(config: ApiConfig, parts: AuditParts): Promise<Auditor | undefined> {
  const { auditLogPath, auditWebhookConfigFile } = config;
  const policy = readOption("--audit-policy-file", config.auditPolicyFile, (text) =>
    parseAuditPolicy(text, (problem) => parts.logger.warn("the audit policy says something that nobody knows", { file: config.auditPolicyFile, problem })),
  );
  if (policy === undefined) return undefined;
  const sinks: AuditSink[] = [];
  if (auditLogPath !== undefined) sinks.push(sinkOf(config, "Log", await openLog(config, auditLogPath, parts), parts));
  if (auditWebhookConfigFile !== undefined) sinks.push(sinkOf(config, "Webhook", openWebhook(config, auditWebhookConfigFile, parts), parts));
  return new Auditor({ policy, sinks, clock: parts.clock, metrics: parts.metrics });
}

/** The backend behind the mode, the bounds and the truncation that its switches ask for. */
function sinkOf(config: ApiConfig, name: "Log" | "Webhook", backend: AuditBackend, { clock, logger, metrics }: AuditParts): AuditSink {
  const mode = config[`audit${name}Mode`];
  const isTruncated = config[`audit${name}TruncateEnabled`];
  const throttle =
    config[`audit${name}BatchThrottleEnable`] && config[`audit${name}BatchThrottleQps`] > 0
      ? { throttle: { perSecond: config[`audit${name}BatchThrottleQps`], burst: config[`audit${name}BatchThrottleBurst`] } }
      : {};
  const sink =
    mode !== "batch"
      ? blockingSink(backend, mode === "blocking-strict")
      : new AuditBatch({
          backend,
          clock,
          logger,
          metrics,
          batchMax: config[`audit${name}BatchMaxSize`],
          batchBytesMax: isTruncated ? config[`audit${name}TruncateMaxBatchSize`] : 0,
          waitMs: config[`audit${name}BatchMaxWait`],
          bufferMax: config[`audit${name}BatchBufferSize`],
          ...throttle,
        });
  if (!isTruncated) return sink;
  const failures = metrics.counter("apiserver_audit_error_total", "Audit events that a backend could not keep.");
  return truncatingSink(sink, { eventBytesMax: config[`audit${name}TruncateMaxEventSize`], dropped: () => failures.add({ plugin: "truncate" }) });
}

async function openLog(config: ApiConfig, file: string, parts: AuditParts): Promise<AuditBackend> {
  const log = new AuditLogFile({
    ...parts,
    file,
    format: config.auditLogFormat,
    megabytesMax: config.auditLogMaxsize,
    daysMax: config.auditLogMaxage,
    backupsMax: config.auditLogMaxbackup,
    isCompressed: config.auditLogCompress,
  });
  await log.open().catch((error: unknown) => {
    throw new UsageError(`--audit-log-path "${file}": ${error instanceof Error ? error.message : String(error)}`);
  });
  return log;
}

function openWebhook(config: ApiConfig, file: string, parts: AuditParts): AuditBackend {
  const target = webhookTarget("--audit-webhook-config-file", file, parts.egress);
  const send = async (text: string, signal?: AbortSignal) =>
    void (await fetchRemoteJson({ ...target, method: "POST", text, timeoutMs: WEBHOOK_TIMEOUT_MS, signal, ignoresAnswer: true }));
  return new AuditWebhook({ ...parts, send, initialBackoffMs: config.auditWebhookInitialBackoff });
}
