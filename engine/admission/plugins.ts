import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import type { AdmissionPlugin } from "./admission.ts";
import type { AdmissionSettings } from "./admission-configuration.ts";
import { alwaysAdmit, alwaysDeny } from "./plugins/always.ts";
import { alwaysPullImages } from "./plugins/always-pull-images.ts";
import { persistentVolumeClaimResize } from "./plugins/claim-resize.ts";
import { defaultStorageClass } from "./plugins/default-storage-class.ts";
import { defaultIngressClass } from "./plugins/default-ingress-class.ts";
import { certificatePlugins, type SignerCheck } from "./plugins/certificates.ts";
import { defaultTolerationSeconds } from "./plugins/default-toleration-seconds.ts";
import { denyServiceExternalIps } from "./plugins/deny-external-ips.ts";
import { eventRateLimit } from "./plugins/event-rate-limit.ts";
import { extendedResourceToleration } from "./plugins/extended-resource-toleration.ts";
import { imagePolicyWebhook, type AskImagePolicy } from "./plugins/image-policy.ts";
import { limitPodHardAntiAffinityTopology } from "./plugins/limit-anti-affinity.ts";
import { limitRanger } from "./plugins/limit-ranger.ts";
import { namespaceLifecycle } from "./plugins/namespace-lifecycle.ts";
import { namespaceAutoProvision, namespaceExists, type MakeNamespace } from "./plugins/namespace-switches.ts";
import { nodeDeclaredFeatureValidator } from "./plugins/node-declared-features.ts";
import { nodeRestriction } from "./plugins/node-restriction.ts";
import { ownerReferencesPermissionEnforcement, type OwnerReferenceParts } from "./plugins/owner-references.ts";
import { podNodeSelector } from "./plugins/pod-node-selector.ts";
import { podResizeValidator } from "./plugins/pod-resize.ts";
import { podSecurity } from "./pod-security/pod-security.ts";
import type { PodSecurityMetrics } from "./pod-security/pod-security-metrics.ts";
import { podTolerationRestriction } from "./plugins/pod-toleration-restriction.ts";
import { podTopologyLabels } from "./plugins/pod-topology-labels.ts";
import type { PolicyParts } from "./policies/match-policy.ts";
import { mutatingPolicies } from "./policies/mutating-policies.ts";
import type { PolicyIndex } from "./policies/policy-index.ts";
import { paramRights } from "./policies/param-rights.ts";
import { validatingPolicies } from "./policies/validating-policies.ts";
import { priority } from "./plugins/priority.ts";
import { resourceQuotaPlugin, type ChangeQuota } from "./plugins/resource-quota.ts";
import { runtimeClass } from "./plugins/runtime-class.ts";
import { serviceAccountPlugin } from "./plugins/service-account.ts";
import { storageObjectInUseProtection } from "./plugins/storage-object-in-use.ts";
import { taintNodesByCondition } from "./plugins/taint-nodes-by-condition.ts";
import { mutatingWebhooks, type WebhookParts } from "./webhooks/mutating-webhooks.ts";
import { validatingWebhooks } from "./webhooks/validating-webhooks.ts";
import type { WebhookIndex } from "./webhooks/webhook-index.ts";

/** What the rules need beside the cluster's objects. */
export interface AdmissionParts {
  readonly random: Random;
  readonly clock: Clock;
  readonly mayUseSigner: SignerCheck;
  readonly changeQuota: ChangeQuota;
  readonly policies: PolicyIndex & { readonly parts: PolicyParts };
  readonly webhooks: WebhookIndex & { readonly mutatingParts: WebhookParts; readonly validatingParts: WebhookParts };
  readonly settings: AdmissionSettings;
  readonly logger: Logger;
  readonly podSecurityMetrics: PodSecurityMetrics;
  readonly makeNamespace: MakeNamespace;
  readonly owners: OwnerReferenceParts;
  /** Undefined where no image policy is configured. */
  readonly askImagePolicy: AskImagePolicy | undefined;
  /** Rules that are part of the server and no choice. */
  readonly always: readonly AdmissionPlugin[];
}

/** Every rule of admission, in upstream's order: whoever stands later sees what the earlier ones made of the object. */
export function admissionPlugins({
  random,
  clock,
  mayUseSigner,
  changeQuota,
  policies,
  webhooks,
  settings,
  logger,
  podSecurityMetrics,
  makeNamespace,
  owners,
  askImagePolicy,
  always,
}: AdmissionParts): readonly AdmissionPlugin[] {
  return [
    alwaysAdmit,
    namespaceAutoProvision(makeNamespace),
    namespaceLifecycle,
    namespaceExists,
    limitPodHardAntiAffinityTopology,
    limitRanger,
    serviceAccountPlugin(random, clock),
    nodeRestriction(owners.askRights),
    taintNodesByCondition,
    alwaysPullImages,
    ...(settings.imagePolicy === undefined || askImagePolicy === undefined
      ? []
      : [imagePolicyWebhook({ settings: settings.imagePolicy, ask: askImagePolicy, clock, logger })]),
    podSecurity({ settings: settings.podSecurity, metrics: podSecurityMetrics }),
    podNodeSelector(settings.nodeSelectors),
    priority,
    defaultTolerationSeconds(settings.lostNodeSeconds),
    podTolerationRestriction(settings.tolerations),
    eventRateLimit(settings.eventLimits, clock),
    extendedResourceToleration,
    defaultStorageClass,
    storageObjectInUseProtection,
    ownerReferencesPermissionEnforcement(owners),
    persistentVolumeClaimResize,
    runtimeClass,
    ...certificatePlugins(mayUseSigner),
    defaultIngressClass,
    denyServiceExternalIps,
    podTopologyLabels,
    nodeDeclaredFeatureValidator,
    podResizeValidator,
    // What users have configured sees all that the server's own rules made; quotas count what is left of it, and so come last.
    mutatingPolicies(policies.mutating, policies.parts),
    mutatingWebhooks(webhooks.mutating, webhooks.mutatingParts),
    validatingPolicies(policies.validating, policies.parts),
    validatingWebhooks(webhooks.validating, webhooks.validatingParts),
    paramRights(policies, policies.parts),
    ...always,
    resourceQuotaPlugin(changeQuota, clock, settings.limitedResources),
    alwaysDeny,
  ];
}
