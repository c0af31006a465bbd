import type { Following } from "../lib/changing-value.ts";
import type { Service } from "../lib/service.ts";
import { accountTokenController, type IssueAccountToken } from "./account-tokens.ts";
import { apiRegistrationController } from "./api-registration.ts";
import { autoscalerController } from "./autoscaling/autoscaler.ts";
import { certificateApprover } from "./certificate-approver.ts";
import { certificateCleaner } from "./certificate-cleaner.ts";
import { certificateSigner, type SignApproved } from "./certificate-signers.ts";
import { clusterRoleAggregation } from "./cluster-role-aggregation.ts";
import { tokenCleaner } from "./token-cleaner.ts";
import type { ControllerContext } from "./controller-context.ts";
import { customKindController } from "./custom-kind.ts";
import { deploymentController } from "./deployment.ts";
import { disruptionController, staleDisruptionController } from "./disruption/disruption.ts";
import { endpointSliceController } from "./endpoint-slice.ts";
import { endpointsController } from "./endpoints/endpoints.ts";
import { serviceAddressController } from "./endpoints/service-addresses.ts";
import { mirroringController } from "./endpoints/mirroring.ts";
import { eventTtlController } from "./event-ttl.ts";
import { garbageCollector } from "./garbage-collector.ts";
import { cronJobController } from "./jobs/cron-job.ts";
import { jobTtlController } from "./jobs/job-ttl.ts";
import { jobController, jobOrphanController } from "./jobs/job.ts";
import { namespaceController } from "./namespace.ts";
import { nodeHealthController } from "./node-health.ts";
import { nodeIpamController } from "./node-ipam.ts";
import { nodeTaintController } from "./node-taints.ts";
import { podGarbageCollector } from "./pod-gc.ts";
import { policyTypeCheckController } from "./policy-type-check.ts";
import { RemoteKinds } from "./remote-kinds.ts";
import { replicaSetController } from "./replica-set.ts";
import { resourceQuotaController } from "./resource-quota.ts";
import { runController } from "./run-controller.ts";
import { serviceAccountController } from "./service-account.ts";
import { taintEvictionController } from "./taint-eviction.ts";
import { ephemeralVolumeController } from "./volumes/ephemeral-volumes.ts";
import { claimController, volumeController } from "./volumes/volume-binding.ts";
import { claimProtectionController, volumeProtectionController } from "./volumes/volume-protection.ts";
import { daemonSetController } from "./workloads/daemon-set.ts";
import { replicationControllerController } from "./workloads/replication-controller.ts";
import { serviceRangeController } from "./service-ranges.ts";
import { statefulSetController } from "./workloads/stateful-set.ts";

export interface ClusterSettings {
  /** PEM text that every namespace gets, so that pods can verify the API server. */
  readonly rootCa: Following<string>;
  /** Without it nodes get no ranges for their pods. */
  readonly clusterCidr?: string;
  /** What needs the cluster's private keys; without it nobody answers signing requests or fills Secrets with tokens. */
  readonly keys?: ClusterKeys;
}

export interface ClusterKeys {
  readonly signApproved: SignApproved;
  readonly issueAccountToken: IssueAccountToken;
}

/** All controllers. They know nothing of each other, so the order means nothing. */
export function createControllers(context: ControllerContext, settings: ClusterSettings): Service[] {
  const remoteKinds = new RemoteKinds(context);
  return [
    remoteKinds.asService(),
    runController(deploymentController(context), context),
    runController(replicaSetController(context), context),
    runController(replicationControllerController(context), context),
    runController(statefulSetController(context), context),
    runController(daemonSetController(context), context),
    runController(jobController(context), context),
    runController(jobOrphanController(context), context),
    runController(cronJobController(context), context),
    runController(jobTtlController(context), context),
    runController(disruptionController(context), context),
    runController(autoscalerController(context), context),
    runController(staleDisruptionController(context), context),
    runController(endpointSliceController(context), context),
    runController(endpointsController(context), context),
    runController(mirroringController(context), context),
    runController(serviceAddressController(context), context),
    runController(serviceRangeController(context), context),
    runController(policyTypeCheckController(context), context),
    runController(customKindController(context), context),
    runController(apiRegistrationController(context), context),
    runController(namespaceController(context), context),
    runController(garbageCollector(context, remoteKinds), context),
    runController(nodeHealthController(context), context),
    runController(nodeTaintController(context), context),
    runController(taintEvictionController(context), context),
    ...(settings.clusterCidr === undefined ? [] : [runController(nodeIpamController(context, settings.clusterCidr), context)]),
    runController(podGarbageCollector(context), context),
    runController(serviceAccountController(context, settings.rootCa), context),
    runController(eventTtlController(context), context),
    runController(resourceQuotaController(context), context),
    runController(claimController(context), context),
    runController(volumeController(context), context),
    runController(claimProtectionController(context), context),
    runController(volumeProtectionController(context), context),
    runController(ephemeralVolumeController(context), context),
    runController(clusterRoleAggregation(context), context),
    runController(tokenCleaner(context), context),
    runController(certificateApprover(context), context),
    runController(certificateCleaner(context), context),
    ...(settings.keys === undefined
      ? []
      : [
          runController(certificateSigner(context, settings.keys.signApproved), context),
          runController(accountTokenController(context, settings.rootCa, settings.keys.issueAccountToken), context),
        ]),
  ];
}
