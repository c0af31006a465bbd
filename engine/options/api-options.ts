import { auditOptions, type AuditConfig } from "./audit-options.ts";
import { UNUSUAL_GATES, USUAL_GATES } from "../apimachinery/feature-gates.ts";
import { catalog } from "../resources/catalog.ts";
import { metricsOptions, type MetricsConfig } from "./metrics-options.ts";
import { parsePortRange, type PortRange } from "../registry/port-range.ts";
import { servingOptions, type ServingConfig } from "./serving-options.ts";
import { tracingOptions, type TracingConfig } from "./tracing-options.ts";
import { amount, bool, durationMs, wholeNumber, type OptionRowOf } from "./option-values.ts";
import { commaList } from "../lib/comma-list.ts";

/** How requests are bounded, recorded and admitted: switches under upstream's names. */
export interface ApiConfig extends AuditConfig, MetricsConfig, ServingConfig, TracingConfig {
  readonly maxRequestsInflight: number;
  readonly maxMutatingRequestsInflight: number;
  readonly enablePriorityAndFairness: boolean;
  readonly requestTimeout: number;
  readonly minRequestTimeout: number;
  readonly enableAdmissionPlugins: readonly string[];
  readonly disableAdmissionPlugins: readonly string[];
  readonly admissionControlConfigFile: string | undefined;
  readonly defaultNotReadyTolerationSeconds: number;
  readonly defaultUnreachableTolerationSeconds: number;
  readonly allowPrivileged: boolean;
  readonly eventTtl: number;
  readonly serviceNodePortRange: PortRange;
  readonly etcdCompactionInterval: number;
  readonly featureGates: Readonly<Record<string, boolean>>;
  readonly runtimeConfig: Readonly<Record<string, boolean>>;
  readonly encryptionProviderConfig: string | undefined;
  readonly encryptionProviderConfigAutomaticReload: boolean;
}

export const apiOptions: readonly OptionRowOf<ApiConfig>[] = [
  {
    key: "maxRequestsInflight",
    flags: "--max-requests-inflight <count>",
    description: "reading requests that are served at once; with the writing ones, the seats that priority levels share",
    default: "400",
    parse: amount,
  },
  {
    key: "maxMutatingRequestsInflight",
    flags: "--max-mutating-requests-inflight <count>",
    description: "writing requests that are served at once",
    default: "200",
    parse: amount,
  },
  {
    key: "enablePriorityAndFairness",
    flags: "--enable-priority-and-fairness <bool>",
    description: "share them out by FlowSchemas and PriorityLevelConfigurations",
    default: "true",
    parse: bool,
  },
  {
    key: "requestTimeout",
    flags: "--request-timeout <duration>",
    description: "how long a request may take that is no watch, log or connection; 0 for ever",
    default: "1m0s",
    parse: durationMs,
  },
  {
    key: "minRequestTimeout",
    flags: "--min-request-timeout <seconds>",
    description: "watches that ask for no end have one after this long, or up to twice as much",
    default: "1800",
    parse: amount,
  },
  {
    key: "enableAdmissionPlugins",
    flags: "--enable-admission-plugins <names>",
    description: "admission plugins that run beside the usual ones",
    default: "",
    parse: commaList,
    repeats: true,
  },
  {
    key: "disableAdmissionPlugins",
    flags: "--disable-admission-plugins <names>",
    description: "usual ones that do not run",
    default: "",
    parse: commaList,
    repeats: true,
  },
  {
    key: "admissionControlConfigFile",
    flags: "--admission-control-config-file <file>",
    description:
      "AdmissionConfiguration: settings of EventRateLimit, ImagePolicyWebhook, PodNodeSelector, PodSecurity, PodTolerationRestriction, ResourceQuota and the calls of webhooks",
  },
  {
    key: "defaultNotReadyTolerationSeconds",
    flags: "--default-not-ready-toleration-seconds <seconds>",
    description: "how long pods that do not say stay on a node that is not ready",
    default: "300",
    parse: wholeNumber,
  },
  {
    key: "defaultUnreachableTolerationSeconds",
    flags: "--default-unreachable-toleration-seconds <seconds>",
    description: "the same for a node that is not heard of",
    default: "300",
    parse: wholeNumber,
  },
  {
    key: "allowPrivileged",
    flags: "--allow-privileged <bool>",
    description: "whether pods may have privileged containers, where nothing else forbids them; upstream's usual is false",
    default: "true",
    parse: bool,
  },
  { key: "eventTtl", flags: "--event-ttl <duration>", description: "how long Events stay", default: "1h0m0s", parse: eventTtl },
  {
    key: "serviceNodePortRange",
    flags: "--service-node-port-range <first-last>",
    description: "ports of nodes that Services may have",
    default: "30000-32767",
    parse: parsePortRange,
  },
  {
    key: "etcdCompactionInterval",
    flags: "--etcd-compaction-interval <duration>",
    description: "after which time the store forgets what was; 0 for never, where somebody else sees to it",
    default: "5m0s",
    parse: durationMs,
  },
  {
    key: "featureGates",
    flags: "--feature-gates <name=bool,…>",
    description: `upstream's gates: ${USUAL_GATES.join(", ")} can be switched off, with AllBeta as well, and ${UNUSUAL_GATES.join(", ")} on; those of features that are always on or not there change nothing`,
    default: "",
    parse: gates,
    repeats: true,
  },
  {
    key: "runtimeConfig",
    flags: "--runtime-config <version=bool,…>",
    description: "upstream's switches of API versions such as api/all=true; those that are served are always on",
    default: "",
    parse: apiVersions,
    repeats: true,
  },
  {
    key: "encryptionProviderConfig",
    flags: "--encryption-provider-config <file>",
    description: "EncryptionConfiguration: which resources are sealed in the store, and by which keys",
  },
  {
    key: "encryptionProviderConfigAutomaticReload",
    flags: "--encryption-provider-config-automatic-reload <bool>",
    description: "read that file again when it changes",
    default: "false",
    parse: bool,
  },
  ...servingOptions,
  ...auditOptions,
  ...metricsOptions,
  ...tracingOptions,
];

function eventTtl(text: string): number {
  const ms = durationMs(text);
  if (ms < 1000) throw new Error("must be at least 1s");
  return ms;
}

function gates(text: string): Readonly<Record<string, boolean>> {
  return Object.fromEntries(
    commaList(text).map((pair) => {
      const [, name = "", value] = /^([A-Z][A-Za-z0-9]*)=(true|false)$/.exec(pair) ?? [];
      if (name === "") throw new Error("must be pairs such as SomeFeature=true");
      return [name, value === "true"];
    }),
  );
}

/** Versions can be asked for that are there, and done without that are not: anything else would change what the rest of the cluster stands on. */
function apiVersions(text: string): Readonly<Record<string, boolean>> {
  const served = new Set(["api/all", "api/ga", ...catalog.map(({ group, version }) => `${group === "" ? "api" : group}/${version}`)]);
  const absent = new Set(["api/beta", "api/alpha"]);
  return Object.fromEntries(
    commaList(text).map((pair) => {
      const [, name = "", value = "true"] = /^([a-z0-9.]+\/[a-z0-9]+(?:\/[a-z]+)?)(?:=(true|false))?$/.exec(pair) ?? [];
      if (name === "") throw new Error("must be pairs such as apps/v1=true");
      const isServed = served.has(name.split("/").slice(0, 2).join("/"));
      if (isServed && value === "false") throw new Error(`${name} cannot be switched off`);
      if (!isServed && !absent.has(name) && value === "true") throw new Error(`${name} is not served`);
      return [name, value === "true"];
    }),
  );
}
