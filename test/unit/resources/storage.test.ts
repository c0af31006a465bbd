import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { beforeCreate } from "../../../engine/registry/before-create.ts";
import { beforeUpdate } from "../../../engine/registry/before-update.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { limitRangeResource } from "../../../engine/resources/core/limit-range.ts";
import { persistentVolumeClaimResource } from "../../../engine/resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../../engine/resources/core/persistent-volume.ts";
import { resourceQuotaResource } from "../../../engine/resources/core/resource-quota.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { resourceClaimResource } from "../../../engine/resources/device/resource-claim.ts";
import { resourceSliceResource } from "../../../engine/resources/device/resource-slice.ts";
import { csiDriverResource } from "../../../engine/resources/storage/csi-driver.ts";
import { storageClassResource } from "../../../engine/resources/storage/storage-class.ts";
import { volumeAttachmentResource } from "../../../engine/resources/storage/volume-attachment.ts";

function create<T extends KubeObject>(definition: ResourceDefinition<T>, body: object): T {
  const metadata = { name: "web", ...(definition.namespaced ? { namespace: "shop" } : {}), ...(body as { metadata?: object }).metadata };
  const { object, schemaErrors } = decodeObject(definition, { ...body, metadata });
  expect(schemaErrors).toEqual([]);
  return beforeCreate(definition, object, { nowText: "2026-08-22T10:31:00Z", random: seededRandom(1) });
}

/** Causes of the refusal, as `field: message`. */
function problems(action: () => unknown): string[] {
  try {
    action();
  } catch (error) {
    if (error instanceof StatusError) return (error.status.details?.causes ?? []).map((cause) => `${cause.field}: ${cause.message}`);
    throw error;
  }
  return [];
}

function update<T extends KubeObject>(definition: ResourceDefinition<T>, old: T, change: object, subresource?: string): T {
  const stored = { ...old, metadata: { ...old.metadata, resourceVersion: "7" } };
  return beforeUpdate(definition, { ...stored, ...change }, stored, subresource);
}

const claimSpec = { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } };
const volumeSpec = { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/data" } };

describe("a claim", () => {
  it("starts pending, for a file system, with both fields for its source", () => {
    const claim = create(persistentVolumeClaimResource, { spec: { ...claimSpec, dataSource: { kind: "PersistentVolumeClaim", name: "old" } }, status: { phase: "Bound" } });
    expect(claim.status).toEqual({ phase: "Pending" });
    expect(claim.spec).toMatchObject({ volumeMode: "Filesystem", dataSourceRef: { kind: "PersistentVolumeClaim", name: "old" } });
  });

  it.each<[string, object, string[]]>([
    ["says how it is mounted and how large it is", {}, ["spec.accessModes: Required value: at least 1 access mode is required", "spec.resources[storage]: Required value"]],
    [
      "knows its modes",
      { ...claimSpec, accessModes: ["Often"] },
      ['spec.accessModes: Unsupported value: "Often": supported values: "ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"'],
    ],
    ["is for one pod or not", { ...claimSpec, accessModes: ["ReadWriteOncePod", "ReadWriteMany"] }, ["spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access modes"]],
    ["is larger than nothing", { ...claimSpec, resources: { requests: { storage: "0" } } }, ['spec.resources[storage]: Invalid value: "0": must be greater than zero']],
    [
      "comes from a claim when it names no group",
      { ...claimSpec, dataSourceRef: { kind: "Snapshot", name: "a" } },
      ["dataSource", "dataSourceRef"].map((field) => `spec.${field}: Invalid value: "Snapshot": must be 'PersistentVolumeClaim' when referencing the default apiGroup`),
    ],
  ])("%s", (_what, spec, expected) => {
    expect(problems(() => create(persistentVolumeClaimResource, { spec }))).toEqual(expected);
  });

  const pending = create(persistentVolumeClaimResource, { spec: claimSpec });
  const bound = { ...pending, spec: { ...pending.spec, volumeName: "v", storageClassName: "fast" }, status: { phase: "Bound", capacity: { storage: "1Gi" } } };
  const larger = { resources: { requests: { storage: "2Gi" } } };

  it("is given its volume and its class once", () => {
    const given = { volumeName: "v", storageClassName: "fast" };
    expect(update(persistentVolumeClaimResource, pending, { spec: { ...pending.spec, ...given } })).toMatchObject({ spec: given });
  });

  it("grows while it is bound, and only then", () => {
    expect(update(persistentVolumeClaimResource, bound, { spec: { ...bound.spec, ...larger } }).spec?.resources).toEqual(larger.resources);
    expect(problems(() => update(persistentVolumeClaimResource, pending, { spec: { ...pending.spec, ...larger } }))).toEqual([
      "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims; changed: resources",
    ]);
  });

  it("never shrinks below what it has, and keeps everything else", () => {
    expect(problems(() => update(persistentVolumeClaimResource, bound, { spec: { ...bound.spec, resources: { requests: { storage: "512Mi" } } } }))).toEqual([
      "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity",
    ]);
    expect(problems(() => update(persistentVolumeClaimResource, bound, { spec: { ...bound.spec, resources: {} } }))).toContain(
      "spec.resources.requests.storage: Forbidden: field can not be less than status.capacity",
    );
    expect(problems(() => update(persistentVolumeClaimResource, bound, { spec: { ...bound.spec, accessModes: ["ReadOnlyMany"], volumeName: "w" } }))).toEqual([
      "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims; changed: accessModes, volumeName",
    ]);
  });
});

describe("a volume", () => {
  it.each<[string, object, string[]]>([
    [
      "has a size, a mode and a source",
      {},
      ["spec.accessModes: Required value", "spec.capacity: Required value", 'spec.capacity: Unsupported value: null: supported values: "storage"', "spec: Required value: must specify a volume type"],
    ],
    ["has one source", { ...volumeSpec, nfs: { server: "a", path: "/" } }, ["spec.nfs: Forbidden: may not specify more than 1 volume type"]],
    [
      "says on which node a local path is",
      { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], local: { path: "/d" } },
      ["spec.nodeAffinity: Required value: Local volume requires node affinity"],
    ],
    ["does not climb out of its path", { ...volumeSpec, hostPath: { path: "/a/../b" } }, ["spec.hostPath.path: Invalid value: \"/a/../b\": must not contain '..'"]],
    [
      "is not wiped when it is the whole host",
      { ...volumeSpec, hostPath: { path: "/" }, persistentVolumeReclaimPolicy: "Recycle" },
      ["spec.persistentVolumeReclaimPolicy: Forbidden: may not be 'recycle' for a hostPath mount of '/'"],
    ],
  ])("%s", (_what, spec, expected) => {
    expect(problems(() => create(persistentVolumeResource, { spec }))).toEqual(expected);
  });

  it("stays where it is", () => {
    const volume = create(persistentVolumeResource, { spec: volumeSpec });
    expect(volume).toMatchObject({ spec: { persistentVolumeReclaimPolicy: "Retain", volumeMode: "Filesystem" }, status: { phase: "Pending" } });
    expect(problems(() => update(persistentVolumeResource, volume, { spec: { ...volume.spec, hostPath: { path: "/other" } } }))).toEqual([
      "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation; changed: hostPath",
    ]);
  });
});

it("a volume of a kind that is gone is warned of, by the name that upstream's programs have for it", () => {
  const volume = create(persistentVolumeResource, { spec: { ...volumeSpec, hostPath: undefined, storageos: { volumeName: "x", volumeNamespace: "y" } } });
  expect(persistentVolumeResource.strategy.warnings?.(volume)).toEqual(["spec.storageOS: deprecated in v1.22, non-functional in v1.25+"]);
});

describe("a limit range", () => {
  it("fills a container's defaults from its bounds", () => {
    const range = create(limitRangeResource, { spec: { limits: [{ type: "Container", max: { cpu: "2" }, min: { memory: "1Mi" }, defaultRequest: { cpu: "1" } }] } });
    expect(range.spec?.limits?.[0]).toMatchObject({ default: { cpu: "2" }, defaultRequest: { cpu: "1", memory: "1Mi" } });
  });

  it("asks by default for as much as it allows of what cannot be promised twice", () => {
    const limits = [{ type: "Container", default: { "hugepages-2Mi": "4Mi", "a.b/c": "2", cpu: "2" }, defaultRequest: { "hugepages-2Mi": "2Mi", "a.b/c": "1", cpu: "1" } }];
    expect(problems(() => create(limitRangeResource, { spec: { limits } }))).toEqual([
      'spec.limits[0].defaultRequest[a.b/c]: Invalid value: "1": default value 2 must equal to defaultRequest value 1 in a.b/c',
      'spec.limits[0].defaultRequest[hugepages-2Mi]: Invalid value: "2Mi": default value 4Mi must equal to defaultRequest value 2Mi in hugepages-2Mi',
    ]);
  });

  it("keeps its amounts in order", () => {
    const limits = [{ type: "Container", min: { cpu: "2" }, max: { cpu: "1" } }, { type: "Pod", default: { cpu: "1" } }, { type: "Pod" }, { type: "PersistentVolumeClaim" }, { type: "Box" }];
    expect(problems(() => create(limitRangeResource, { spec: { limits } }))).toEqual([
      'spec.limits[0].min[cpu]: Invalid value: "2": min value 2 is greater than max value 1',
      'spec.limits[0].defaultRequest[cpu]: Invalid value: "1": min value 2 is greater than default request value 1',
      'spec.limits[0].default[cpu]: Invalid value: "2": min value 2 is greater than default value 1',
      "spec.limits[1].default: Forbidden: may not be specified when `type` is 'Pod'",
      'spec.limits[2].type: Duplicate value: "Pod"',
      "spec.limits[3].limits: Required value: either minimum or maximum storage value is required, but neither was provided",
      'spec.limits[4].type: Invalid value: "Box": must be a standard limit type or fully qualified',
    ]);
  });
});

describe("a quota", () => {
  it.each<[string, object, string[]]>([
    ["counts what it knows", { hard: { pods: "1", "count/deployments.apps": "2", "requests.cpu": "1", "fast.storageclass.storage.k8s.io/requests.storage": "1Gi" } }, []],
    [
      "does not count what nobody knows",
      { hard: { boxes: "1", pods: "1500m" } },
      [
        'spec.hard[boxes]: Invalid value: "boxes": must be a standard resource type or fully qualified',
        'spec.hard[boxes]: Invalid value: "boxes": must be a standard resource for quota',
        'spec.hard[pods]: Invalid value: "1500m": must be an integer',
      ],
    ],
    ["has scopes that fit what it counts", { hard: { cpu: "1" }, scopes: ["BestEffort"] }, ['spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource']],
    ["has scopes that fit each other", { hard: { pods: "1" }, scopes: ["Terminating", "NotTerminating"] }, ['spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes']],
    [
      "compares a scope with values where it says so",
      { hard: { pods: "1" }, scopeSelector: { matchExpressions: [{ scopeName: "PriorityClass", operator: "In" }] } },
      ["spec.scopeSelector.matchExpressions.values: Required value: must be at least one value when `operator` is 'In' or 'NotIn' for scope selector"],
    ],
  ])("%s", (_what, spec, expected) => {
    expect(problems(() => create(resourceQuotaResource, { spec }))).toEqual(expected);
  });
});

describe("kinds of storage.k8s.io", () => {
  it("keep what their volumes were made with", () => {
    const made = create(storageClassResource, { provisioner: "example.com/disks" });
    expect(made).toMatchObject({ reclaimPolicy: "Delete", volumeBindingMode: "Immediate" });
    expect(problems(() => update(storageClassResource, made, { provisioner: "other.com/disks", parameters: { a: "b" }, reclaimPolicy: "Retain" }))).toEqual([
      'parameters: Invalid value: {"a":"b"}: field is immutable',
      'provisioner: Invalid value: "other.com/disks": field is immutable',
      'reclaimPolicy: Invalid value: "Retain": field is immutable',
    ]);
  });

  it("have drivers whose defaults are written down", () => {
    expect(create(csiDriverResource, { metadata: { name: "disks.example.com" }, spec: {} }).metadata.generation).toBeUndefined();
    expect(problems(() => create(csiDriverResource, { spec: { serviceAccountTokenInSecrets: true } }))).toEqual([
      "spec.serviceAccountTokenInSecrets: Invalid value: true: serviceAccountTokenInSecrets is set but no tokenRequests are specified",
    ]);
    expect(create(csiDriverResource, { metadata: { name: "disks.example.com" }, spec: {} }).spec).toEqual({
      attachRequired: true,
      podInfoOnMount: false,
      storageCapacity: false,
      requiresRepublish: false,
      seLinuxMount: false,
      fsGroupPolicy: "ReadWriteOnceWithFSType",
      volumeLifecycleModes: ["Persistent"],
    });
  });

  it("attach exactly one volume", () => {
    const spec = { attacher: "disks.example.com", nodeName: "n1", source: {} };
    expect(problems(() => create(volumeAttachmentResource, { spec }))).toEqual(["spec.source: Required value: must specify exactly one of inlineVolumeSpec and persistentVolumeName"]);
    expect(problems(() => create(volumeAttachmentResource, { spec: { ...spec, source: { persistentVolumeName: "v" } } }))).toEqual([]);
  });
});

describe("kinds of resource.k8s.io", () => {
  it("wish for one device unless they say otherwise, and never change their wish", () => {
    const claim = create(resourceClaimResource, { spec: { devices: { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu" } }] } } });
    expect(claim.spec.devices?.requests?.[0]?.exactly).toMatchObject({ allocationMode: "ExactCount", count: 1 });
    expect(problems(() => update(resourceClaimResource, claim, { spec: {} }))).toEqual(["spec: Invalid value: {}: field is immutable"]);
  });

  it("are not reserved before devices are found", () => {
    const claim = create(resourceClaimResource, { spec: {} });
    const status = { reservedFor: [{ resource: "pods", name: "web", uid: "1" }] };
    expect(problems(() => update(resourceClaimResource, claim, { status }, "status"))).toEqual(["status.reservedFor: Forbidden: may not be specified when `allocated` is not set"]);
  });

  it("say exactly once where devices are", () => {
    const pool = { name: "n1", generation: 1, resourceSliceCount: 1 };
    expect(problems(() => create(resourceSliceResource, { spec: { driver: "gpu.example.com", pool } }))).toEqual([
      "spec: Required value: exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required",
    ]);
  });
});
