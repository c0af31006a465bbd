import { bool, durationMs, list, type OptionRowOf } from "./option-values.ts";

/** How requests are bounded, recorded and admitted: switches under upstream's names. */
export interface ApiConfig {
  readonly maxRequestsInflight: number;
  readonly maxMutatingRequestsInflight: number;
  readonly enablePriorityAndFairness: boolean;
  readonly requestTimeout: number;
  readonly enableAdmissionPlugins: readonly string[];
  readonly disableAdmissionPlugins: readonly string[];
  readonly featureGates: Readonly<Record<string, boolean>>;
  readonly encryptionProviderConfig: string | undefined;
  readonly encryptionProviderConfigAutomaticReload: boolean;
  readonly tlsCertFile: string | undefined;
  readonly tlsPrivateKeyFile: string | undefined;
  readonly auditPolicyFile: string | undefined;
  readonly auditLogPath: string | undefined;
  readonly auditLogFormat: "json" | "legacy";
  readonly auditLogMaxage: number;
  readonly auditLogMaxbackup: number;
  readonly auditLogMaxsize: number;
  readonly auditLogCompress: boolean;
  readonly auditWebhookConfigFile: string | undefined;
  readonly auditWebhookBatchMaxSize: number;
  readonly auditWebhookBatchMaxWait: number;
  readonly auditWebhookBatchBufferSize: number;
  readonly auditWebhookInitialBackoff: number;
}

export const apiOptions: readonly OptionRowOf<ApiConfig>[] = [
  { key: "maxRequestsInflight", flags: "--max-requests-inflight <count>", description: "reading requests that are served at once; with the writing ones, the seats that priority levels share", default: "400", parse: amount },
  { key: "maxMutatingRequestsInflight", flags: "--max-mutating-requests-inflight <count>", description: "writing requests that are served at once", default: "200", parse: amount },
  { key: "enablePriorityAndFairness", flags: "--enable-priority-and-fairness <bool>", description: "share them out by FlowSchemas and PriorityLevelConfigurations", default: "true", parse: bool },
  { key: "requestTimeout", flags: "--request-timeout <duration>", description: "how long a request may take that is no watch, log or connection; 0 for ever", default: "1m0s", parse: durationMs },
  { key: "enableAdmissionPlugins", flags: "--enable-admission-plugins <names>", description: "admission plugins that run beside the usual ones", default: "", parse: list, repeats: true },
  { key: "disableAdmissionPlugins", flags: "--disable-admission-plugins <names>", description: "usual ones that do not run", default: "", parse: list, repeats: true },
  { key: "featureGates", flags: "--feature-gates <name=bool,…>", description: "upstream's gates; those of features that are always on or not there change nothing", default: "", parse: gates, repeats: true },
  { key: "encryptionProviderConfig", flags: "--encryption-provider-config <file>", description: "EncryptionConfiguration: which resources are sealed in the store, and by which keys" },
  { key: "encryptionProviderConfigAutomaticReload", flags: "--encryption-provider-config-automatic-reload <bool>", description: "read that file again when it changes", default: "false", parse: bool },
  { key: "tlsCertFile", flags: "--tls-cert-file <file>", description: "certificate that the API shows, with its chain; it has to be good for the addresses by which people and pods come (default: one of the cluster's authority)" },
  { key: "tlsPrivateKeyFile", flags: "--tls-private-key-file <file>", description: "its key" },
  { key: "auditPolicyFile", flags: "--audit-policy-file <file>", description: "audit.k8s.io Policy: which requests are recorded, and how much of them" },
  { key: "auditLogPath", flags: "--audit-log-path <file>", description: "where the record is written; - for standard output" },
  { key: "auditLogFormat", flags: "--audit-log-format <format>", description: "json or legacy", default: "json", parse: format },
  { key: "auditLogMaxage", flags: "--audit-log-maxage <days>", description: "days that old files stay; 0 for any age", default: "0", parse: amount },
  { key: "auditLogMaxbackup", flags: "--audit-log-maxbackup <count>", description: "how many old files stay; 0 for all", default: "0", parse: amount },
  { key: "auditLogMaxsize", flags: "--audit-log-maxsize <megabytes>", description: "size at which a file is rotated; 0 for never", default: "100", parse: amount },
  { key: "auditLogCompress", flags: "--audit-log-compress <bool>", description: "compress old files", default: "false", parse: bool },
  { key: "auditWebhookConfigFile", flags: "--audit-webhook-config-file <file>", description: "kubeconfig of a server that gets the record" },
  { key: "auditWebhookBatchMaxSize", flags: "--audit-webhook-batch-max-size <count>", description: "events that it gets at a time", default: "400", parse: positive },
  { key: "auditWebhookBatchMaxWait", flags: "--audit-webhook-batch-max-wait <duration>", description: "how long events wait for others", default: "30s", parse: durationMs },
  { key: "auditWebhookBatchBufferSize", flags: "--audit-webhook-batch-buffer-size <count>", description: "events that may wait; more are lost", default: "10000", parse: positive },
  { key: "auditWebhookInitialBackoff", flags: "--audit-webhook-initial-backoff <duration>", description: "pause before the second try", default: "10s", parse: durationMs },
];

function gates(text: string): Readonly<Record<string, boolean>> {
  return Object.fromEntries(
    list(text).map((pair) => {
      const [, name = "", value] = /^([A-Z][A-Za-z0-9]*)=(true|false)$/.exec(pair) ?? [];
      if (name === "") throw new Error("must be pairs such as SomeFeature=true");
      return [name, value === "true"];
    }),
  );
}

function format(text: string): string {
  if (text !== "json" && text !== "legacy") throw new Error("must be json or legacy");
  return text;
}

function positive(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new Error("must be a whole number from 1");
  return value;
}

function amount(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new Error("must be a whole number, 0 for no bound");
  return value;
}
