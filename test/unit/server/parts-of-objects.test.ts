import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createSigningRequest } from "../../../engine/auth/certificates.ts";
import { certificateSigningRequestResource } from "../../../engine/resources/certificates/certificate-signing-request.ts";
import { customResourceDefinitionResource } from "../../../engine/resources/apiextensions/custom-resource-definition.ts";
import { eventResource } from "../../../engine/resources/core/event.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { persistentVolumeClaimResource } from "../../../engine/resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../../engine/resources/core/persistent-volume.ts";
import { resourceQuotaResource } from "../../../engine/resources/core/resource-quota.ts";
import { serviceAccountResource } from "../../../engine/resources/core/service-account.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { daemonSetResource } from "../../../engine/resources/apps/daemon-set.ts";
import { endpointSliceResource } from "../../../engine/resources/discovery/endpoint-slice.ts";
import { roleResource } from "../../../engine/resources/rbac/role.ts";
import { csiDriverResource } from "../../../engine/resources/storage/csi-driver.ts";
import { volumeAttachmentResource } from "../../../engine/resources/storage/volume-attachment.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import type {
  CertificateSigningRequest,
  CoreEvent,
  CSIDriver,
  CustomResourceDefinition,
  DaemonSet,
  Deployment,
  EndpointSlice,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
  ResourceQuota,
  Role,
  Service,
  ServiceAccount,
  VolumeAttachment,
} from "../../../engine/resources/types.ts";
import { failure } from "../../kit/failure.ts";
import { createTestNamespace, startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await createTestNamespace(api.client, "shop");
});
afterAll(() => api.stop());

const without = (object: KubeObject, part: "spec" | "status"): KubeObject => Object.fromEntries(Object.entries(object).filter(([name]) => name !== part)) as unknown as KubeObject;

describe("what a PUT leaves out is there all the same", () => {
  test("the spec of an object, empty", async () => {
    const nodes = api.client.for(nodeResource);
    const node = await nodes.create({ apiVersion: "v1", kind: "Node", metadata: { name: "bare" }, spec: { unschedulable: true } } as Node);
    expect((await nodes.update(without(node, "spec") as Node)).spec).toEqual({});
  });

  test("its status, with its defaults", async () => {
    const attachments = api.client.for(volumeAttachmentResource);
    const attachment = await attachments.create({
      apiVersion: "storage.k8s.io/v1",
      kind: "VolumeAttachment",
      metadata: { name: "a" },
      spec: { attacher: "disks.example.com", nodeName: "n1", source: { persistentVolumeName: "v" } },
    } as VolumeAttachment);
    expect((await attachments.updateSubresource(without(attachment, "status") as VolumeAttachment, "status")).status).toEqual({ attached: false });
    const claims = api.client.for(persistentVolumeClaimResource);
    const claim = await claims.create({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: "c", namespace: "shop" },
      spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    } as PersistentVolumeClaim);
    expect((await claims.updateSubresource({ ...claim, status: {} }, "status")).status).toEqual({ phase: "Pending" });
    const services = api.client.for(serviceResource);
    const service = await services.create({ apiVersion: "v1", kind: "Service", metadata: { name: "s", namespace: "shop" }, spec: { ports: [{ port: 80 }] } } as Service);
    expect((await services.updateSubresource({ ...service, status: {} }, "status")).status).toEqual({ loadBalancer: {} });
  });
});

test("the spec of a volume that has no object of its own stays as it was written", async () => {
  const inlineVolumeSpec = { accessModes: ["ReadWriteOnce"], csi: { driver: "disks.example.com", volumeHandle: "h" } };
  const attachment = { apiVersion: "storage.k8s.io/v1", kind: "VolumeAttachment", metadata: { name: "inline" }, spec: { attacher: "disks.example.com", nodeName: "n1", source: { inlineVolumeSpec } } };
  expect((await api.client.for(volumeAttachmentResource).create(attachment as VolumeAttachment)).spec.source.inlineVolumeSpec).toEqual(inlineVolumeSpec);
});

test("a volume that is in another phase has been since now, unless its reporter knows better", async () => {
  const volumes = api.client.for(persistentVolumeResource);
  const volume = await volumes.create({
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: "v" },
    spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/x" } },
    status: {},
  } as PersistentVolume);
  const report = async (status: PersistentVolume["status"]) =>
    (await volumes.updateSubresource({ ...without(volume, "status"), metadata: { name: "v" }, status } as PersistentVolume, "status")).status;
  expect(await report({ phase: "Available", lastPhaseTransitionTime: "2026-01-01T00:00:00Z" })).toMatchObject({ lastPhaseTransitionTime: "2026-01-01T00:00:00Z" });
  expect(await report({ phase: "Available" })).toMatchObject({ lastPhaseTransitionTime: "2026-01-01T00:00:00Z" });
  expect((await report({ phase: "Released" }))?.lastPhaseTransitionTime).not.toBe("2026-01-01T00:00:00Z");
});

test("a pod's class is for good, and nobody needs to repeat it", async () => {
  const pods = api.client.for(podResource);
  const pod = await pods.create({ apiVersion: "v1", kind: "Pod", metadata: { name: "classed", namespace: "shop" }, spec: { containers: [{ name: "c", image: "i" }] } } as Pod);
  expect((await pods.updateSubresource({ ...pod, status: { phase: "Running" } }, "status")).status?.qosClass).toBe("BestEffort");
  const other = pods.patch("shop", "classed", "merge", { status: { qosClass: "Burstable" } }, { subresource: "status" });
  expect((await failure(other)).message).toBe('Pod "classed" is invalid: status.qosClass: Invalid value: "Burstable": field is immutable');
});

test("an amount that is null is none at all, and there", async () => {
  const quota = { apiVersion: "v1", kind: "ResourceQuota", metadata: { name: "q", namespace: "shop" }, spec: { hard: { services: null } } } as unknown as ResourceQuota;
  expect((await api.client.for(resourceQuotaResource).create(quota, { dryRun: true })).spec?.hard).toEqual({ services: "0" });
});

test("who makes a signing request owns nothing of what it asks for", async () => {
  const { request } = await createSigningRequest("jane");
  const asked = {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name: "r", labels: { a: "b" } },
    spec: { request: Buffer.from(request).toString("base64"), signerName: "example.com/s", usages: ["client auth"] },
  };
  const made = await api.client.for(certificateSigningRequestResource).create(asked as CertificateSigningRequest);
  expect((await api.client.for(certificateSigningRequestResource).updateSubresource(made, "approval")).status).toEqual({});
  expect(made.metadata.managedFields?.map(({ fieldsV1 }) => Object.keys(fieldsV1 ?? {}))).toEqual([["f:metadata"]]);
});

test("nothing waits for what depends on an event", async () => {
  const events = api.client.for(eventResource);
  await events.create({ apiVersion: "v1", kind: "Event", metadata: { name: "e", namespace: "shop" }, involvedObject: { namespace: "shop" }, reason: "R" } as CoreEvent);
  await events.delete("shop", "e", { propagationPolicy: "Foreground" });
  expect((await failure(events.get("shop", "e"))).reason).toBe("NotFound");
});

test("who wants a name that is about to be free is told so", async () => {
  const pods = api.client.for(podResource);
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "shop", finalizers: ["example.com/hold"] }, spec: { containers: [{ name: "c", image: "i" }] } } as Pod;
  await pods.create(pod);
  expect((await failure(pods.create(pod))).message).toBe('pods "p" already exists');
  await pods.delete("shop", "p", { gracePeriodSeconds: 0 });
  for (const dryRun of [false, true]) expect((await failure(pods.create(pod, { dryRun }))).message).toBe('object is being deleted: pods "p" already exists');
});

test("a driver's tokens are warned of when they change, not with every write", () => {
  const driver = (audience: string): CSIDriver => ({ apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: "d" }, spec: { tokenRequests: [{ audience }] } });
  const warnings = csiDriverResource.strategy.warnings;
  expect([warnings?.(driver("a")), warnings?.(driver("a"), driver("a")), warnings?.(driver("a"), driver("b"))].map((list) => list?.length)).toEqual([1, 0, 1]);
});

test("a kind that wants the version that is replaced asks for it before it judges anything else", async () => {
  const attachments = api.client.for(volumeAttachmentResource);
  const attachment = {
    apiVersion: "storage.k8s.io/v1",
    kind: "VolumeAttachment",
    metadata: { name: "strict" },
    spec: { attacher: "disks.example.com", nodeName: "n1", source: { persistentVolumeName: "v" } },
  };
  await attachments.create(attachment as VolumeAttachment);
  expect((await failure(attachments.update({ ...attachment, spec: {} } as VolumeAttachment))).message).toBe(
    'volumeattachments.storage.k8s.io "strict" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
  );
});

test("of a signing request all that is wrong is told, what it asks for among it", async () => {
  const asked = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name: "w" }, spec: { request: "AAAA", signerName: "x", usages: ["q", "q"] } };
  const { details } = (await failure(api.client.for(certificateSigningRequestResource).create(asked as CertificateSigningRequest))).status;
  expect(details?.causes?.map(({ field }) => field)).toEqual(["spec.request", "spec.usages[0]", "spec.usages[1]", "spec.usages[1]", "spec.signerName"]);
});

test("nobody can say of a definition that nothing was ever stored", () => {
  const definition = {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: "as.b.io" },
    spec: { versions: [{ name: "v1", storage: true }] },
    status: { storedVersions: [] },
  };
  const { prepareForStatusUpdate } = customResourceDefinitionResource.strategy;
  const wanted = definition as unknown as CustomResourceDefinition;
  expect(prepareForStatusUpdate?.(wanted, wanted).status?.storedVersions).toEqual(["v1"]);
  const other = { ...wanted, status: { storedVersions: ["v9"] } };
  expect(prepareForStatusUpdate?.(other, wanted).status?.storedVersions).toEqual(["v9"]);
});

test("another label is another generation of a slice of endpoints, and of nothing else", async () => {
  const slices = api.client.for(endpointSliceResource);
  await slices.create({ apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata: { name: "e", namespace: "shop" }, addressType: "IPv4", endpoints: [] } as EndpointSlice);
  const relabelled = await slices.patch("shop", "e", "merge", { metadata: { labels: { a: "b" } } });
  expect(relabelled.metadata.generation).toBe(2);
  expect((await slices.patch("shop", "e", "merge", { metadata: { annotations: { a: "b" } } })).metadata.generation).toBe(2);
});

test("a container's states are there before anybody knows them", async () => {
  const pods = api.client.for(podResource);
  await pods.create({ apiVersion: "v1", kind: "Pod", metadata: { name: "unknown", namespace: "shop" }, spec: { containers: [{ name: "c", image: "i" }] } } as Pod);
  const reported = { name: "c", image: "i", imageID: "", ready: false, restartCount: 0 };
  const { status } = await pods.patch("shop", "unknown", "merge", { status: { containerStatuses: [reported] } }, { subresource: "status" });
  expect(status?.containerStatuses?.[0]).toMatchObject({ state: {}, lastState: {} });
});

describe("the number of a DaemonSet's templates", () => {
  const NUMBER = "deprecated.daemonset.template.generation";
  const set = (name: string, more: object = {}): DaemonSet => ({
    apiVersion: "apps/v1",
    kind: "DaemonSet",
    metadata: { name, namespace: "shop", ...more },
    spec: { selector: { matchLabels: { app: "a" } }, template: { metadata: { labels: { app: "a" } }, spec: { containers: [{ name: "c", image: "i" }] } } },
  });
  const sets = () => api.client.for(daemonSetResource);
  const ownersOf = ({ metadata }: DaemonSet) =>
    (metadata.managedFields ?? []).filter(({ fieldsV1 }) => JSON.stringify(fieldsV1).includes(NUMBER)).map(({ manager, operation }) => [manager, operation]);

  test("is owned by who makes one, and then by who writes it without", async () => {
    const made = await sets().create(set("a"), { fieldManager: "maker" });
    expect([ownersOf(made), made.metadata.annotations]).toEqual([[["maker", "Update"]], { [NUMBER]: "1" }]);
    const written = await sets().update(set("a", { labels: { l: "m" } }), { fieldManager: "writer" });
    expect([ownersOf(written), written.metadata.annotations]).toEqual([[["writer", "Update"]], { [NUMBER]: "1" }]);
    const kept = await sets().update({ ...written, metadata: { ...written.metadata, labels: {} } }, { fieldManager: "keeper" });
    expect(ownersOf(kept)).toEqual([["writer", "Update"]]);
  });

  test("is nobody's where one is applied, and is kept by who writes the status", async () => {
    const applied = await sets().patch("shop", "b", "apply", set("b"), { fieldManager: "applier" });
    expect([ownersOf(applied), applied.metadata.annotations]).toEqual([[], { [NUMBER]: "1" }]);
    const told = await sets().updateStatus({ ...applied, metadata: { ...applied.metadata, annotations: { mine: "x" } } });
    expect(told.metadata.annotations?.[NUMBER]).toBe("1");
  });

  test("an unknown strategy is refused as it was sent", async () => {
    const wrong = { ...set("c"), spec: { ...set("c").spec, updateStrategy: { type: "Never" } } } as DaemonSet;
    expect((await failure(sets().create(wrong))).message).toContain('spec.updateStrategy: Unsupported value: {"Type":"Never","RollingUpdate":null}: supported values: "RollingUpdate", "OnDelete"');
  });
});

test("an empty list that is kept as null is its writer's, whichever way it is written", async () => {
  const roles = api.client.for(roleResource);
  const owners = ({ metadata, rules }: Role) => [rules, metadata.managedFields?.map(({ manager, fieldsV1 }) => [manager, fieldsV1]) ?? []];
  const role = (name: string, more: object = {}) => ({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "Role", metadata: { name, namespace: "shop" }, ...more }) as Role;
  const mine = [null, [["test", { "f:rules": {} }]]];
  expect(owners(await roles.create(role("said", { rules: [] }), { fieldManager: "test" }))).toEqual(mine);
  expect(owners(await roles.create(role("silent"), { fieldManager: "test" }))).toEqual([null, []]);
  const rules = [{ apiGroups: [""], resources: ["pods"], verbs: ["get"] }];
  for (const name of ["full", "whole"]) await roles.create(role(name, { rules }), { fieldManager: "other" });
  expect(owners(await roles.update(role("whole", { rules: [] }), { fieldManager: "test" }))).toEqual(mine);
  expect(owners(await roles.patch("shop", "full", "merge", { rules: [] }, { fieldManager: "test" }))).toEqual(mine);
});

test("of an account's Secrets the names are kept, and where one has none nobody owns anything", async () => {
  const accounts = api.client.for(serviceAccountResource);
  const account = (name: string, secrets: readonly object[]) => ({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name, namespace: "shop" }, secrets }) as ServiceAccount;
  const named = await accounts.create(account("named", [{ name: "s", kind: "Secret", namespace: "other" }]));
  expect([named.secrets, named.metadata.managedFields?.length]).toEqual([[{ name: "s" }], 1]);
  const nameless = await accounts.create(account("nameless", [{ name: "s" }, { kind: "Secret" }]));
  expect([nameless.secrets, nameless.metadata.managedFields]).toEqual([[{ name: "s" }, {}], undefined]);
  expect((await accounts.update(account("named", [{}]))).metadata.managedFields).toBeUndefined();
});

test("a write to the status of a Service that is not there makes one, without numbers and without that status", async () => {
  const services = api.client.for(serviceResource);
  const service = (name: string, spec: object, more: object = {}) => ({ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" }, spec, ...more }) as Service;
  const told = { status: { loadBalancer: { ingress: [{ ip: "192.0.2.1" }] } } };
  const made = await services.updateSubresource(service("late", { type: "NodePort", ports: [{ port: 80 }] }, told), "status");
  expect([made.spec?.clusterIP, made.spec?.ports?.[0]?.nodePort, made.status]).toEqual([undefined, undefined, { loadBalancer: {} }]);
  expect(made.metadata.managedFields).toMatchObject([{ subresource: "status", fieldsV1: { "f:status": { "f:loadBalancer": { "f:ingress": {} } } } }]);
  expect((await services.update(service("late", { ports: [{ port: 80 }] }))).spec?.clusterIP).toMatch(/^10\.43\./);
  const addressed = service("asked", { clusterIP: "10.43.9.9", ports: [{ port: 80 }] });
  expect((await failure(services.updateSubresource(addressed, "status"))).message).toBe('Service "asked" is invalid: spec.clusterIPs: Required value');
  const deployment = { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "late", namespace: "shop" } } as Deployment;
  expect((await failure(api.client.for(deploymentResource).updateSubresource(deployment, "status"))).status.code).toBe(404);
});

test("a Service that a write to its status makes holds the numbers that it says, which nobody else may have then", async () => {
  const services = api.client.for(serviceResource);
  const service = (name: string, more: object = {}) =>
    ({ apiVersion: "v1", kind: "Service", metadata: { name, namespace: "shop" }, spec: { ports: [{ port: 80 }], clusterIP: "10.43.9.8", clusterIPs: ["10.43.9.8"], ...more } }) as Service;
  await services.create(service("first"));
  const taken = 'Service "thief" is invalid: spec.clusterIPs: Invalid value: ["10.43.9.8"]: failed to allocate IP 10.43.9.8: provided IP is already allocated';
  expect((await failure(services.updateSubresource(service("thief"), "status"))).message).toBe(taken);
  const outside = service("thief", { clusterIP: "192.0.2.1", clusterIPs: ["192.0.2.1"] });
  expect((await failure(services.updateSubresource(outside, "status"))).message).toContain("the provided network does not match the current range");
  await services.delete("shop", "first");
  await services.updateSubresource(service("second"), "status");
  expect((await failure(services.create(service("thief")))).message).toBe(taken);
});

describe("who writes a part of an object", () => {
  const owners = ({ metadata }: KubeObject, manager: string) => metadata.managedFields?.find((entry) => entry.manager === manager);

  test("owns all that he sent, also what is not kept of it", async () => {
    const pods = api.client.for(podResource);
    const container = { name: "a", image: "a", resources: { requests: { cpu: "100m" }, limits: { cpu: "200m" } } };
    await pods.create({ apiVersion: "v1", kind: "Pod", metadata: { name: "resized", namespace: "shop" }, spec: { containers: [container] } } as Pod);
    const patch = { metadata: { annotations: { q: "r" } }, spec: { containers: [{ name: "a", image: "other", resources: { requests: { cpu: "120m" } } }] }, status: { phase: "Running" } };
    const resized = await pods.patch("shop", "resized", "strategic", patch, { subresource: "resize", fieldManager: "sizer" });
    expect([resized.metadata.annotations, resized.spec.containers[0]?.image, resized.status?.phase]).toEqual([undefined, "a", "Pending"]);
    expect(owners(resized, "sizer")?.fieldsV1).toEqual({
      "f:metadata": { "f:annotations": { ".": {}, "f:q": {} } },
      "f:spec": { "f:containers": { 'k:{"name":"a"}': { "f:image": {}, "f:resources": { "f:requests": { "f:cpu": {} } } } } },
      "f:status": { "f:phase": {} },
    });
    const policy = { spec: { containers: [{ name: "a", resizePolicy: [{ resourceName: "cpu", restartPolicy: "RestartContainer" }] }] } };
    expect((await failure(pods.patch("shop", "resized", "strategic", policy, { subresource: "resize" }))).message).toBe(
      'Pod "resized" is invalid: spec: Forbidden: only cpu and memory resources are mutable',
    );
  });

  test("is recorded without the time where he scales, and what he no longer wants is none", async () => {
    const deployments = api.client.for(deploymentResource);
    const template = { metadata: { labels: { a: "b" } }, spec: { containers: [{ name: "a", image: "a" }] } };
    await deployments.create({ apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "scaled", namespace: "shop" }, spec: { selector: { matchLabels: { a: "b" } }, template } } as Deployment);
    const scale = (spec: object) => ({ apiVersion: "autoscaling/v1", kind: "Scale", metadata: { name: "scaled" }, spec });
    const options = { subresource: "scale", fieldManager: "scaler" };
    await deployments.patch("shop", "scaled", "merge", { spec: { replicas: 2 } }, { ...options, fieldManager: "other" });
    expect((await failure(deployments.patch("shop", "scaled", "apply", scale({ replicas: 3 }), options))).message).toBe(
      'Apply failed with 1 conflict: conflict with "other" with subresource "scale" using autoscaling/v1: .spec.replicas',
    );
    await deployments.patch("shop", "scaled", "apply", scale({ replicas: 3 }), { ...options, force: true });
    const scaled = await deployments.get("shop", "scaled");
    expect([scaled.spec.replicas, owners(scaled, "scaler")]).toEqual([3, expect.not.objectContaining({ time: expect.anything() as unknown })]);
    expect(owners(scaled, "scaler")?.subresource).toBe("scale");
    await deployments.patch("shop", "scaled", "apply", scale({}), options);
    expect((await deployments.get("shop", "scaled")).spec.replicas).toBe(0);
  });
});
