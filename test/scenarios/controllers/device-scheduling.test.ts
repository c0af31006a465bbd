import { afterEach, beforeEach, expect, test } from "vitest";
import { formatTime } from "../../../engine/lib/clock.ts";
import { persistentVolumeClaimResource } from "../../../engine/resources/core/persistent-volume-claim.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { resourceQuotaResource } from "../../../engine/resources/core/resource-quota.ts";
import { deviceClassResource } from "../../../engine/resources/device/device-class.ts";
import { resourceClaimTemplateResource } from "../../../engine/resources/device/resource-claim-template.ts";
import { resourceClaimResource } from "../../../engine/resources/device/resource-claim.ts";
import { resourceSliceResource } from "../../../engine/resources/device/resource-slice.ts";
import { storageClassResource } from "../../../engine/resources/storage/storage-class.ts";
import type { Device, DeviceClaim, Pod, ResourceClaim, ResourceSlice } from "../../../engine/resources/types.ts";
import { aClaimTemplate, aDeviceClass, aSlice, DRIVER, wants } from "../../kit/devices.ts";
import { startScheduledPlane, type ScheduledPlane } from "./running-scheduler.ts";

let plane: ScheduledPlane;

/** Drivers are there by name only, as nodes are. */
beforeEach(async () => {
  plane = await startScheduledPlane(["n1", "n2"].map((name) => ({ metadata: { name, labels: { "kubernetes.io/hostname": name } }, cpu: "4" })));
  await plane.client.for(deviceClassResource).create(aDeviceClass("gpu", { selectors: [{ cel: { expression: `device.driver == "${DRIVER}"` } }] }));
  await plane.clock.settle();
});
afterEach(async () => {
  await plane.stop();
  expect(plane.warnings).toEqual([]);
});

const offer = async (node: string, ...devices: readonly Device[]) => {
  const { metadata: _stored, ...slice } = aSlice(`${node}-gpus`, devices, { nodeName: node, pool: { name: node, generation: 1, resourceSliceCount: 1 } });
  await plane.client.for(resourceSliceResource).create({ ...slice, metadata: { name: `${node}-gpus` } } as ResourceSlice);
  await plane.clock.settle();
};
const makeClaim = async (name: string, devices: DeviceClaim) => {
  await plane.client.for(resourceClaimResource).create({ apiVersion: "resource.k8s.io/v1", kind: "ResourceClaim", metadata: { name, namespace: "default" }, spec: { devices } });
};
const pod = (name: string, claim: { resourceClaimName: string } | { resourceClaimTemplateName: string }): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default" },
  spec: { resourceClaims: [{ name: "gpus", ...claim }], containers: [{ name: "c", image: "i", resources: { claims: [{ name: "gpus" }] } }] },
});
const makePod = (made: Pod) => plane.makePod(made);
const podNamed = (name: string) => plane.podNamed(name);
const nodeOf = (name: string) => plane.nodeOf(name);
const claims = async () => (await plane.client.for(resourceClaimResource).list("default")).items;
const devicesOf = (claim: ResourceClaim | undefined) => claim?.status?.allocation?.devices?.results?.map(({ device }) => device);
/** Lines of the metrics page that begin so. */
const metered = (prefix: string) =>
  plane.metrics
    .render()
    .split("\n")
    .filter((line) => line.startsWith(prefix))
    .sort();
const finish = async (name: string) => {
  const found = await podNamed(name);
  await plane.client.for(podResource).updateStatus({ ...found, status: { ...found.status, phase: "Succeeded" } });
  await plane.clock.settle();
};

test("a pod gets a claim by its template and goes where the devices are; when it is over, the claim goes and the next pod has the device", async () => {
  await plane.client.for(resourceClaimTemplateResource).create(aClaimTemplate("one-gpu", wants()));
  await makePod(pod("first", { resourceClaimTemplateName: "one-gpu" }));
  expect(await nodeOf("first")).toBe("");
  await offer("n2", { name: "gpu-0" });
  await plane.clock.advance(2_000);
  expect(await nodeOf("first")).toBe("n2");
  const [claim] = await claims();
  const {
    metadata: { uid },
  } = await podNamed("first");
  expect(claim?.metadata).toMatchObject({
    annotations: { "resource.kubernetes.io/pod-claim-name": "gpus" },
    finalizers: ["resource.kubernetes.io/delete-protection"],
    ownerReferences: [{ kind: "Pod", name: "first", uid, controller: true }],
  });
  expect(claim?.metadata.name).toMatch(/^first-gpus-/);
  expect((await podNamed("first")).status?.resourceClaimStatuses).toEqual([{ name: "gpus", resourceClaimName: claim?.metadata.name }]);
  expect(claim?.status).toMatchObject({
    reservedFor: [{ resource: "pods", name: "first", uid }],
    allocation: {
      devices: { results: [{ request: "gpu", driver: DRIVER, pool: "n2", device: "gpu-0" }] },
      nodeSelector: { nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["n2"] }] }] },
    },
  });

  await makePod(pod("second", { resourceClaimTemplateName: "one-gpu" }));
  expect(await nodeOf("second")).toBe("");
  expect((await podNamed("second")).status?.conditions?.find(({ type }) => type === "PodScheduled")?.message).toContain("2 cannot allocate all claims");
  await finish("first");
  await plane.clock.advance(11_000);
  expect(await nodeOf("second")).toBe("n2");
  expect((await claims()).map(({ metadata }) => metadata.ownerReferences?.[0]?.name)).toEqual(["second"]);
});

test("pods share a claim that somebody made, on the node of its devices, and the last one frees them", async () => {
  await offer("n1", { name: "gpu-0" }, { name: "gpu-1" });
  await makeClaim("shared", wants(2));
  await makePod(pod("a", { resourceClaimName: "shared" }));
  await makePod(pod("b", { resourceClaimName: "shared" }));
  expect([await nodeOf("a"), await nodeOf("b")]).toEqual(["n1", "n1"]);
  expect(devicesOf((await claims())[0])).toEqual(["gpu-0", "gpu-1"]);
  expect((await claims())[0]?.status?.reservedFor?.map(({ name }) => name).sort()).toEqual(["a", "b"]);
  await finish("a");
  expect((await claims())[0]?.status?.reservedFor?.map(({ name }) => name)).toEqual(["b"]);
  await plane.client.for(podResource).delete("default", "b", { gracePeriodSeconds: 0 });
  await plane.clock.settle();
  const [freed] = await claims();
  expect([freed?.status ?? {}, freed?.metadata.finalizers]).toEqual([{}, undefined]);
});

test("pods that come at once do not get the same device", async () => {
  await plane.client.for(resourceClaimTemplateResource).create(aClaimTemplate("one-gpu", wants()));
  await offer("n1", { name: "gpu-0" }, { name: "gpu-1" });
  await offer("n2", { name: "gpu-0" }, { name: "gpu-1" });
  await Promise.all(["a", "b", "c", "d", "e"].map((name) => plane.client.for(podResource).create(pod(name, { resourceClaimTemplateName: "one-gpu" }))));
  await plane.clock.settle();
  await plane.clock.advance(2_000);
  const given = (await claims()).flatMap(({ status }) => status?.allocation?.devices?.results?.map(({ pool, device }) => `${pool}/${device}`) ?? []);
  expect(given.sort()).toEqual(["n1/gpu-0", "n1/gpu-1", "n2/gpu-0", "n2/gpu-1"]);
});

test("a claim that is deleted while it has devices stays until its pod is over", async () => {
  await offer("n1", { name: "gpu-0" });
  await makeClaim("mine", wants());
  await makePod(pod("a", { resourceClaimName: "mine" }));
  await plane.client.for(resourceClaimResource).delete("default", "mine");
  await plane.clock.settle();
  expect((await claims()).map(({ metadata }) => metadata.name)).toEqual(["mine"]);
  await finish("a");
  expect(await claims()).toEqual([]);
});

test("an idle claim on a node that the pod cannot use gives its devices back, and gets others", async () => {
  await offer("n1", { name: "gpu-0" });
  await makeClaim("mine", wants());
  await makePod(pod("a", { resourceClaimName: "mine" }));
  const [reserved] = await claims();
  await plane.client.for(podResource).delete("default", "a", { gracePeriodSeconds: 0 });
  await plane.clock.settle();
  const [idle] = await claims();
  await plane.client.for(resourceClaimResource).updateStatus({ ...(idle as ResourceClaim), status: { allocation: reserved?.status?.allocation ?? {} } });
  await offer("n2", { name: "gpu-0" });
  await makePod({ ...pod("b", { resourceClaimName: "mine" }), spec: { ...pod("b", { resourceClaimName: "mine" }).spec, nodeSelector: { "kubernetes.io/hostname": "n2" } } });
  await plane.clock.advance(11_000);
  expect(await nodeOf("b")).toBe("n2");
});

test("what a container asks of an extended resource comes from a class that stands behind it", async () => {
  await plane.client.for(deviceClassResource).create(aDeviceClass("cards", { extendedResourceName: "example.com/card", selectors: [{ cel: { expression: `device.driver == "${DRIVER}"` } }] }));
  await offer("n2", { name: "gpu-0" }, { name: "gpu-1" });
  await makePod({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "a", namespace: "default" },
    spec: { containers: [{ name: "c", image: "i", resources: { requests: { "example.com/card": "2" }, limits: { "example.com/card": "2" } } }] },
  });
  expect(await nodeOf("a")).toBe("n2");
  const [claim] = await claims();
  expect(devicesOf(claim)).toEqual(["gpu-0", "gpu-1"]);
  expect((await podNamed("a")).status?.extendedResourceClaimStatus).toEqual({
    resourceClaimName: claim?.metadata.name,
    requestMappings: [{ containerName: "c", resourceName: "example.com/card", requestName: "container-0-request-0" }],
  });
  expect(metered("scheduler_resourceclaim_creates_total")).toEqual(['scheduler_resourceclaim_creates_total{status="success"} 1']);
  expect(metered("resourceclaim_controller_resource_claims")).toEqual(['resourceclaim_controller_resource_claims{admin_access="false",allocated="true",source="extended_resource"} 1']);
  await finish("a");
  expect(await claims()).toEqual([]);
});

test("a pod is not bound before its device is ready, and another device is found when that fails", async () => {
  const conditions = { bindingConditions: ["attached.example.com"], bindingFailureConditions: ["broken.example.com"] };
  await offer("n1", { name: "gpu-0", ...conditions });
  await makeClaim("mine", wants());
  await makePod(pod("a", { resourceClaimName: "mine" }));
  const tell = async (type: string) => {
    const [claim] = await claims();
    const { driver = "", pool = "", device = "" } = claim?.status?.allocation?.devices?.results?.[0] ?? {};
    await plane.client.for(resourceClaimResource).updateStatus({
      ...(claim as ResourceClaim),
      status: { ...claim?.status, devices: [{ driver, pool, device, conditions: [{ type, status: "True", reason: "Told", message: "", lastTransitionTime: formatTime(plane.clock.now()) }] }] },
    });
    await plane.clock.settle();
  };
  expect([await nodeOf("a"), devicesOf((await claims())[0])]).toEqual(["", ["gpu-0"]]);
  expect(await plane.stories("a")).toContain("BindingConditionsPending: waiting for binding conditions for device on node n1");
  await offer("n2", { name: "gpu-7", ...conditions });
  await tell("broken.example.com");
  await plane.client.for(resourceSliceResource).delete("", "n1-gpus");
  await plane.clock.advance(20_000);
  expect([await nodeOf("a"), devicesOf((await claims())[0])]).toEqual(["", ["gpu-7"]]);
  await tell("attached.example.com");
  expect(await nodeOf("a")).toBe("n2");
  const labels = (status: string) => `{driver="${DRIVER}",profile="default-scheduler",status="${status}"}`;
  expect(metered("scheduler_dra_bindingconditions_allocations_total")).toEqual([
    `scheduler_dra_bindingconditions_allocations_total${labels("failure")} 1`,
    `scheduler_dra_bindingconditions_allocations_total${labels("success")} 1`,
  ]);
  expect(metered("scheduler_dra_bindingconditions_wait_duration_seconds_count")).toHaveLength(2);
});

test("a device that was chosen for a pod which goes before it is bound is another one's", async () => {
  await offer("n1", { name: "gpu-0" });
  for (const name of ["mine", "yours"]) await makeClaim(name, wants());
  await plane.client
    .for(storageClassResource)
    .create({ apiVersion: "storage.k8s.io/v1", kind: "StorageClass", metadata: { name: "disks" }, provisioner: "disks.example.com", volumeBindingMode: "WaitForFirstConsumer" });
  const disks = plane.client.for(persistentVolumeClaimResource);
  await disks.create({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "disk", namespace: "default" },
    spec: { storageClassName: "disks", accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
  });
  const first = pod("first", { resourceClaimName: "mine" });
  await makePod({ ...first, spec: { ...first.spec, volumes: [{ name: "disk", persistentVolumeClaim: { claimName: "disk" } }] } });
  await makePod(pod("second", { resourceClaimName: "yours" }));
  await plane.clock.advance(10_000);
  expect([await nodeOf("first"), await nodeOf("second")]).toEqual(["", ""]);
  await plane.client.for(podResource).delete("default", "first", { gracePeriodSeconds: 0 });
  await disks.delete("default", "disk");
  await plane.clock.advance(10_000);
  expect(await nodeOf("second")).toBe("n1");
});

test("claims that are made from templates are counted, and so are all that there are, by what has become of them", async () => {
  await plane.client.for(resourceClaimTemplateResource).create(aClaimTemplate("one-gpu", wants()));
  await makeClaim("mine", wants());
  await makePod(pod("a", { resourceClaimTemplateName: "one-gpu" }));
  const created = (status: string, count: number) => `resourceclaim_controller_creates_total{admin_access="false",status="${status}"} ${count}`;
  const known = (source: string, allocated: boolean) => `resourceclaim_controller_resource_claims{admin_access="false",allocated="${allocated}",source="${source}"} 1`;
  expect(metered("resourceclaim_controller_creates_total")).toEqual([created("success", 1)]);
  expect(metered("resourceclaim_controller_resource_claims")).toEqual([known("", false), known("resource_claim_template", false)]);
  await offer("n1", { name: "gpu-0" });
  expect(metered("resourceclaim_controller_resource_claims")).toEqual([known("", false), known("resource_claim_template", true)]);
  await plane.client
    .for(resourceQuotaResource)
    .create({ apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q", namespace: "default" }, spec: { hard: { "count/resourceclaims.resource.k8s.io": "2" } } });
  await plane.clock.settle();
  await makePod(pod("b", { resourceClaimTemplateName: "one-gpu" }));
  expect(metered("resourceclaim_controller_creates_total")[0]).toMatch(/^resourceclaim_controller_creates_total\{admin_access="false",status="failure"\} [1-9]/);
  expect(plane.warnings.splice(0).join()).toContain("exceeded quota: q");
});

test("devices that are not ready after ten minutes are waited for no longer", async () => {
  await offer("n1", { name: "gpu-0", bindingConditions: ["attached.example.com"], bindingFailureConditions: ["broken.example.com"] });
  await makeClaim("mine", wants());
  await makePod(pod("a", { resourceClaimName: "mine" }));
  await plane.clock.advance(601_000);
  expect(metered("scheduler_dra_bindingconditions_allocations_total")).toEqual([
    `scheduler_dra_bindingconditions_allocations_total{driver="${DRIVER}",profile="default-scheduler",status="timeout"} 1`,
  ]);
  expect(await nodeOf("a")).toBe("");
});
