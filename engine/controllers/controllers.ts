import type { Following } from "../lib/changing-value.ts";
import type { Service } from "../lib/service.ts";
import { accountTokenController, type IssueAccountToken } from "./tokens/account-tokens.ts";
import { apiRegistrationController } from "./custom-kinds/api-registration.ts";
import { autoscalerController } from "./autoscaling/autoscaler.ts";
import { certificateApprover } from "./certificates/certificate-approver.ts";
import { certificateCleaner } from "./certificates/certificate-cleaner.ts";
import { certificateSigner, type SignApproved } from "./certificates/certificate-signers.ts";
import { CONTROLLER_NAMES, USUAL_CONTROLLERS, type ControllerChoice, type ControllerName } from "./choose-controllers.ts";
import { clusterRoleAggregation } from "./cluster-role-aggregation.ts";
import { tokenCleaner } from "./tokens/token-cleaner.ts";
import type { ControllerContext } from "./controller-context.ts";
import { customKindController } from "./custom-kinds/custom-kind.ts";
import type { ControllerDefinition } from "./define-controller.ts";
import { deploymentController } from "./workloads/deployment.ts";
import { claimGauge } from "./devices/claim-metrics.ts";
import { claimReleaseController } from "./devices/claim-release.ts";
import { claimTemplateController } from "./devices/claim-templates.ts";
import { deviceTaintController } from "./devices/device-taints.ts";
import { disruptionController, staleDisruptionController } from "./disruption/disruption.ts";
import { endpointSliceController } from "./endpoints/endpoint-slice.ts";
import { endpointsController } from "./endpoints/endpoints.ts";
import { nodeBalancerController } from "./endpoints/node-balancer.ts";
import { serviceAddressController } from "./endpoints/service-addresses.ts";
import { mirroringController } from "./endpoints/mirroring.ts";
import { eventTtlController } from "./event-ttl.ts";
import { garbageCollector } from "./garbage/garbage-collector.ts";
import { cronJobController } from "./jobs/cron-job.ts";
import { jobTtlController } from "./jobs/job-ttl.ts";
import { jobController, jobOrphanController } from "./jobs/job.ts";
import { namespaceController } from "./namespace.ts";
import { nodeHealthController } from "./nodes/node-health.ts";
import { nodeIpamController } from "./nodes/node-ipam.ts";
import type { PodRange } from "./nodes/pod-ranges.ts";
import { nodeTaintController } from "./nodes/node-taints.ts";
import { podGarbageCollector } from "./pod-gc.ts";
import { policyTypeCheckController } from "./policy-type-check.ts";
import { RemoteKinds } from "./custom-kinds/remote-kinds.ts";
import { replicaSetController } from "./workloads/replica-set.ts";
import { resourceQuotaController } from "./resource-quota.ts";
import { runController } from "./run-controller.ts";
import { serviceAccountController } from "./service-account.ts";
import { taintEvictionController } from "./nodes/taint-eviction.ts";
import { unusedTokenCleaner } from "./tokens/unused-tokens.ts";
import { attachDetachController } from "./volumes/attach-detach.ts";
import { ephemeralVolumeController } from "./volumes/ephemeral-volumes.ts";
import { claimController, volumeController } from "./volumes/volume-binding.ts";
import { attributesClassProtectionController, claimProtectionController, volumeProtectionController } from "./volumes/volume-protection.ts";
import { daemonSetController } from "./workloads/daemon-set.ts";
import { replicationControllerController } from "./workloads/replication-controller.ts";
import { serviceRangeController } from "./endpoints/service-ranges.ts";
import { statefulSetController } from "./workloads/stateful-set.ts";

export interface ClusterSettings {
  /** PEM text that every namespace gets, so that pods can verify the API server. */
  readonly rootCa: Following<string>;
  /** Without it nodes get no ranges for their pods. */
  readonly podRanges?: readonly PodRange[];
  /** What needs the cluster's private keys; without it nobody answers signing requests or fills Secrets with tokens. */
  readonly keys?: ClusterKeys;
  /** What runs; all but those on demand by default. */
  readonly wanted?: ControllerChoice;
}

export interface ClusterKeys {
  readonly signApproved: SignApproved;
  /** Without it Secrets are not filled with tokens. */
  readonly issueAccountToken?: IssueAccountToken;
}

/** The controllers that are wanted. They know nothing of each other, so the order means nothing. */
export function createControllers(context: ControllerContext, settings: ClusterSettings): Service[] {
  const run = <Inputs>(definition: ControllerDefinition<Inputs>) => runController(definition, context);
  const remoteKinds = new RemoteKinds(context);
  const { wanted = USUAL_CONTROLLERS, rootCa, podRanges, keys } = settings;
  const switched: Readonly<Record<Exclude<ControllerName, "scheduler">, () => readonly Service[]>> = {
    "certificatesigningrequest-approving-controller": () => [run(certificateApprover(context))],
    "certificatesigningrequest-cleaner-controller": () => [run(certificateCleaner(context))],
    "certificatesigningrequest-signing-controller": () => (keys === undefined ? [] : [run(certificateSigner(context, keys.signApproved))]),
    "clusterrole-aggregation-controller": () => [run(clusterRoleAggregation(context))],
    "cronjob-controller": () => [run(cronJobController(context))],
    "daemonset-controller": () => [run(daemonSetController(context))],
    "deployment-controller": () => [run(deploymentController(context))],
    "device-taint-eviction-controller": () => [run(deviceTaintController(context))],
    "disruption-controller": () => [run(disruptionController(context)), run(staleDisruptionController(context))],
    "endpoints-controller": () => [run(endpointsController(context))],
    "endpointslice-controller": () => [run(endpointSliceController(context))],
    "endpointslice-mirroring-controller": () => [run(mirroringController(context))],
    "ephemeral-volume-controller": () => [run(ephemeralVolumeController(context))],
    "garbage-collector-controller": () => [run(garbageCollector(context, remoteKinds))],
    "horizontal-pod-autoscaler-controller": () => [run(autoscalerController(context))],
    "job-controller": () => [run(jobController(context)), run(jobOrphanController(context))],
    "legacy-serviceaccount-token-cleaner-controller": () => [run(unusedTokenCleaner(context))],
    "namespace-controller": () => [run(namespaceController(context))],
    "node-ipam-controller": () => (podRanges === undefined ? [] : [run(nodeIpamController(context, podRanges))]),
    "node-lifecycle-controller": () => [run(nodeHealthController(context)), run(nodeTaintController(context))],
    "persistentvolume-attach-detach-controller": () => [run(attachDetachController(context))],
    "persistentvolume-binder-controller": () => [run(claimController(context)), run(volumeController(context))],
    "persistentvolume-protection-controller": () => [run(volumeProtectionController(context))],
    "persistentvolumeclaim-protection-controller": () => [run(claimProtectionController(context))],
    "pod-garbage-collector-controller": () => [run(podGarbageCollector(context))],
    "replicaset-controller": () => [run(replicaSetController(context))],
    "replicationcontroller-controller": () => [run(replicationControllerController(context))],
    "resourceclaim-controller": () => [run(claimTemplateController(context)), run(claimReleaseController(context)), claimGauge(context)],
    "resourcequota-controller": () => [run(resourceQuotaController(context))],
    "service-cidr-controller": () => [run(serviceRangeController(context))],
    "service-lb-controller": () => [run(nodeBalancerController(context))],
    "serviceaccount-controller": () => [run(serviceAccountController(context, rootCa))],
    "serviceaccount-token-controller": () =>
      keys?.issueAccountToken === undefined ? [] : [run(accountTokenController(context, rootCa, keys.issueAccountToken))],
    "statefulset-controller": () => [run(statefulSetController(context))],
    "taint-eviction-controller": () => [run(taintEvictionController(context))],
    "token-cleaner-controller": () => [run(tokenCleaner(context))],
    "ttl-after-finished-controller": () => [run(jobTtlController(context))],
    "validatingadmissionpolicy-status-controller": () => [run(policyTypeCheckController(context))],
    "volumeattributesclass-protection-controller": () => [run(attributesClassProtectionController(context))],
  };
  // What the API itself stands on is no choice: kinds of its users, those of servers behind it, addresses of Services, the end of events.
  const always = [
    remoteKinds.asService(),
    run(customKindController(context)),
    run(apiRegistrationController(context)),
    run(serviceAddressController(context)),
    run(eventTtlController(context)),
  ];
  return [...always, ...CONTROLLER_NAMES.flatMap((name) => (name !== "scheduler" && wanted.has(name) ? switched[name]() : []))];
}
