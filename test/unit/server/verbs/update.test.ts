import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import { serviceResource } from "../../../../engine/resources/core/service.ts";
import { nodeResource } from "../../../../engine/resources/core/node.ts";
import { podResource } from "../../../../engine/resources/core/pod.ts";
import { deploymentResource } from "../../../../engine/resources/apps/deployment.ts";
import { volumeAttachmentResource } from "../../../../engine/resources/storage/volume-attachment.ts";
import { podDisruptionBudgetResource } from "../../../../engine/resources/policy/pod-disruption-budget.ts";
import { serviceAccountResource } from "../../../../engine/resources/core/service-account.ts";
import { leaseResource } from "../../../../engine/resources/coordination/lease.ts";
import { limitRangeResource } from "../../../../engine/resources/core/limit-range.ts";
import { clusterRoleResource } from "../../../../engine/resources/rbac/cluster-role.ts";
import type { KubeObject } from "../../../../engine/apimachinery/object-meta.ts";
import type { ResourceDefinition } from "../../../../engine/resources/define-resource.ts";
import type { Deployment, PodDisruptionBudget, Service, VolumeAttachment } from "../../../../engine/resources/types.ts";
import { failure } from "../../../kit/failure.ts";
import { sentConfigMap, sentDeployment, sentPod } from "../../../kit/sent-objects.ts";
import { adminUser, createTestNamespace, startTestApi, type TestApi } from "../../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await createTestNamespace(api.client, "shop");
});
afterAll(() => api.stop());

describe("update", () => {
  test("a stale resourceVersion is a conflict, an equal write changes nothing", async () => {
    const maps = api.client.for(configMapResource);
    const first = await maps.create(sentConfigMap("stale"));
    const second = await maps.update({ ...first, data: { a: "2" } });
    expect((await failure(maps.update({ ...first, data: { a: "3" } }))).status).toMatchObject({ code: 409, reason: "Conflict", details: { name: "stale", kind: "configmaps" } });
    expect((await maps.update(second)).metadata.resourceVersion).toBe(second.metadata.resourceVersion);
  });

  test("the resourceVersion 0 asks for nothing", async () => {
    const maps = api.client.for(configMapResource);
    await maps.create(sentConfigMap("unconditional"));
    expect((await maps.update(sentConfigMap("unconditional", { a: "2" }, { resourceVersion: "0" }))).data).toEqual({ a: "2" });
  });

  test("the generation follows the spec, and status writes leave it alone", async () => {
    const deployments = api.client.for(deploymentResource);
    const made = await deployments.create(sentDeployment("gen"));
    expect(made.metadata.generation).toBe(1);
    const labelled = await deployments.update({ ...made, metadata: { ...made.metadata, labels: { x: "y" } }, status: { replicas: 9 } });
    expect(labelled.metadata.generation).toBe(1);
    expect(labelled.status?.replicas).toBeUndefined();
    const reported = await deployments.updateStatus({ ...labelled, spec: { ...labelled.spec, replicas: 7 }, status: { replicas: 2 } });
    expect(reported.spec.replicas).toBe(2);
    expect(reported.status?.replicas).toBe(2);
    expect(reported.metadata.generation).toBe(1);
    const scaled = await deployments.patch("shop", "gen", "merge", { spec: { replicas: 5 } });
    expect(scaled.metadata.generation).toBe(2);
    expect(scaled.status?.replicas).toBe(2);
  });

  test("a status may leave out what upstream's types take for zero", async () => {
    const deployments = api.client.for(deploymentResource);
    const { metadata } = await deployments.create(sentDeployment("said"));
    const written = await deployments.updateStatus({ ...sentDeployment("said"), metadata, status: { conditions: [{ message: "half a condition" }] } } as unknown as Deployment);
    expect(written.status?.conditions).toEqual([{ type: "", status: "", message: "half a condition", lastUpdateTime: null, lastTransitionTime: null }]);
    // A merge patch that a typed client writes empties what it does not set; of a status nothing else counts.
    const emptied = { metadata: { creationTimestamp: null }, spec: { selector: null, template: { metadata: {}, spec: { containers: null } } }, status: { replicas: 3 } };
    const patched = await deployments.patch("shop", "said", "merge", emptied, { subresource: "status" });
    expect(patched).toMatchObject({ spec: written.spec, status: { replicas: 3 } });
    expect((await failure(deployments.patch("shop", "said", "merge", emptied))).status).toMatchObject({ code: 422, reason: "Invalid" });
  });

  test("PUT to a missing name creates what upstream creates so: roles, ranges and endpoints among others", async () => {
    const role = await api.client.for(clusterRoleResource).update({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name: "put" }, rules: [] });
    expect(role.metadata.uid).toBeDefined();
    const range = await api.client.for(limitRangeResource).update({ apiVersion: "v1", kind: "LimitRange", metadata: { name: "put", namespace: "default" }, spec: { limits: [] } });
    expect(range.metadata.uid).toBeDefined();
  });

  test("who annotates an account in a way that is given up is told so", async () => {
    const metadata = { name: "old-ways", namespace: "default", annotations: { "kubernetes.io/enforce-mountable-secrets": "true" } };
    const { group, version, resource } = serviceAccountResource;
    const result = await api.server.handle({
      verb: "create",
      user: adminUser,
      userAgent: "test",
      resource: { group, version, resource },
      namespace: "default",
      body: { apiVersion: "v1", kind: "ServiceAccount", metadata },
      options: {},
    });
    expect(result).toMatchObject({
      warnings: ["metadata.annotations[kubernetes.io/enforce-mountable-secrets]: deprecated in v1.32+; prefer separate namespaces to isolate access to mounted secrets"],
    });
  });

  test("a patch that changes the uid is wrong, and a PUT of another object's uid comes too late", async () => {
    const made = await api.client.for(configMapResource).create({ ...sentConfigMap("uid"), metadata: { name: "uid", namespace: "default" } });
    const other = { uid: "00000000-0000-0000-0000-000000000000" };
    expect((await failure(api.client.for(configMapResource).patch("default", "uid", "merge", { metadata: other }))).status).toMatchObject({
      code: 422,
      message: expect.stringContaining("metadata.uid: Invalid value") as unknown,
    });
    expect((await failure(api.client.for(configMapResource).update({ ...made, metadata: { ...made.metadata, ...other } }))).reason).toBe("Conflict");
  });

  test("an update that names no version where one is needed is refused by the name of the resource", async () => {
    const leases = api.client.for(leaseResource);
    const { metadata } = await leases.create({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "versioned", namespace: "shop" }, spec: {} });
    const error = await failure(leases.update({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "versioned", namespace: "shop", uid: metadata.uid ?? "" }, spec: {} }));
    expect(error.status).toMatchObject({
      code: 422,
      message: 'leases.coordination.k8s.io "versioned" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update',
      details: { kind: "leases" },
    });
    // Which version is meant is said before whose uid it is.
    const stale = await failure(leases.patch("shop", "versioned", "merge", { metadata: { uid: "u", resourceVersion: "1" } }));
    expect(stale.reason).toBe("Conflict");
  });

  test("a node has told nothing of itself before it does", async () => {
    const { status } = await api.client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name: "blank" } });
    expect(status).toMatchObject({ daemonEndpoints: { kubeletEndpoint: { Port: 0 } }, nodeInfo: { machineID: "", kubeletVersion: "", architecture: "" } });
    expect((await api.client.for(nodeResource).get("", "blank")).metadata.managedFields).toBeUndefined();
  });

  test("PUT to a missing name creates a Lease and refuses a ConfigMap", async () => {
    const lease = await api.client
      .for(leaseResource)
      .update({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name: "n1", namespace: "kube-node-lease" }, spec: { holderIdentity: "n1" } });
    expect(lease.metadata.uid).toBeDefined();
    expect((await failure(api.client.for(configMapResource).update(sentConfigMap("absent")))).reason).toBe("NotFound");
  });
});

test("a balanced Service keeps its node ports until it gives them up or its type changes, and its class for as long as it is balanced", async () => {
  const services = api.client.for(serviceResource);
  const balanced = {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name: "balanced", namespace: "shop" },
    spec: {
      type: "LoadBalancer",
      loadBalancerClass: "a.example.com/lb",
      ports: [
        { name: "a", port: 80 },
        { name: "b", port: 81 },
      ],
    },
  };
  const made = await services.create(balanced as unknown as Service);
  const kept = await services.update({ ...made, spec: { ...made.spec, allocateLoadBalancerNodePorts: false } });
  expect([made.spec?.ports?.[0]?.nodePort, kept.spec?.ports]).toEqual([expect.any(Number), made.spec?.ports]);
  const [first = {}, second] = kept.spec?.ports ?? [];
  expect((await services.update({ ...kept, spec: { ...kept.spec, ports: [{ ...first, nodePort: undefined }, second] } } as Service)).spec?.ports?.map(({ nodePort }) => nodePort)).toEqual([
    undefined,
    second?.nodePort,
  ]);
  const moved = await failure(services.patch("shop", "balanced", "merge", { spec: { loadBalancerClass: "b.example.com/lb" } }));
  expect(moved.message).toContain('spec.loadBalancerClass: Invalid value: "b.example.com/lb": may not change once set');
  expect((await services.patch("shop", "balanced", "merge", { spec: { type: "ClusterIP" } })).spec?.ports?.map(({ nodePort }) => nodePort)).toEqual([undefined, undefined]);
});

describe("what a write to the status carries", () => {
  const labelled = { metadata: { labels: { from: "status" }, annotations: { from: "status" } } };
  const patchStatus = <T extends KubeObject>(resource: ResourceDefinition<T>, name: string, namespace: string) =>
    api.client.for(resource).patch(namespace, name, "merge", labelled, { subresource: "status" });
  const attachment = {
    apiVersion: "storage.k8s.io/v1",
    kind: "VolumeAttachment",
    metadata: { name: "attached" },
    spec: { attacher: "a.example.com", nodeName: "n1", source: { persistentVolumeName: "pv" } },
  };

  test("is metadata too, but for what the kind keeps as it is", async () => {
    await api.client.for(podResource).create(sentPod("reported"));
    await api.client.for(deploymentResource).create(sentDeployment("reported"));
    expect((await patchStatus(podResource, "reported", "shop")).metadata).toMatchObject(labelled.metadata);
    const { metadata } = await patchStatus(deploymentResource, "reported", "shop");
    expect([metadata.labels, metadata.annotations]).toEqual([undefined, { from: "status" }]);
    await api.client.for(volumeAttachmentResource).create(attachment as VolumeAttachment);
    const attached = await patchStatus(volumeAttachmentResource, "attached", "");
    expect([attached.metadata.labels, attached.metadata.annotations]).toEqual([undefined, undefined]);
  });

  test("belongs to nobody where it is kept", async () => {
    const intent = { ...attachment, metadata: { ...attachment.metadata, labels: { a: "b" } }, status: { attached: true } };
    const { metadata } = await api.client.for(volumeAttachmentResource).apply(intent as VolumeAttachment, { fieldManager: "reporter", subresource: "status" });
    expect(Object.keys(metadata.managedFields?.find(({ manager }) => manager === "reporter")?.fieldsV1 ?? {})).toEqual(["f:status"]);
  });

  test("may leave out what Go would have as a zero", async () => {
    const budget = { apiVersion: "policy/v1", kind: "PodDisruptionBudget", metadata: { name: "web", namespace: "shop" }, spec: { maxUnavailable: 1 } };
    await api.client.for(podDisruptionBudgetResource).create(budget as PodDisruptionBudget);
    const reported = await api.client.for(podDisruptionBudgetResource).patch("shop", "web", "merge", { status: { currentHealthy: 5 } }, { subresource: "status" });
    expect(reported.status).toMatchObject({ currentHealthy: 5, desiredHealthy: 0, expectedPods: 0, disruptionsAllowed: 0 });
  });
});
