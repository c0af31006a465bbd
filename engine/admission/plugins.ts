import type { Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import type { AdmissionPlugin } from "./admission.ts";
import type { AdmissionSettings } from "./admission-configuration.ts";
import { alwaysAdmit, alwaysDeny } from "./always.ts";
import { alwaysPullImages } from "./always-pull-images.ts";
import { persistentVolumeClaimResize } from "./claim-resize.ts";
import { defaultStorageClass } from "./default-storage-class.ts";
import { defaultIngressClass } from "./default-ingress-class.ts";
import { certificatePlugins, type SignerCheck } from "./certificates.ts";
import { defaultTolerationSeconds } from "./default-toleration-seconds.ts";
import { denyServiceExternalIps } from "./deny-external-ips.ts";
import { eventRateLimit } from "./event-rate-limit.ts";
import { extendedResourceToleration } from "./extended-resource-toleration.ts";
import { imagePolicyWebhook, type AskImagePolicy } from "./image-policy.ts";
import { limitPodHardAntiAffinityTopology } from "./limit-anti-affinity.ts";
import { limitRanger } from "./limit-ranger.ts";
import { namespaceLifecycle } from "./namespace-lifecycle.ts";
import { namespaceAutoProvision, namespaceExists, type MakeNamespace } from "./namespace-switches.ts";
import { nodeDeclaredFeatureValidator } from "./node-declared-features.ts";
import { nodeRestriction } from "./node-restriction.ts";
import { ownerReferencesPermissionEnforcement, type OwnerReferenceParts } from "./owner-references.ts";
import { podNodeSelector } from "./pod-node-selector.ts";
import { podResizeValidator } from "./pod-resize.ts";
import { podSecurity } from "./pod-security/pod-security.ts";
import type { PodSecurityMetrics } from "./pod-security/pod-security-metrics.ts";
import { podTolerationRestriction } from "./pod-toleration-restriction.ts";
import { podTopologyLabels } from "./pod-topology-labels.ts";
import type { PolicyParts } from "./policies/match-policy.ts";
import { mutatingPolicies } from "./policies/mutating-policies.ts";
import type { PolicyIndex } from "./policies/policy-index.ts";
import { paramRights } from "./policies/param-rights.ts";
import { validatingPolicies } from "./policies/validating-policies.ts";
import { priority } from "./priority.ts";
import { resourceQuotaPlugin, type ChangeQuota } from "./resource-quota.ts";
import { runtimeClass } from "./runtime-class.ts";
import { serviceAccountPlugin } from "./service-account.ts";
import { storageObjectInUseProtection } from "./storage-object-in-use.ts";
import { taintNodesByCondition } from "./taint-nodes-by-condition.ts";
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
