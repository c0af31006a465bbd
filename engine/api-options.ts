import { auditOptions, type AuditConfig } from "./audit-options.ts";
import { catalog } from "./resources/catalog.ts";
import { amount, bool, durationMs, list, type OptionRowOf } from "./option-values.ts";

/** How requests are bounded, recorded and admitted: switches under upstream's names. */
export interface ApiConfig extends AuditConfig {
  readonly maxRequestsInflight: number;
  readonly maxMutatingRequestsInflight: number;
  readonly enablePriorityAndFairness: boolean;
  readonly requestTimeout: number;
  readonly minRequestTimeout: number;
  readonly enableAdmissionPlugins: readonly string[];
  readonly disableAdmissionPlugins: readonly string[];
  readonly admissionControlConfigFile: string | undefined;
  readonly featureGates: Readonly<Record<string, boolean>>;
  readonly runtimeConfig: Readonly<Record<string, boolean>>;
  readonly encryptionProviderConfig: string | undefined;
  readonly encryptionProviderConfigAutomaticReload: boolean;
  readonly tlsCertFile: string | undefined;
  readonly tlsPrivateKeyFile: string | undefined;
  readonly certDir: string | undefined;
  readonly storageMediaType: string;
  readonly strictTransportSecurityDirectives: readonly string[];
}

export const apiOptions: readonly OptionRowOf<ApiConfig>[] = [
  { key: "maxRequestsInflight", flags: "--max-requests-inflight <count>", description: "reading requests that are served at once; with the writing ones, the seats that priority levels share", default: "400", parse: amount },
  { key: "maxMutatingRequestsInflight", flags: "--max-mutating-requests-inflight <count>", description: "writing requests that are served at once", default: "200", parse: amount },
  { key: "enablePriorityAndFairness", flags: "--enable-priority-and-fairness <bool>", description: "share them out by FlowSchemas and PriorityLevelConfigurations", default: "true", parse: bool },
  { key: "requestTimeout", flags: "--request-timeout <duration>", description: "how long a request may take that is no watch, log or connection; 0 for ever", default: "1m0s", parse: durationMs },
  { key: "minRequestTimeout", flags: "--min-request-timeout <seconds>", description: "watches that ask for no end have one after this long, or up to twice as much", default: "1800", parse: amount },
  { key: "enableAdmissionPlugins", flags: "--enable-admission-plugins <names>", description: "admission plugins that run beside the usual ones", default: "", parse: list, repeats: true },
  { key: "disableAdmissionPlugins", flags: "--disable-admission-plugins <names>", description: "usual ones that do not run", default: "", parse: list, repeats: true },
  { key: "admissionControlConfigFile", flags: "--admission-control-config-file <file>", description: "AdmissionConfiguration: settings of PodSecurity, ResourceQuota and the calls of webhooks" },
  { key: "featureGates", flags: "--feature-gates <name=bool,…>", description: "upstream's gates; those of features that are always on or not there change nothing", default: "", parse: gates, repeats: true },
  { key: "runtimeConfig", flags: "--runtime-config <version=bool,…>", description: "upstream's switches of API versions such as api/all=true; those that are served are always on", default: "", parse: apiVersions, repeats: true },
  { key: "encryptionProviderConfig", flags: "--encryption-provider-config <file>", description: "EncryptionConfiguration: which resources are sealed in the store, and by which keys" },
  { key: "encryptionProviderConfigAutomaticReload", flags: "--encryption-provider-config-automatic-reload <bool>", description: "read that file again when it changes", default: "false", parse: bool },
  { key: "tlsCertFile", flags: "--tls-cert-file <file>", description: "certificate that the API shows, with its chain; it has to be good for the addresses by which people and pods come (default: one of the cluster's authority)" },
  { key: "tlsPrivateKeyFile", flags: "--tls-private-key-file <file>", description: "its key" },
  { key: "certDir", flags: "--cert-dir <dir>", description: "folder with that certificate and its key, apiserver.crt and apiserver.key, where they are not named" },
  { key: "storageMediaType", flags: "--storage-media-type <type>", description: "how objects are kept; there is one way", default: "application/json", parse: storageMediaType },
  { key: "strictTransportSecurityDirectives", flags: "--strict-transport-security-directives <directives>", description: "what browsers are told about coming back without TLS, such as max-age=31536000,includeSubDomains,preload; nothing when empty", default: "", parse: transportSecurity, repeats: true },
  ...auditOptions,
];

function storageMediaType(text: string): string {
  if (text !== "" && text !== "application/json") throw new Error("must be application/json: objects are kept as JSON");
  return "application/json";
}

function transportSecurity(text: string): readonly string[] {
  const directives = list(text);
  if (!directives.every((directive) => /^(max-age=[^=]+|includeSubDomains|preload)$/.test(directive))) throw new Error("must be some of max-age=SECONDS, includeSubDomains and preload");
  return directives;
}

function gates(text: string): Readonly<Record<string, boolean>> {
  return Object.fromEntries(
    list(text).map((pair) => {
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
    list(text).map((pair) => {
      const [, name = "", value = "true"] = /^([a-z0-9.]+\/[a-z0-9]+(?:\/[a-z]+)?)(?:=(true|false))?$/.exec(pair) ?? [];
      if (name === "") throw new Error("must be pairs such as apps/v1=true");
      const isServed = served.has(name.split("/").slice(0, 2).join("/"));
      if (isServed && value === "false") throw new Error(`${name} cannot be switched off`);
      if (!isServed && !absent.has(name) && value === "true") throw new Error(`${name} is not served`);
      return [name, value === "true"];
    }),
  );
}
