import { describe, expect, test } from "vitest";
import type { FieldError } from "../../../engine/apimachinery/field-error.ts";
import { invalidFields } from "../../../engine/apimachinery/field-error.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { beforeCreate } from "../../../engine/registry/before-create.ts";
import { beforeUpdate } from "../../../engine/registry/before-update.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { daemonSetResource } from "../../../engine/resources/apps/daemon-set.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { replicaSetResource } from "../../../engine/resources/apps/replica-set.ts";
import { validatingAdmissionPolicyResource } from "../../../engine/resources/admissionregistration/validating-admission-policy.ts";
import { statefulSetResource } from "../../../engine/resources/apps/stateful-set.ts";
import { jobResource } from "../../../engine/resources/batch/job.ts";
import { eventResource } from "../../../engine/resources/core/event.ts";
import { limitRangeResource } from "../../../engine/resources/core/limit-range.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { persistentVolumeClaimResource } from "../../../engine/resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../../engine/resources/core/persistent-volume.ts";
import { replicationControllerResource } from "../../../engine/resources/core/replication-controller.ts";
import { resourceQuotaResource } from "../../../engine/resources/core/resource-quota.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { resourceClaimTemplateResource } from "../../../engine/resources/device/resource-claim-template.ts";
import { resourceClaimResource } from "../../../engine/resources/device/resource-claim.ts";
import { resourceSliceResource } from "../../../engine/resources/device/resource-slice.ts";
import { endpointSliceResource } from "../../../engine/resources/discovery/endpoint-slice.ts";
import { flowSchemaResource } from "../../../engine/resources/flowcontrol/flow-schema.ts";
import { serviceCidrResource } from "../../../engine/resources/networking/service-cidr.ts";
import { runtimeClassResource } from "../../../engine/resources/node/runtime-class.ts";
import { podDisruptionBudgetResource } from "../../../engine/resources/policy/pod-disruption-budget.ts";
import { clusterRoleResource } from "../../../engine/resources/rbac/cluster-role.ts";
import { csiDriverResource } from "../../../engine/resources/storage/csi-driver.ts";
import { csiNodeResource } from "../../../engine/resources/storage/csi-node.ts";
import { csiStorageCapacityResource } from "../../../engine/resources/storage/csi-storage-capacity.ts";
import { storageClassResource } from "../../../engine/resources/storage/storage-class.ts";
import { volumeAttachmentResource } from "../../../engine/resources/storage/volume-attachment.ts";
import type { DaemonSet, Job, PersistentVolumeClaim } from "../../../engine/resources/types.ts";

const stamp = { nowText: "2030-01-01T00:00:00Z", random: seededRandom(1) };

function create<T extends KubeObject>(definition: ResourceDefinition<T>, body: object): T {
  const metadata = { name: "one", ...(definition.namespaced ? { namespace: "default" } : {}), ...(body as { metadata?: object }).metadata };
  const { object, schemaErrors } = decodeObject(definition, { ...body, metadata });
  if (schemaErrors.length > 0) throw new StatusError("Invalid", "", { causes: schemaErrors.map(({ field, message }) => ({ field, message })) });
  return beforeCreate(definition, object, stamp);
}

/** What is wrong, as `field: message`. */
function faults(run: () => unknown): readonly string[] {
  try {
    run();
    return [];
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return (error.status.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
  }
}

const has = (...parts: readonly string[]) => parts.map((part) => expect.stringContaining(part) as string);
const slice = (endpoint: object, port: object = {}) => ({ addressType: "IPv4", endpoints: [{ addresses: ["10.0.0.1"], ...endpoint }], ports: [{ port: 80, ...port }] });
const request = { name: "r", exactly: { deviceClassName: "dc" } };
const topology = { matchLabelExpressions: [{ key: "zone", values: ["*", "b"] }] };
const pool = { name: "p", generation: 1, resourceSliceCount: 1 };
const term = { matchExpressions: [{ key: "k", operator: "In", values: ["*"] }] };
const volume = { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"] };
const claim = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
const badSelector = { matchExpressions: [{ key: "k", operator: "Is" }] };
const daemons = (rollingUpdate: object) => ({
  spec: {
    selector: { matchLabels: { a: "b" } },
    template: { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } },
    updateStrategy: { type: "RollingUpdate", rollingUpdate },
  },
});
const flow = {
  priorityLevelConfiguration: { name: "p" },
  rules: [
    { subjects: [{ kind: "Group", group: { name: "g" } }], resourceRules: [{ verbs: ["get", "get"], apiGroups: ["a", "a"], resources: ["b", "b"], clusterScope: true, namespaces: ["n", "n"] }] },
  ],
};

describe("a new object is judged as upstream judges it:", () => {
  test.each<[string, ResourceDefinition, object, readonly string[]]>([
    ["a budget is called anything", podDisruptionBudgetResource as never, { metadata: { name: "A_b" }, spec: { selector: {} } }, []],
    ["an event is called anything", eventResource as never, { metadata: { name: "A_b" }, involvedObject: { namespace: "default" } }, []],
    [
      "an owner has a version and a name",
      podDisruptionBudgetResource as never,
      {
        metadata: {
          ownerReferences: [
            { apiVersion: "/v1", kind: "A", name: "a", uid: "u" },
            { apiVersion: "a/", kind: "A", name: "a", uid: "" },
          ],
        },
        spec: {},
      },
      has('metadata.ownerReferences.apiVersion: Invalid value: "a/": version must not be empty', 'metadata.ownerReferences.uid: Invalid value: "": must not be empty'),
    ],
    ["an endpoint's node has a name", endpointSliceResource as never, slice({ nodeName: "" }), has("endpoints[0].nodeName: Invalid value")],
    [
      "an endpoint is for zones and nodes, each once",
      endpointSliceResource as never,
      slice({ hints: { forZones: [{ name: "a/b" }], forNodes: [{ name: "n" }, { name: "n" }] } }),
      has("endpoints[0].hints.forZones[0].name: Invalid value", 'endpoints[0].hints.forNodes[1].name: Duplicate value: "n"'),
    ],
    [
      "an endpoint is for few",
      endpointSliceResource as never,
      slice({ hints: { forZones: Array.from({ length: 9 }, (_, index) => ({ name: `z${index}` })) } }),
      ["endpoints[0].hints.forZones: Too many: 9: must have at most 8 items"],
    ],
    ["an endpoint may repeat itself", endpointSliceResource as never, slice({ addresses: ["10.0.0.1", "10.0.0.1"] }), []],
    ["a port's protocol has a name", endpointSliceResource as never, slice({}, { appProtocol: "/x" }), has("ports[0].appProtocol: Invalid value")],
    [
      "topologies have any values, and differ",
      storageClassResource as never,
      { provisioner: "a.b/c", allowedTopologies: [topology, { matchLabelExpressions: [{ key: "zone", values: ["b", "*"] }] }] },
      ['allowedTopologies[1].matchLabelExpressions: Duplicate value: ""'],
    ],
    ["a driver is called what an object can be", csiDriverResource as never, { metadata: { name: "x".repeat(64) }, spec: { volumeLifecycleModes: ["Persistent", "Persistent"] } }, []],
    [
      "room is not negative, its largest piece may be",
      csiStorageCapacityResource as never,
      { storageClassName: "a", capacity: "-1", maximumVolumeSize: "-1" },
      ['capacity: Invalid value: "-1": must be greater than or equal to 0'],
    ],
    [
      "what is attached has a volume's name",
      volumeAttachmentResource as never,
      { spec: { attacher: "d", nodeName: "n", source: { persistentVolumeName: "A" } } },
      has("spec.source.persistentVolumeName: Invalid value"),
    ],
    [
      "a class of runtimes tolerates once",
      runtimeClassResource as never,
      { handler: "h", scheduling: { tolerations: [{ operator: "Exists" }, { operator: "Exists" }] } },
      has("scheduling.tolerations[1]: Duplicate value"),
    ],
    ["a class of runtimes is handled by something", runtimeClassResource as never, { handler: "" }, ["handler: Required value"]],
    ["topologies without rules say nothing", storageClassResource as never, { provisioner: "a.b/c", allowedTopologies: [{}] }, ['allowedTopologies[0].matchLabelExpressions: Duplicate value: ""']],
    [
      "what is attached is one thing",
      volumeAttachmentResource as never,
      { spec: { attacher: "d", nodeName: "n", source: { persistentVolumeName: "A", inlineVolumeSpec: {} } } },
      ["spec.source: Forbidden: must specify exactly one of inlineVolumeSpec and persistentVolumeName"],
    ],
    [
      "what is attached has a name",
      volumeAttachmentResource as never,
      { spec: { attacher: "d", nodeName: "n", source: { persistentVolumeName: "" } } },
      has("spec.source.persistentVolumeName: Required value: must specify non empty persistentVolumeName", 'spec.source.persistentVolumeName: Invalid value: ""'),
    ],
    [
      "a set of nodes goes without or has two",
      daemonSetResource as never,
      daemons({ maxUnavailable: "abc" }),
      has("spec.updateStrategy.rollingUpdate.maxUnavailable: Invalid value", "spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when maxSurge is 0"),
    ],
    [
      "of pods that are not chosen well nothing is judged",
      deploymentResource as never,
      { spec: { selector: badSelector, template: {} } },
      [
        'spec.selector.matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
        'spec.selector: Invalid value: {"matchExpressions":[{"key":"k","operator":"Is"}]}: invalid label selector',
      ],
    ],
    [
      "of pods of a set that are not chosen well nothing is judged",
      statefulSetResource as never,
      { spec: { serviceName: "s", selector: badSelector, template: {} } },
      has("spec.selector.matchExpressions[0].operator: Invalid value", 'spec.selector: Invalid value: {"matchExpressions":[{"key":"k","operator":"Is"}]}'),
    ],
    [
      "a driver's keys are the driver's",
      csiNodeResource as never,
      { spec: { drivers: [{ name: "d", nodeID: "x".repeat(257), topologyKeys: ["a", "a", "/b"] }] } },
      has("spec.drivers[0].nodeID: Invalid value", 'spec.drivers[0]: Duplicate value: "a"', 'spec.drivers[0]: Invalid value: "/b": prefix part must be non-empty'),
    ],
    [
      "a role that is put together chooses its parts",
      clusterRoleResource as never,
      { aggregationRule: { clusterRoleSelectors: [{ matchExpressions: [{ key: "k", operator: "Is" }] }] } },
      [
        'aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator',
        "aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector.",
      ],
    ],
    ["a role that is put together has parts", clusterRoleResource as never, { aggregationRule: {} }, has("aggregationRule.clusterRoleSelectors: Required value: at least one")],
    ["a quota counts whole ones", resourceQuotaResource as never, { spec: { hard: { "count/a.b": "1500m" } } }, ['spec.hard[count/a.b]: Invalid value: "1500m": must be an integer']],
    [
      "a range is of resources that there are",
      limitRangeResource as never,
      { spec: { limits: [{ type: "PersistentVolumeClaim", max: { storage: "1", "/a": "1" } }] } },
      ['spec.limits[0].max[/a]: Invalid value: "/a": prefix part must be non-empty'],
    ],
    [
      "a range asks nothing of resources that it does not name",
      limitRangeResource as never,
      { spec: { limits: [{ type: "Pod", min: { cpu: "1" }, max: { constructor: "1" } }] } },
      ["type or fully qualified", "for containers"].map((kind) => `spec.limits[0].max[constructor]: Invalid value: "constructor": must be a standard resource ${kind}`),
    ],
    ["a secret may be of any type", secretResource as never, { type: "constructor" }, []],
    ["a key for SSH is something", secretResource as never, { type: "kubernetes.io/ssh-auth", stringData: { "ssh-privatekey": "" } }, ["data[ssh-privatekey]: Required value"]],
    [
      "a namespace is held by somebody known",
      namespaceResource as never,
      { spec: { finalizers: ["mine", "a/b", "-"] } },
      has(
        'spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
        'spec.finalizers: Invalid value: "-"',
        'spec.finalizers: Invalid value: "-": name is neither a standard finalizer',
      ),
    ],
    [
      "a template of a claim gives labels and annotations",
      resourceClaimTemplateResource as never,
      { spec: { metadata: { labels: { a: "*" }, uid: "u" }, spec: { devices: { requests: [request] } } } },
      has("spec.metadata.labels: Invalid value", "spec.metadata.uID: Forbidden: cannot be set"),
    ],
    [
      "a claim tolerates anything, and names requests once",
      resourceClaimResource as never,
      {
        spec: {
          devices: { requests: [{ ...request, exactly: { ...request.exactly, tolerations: Array.from({ length: 17 }, () => ({})) } }], constraints: [{ requests: ["r", "r"], matchAttribute: "a/b" }] },
        },
      },
      ['spec.devices.constraints[0].requests[1]: Duplicate value: "r"'],
    ],
    ["devices are where nodes can be", resourceSliceResource as never, { spec: { driver: "d", pool, nodeName: "a/b" } }, has("spec.nodeName: Invalid value")],
    [
      "devices are where nodes can be chosen",
      resourceSliceResource as never,
      { spec: { driver: "d", pool, nodeSelector: { nodeSelectorTerms: [term] } } },
      has('spec.nodeSelector.nodeSelectorTerms[0].matchExpressions[0].values[0]: Invalid value: "*"'),
    ],
    ["a flow may repeat itself", flowSchemaResource as never, { spec: flow }, []],
    [
      "a Service's protocol has a name, and its check a port",
      serviceResource as never,
      { spec: { type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: -1, ports: [{ port: 80, appProtocol: "/x" }] } },
      has("spec.ports[0].appProtocol: Invalid value", "spec.healthCheckNodePort: Invalid value: -1: must be between 1 and 65535, inclusive"),
    ],
    ["an alias may have ports of nodes", serviceResource as never, { spec: { type: "ExternalName", externalName: "a.b", ports: [{ port: 80, nodePort: 1 }] } }, []],
    [
      "a volume's capacity is told as it is",
      persistentVolumeResource as never,
      { spec: { ...volume, capacity: { storage: "-1" }, hostPath: { path: "/x" } } },
      ["spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity", 'spec.capacity[storage]: Invalid value: "-1": must be greater than zero'],
    ],
    [
      "a volume's secrets have names",
      persistentVolumeResource as never,
      { spec: { ...volume, csi: { driver: "d", volumeHandle: "h", nodePublishSecretRef: { name: "A", namespace: "b.c" } } } },
      has("spec.csi.nodePublishSecretRef.name: Invalid value", "spec.csi.nodePublishSecretRef.namespace: Invalid value"),
    ],
    [
      "a volume on a share has a namespace for its secret",
      persistentVolumeResource as never,
      { spec: { ...volume, azureFile: { secretName: "s", shareName: "t", secretNamespace: "" } } },
      ["spec.azureFile.secretNamespace: Required value"],
    ],
    ["a FlexVolume beside another source is not counted", persistentVolumeResource as never, { spec: { ...volume, hostPath: { path: "/x" }, flexVolume: { driver: "d" } } }, []],
  ])("%s", (_what, definition, body, expected) => expect(faults(() => create(definition, body))).toEqual(expected));
});

describe("what a claim comes from", () => {
  const made = (spec: object) => create(persistentVolumeClaimResource, { spec: { ...claim, ...spec } }).spec;
  test("is a claim or a snapshot in the old field alone, and of this namespace", () => {
    expect(made({ dataSource: { kind: "Other", name: "x" } })).not.toHaveProperty("dataSource");
    expect(made({ dataSourceRef: { kind: "PersistentVolumeClaim", name: "x", namespace: "other" } })).not.toHaveProperty("dataSourceRef");
    expect(made({ dataSource: { kind: "PersistentVolumeClaim", name: "x" } })).toMatchObject({ dataSourceRef: { kind: "PersistentVolumeClaim", name: "x" } });
  });

  test("stays what it was", () => {
    const source = { apiGroup: "a.b", kind: "Other", name: "x" };
    const first = create(persistentVolumeClaimResource, { spec: { ...claim, dataSourceRef: source } });
    const old: PersistentVolumeClaim = { ...first, metadata: { ...first.metadata, resourceVersion: "7" } };
    const { dataSourceRef: _left, ...spec } = old.spec ?? {};
    const { object } = decodeObject(persistentVolumeClaimResource, { ...old, spec });
    expect(beforeUpdate(persistentVolumeClaimResource, object, old, undefined).spec).toMatchObject({ dataSource: source, dataSourceRef: source });
  });
});

describe("a status is judged as upstream judges it:", () => {
  const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "c", image: "i" }] } };
  const selector = { matchLabels: { a: "b" } };
  const counts = { replicas: 1, readyReplicas: 2, availableReplicas: 3 };
  const over = (...fields: readonly string[]) => fields.map((field) => expect.stringMatching(`^status\\.${field}: Invalid value: \\d: cannot be greater than`) as string);
  const condition = { type: "-", status: "Maybe", reason: "a.b", message: "", lastTransitionTime: "2030-01-01T00:00:00Z", observedGeneration: -1 };
  const balancer = { spec: { type: "LoadBalancer", ports: [{ port: 80 }] } };
  test.each<[string, ResourceDefinition, object, object, readonly string[]]>([
    [
      "parts of a Deployment's pods are no more than all",
      deploymentResource as never,
      { spec: { selector, template } },
      { ...counts, updatedReplicas: 2, terminatingReplicas: -1 },
      [
        "status.terminatingReplicas: Invalid value: -1: must be greater than or equal to 0",
        ...over("updatedReplicas", "readyReplicas", "availableReplicas"),
        "status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas",
      ],
    ],
    [
      "parts of a ReplicaSet's pods are no more than all",
      replicaSetResource as never,
      { spec: { selector, template } },
      { ...counts, fullyLabeledReplicas: 2 },
      [...over("fullyLabeledReplicas", "readyReplicas", "availableReplicas"), "status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas"],
    ],
    [
      "parts of a controller's pods are no more than all",
      replicationControllerResource as never,
      { spec: { template } },
      counts,
      [...over("readyReplicas", "availableReplicas"), "status.availableReplicas: Invalid value: 3: cannot be greater than readyReplicas"],
    ],
    [
      "a budget's conditions have the common form",
      podDisruptionBudgetResource as never,
      { spec: {} },
      { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, conditions: [condition] },
      has(
        "status.conditions[0].type: Invalid value",
        'status.conditions[0].status: Unsupported value: "Maybe"',
        "status.conditions[0].observedGeneration: Invalid value: -1",
        "status.conditions[0].reason: Invalid value",
      ),
    ],
    ["a namespace that stays is active", namespaceResource as never, {}, { phase: "Gone" }, ["status.Phase: Invalid value: \"Gone\": may only be 'Active' if `deletionTimestamp` is empty"]],
    [
      "a claim grows in ways that there are",
      persistentVolumeClaimResource as never,
      { spec: claim },
      { allocatedResourceStatuses: { cpu: "Odd" }, allocatedResources: { storage: "-1" } },
      has(
        'status.allocatedResourceStatuses: Unsupported value: "cpu": supported values: "storage"',
        'status.allocatedResourceStatuses: Unsupported value: "cpu": supported values: "Controller',
        "status.allocatedResources[storage]: Invalid value: -1: must be a valid resource quantity",
      ),
    ],
    [
      "a node names what it can do, in order",
      nodeResource as never,
      {},
      { declaredFeatures: ["a", "B", "B"] },
      has('status.declaredFeatures[0]: Invalid value: "a"', 'status.declaredFeatures[1]: Invalid value: "B": list must be sorted alphabetically', 'status.declaredFeatures[2]: Duplicate value: "B"'),
    ],
    [
      "a balancer has addresses and names",
      serviceResource as never,
      balancer,
      { loadBalancer: { ingress: [{ ip: "x", ipMode: "Odd" }, { ipMode: "VIP", hostname: "A" }, { hostname: "1.2.3.4" }] } },
      has(
        "status.loadBalancer.ingress[0].ip: Invalid value",
        "status.loadBalancer.ingress[0].ipMode: Unsupported value",
        "status.loadBalancer.ingress[1].ipMode: Forbidden",
        "status.loadBalancer.ingress[1].hostname: Invalid value",
        "status.loadBalancer.ingress[2].hostname: Invalid value",
      ),
    ],
    [
      "an attachment fails by a number",
      volumeAttachmentResource as never,
      { spec: { attacher: "d", nodeName: "n", source: { persistentVolumeName: "v" } } },
      { attached: false, detachError: { errorCode: -1 } },
      ["status.detachError.errorCode: Invalid value: -1: must be between 0 and 2147483647, inclusive"],
    ],
    [
      "a budget may have seen any generation",
      podDisruptionBudgetResource as never,
      { spec: {} },
      { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0, observedGeneration: -1 },
      [],
    ],
    [
      "a Service without one has none",
      serviceResource as never,
      { spec: { ports: [{ port: 80 }] } },
      { loadBalancer: { ingress: [{ ip: "1.2.3.4" }] } },
      has("status.loadBalancer.ingress: Forbidden"),
    ],
  ])("%s", (_what, definition, body, status, expected) => {
    const made = create(definition, body);
    const old = { ...made, metadata: { ...made.metadata, resourceVersion: "7" } };
    expect(faults(() => beforeUpdate(definition, { ...old, status } as KubeObject, old, "status"))).toEqual(expected);
  });

  test("what a Job has done stays done, unless it can shrink", () => {
    const lowered = (spec: object) => {
      const made = create(jobResource, { spec: { template: { spec: { ...template.spec, restartPolicy: "Never" } }, ...spec } });
      const old = { ...made, metadata: { ...made.metadata, resourceVersion: "7" }, status: { ...made.status, succeeded: 1 } } as Job;
      return faults(() => beforeUpdate(jobResource, { ...old, status: { ...old.status, succeeded: 0 } } as Job, old, "status"));
    };
    expect(lowered({ completionMode: "Indexed", completions: 2, parallelism: 1 })).toEqual(["status.succeeded: Invalid value: 0: cannot decrease the succeeded counter"]);
    expect(lowered({ completionMode: "Indexed", completions: 2, parallelism: 2 })).toEqual([]);
  });

  test("collisions are counted for good", () => {
    const made = create(daemonSetResource, { spec: { selector, template } });
    const old = { ...made, metadata: { ...made.metadata, resourceVersion: "7" }, status: { ...made.status, collisionCount: 2 } } as DaemonSet;
    expect(faults(() => beforeUpdate(daemonSetResource, { ...old, status: { ...old.status, collisionCount: 1 } } as DaemonSet, old, "status"))).toEqual([
      "status.collisionCount: Invalid value: 1: cannot be decremented",
    ]);
  });
});

test("a class of attributes can be given up until one is in effect", () => {
  const made = create(persistentVolumeClaimResource, { spec: { ...claim, volumeAttributesClassName: "fast" } });
  const bound: PersistentVolumeClaim = { ...made, metadata: { ...made.metadata, resourceVersion: "7" }, status: { phase: "Bound" } };
  const { volumeAttributesClassName: _given, ...spec } = bound.spec ?? {};
  const giveUp = (old: PersistentVolumeClaim) => faults(() => beforeUpdate(persistentVolumeClaimResource, { ...old, spec }, old, undefined));
  expect(giveUp(bound)).toEqual([]);
  expect(giveUp({ ...bound, status: { phase: "Bound", currentVolumeAttributesClassName: "fast" } })).toEqual([
    "spec.volumeAttributesClassName: Forbidden: update to nil is forbidden when status.currentVolumeAttributesClassName is not nil",
  ]);
});

test.each([podDisruptionBudgetResource, runtimeClassResource, csiDriverResource, csiStorageCapacityResource, volumeAttachmentResource] as unknown as readonly ResourceDefinition[])(
  "$kind is updated by who has seen it",
  (definition) => {
    expect(definition.strategy.unconditionalUpdate).toBe(false);
  },
);

test("a class of runtimes is judged again when it changes, and a balancer's check keeps its port", () => {
  const changed = (definition: ResourceDefinition, body: object, change: object) => {
    const made = create(definition, body);
    const old = { ...made, metadata: { ...made.metadata, resourceVersion: "7" } };
    return faults(() => beforeUpdate(definition, { ...old, ...change } as KubeObject, old, undefined));
  };
  expect(changed(runtimeClassResource as never, { handler: "h" }, { scheduling: { nodeSelector: { a: "*" } } })).toEqual(has("scheduling.nodeSelector: Invalid value"));
  const balancer = { type: "LoadBalancer", externalTrafficPolicy: "Local", healthCheckNodePort: 31_000, ports: [{ port: 80 }] };
  expect(changed(serviceResource as never, { spec: balancer }, { spec: { ...balancer, healthCheckNodePort: 31_001 } })).toContain("spec.healthCheckNodePort: Forbidden: field is immutable");
});

test("a node's one range is heard before its several", () => {
  expect(create(nodeResource, { spec: { podCIDR: "10.1.0.0/24", podCIDRs: ["10.2.0.0/24"] } }).spec).toMatchObject({ podCIDR: "10.1.0.0/24", podCIDRs: ["10.1.0.0/24"] });
});

test("several rules that one value breaks are several errors", () => {
  const errors: readonly FieldError[] = invalidFields("a", 1, ["x", "y"]);
  expect(errors.map(({ message }) => message)).toEqual(["Invalid value: 1: x", "Invalid value: 1: y"]);
});

test("who leaves a LimitRange without a name gets one, and its lists of amounts are null where there are none", () => {
  const { object } = decodeObject(limitRangeResource, { metadata: { namespace: "shop" } });
  expect(beforeCreate(limitRangeResource, object, { nowText: "2026-01-01T00:00:00Z", random: { uuid: () => "4c3b", next: () => 0 } })).toMatchObject({
    metadata: { name: "4c3b" },
    spec: { limits: null },
  });
});

test("amounts of core's lists are rounded up to thousandths, those of other groups are not", () => {
  expect(decodeObject(runtimeClassResource, { metadata: { name: "r" }, handler: "h", overhead: { podFixed: { cpu: "100n" } } }).object.overhead?.podFixed).toEqual({ cpu: "100n" });
  expect(decodeObject(podResource, { metadata: { name: "p" }, spec: { containers: [], overhead: { cpu: "100n" } } }).object.spec.overhead).toEqual({ cpu: "1m" });
});

test("conditions of a policy are told in full, those of a range and of a claim may come twice, and scopes of a quota are a set", () => {
  const policy = {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "ValidatingAdmissionPolicy",
    metadata: { name: "p" },
    status: { conditions: [{ type: "", status: "", lastTransitionTime: null, reason: "", message: "" }] },
  };
  const said = validatingAdmissionPolicyResource.strategy.validateStatusUpdate?.(policy as never, policy as never).map(({ field }) => field);
  expect(new Set(said)).toEqual(new Set(["type", "status", "lastTransitionTime", "reason"].map((field) => `status.conditions[0].${field}`)));
  const twice = {
    status: {
      conditions: [
        { type: "Ready", status: "True", reason: "R", message: "" },
        { type: "Ready", status: "True", reason: "R", message: "" },
      ],
    },
  };
  for (const definition of [serviceCidrResource, persistentVolumeClaimResource] as readonly ResourceDefinition[])
    expect(decodeObject(definition, { metadata: { name: "a" }, ...twice }, { subresource: "status" }).schemaErrors).toEqual([]);
  const quota = (scopes: readonly string[]) => decodeObject(resourceQuotaResource, { metadata: { name: "q" }, spec: { scopes } }).object;
  expect(resourceQuotaResource.strategy.validateUpdate?.(quota(["NotTerminating", "NotTerminating"]), quota(["NotTerminating"]))).toEqual([]);
});
