import { ConfigFields } from "../apimachinery/config-fields.ts";
import { dnsLabelError, dnsSubdomainError } from "../apimachinery/names.ts";
import { parseYamlDocuments } from "../apimachinery/yaml.ts";
import type { LimitedResource } from "../resources/quota/limited-resources.ts";
import type { ScopedResourceSelectorRequirement } from "../resources/types.ts";
import { PLUGIN_NAMES } from "./choose-plugins.ts";
import { LOST_NODE_SECONDS, type LostNodeSeconds } from "./default-toleration-seconds.ts";
import { eventLimitsOf, type EventLimit } from "./event-rate-limit.ts";
import { imagePolicySettingsOf, type ImagePolicySettings } from "./image-policy.ts";
import { nodeSelectorSettingsOf, type NodeSelectorSettings } from "./pod-node-selector.ts";
import { MODES, OPEN_SETTINGS, parseLevel, parseVersion, type LevelVersion, type Mode, type PodSecuritySettings } from "./pod-security/policy.ts";
import { tolerationSettingsOf, type TolerationSettings } from "./pod-toleration-restriction.ts";

/** What an AdmissionConfiguration says to the plugins that listen. */
export interface AdmissionSettings {
  readonly podSecurity: PodSecuritySettings;
  readonly limitedResources: readonly LimitedResource[];
  /** Said on the command line, not in the file. */
  readonly lostNodeSeconds: LostNodeSeconds;
  readonly eventLimits: readonly EventLimit[];
  readonly nodeSelectors: NodeSelectorSettings;
  readonly tolerations: TolerationSettings;
  /** Undefined where nobody is to be asked. */
  readonly imagePolicy?: ImagePolicySettings;
  /** Files that say as whom webhooks are called. */
  readonly webhookKubeconfigs: { readonly mutating?: string; readonly validating?: string };
}

export const USUAL_SETTINGS: AdmissionSettings = { podSecurity: OPEN_SETTINGS, limitedResources: [], lostNodeSeconds: LOST_NODE_SECONDS, eventLimits: [], nodeSelectors: {}, tolerations: { defaults: [], whitelist: [] }, webhookKubeconfigs: {} };

const VERSIONS = ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1alpha1", "apiserver.k8s.io/v1alpha1"];

/** How each plugin that has settings reads its own. */
const READERS: Readonly<Record<string, (fields: ConfigFields) => (settings: AdmissionSettings) => AdmissionSettings>> = {
  EventRateLimit: setting("eventLimits", eventLimitsOf),
  ImagePolicyWebhook: setting("imagePolicy", imagePolicySettingsOf),
  PodNodeSelector: setting("nodeSelectors", nodeSelectorSettingsOf),
  PodSecurity: setting("podSecurity", podSecuritySettings),
  PodTolerationRestriction: setting("tolerations", tolerationSettingsOf),
  ResourceQuota: setting("limitedResources", limitedResourcesOf),
  MutatingAdmissionWebhook: (fields) => {
    const mutating = kubeconfigOf(fields);
    return (settings) => ({ ...settings, webhookKubeconfigs: { ...settings.webhookKubeconfigs, mutating } });
  },
  ValidatingAdmissionWebhook: (fields) => {
    const validating = kubeconfigOf(fields);
    return (settings) => ({ ...settings, webhookKubeconfigs: { ...settings.webhookKubeconfigs, validating } });
  },
};

function setting<K extends keyof AdmissionSettings>(key: K, read: (fields: ConfigFields) => AdmissionSettings[K]): (fields: ConfigFields) => (settings: AdmissionSettings) => AdmissionSettings {
  return (fields) => {
    const value = read(fields);
    return (settings) => ({ ...settings, [key]: value });
  };
}

/** What cannot be told to run without settings, as there is nothing that it could do. */
export function missingSettings({ eventLimits, imagePolicy }: AdmissionSettings, enabled: readonly string[]): string | undefined {
  const lacking = [...(eventLimits.length === 0 ? ["EventRateLimit"] : []), ...(imagePolicy === undefined ? ["ImagePolicyWebhook"] : [])];
  return enabled.find((name) => lacking.includes(name));
}

/**
 * Reads an AdmissionConfiguration (apiserver.config.k8s.io/v1). `readFile` gives the text of a plugin's own file. Throws with the field for what
 * is wrong, and for plugins that are not here or have no settings: an operator who limits something must not find out later that nobody did.
 */
export function parseAdmissionConfiguration(text: string, readFile: (path: string) => string): AdmissionSettings {
  const root = open(text);
  root.requireKind("AdmissionConfiguration", VERSIONS);
  root.refuseOthers(["kind", "apiVersion", "plugins"]);
  const seen = new Set<string>();
  return root.list("plugins").reduce((settings, plugin) => {
    plugin.refuseOthers(["name", "path", "configuration"]);
    const name = plugin.required("name");
    const read = READERS[name];
    if (read === undefined) throw new Error(`${plugin.path}.name: the admission plugin ${JSON.stringify(name)} ${PLUGIN_NAMES.includes(name) ? "has no settings" : "does not exist here"}`);
    if (seen.has(name)) throw new Error(`${plugin.path}.name: ${JSON.stringify(name)} is there twice`);
    seen.add(name);
    // As upstream: what is in the file itself goes before the path to another.
    const own = plugin.part("configuration");
    const change = own === undefined ? plugin.parsed("path", (path) => inFile(path, () => read(open(readFile(path))))) : read(own);
    return change === undefined ? settings : change(settings);
  }, USUAL_SETTINGS);
}

/** What is wrong in another file is told with its name. */
export function inFile<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw new Error(`${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function open(text: string): ConfigFields {
  return new ConfigFields(parseYamlDocuments(text)[0]?.value, "");
}

function podSecuritySettings(fields: ConfigFields): PodSecuritySettings {
  fields.requireKind("PodSecurityConfiguration", ["v1", "v1beta1", "v1alpha1"].map((version) => `pod-security.admission.config.k8s.io/${version}`));
  fields.refuseOthers(["kind", "apiVersion", "defaults", "exemptions"]);
  const defaults = fields.part("defaults");
  defaults?.refuseOthers(MODES.flatMap((mode) => [mode, `${mode}-version`]));
  const of = (mode: Mode): LevelVersion => ({ level: defaults?.parsed(mode, parseLevel) ?? "privileged", minor: defaults?.parsed(`${mode}-version`, parseVersion) ?? Infinity });
  const exemptions = fields.part("exemptions");
  exemptions?.refuseOthers(["usernames", "namespaces", "runtimeClasses"]);
  return {
    defaults: { enforce: of("enforce"), audit: of("audit"), warn: of("warn") },
    exemptions: {
      usernames: names(exemptions, "usernames", (name) => (name === "" ? "username must not be empty" : undefined)),
      namespaces: names(exemptions, "namespaces", dnsLabelError),
      runtimeClasses: names(exemptions, "runtimeClasses", dnsSubdomainError),
    },
  };
}

function names(fields: ConfigFields | undefined, field: string, problemOf: (name: string) => string | undefined): readonly string[] {
  const found = fields?.texts(field) ?? [];
  for (const [index, name] of found.entries()) {
    const problem = problemOf(name) ?? (found.indexOf(name) < index ? "is there twice" : undefined);
    if (problem !== undefined) throw new Error(`${fields?.path}.${field}[${index}]: ${JSON.stringify(name)}: ${problem}`);
  }
  return found;
}

function limitedResourcesOf(fields: ConfigFields): readonly LimitedResource[] {
  if (fields.text("kind") === "Configuration") fields.requireKind("Configuration", ["resourcequota.admission.k8s.io/v1beta1", "resourcequota.admission.k8s.io/v1alpha1"]);
  else fields.requireKind("ResourceQuotaConfiguration", ["apiserver.config.k8s.io/v1"]);
  fields.refuseOthers(["kind", "apiVersion", "limitedResources"]);
  return fields.list("limitedResources").map((limited) => {
    limited.refuseOthers(["apiGroup", "resource", "matchContains", "matchScopes"]);
    return { group: limited.text("apiGroup") ?? "", resource: limited.required("resource"), matchContains: limited.texts("matchContains"), matchScopes: limited.list("matchScopes").map(scopeRequirement) };
  });
}

const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"];

function scopeRequirement(fields: ConfigFields): ScopedResourceSelectorRequirement {
  fields.refuseOthers(["scopeName", "operator", "values"]);
  const operator = fields.requiredOneOf("operator", OPERATORS);
  const values = fields.texts("values");
  return { scopeName: fields.required("scopeName"), operator, ...(values.length === 0 ? {} : { values }) };
}

function kubeconfigOf(fields: ConfigFields): string {
  if (fields.text("kind") === "WebhookAdmission") fields.requireKind("WebhookAdmission", ["apiserver.config.k8s.io/v1alpha1"]);
  else fields.requireKind("WebhookAdmissionConfiguration", ["apiserver.config.k8s.io/v1"]);
  fields.refuseOthers(["kind", "apiVersion", "kubeConfigFile"]);
  const file = fields.required("kubeConfigFile");
  if (!file.startsWith("/")) throw new Error(`${fields.path === "" ? "" : `${fields.path}.`}kubeConfigFile: ${JSON.stringify(file)}: must be an absolute file path`);
  return file;
}
