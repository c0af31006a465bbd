/** Where a node is. Schedulers, controllers and proxies all read it there. */
export const ZONE_LABEL = "topology.kubernetes.io/zone";
export const REGION_LABEL = "topology.kubernetes.io/region";
/** On Nodes of machines that run a server. */
export const CONTROL_PLANE_LABEL = "node-role.kubernetes.io/control-plane";

/** On pods that stand for a file of their node, which the node alone has made. */
export const MIRROR_ANNOTATION = "kubernetes.io/config.mirror";

/** The key of the taint by which the cluster autoscaler says that a node goes. */
export const TO_BE_DELETED_TAINT = "ToBeDeletedByClusterAutoscaler";

/** On EndpointSlices: when the change behind them could first have been known. Proxies and DNS servers measure by it how long it took to reach them. */
export const CHANGE_TIME_ANNOTATION = "endpoints.kubernetes.io/last-change-trigger-time";
