import { describe, expect, test } from "vitest";
import type { FieldError } from "../../../engine/apimachinery/field-error.ts";
import { invalidFields } from "../../../engine/apimachinery/field-error.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { beforeCreate } from "../../../engine/registry/before-create.ts";
import { beforeUpdate } from "../../../engine/registry/before-update.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { eventResource } from "../../../engine/resources/core/event.ts";
import { limitRangeResource } from "../../../engine/resources/core/limit-range.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { persistentVolumeClaimResource } from "../../../engine/resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../../engine/resources/core/persistent-volume.ts";
import { resourceQuotaResource } from "../../../engine/resources/core/resource-quota.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { resourceClaimTemplateResource } from "../../../engine/resources/device/resource-claim-template.ts";
import { resourceClaimResource } from "../../../engine/resources/device/resource-claim.ts";
import { resourceSliceResource } from "../../../engine/resources/device/resource-slice.ts";
import { endpointSliceResource } from "../../../engine/resources/discovery/endpoint-slice.ts";
import { flowSchemaResource } from "../../../engine/resources/flowcontrol/flow-schema.ts";
import { runtimeClassResource } from "../../../engine/resources/node/runtime-class.ts";
import { podDisruptionBudgetResource } from "../../../engine/resources/policy/pod-disruption-budget.ts";
import { clusterRoleResource } from "../../../engine/resources/rbac/cluster-role.ts";
import { csiDriverResource } from "../../../engine/resources/storage/csi-driver.ts";
import { csiStorageCapacityResource } from "../../../engine/resources/storage/csi-storage-capacity.ts";
import { storageClassResource } from "../../../engine/resources/storage/storage-class.ts";
import { volumeAttachmentResource } from "../../../engine/resources/storage/volume-attachment.ts";
import type { PersistentVolumeClaim } from "../../../engine/resources/types.ts";

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
const flow = { priorityLevelConfiguration: { name: "p" }, rules: [{ subjects: [{ kind: "Group", group: { name: "g" } }], resourceRules: [{ verbs: ["get", "get"], apiGroups: ["a", "a"], resources: ["b", "b"], clusterScope: true, namespaces: ["n", "n"] }] }] };

describe("a new object is judged as upstream judges it:", () => {
  test.each<[string, ResourceDefinition, object, readonly string[]]>([
    ["a budget is called anything", podDisruptionBudgetResource as never, { metadata: { name: "A_b" }, spec: { selector: {} } }, []],
    ["an event is called anything", eventResource as never, { metadata: { name: "A_b" }, involvedObject: { namespace: "default" } }, []],
    ["an owner has a version and a name", podDisruptionBudgetResource as never, { metadata: { ownerReferences: [{ apiVersion: "/v1", kind: "A", name: "a", uid: "u" }, { apiVersion: "a/", kind: "A", name: "a", uid: "" }] }, spec: {} }, has('metadata.ownerReferences.apiVersion: Invalid value: "a/": version must not be empty', 'metadata.ownerReferences.uid: Invalid value: "": must not be empty')],
    ["an endpoint's node has a name", endpointSliceResource as never, slice({ nodeName: "" }), has("endpoints[0].nodeName: Invalid value")],
    ["an endpoint is for zones and nodes, each once", endpointSliceResource as never, slice({ hints: { forZones: [{ name: "a/b" }], forNodes: [{ name: "n" }, { name: "n" }] } }), has("endpoints[0].hints.forZones[0].name: Invalid value", 'endpoints[0].hints.forNodes[1].name: Duplicate value: "n"')],
    ["an endpoint is for few", endpointSliceResource as never, slice({ hints: { forZones: Array.from({ length: 9 }, (_, index) => ({ name: `z${index}` })) } }), ["endpoints[0].hints.forZones: Too many: 9: must have at most 8 items"]],
    ["an endpoint may repeat itself", endpointSliceResource as never, slice({ addresses: ["10.0.0.1", "10.0.0.1"] }), []],
    ["a port's protocol has a name", endpointSliceResource as never, slice({}, { appProtocol: "/x" }), has("ports[0].appProtocol: Invalid value")],
    ["topologies have any values, and differ", storageClassResource as never, { provisioner: "a.b/c", allowedTopologies: [topology, { matchLabelExpressions: [{ key: "zone", values: ["b", "*"] }] }] }, ['allowedTopologies[1].matchLabelExpressions: Duplicate value: ""']],
    ["a driver is called what an object can be", csiDriverResource as never, { metadata: { name: "x".repeat(64) }, spec: { volumeLifecycleModes: ["Persistent", "Persistent"] } }, []],
    ["room is not negative, its largest piece may be", csiStorageCapacityResource as never, { storageClassName: "a", capacity: "-1", maximumVolumeSize: "-1" }, ['capacity: Invalid value: "-1": must be greater than or equal to 0']],
    ["what is attached has a volume's name", volumeAttachmentResource as never, { spec: { attacher: "d", nodeName: "n", source: { persistentVolumeName: "A" } } }, has("spec.source.persistentVolumeName: Invalid value")],
    ["a class of runtimes tolerates once", runtimeClassResource as never, { handler: "h", scheduling: { tolerations: [{ operator: "Exists" }, { operator: "Exists" }] } }, has("scheduling.tolerations[1]: Duplicate value")],
    ["a role that is put together chooses its parts", clusterRoleResource as never, { aggregationRule: { clusterRoleSelectors: [{ matchExpressions: [{ key: "k", operator: "Is" }] }] } }, ['aggregationRule.clusterRoleSelectors[0].matchExpressions[0].operator: Invalid value: "Is": not a valid selector operator', "aggregationRule.clusterRoleSelectors[0]: Invalid value: null: invalid label selector."]],
    ["a role that is put together has parts", clusterRoleResource as never, { aggregationRule: {} }, has("aggregationRule.clusterRoleSelectors: Required value: at least one")],
    ["a quota counts whole ones", resourceQuotaResource as never, { spec: { hard: { "count/a.b": "1500m" } } }, ['spec.hard[count/a.b]: Invalid value: "1500m": must be an integer']],
    ["a range is of resources that there are", limitRangeResource as never, { spec: { limits: [{ type: "PersistentVolumeClaim", max: { storage: "1", "/a": "1" } }] } }, ['spec.limits[0].max[/a]: Invalid value: "/a": prefix part must be non-empty']],
    ["a key for SSH is something", secretResource as never, { type: "kubernetes.io/ssh-auth", stringData: { "ssh-privatekey": "" } }, ["data[ssh-privatekey]: Required value"]],
    ["a namespace is held by somebody known", namespaceResource as never, { spec: { finalizers: ["mine", "a/b", "-"] } }, has('spec.finalizers: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified', 'spec.finalizers: Invalid value: "-"')],
    ["a template of a claim gives labels and annotations", resourceClaimTemplateResource as never, { spec: { metadata: { labels: { a: "*" }, uid: "u" }, spec: { devices: { requests: [request] } } } }, has("spec.metadata.labels: Invalid value", "spec.metadata.uID: Forbidden: cannot be set")],
    ["a claim tolerates anything, and names requests once", resourceClaimResource as never, { spec: { devices: { requests: [{ ...request, exactly: { ...request.exactly, tolerations: Array.from({ length: 17 }, () => ({})) } }], constraints: [{ requests: ["r", "r"], matchAttribute: "a/b" }] } } }, ['spec.devices.constraints[0].requests[1]: Duplicate value: "r"']],
    ["devices are where nodes can be", resourceSliceResource as never, { spec: { driver: "d", pool, nodeName: "a/b" } }, has("spec.nodeName: Invalid value")],
    ["devices are where nodes can be chosen", resourceSliceResource as never, { spec: { driver: "d", pool, nodeSelector: { nodeSelectorTerms: [term] } } }, has('spec.nodeSelector.nodeSelectorTerms[0].matchExpressions[0].values[0]: Invalid value: "*"')],
    ["a flow may repeat itself", flowSchemaResource as never, { spec: flow }, []],
    ["a volume's capacity is told as it is", persistentVolumeResource as never, { spec: { ...volume, capacity: { storage: "-1" }, hostPath: { path: "/x" } } }, ['spec.capacity[storage]: Invalid value: -1: must be a valid resource quantity', 'spec.capacity[storage]: Invalid value: "-1": must be greater than zero']],
    ["a volume's secrets have names", persistentVolumeResource as never, { spec: { ...volume, csi: { driver: "d", volumeHandle: "h", nodePublishSecretRef: { name: "A", namespace: "b.c" } } } }, has("spec.csi.nodePublishSecretRef.name: Invalid value", "spec.csi.nodePublishSecretRef.namespace: Invalid value")],
    ["a volume on a share has a namespace for its secret", persistentVolumeResource as never, { spec: { ...volume, azureFile: { secretName: "s", shareName: "t", secretNamespace: "" } } }, ["spec.azureFile.secretNamespace: Required value"]],
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

test("several rules that one value breaks are several errors", () => {
  const errors: readonly FieldError[] = invalidFields("a", 1, ["x", "y"]);
  expect(errors.map(({ message }) => message)).toEqual(["Invalid value: 1: x", "Invalid value: 1: y"]);
});
