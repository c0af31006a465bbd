import type { Deployment, EndpointSlice, Node, NodeCondition, OwnerReference, Pod, ReplicaSet, Service, Taint } from "../../engine/resources/types.ts";

/**
 * Objects for tests, saying only what matters: everything else is the least that makes them whole.
 * They look as if they had come from the API: with uid, resourceVersion and times.
 */

export const START = Date.UTC(2030, 0, 1);

/** An RFC 3339 time so many seconds after the start of all tests. */
export function at(seconds: number): string {
  return new Date(START + seconds * 1000).toISOString().replace(".000Z", "Z");
}

interface Shape {
  readonly namespace?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly owner?: { readonly kind: string; readonly apiVersion: string; readonly metadata: { readonly name?: string; readonly uid?: string } } | undefined;
  readonly finalizers?: readonly string[];
  readonly createdAt?: number;
  readonly deletedAt?: number;
  readonly generation?: number;
}

export interface PodShape extends Shape {
  readonly node?: string;
  readonly phase?: string;
  /** Seconds after the start since when it is ready. */
  readonly readyAt?: number;
  readonly ip?: string;
  readonly restarts?: number;
  readonly spec?: Partial<Pod["spec"]>;
}

export function aPod(name: string, { node, phase, readyAt, ip, restarts, spec, ...shape }: PodShape = {}): Pod {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: metadataOf(name, shape),
    spec: { containers: [{ name: "app", image: "app:1" }], ...(node === undefined ? {} : { nodeName: node }), ...spec },
    status: {
      phase: phase ?? (readyAt === undefined ? "Pending" : "Running"),
      ...(readyAt === undefined ? {} : { conditions: [{ type: "Ready", status: "True", lastTransitionTime: at(readyAt) }] }),
      ...(ip === undefined ? {} : { podIP: ip, podIPs: [{ ip }] }),
      ...(restarts === undefined ? {} : { containerStatuses: [{ name: "app", image: "app:1", imageID: "", ready: true, restartCount: restarts }] }),
    },
  };
}

export interface ReplicaSetShape extends Shape {
  readonly replicas?: number;
  /** What its status says. */
  readonly has?: number;
  readonly ready?: number;
  readonly available?: number;
  readonly revision?: number;
  readonly image?: string;
  readonly app?: string;
  readonly minReadySeconds?: number;
  readonly status?: Partial<NonNullable<ReplicaSet["status"]>>;
}

export function aReplicaSet(
  name: string,
  { replicas = 1, has = replicas, available = has, ready = available, revision, image = "app:1", app = "web", minReadySeconds, status, ...shape }: ReplicaSetShape = {},
): ReplicaSet {
  const labels = { app, ...shape.labels };
  const annotations = { ...(revision === undefined ? {} : { "deployment.kubernetes.io/revision": String(revision) }), ...shape.annotations };
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: metadataOf(name, { generation: 1, ...shape, labels, annotations }),
    spec: {
      replicas,
      selector: { matchLabels: { app } },
      template: { metadata: { labels: { app } }, spec: { containers: [{ name: "app", image }] } },
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
    },
    status: { replicas: has, readyReplicas: ready, availableReplicas: available, fullyLabeledReplicas: has, terminatingReplicas: 0, observedGeneration: shape.generation ?? 1, ...status },
  };
}

export interface DeploymentShape extends Shape {
  readonly replicas?: number;
  readonly image?: string;
  readonly app?: string;
  readonly strategy?: Deployment["spec"]["strategy"];
  readonly spec?: Partial<Deployment["spec"]>;
  readonly status?: Deployment["status"];
}

export function aDeployment(name: string, { replicas = 1, image = "app:1", app = "web", strategy, spec, status, ...shape }: DeploymentShape = {}): Deployment {
  return {
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: metadataOf(name, { generation: 1, ...shape }),
    spec: {
      replicas,
      selector: { matchLabels: { app } },
      template: { metadata: { labels: { app } }, spec: { containers: [{ name: "app", image }] } },
      strategy: strategy ?? { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } },
      progressDeadlineSeconds: 600,
      revisionHistoryLimit: 10,
      ...spec,
    },
    ...(status === undefined ? {} : { status }),
  };
}

export interface NodeShape extends Shape {
  readonly ready?: "True" | "False" | "Unknown";
  readonly conditions?: readonly NodeCondition[];
  readonly taints?: readonly Taint[];
  readonly spec?: Node["spec"];
}

export function aNode(name: string, { ready, conditions = [], taints, spec, ...shape }: NodeShape = {}): Node {
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: metadataOf(name, { ...shape, namespace: "" }),
    spec: { ...spec, ...(taints === undefined ? {} : { taints }) },
    status: { conditions: [...(ready === undefined ? [] : [{ type: "Ready", status: ready, lastHeartbeatTime: at(0), lastTransitionTime: at(0) }]), ...conditions] },
  };
}

export interface ServiceShape extends Shape {
  readonly selector?: Readonly<Record<string, string>>;
  readonly ports?: NonNullable<Service["spec"]>["ports"];
  readonly spec?: Partial<NonNullable<Service["spec"]>>;
}

export function aService(name: string, { selector = { app: "web" }, ports = [{ port: 80 }], spec, ...shape }: ServiceShape = {}): Service {
  return { apiVersion: "v1", kind: "Service", metadata: metadataOf(name, shape), spec: { selector, ports, clusterIP: "10.43.0.9", type: "ClusterIP", ...spec } };
}

export function anEndpointSlice(name: string, shape: Shape & Pick<EndpointSlice, "endpoints" | "ports">): EndpointSlice {
  const { endpoints, ports, ...rest } = shape;
  return { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata: metadataOf(name, rest), addressType: "IPv4", endpoints, ports };
}

export function ownedBy(owner: NonNullable<Shape["owner"]>, blockOwnerDeletion = true): OwnerReference {
  return { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name ?? "", uid: owner.metadata.uid ?? "", controller: true, blockOwnerDeletion };
}

function metadataOf(name: string, { namespace = "default", labels, annotations, owner, finalizers, createdAt = 0, deletedAt, generation }: Shape) {
  return {
    name,
    ...(namespace === "" ? {} : { namespace }),
    uid: `uid-${name}`,
    resourceVersion: "1",
    creationTimestamp: at(createdAt),
    ...(generation === undefined ? {} : { generation }),
    ...(labels === undefined ? {} : { labels }),
    ...(annotations === undefined ? {} : { annotations }),
    ...(finalizers === undefined ? {} : { finalizers }),
    ...(owner === undefined ? {} : { ownerReferences: [ownedBy(owner)] }),
    ...(deletedAt === undefined ? {} : { deletionTimestamp: at(deletedAt), deletionGracePeriodSeconds: 30 }),
  };
}
