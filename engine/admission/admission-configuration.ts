import { ConfigFields } from "../apimachinery/config-fields.ts";
import { parseYamlDocuments } from "../apimachinery/yaml/yaml.ts";
import type { LimitedResource } from "../resources/quota/limited-resources.ts";
import { PLUGIN_NAMES } from "./choose-plugins.ts";
import { LOST_NODE_SECONDS, type LostNodeSeconds } from "./plugins/default-toleration-seconds.ts";
import { eventLimitsOf, type EventLimit } from "./plugins/event-rate-limit.ts";
import { imagePolicySettingsOf, type ImagePolicySettings } from "./plugins/image-policy.ts";
import { nodeSelectorSettingsOf, type NodeSelectorSettings } from "./plugins/pod-node-selector.ts";
import { OPEN_SETTINGS, podSecuritySettingsOf, type PodSecuritySettings } from "./pod-security/pod-security-settings.ts";
import { tolerationSettingsOf, type TolerationSettings } from "./plugins/pod-toleration-restriction.ts";
import { limitedResourcesOf } from "./plugins/resource-quota.ts";
import { webhookKubeconfigOf } from "./webhooks/webhook-kubeconfig.ts";

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

export const USUAL_SETTINGS: AdmissionSettings = {
  podSecurity: OPEN_SETTINGS,
  limitedResources: [],
  lostNodeSeconds: LOST_NODE_SECONDS,
  eventLimits: [],
  nodeSelectors: {},
  tolerations: { defaults: [], whitelist: [] },
  webhookKubeconfigs: {},
};

const VERSIONS = ["apiserver.config.k8s.io/v1", "apiserver.config.k8s.io/v1alpha1", "apiserver.k8s.io/v1alpha1"];

/** How each plugin that has settings reads its own. */
const READERS: Readonly<Record<string, (fields: ConfigFields) => (settings: AdmissionSettings) => AdmissionSettings>> = {
  EventRateLimit: setting("eventLimits", eventLimitsOf),
  ImagePolicyWebhook: setting("imagePolicy", imagePolicySettingsOf),
  PodNodeSelector: setting("nodeSelectors", nodeSelectorSettingsOf),
  PodSecurity: setting("podSecurity", podSecuritySettingsOf),
  PodTolerationRestriction: setting("tolerations", tolerationSettingsOf),
  ResourceQuota: setting("limitedResources", limitedResourcesOf),
  MutatingAdmissionWebhook: (fields) => {
    const mutating = webhookKubeconfigOf(fields);
    return (settings) => ({ ...settings, webhookKubeconfigs: { ...settings.webhookKubeconfigs, mutating } });
  },
  ValidatingAdmissionWebhook: (fields) => {
    const validating = webhookKubeconfigOf(fields);
    return (settings) => ({ ...settings, webhookKubeconfigs: { ...settings.webhookKubeconfigs, validating } });
  },
};

function setting<K extends keyof AdmissionSettings>(
  key: K,
  read: (fields: ConfigFields) => AdmissionSettings[K],
): (fields: ConfigFields) => (settings: AdmissionSettings) => AdmissionSettings {
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
    if (read === undefined)
      throw new Error(
        `${plugin.path}.name: the admission plugin ${JSON.stringify(name)} ${PLUGIN_NAMES.includes(name) ? "has no settings" : "does not exist here"}`,
      );
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
