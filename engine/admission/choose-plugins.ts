import type { AdmissionPlugin } from "./admission.ts";

/** Switches of operators, by the names of plugins. */
export interface PluginChoice {
  readonly enabled: readonly string[];
  readonly disabled: readonly string[];
}

/** Off unless they are asked for. */
const OFF_BY_DEFAULT: readonly string[] = [
  "AlwaysAdmit",
  "AlwaysDeny",
  "AlwaysPullImages",
  "DenyServiceExternalIPs",
  "EventRateLimit",
  "ExtendedResourceToleration",
  "ImagePolicyWebhook",
  "LimitPodHardAntiAffinityTopology",
  "NamespaceAutoProvision",
  "NamespaceExists",
  "OwnerReferencesPermissionEnforcement",
  "PodNodeSelector",
  "PodTolerationRestriction",
];

/** Names that upstream knows and that mean nothing here, as the features that they are about are off in 1.36. They may be switched off. */
const ABSENT: readonly string[] = ["ClusterTrustBundleAttest", "JobValidation", "PodGroupProtection", "PodGroupWorkloadExists"];

/** What operators may name; a plugin that is none of them is part of the server and no choice. */
export const PLUGIN_NAMES: readonly string[] = [
  ...OFF_BY_DEFAULT,
  "CertificateApproval",
  "CertificateSigning",
  "CertificateSubjectRestriction",
  "DefaultIngressClass",
  "DefaultStorageClass",
  "DefaultTolerationSeconds",
  "LimitRanger",
  "MutatingAdmissionPolicy",
  "MutatingAdmissionWebhook",
  "NamespaceLifecycle",
  "NodeDeclaredFeatureValidator",
  "NodeRestriction",
  "PersistentVolumeClaimResize",
  "PodResizeValidator",
  "PodSecurity",
  "PodTopologyLabels",
  "Priority",
  "ResourceQuota",
  "RuntimeClass",
  "ServiceAccount",
  "StorageObjectInUseProtection",
  "TaintNodesByCondition",
  "ValidatingAdmissionPolicy",
  "ValidatingAdmissionWebhook",
];

/** What is wrong with the switches; undefined when nothing is. */
export function pluginChoiceProblem({ enabled, disabled }: PluginChoice): string | undefined {
  const unknown = [...enabled, ...disabled].find((name) => !PLUGIN_NAMES.includes(name) && !ABSENT.includes(name));
  if (unknown !== undefined) return `admission-control plugin ${JSON.stringify(unknown)} is unknown`;
  const absent = enabled.find((name) => ABSENT.includes(name));
  if (absent !== undefined) return `admission-control plugin ${JSON.stringify(absent)} does not exist here`;
  const both = enabled.find((name) => disabled.includes(name));
  return both === undefined ? undefined : `admission-control plugin ${JSON.stringify(both)} cannot be both enabled and disabled`;
}

/** The plugins that run, in their order. */
export function choosePlugins(plugins: readonly AdmissionPlugin[], { enabled, disabled }: PluginChoice): readonly AdmissionPlugin[] {
  return plugins.filter(({ name }) => (OFF_BY_DEFAULT.includes(name) ? enabled.includes(name) : !disabled.includes(name)));
}
