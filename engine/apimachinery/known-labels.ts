/** Where a node is. Schedulers, controllers and proxies all read it there. */
export const ZONE_LABEL = "topology.kubernetes.io/zone";
export const REGION_LABEL = "topology.kubernetes.io/region";

/** The key of the taint by which the cluster autoscaler says that a node goes. */
export const TO_BE_DELETED_TAINT = "ToBeDeletedByClusterAutoscaler";
