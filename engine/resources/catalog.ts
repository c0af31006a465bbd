import { mutatingAdmissionPolicyBindingResource } from "./admissionregistration/mutating-admission-policy-binding.ts";
import { mutatingAdmissionPolicyResource } from "./admissionregistration/mutating-admission-policy.ts";
import { mutatingWebhookConfigurationResource } from "./admissionregistration/mutating-webhook-configuration.ts";
import { validatingAdmissionPolicyBindingResource } from "./admissionregistration/validating-admission-policy-binding.ts";
import { validatingAdmissionPolicyResource } from "./admissionregistration/validating-admission-policy.ts";
import { validatingWebhookConfigurationResource } from "./admissionregistration/validating-webhook-configuration.ts";
import { controllerRevisionResource } from "./apps/controller-revision.ts";
import { daemonSetResource } from "./apps/daemon-set.ts";
import { apiServiceResource } from "./apiregistration/api-service.ts";
import { customResourceDefinitionResource } from "./apiextensions/custom-resource-definition.ts";
import { deploymentResource } from "./apps/deployment.ts";
import { replicaSetResource } from "./apps/replica-set.ts";
import { statefulSetResource } from "./apps/stateful-set.ts";
import { horizontalPodAutoscalerV1Resource } from "./autoscaling/horizontal-pod-autoscaler-v1.ts";
import { horizontalPodAutoscalerResource } from "./autoscaling/horizontal-pod-autoscaler.ts";
import { cronJobResource } from "./batch/cron-job.ts";
import { jobResource } from "./batch/job.ts";
import { leaseResource } from "./coordination/lease.ts";
import { configMapResource } from "./core/config-map.ts";
import { endpointsResource } from "./core/endpoints.ts";
import { eventResource } from "./core/event.ts";
import { limitRangeResource } from "./core/limit-range.ts";
import { namespaceResource } from "./core/namespace.ts";
import { nodeResource } from "./core/node.ts";
import { persistentVolumeClaimResource } from "./core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "./core/persistent-volume.ts";
import { podResource } from "./core/pod.ts";
import { resourceQuotaResource } from "./core/resource-quota.ts";
import { podTemplateResource } from "./core/pod-template.ts";
import { replicationControllerResource } from "./core/replication-controller.ts";
import { secretResource } from "./core/secret.ts";
import { serviceAccountResource } from "./core/service-account.ts";
import { serviceResource } from "./core/service.ts";
import { certificateSigningRequestResource } from "./certificates/certificate-signing-request.ts";
import type { ResourceDefinition } from "./define-resource.ts";
import { deviceClassResource } from "./device/device-class.ts";
import { resourceClaimResource } from "./device/resource-claim.ts";
import { resourceClaimTemplateResource } from "./device/resource-claim-template.ts";
import { resourceSliceResource } from "./device/resource-slice.ts";
import { endpointSliceResource } from "./discovery/endpoint-slice.ts";
import { eventsV1EventResource } from "./events/event.ts";
import { flowSchemaResource } from "./flowcontrol/flow-schema.ts";
import { priorityLevelConfigurationResource } from "./flowcontrol/priority-level-configuration.ts";
import { applicationResource } from "./mainstay/application.ts";
import { podAddressResource } from "./mainstay/pod-address.ts";
import { repositoryResource } from "./mainstay/repository.ts";
import { podDisruptionBudgetResource } from "./policy/pod-disruption-budget.ts";
import { priorityClassResource } from "./scheduling/priority-class.ts";
import { ingressClassResource } from "./networking/ingress-class.ts";
import { ingressResource } from "./networking/ingress.ts";
import { ipAddressResource } from "./networking/ip-address.ts";
import { networkPolicyResource } from "./networking/network-policy.ts";
import { serviceCidrResource } from "./networking/service-cidr.ts";
import { runtimeClassResource } from "./node/runtime-class.ts";
import { clusterRoleBindingResource } from "./rbac/cluster-role-binding.ts";
import { clusterRoleResource } from "./rbac/cluster-role.ts";
import { roleBindingResource } from "./rbac/role-binding.ts";
import { roleResource } from "./rbac/role.ts";
import { csiDriverResource } from "./storage/csi-driver.ts";
import { csiNodeResource } from "./storage/csi-node.ts";
import { csiStorageCapacityResource } from "./storage/csi-storage-capacity.ts";
import { storageClassResource } from "./storage/storage-class.ts";
import { volumeAttachmentResource } from "./storage/volume-attachment.ts";
import { volumeAttributesClassResource } from "./storage/volume-attributes-class.ts";

/** Every kind the API serves. The order is that of discovery, and so of `kubectl api-resources`. */
export const catalog: readonly ResourceDefinition[] = [
  // A definition's functions take only objects of its own kind; the store hands each its own.
  ...([
    configMapResource,
    endpointsResource,
    eventResource,
    limitRangeResource,
    namespaceResource,
    nodeResource,
    persistentVolumeClaimResource,
    persistentVolumeResource,
    podResource,
    podTemplateResource,
    replicationControllerResource,
    resourceQuotaResource,
    secretResource,
    serviceAccountResource,
    serviceResource,
    mutatingAdmissionPolicyResource,
    mutatingAdmissionPolicyBindingResource,
    mutatingWebhookConfigurationResource,
    validatingAdmissionPolicyResource,
    validatingAdmissionPolicyBindingResource,
    validatingWebhookConfigurationResource,
    controllerRevisionResource,
    daemonSetResource,
    customResourceDefinitionResource,
    apiServiceResource,
    deploymentResource,
    replicaSetResource,
    statefulSetResource,
    horizontalPodAutoscalerResource,
    horizontalPodAutoscalerV1Resource,
    cronJobResource,
    jobResource,
    podDisruptionBudgetResource,
    priorityClassResource,
    eventsV1EventResource,
    ingressClassResource,
    ingressResource,
    ipAddressResource,
    networkPolicyResource,
    serviceCidrResource,
    leaseResource,
    runtimeClassResource,
    endpointSliceResource,
    flowSchemaResource,
    priorityLevelConfigurationResource,
    certificateSigningRequestResource,
    clusterRoleResource,
    clusterRoleBindingResource,
    roleResource,
    roleBindingResource,
    csiDriverResource,
    csiNodeResource,
    csiStorageCapacityResource,
    storageClassResource,
    volumeAttachmentResource,
    volumeAttributesClassResource,
    deviceClassResource,
    resourceClaimResource,
    resourceClaimTemplateResource,
    resourceSliceResource,
    applicationResource,
    podAddressResource,
    repositoryResource,
  ] as unknown as readonly ResourceDefinition[]),
];
