import { amount, bool, durationMs, oneOf, positive, type OptionRowOf } from "./option-values.ts";

type SinkName = "Log" | "Webhook";

/** Whether requests wait for their record. */
export type AuditMode = "batch" | "blocking" | "blocking-strict";

/** What log and webhook have in common, each under its own name. */
type SinkConfig<S extends SinkName> = {
  readonly [K in `audit${S}Mode`]: AuditMode;
} & {
  readonly [
    K in `audit${S}${"BatchMaxSize" | "BatchMaxWait" | "BatchBufferSize" | "BatchThrottleQps" | "BatchThrottleBurst" | "TruncateMaxBatchSize" | "TruncateMaxEventSize"}`
  ]: number;
} & {
  readonly [K in `audit${S}${"BatchThrottleEnable" | "TruncateEnabled"}`]: boolean;
} & {
  readonly [K in `audit${S}Version`]: string;
};

/** Which requests are recorded, and where: switches under upstream's names. */
export interface AuditConfig extends SinkConfig<"Log">, SinkConfig<"Webhook"> {
  readonly auditPolicyFile: string | undefined;
  readonly auditLogPath: string | undefined;
  readonly auditLogFormat: "json" | "legacy";
  readonly auditLogMaxage: number;
  readonly auditLogMaxbackup: number;
  readonly auditLogMaxsize: number;
  readonly auditLogCompress: boolean;
  readonly auditWebhookConfigFile: string | undefined;
  readonly auditWebhookInitialBackoff: number;
}

export const auditOptions: readonly OptionRowOf<AuditConfig>[] = [
  { key: "auditPolicyFile", flags: "--audit-policy-file <file>", description: "audit.k8s.io Policy: which requests are recorded, and how much of them" },
  { key: "auditLogPath", flags: "--audit-log-path <file>", description: "where the record is written; - for standard output" },
  { key: "auditLogFormat", flags: "--audit-log-format <format>", description: "json or legacy", default: "json", parse: oneOf("json", "legacy") },
  { key: "auditLogMaxage", flags: "--audit-log-maxage <days>", description: "days that old files stay; 0 for any age", default: "0", parse: amount },
  { key: "auditLogMaxbackup", flags: "--audit-log-maxbackup <count>", description: "how many old files stay; 0 for all", default: "0", parse: amount },
  {
    key: "auditLogMaxsize",
    flags: "--audit-log-maxsize <megabytes>",
    description: "size at which a file is rotated; 0 for never",
    default: "100",
    parse: amount,
  },
  { key: "auditLogCompress", flags: "--audit-log-compress <bool>", description: "compress old files", default: "false", parse: bool },
  ...sinkRows("Log", "log", { mode: "blocking", batch: "1", wait: "0", throttle: "false", perSecond: "0", burst: "0" }),
  { key: "auditWebhookConfigFile", flags: "--audit-webhook-config-file <file>", description: "kubeconfig of a server that gets the record" },
  {
    key: "auditWebhookInitialBackoff",
    flags: "--audit-webhook-initial-backoff <duration>",
    description: "pause before the second try",
    default: "10s",
    parse: durationMs,
  },
  ...sinkRows("Webhook", "webhook", { mode: "batch", batch: "400", wait: "30s", throttle: "true", perSecond: "10", burst: "15" }),
];

interface SinkDefaults {
  readonly mode: AuditMode;
  readonly batch: string;
  readonly wait: string;
  readonly throttle: string;
  readonly perSecond: string;
  readonly burst: string;
}

function sinkRows(sink: SinkName, flag: string, { mode, batch, wait, throttle, perSecond, burst }: SinkDefaults): readonly OptionRowOf<AuditConfig>[] {
  return [
    {
      key: `audit${sink}Mode`,
      flags: `--audit-${flag}-mode <mode>`,
      description: "batch: later and together; blocking: a request waits for its record; blocking-strict: and fails without it",
      default: mode,
      parse: oneOf("batch", "blocking", "blocking-strict"),
    },
    { key: `audit${sink}BatchMaxSize`, flags: `--audit-${flag}-batch-max-size <count>`, description: "events of a batch", default: batch, parse: positive },
    {
      key: `audit${sink}BatchMaxWait`,
      flags: `--audit-${flag}-batch-max-wait <duration>`,
      description: "how long events wait for others",
      default: wait,
      parse: durationMs,
    },
    {
      key: `audit${sink}BatchBufferSize`,
      flags: `--audit-${flag}-batch-buffer-size <count>`,
      description: "events that may wait; more are lost",
      default: "10000",
      parse: positive,
    },
    {
      key: `audit${sink}BatchThrottleEnable`,
      flags: `--audit-${flag}-batch-throttle-enable <bool>`,
      description: "whether batches are bounded in number",
      default: throttle,
      parse: bool,
    },
    {
      key: `audit${sink}BatchThrottleQps`,
      flags: `--audit-${flag}-batch-throttle-qps <count>`,
      description: "batches per second",
      default: perSecond,
      parse: amount,
    },
    {
      key: `audit${sink}BatchThrottleBurst`,
      flags: `--audit-${flag}-batch-throttle-burst <count>`,
      description: "batches at once after a pause",
      default: burst,
      parse: amount,
    },
    {
      key: `audit${sink}TruncateEnabled`,
      flags: `--audit-${flag}-truncate-enabled <bool>`,
      description: "whether long events lose their objects",
      default: "false",
      parse: bool,
    },
    {
      key: `audit${sink}TruncateMaxEventSize`,
      flags: `--audit-${flag}-truncate-max-event-size <bytes>`,
      description: "from where they do",
      default: "102400",
      parse: positive,
    },
    {
      key: `audit${sink}TruncateMaxBatchSize`,
      flags: `--audit-${flag}-truncate-max-batch-size <bytes>`,
      description: "bytes of a batch then",
      default: "10485760",
      parse: positive,
    },
    {
      key: `audit${sink}Version`,
      flags: `--audit-${flag}-version <version>`,
      description: "form of the events",
      default: "audit.k8s.io/v1",
      parse: oneOf("audit.k8s.io/v1"),
    },
  ];
}
