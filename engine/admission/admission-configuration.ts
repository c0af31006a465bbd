import { ConfigFields } from "../apimachinery/config-fields.ts";
import { dnsLabelError, dnsSubdomainError } from "../apimachinery/names.ts";
import { parseYamlDocuments } from "../apimachinery/yaml.ts";
import type { LimitedResource } from "../resources/quota/limited-resources.ts";
import type { ScopedResourceSelectorRequirement } from "../resources/types.ts";
import { PLUGIN_NAMES } from "./choose-plugins.ts";
import { MODES, OPEN_SETTINGS, parseLevel, parseVersion, type LevelVersion, type Mode, type PodSecuritySettings } from "./pod-security/policy.ts";

/** What an AdmissionConfiguration says to the plugins that listen. */
export interface AdmissionSettings {
  readonly podSecurity: PodSecuritySettings;
  readonly limitedResources: readonly LimitedResource[];
  /** Files that say as whom webhooks are called. */
  readonly webhookKubeconfigs: { readonly mutating?: string; readonly validating?: string };
}

export const USUAL_SETTINGS: AdmissionSettings = { podSecurity: OPEN_SETTINGS, limitedResources: [], webhookKubeconfigs: {} };

const VERSIONS = ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1alpha1", "apiserver.k8s.io/v1alpha1"];

/** How each plugin that has settings reads its own. */
const READERS: Readonly<Record<string, (fields: ConfigFields) => (settings: AdmissionSettings) => AdmissionSettings>> = {
  PodSecurity: (fields) => {
    const podSecurity = podSecuritySettings(fields);
    return (settings) => ({ ...settings, podSecurity });
  },
  ResourceQuota: (fields) => {
    const limitedResources = limitedResourcesOf(fields);
    return (settings) => ({ ...settings, limitedResources });
  },
  MutatingAdmissionWebhook: (fields) => {
    const mutating = kubeconfigOf(fields);
    return (settings) => ({ ...settings, webhookKubeconfigs: { ...settings.webhookKubeconfigs, mutating } });
  },
  ValidatingAdmissionWebhook: (fields) => {
    const validating = kubeconfigOf(fields);
    return (settings) => ({ ...settings, webhookKubeconfigs: { ...settings.webhookKubeconfigs, validating } });
  },
};

/**
 * Reads an AdmissionConfiguration (apiserver.config.k8s.io/v1). `readFile` gives the text of a plugin's own file. Throws with the field for what
 * is wrong, and for plugins that are not here or have no settings: an operator who limits something must not find out later that nobody did.
 */
export function parseAdmissionConfiguration(text: string, readFile: (path: string) => string): AdmissionSettings {
  const root = open(text);
  requireKind(root, "AdmissionConfiguration", VERSIONS);
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

function requireKind(fields: ConfigFields, kind: string, versions: readonly string[]): void {
  if (fields.text("kind") !== kind || !versions.includes(fields.text("apiVersion") ?? "")) throw new Error(`${fields.path === "" ? "" : `${fields.path}: `}must be ${/^[AEIOU]/.test(kind) ? "an" : "a"} ${kind} of ${versions[0]}`);
}

function podSecuritySettings(fields: ConfigFields): PodSecuritySettings {
  requireKind(fields, "PodSecurityConfiguration", ["v1", "v1beta1", "v1alpha1"].map((version) => `pod-security.admission.config.k8s.io/${version}`));
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
  if (fields.text("kind") === "Configuration") requireKind(fields, "Configuration", ["resourcequota.admission.k8s.io/v1beta1", "resourcequota.admission.k8s.io/v1alpha1"]);
  else requireKind(fields, "ResourceQuotaConfiguration", ["apiserver.config.k8s.io/v1"]);
  fields.refuseOthers(["kind", "apiVersion", "limitedResources"]);
  return fields.list("limitedResources").map((limited) => {
    limited.refuseOthers(["apiGroup", "resource", "matchContains", "matchScopes"]);
    return { group: limited.text("apiGroup") ?? "", resource: limited.required("resource"), matchContains: limited.texts("matchContains"), matchScopes: limited.list("matchScopes").map(scopeRequirement) };
  });
}

const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"] as const;

function scopeRequirement(fields: ConfigFields): ScopedResourceSelectorRequirement {
  fields.refuseOthers(["scopeName", "operator", "values"]);
  const operator = fields.requiredParsed("operator", (text) => {
    const found = OPERATORS.find((one) => one === text);
    if (found === undefined) throw new Error(`must be one of ${OPERATORS.join(", ")}`);
    return found;
  });
  const values = fields.texts("values");
  return { scopeName: fields.required("scopeName"), operator, ...(values.length === 0 ? {} : { values }) };
}

function kubeconfigOf(fields: ConfigFields): string {
  if (fields.text("kind") === "WebhookAdmission") requireKind(fields, "WebhookAdmission", ["apiserver.config.k8s.io/v1alpha1"]);
  else requireKind(fields, "WebhookAdmissionConfiguration", ["apiserver.config.k8s.io/v1"]);
  fields.refuseOthers(["kind", "apiVersion", "kubeConfigFile"]);
  const file = fields.required("kubeConfigFile");
  if (!file.startsWith("/")) throw new Error(`${fields.path === "" ? "" : `${fields.path}.`}kubeConfigFile: ${JSON.stringify(file)}: must be an absolute file path`);
  return file;
}
