import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { clusterRoleBindingResource } from "../../../engine/resources/rbac/cluster-role-binding.ts";
import { clusterRoleResource } from "../../../engine/resources/rbac/cluster-role.ts";
import { resourceClaimTemplateResource } from "../../../engine/resources/device/resource-claim-template.ts";
import { resourceClaimResource } from "../../../engine/resources/device/resource-claim.ts";
import { resourceSliceResource } from "../../../engine/resources/device/resource-slice.ts";
import type { AllocatedDeviceStatus, PolicyRule, ResourceClaim, ResourceSlice } from "../../../engine/resources/types.ts";
import { createLocalClient } from "../../../engine/client/local-client.ts";
import { aClaimTemplate, aSlice, DRIVER, wants } from "../../kit/devices.ts";
import { startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
beforeEach(async () => void (api = await startTestApi()));
afterEach(() => api.stop());

const claims = () => api.client.for(resourceClaimResource);
const allocation = {
  devices: { results: [{ request: "gpu", driver: DRIVER, pool: "p", device: "d" }] },
  nodeSelector: { nodeSelectorTerms: [{ matchFields: [{ key: "metadata.name", operator: "In", values: ["n1"] }] }] },
};
const newClaim = (name: string, devices = wants()) => claims().create({ apiVersion: "resource.k8s.io/v1", kind: "ResourceClaim", metadata: { name, namespace: "default" }, spec: { devices } });
const grant = async (username: string, ...rules: readonly PolicyRule[]) => {
  const name = username.replaceAll(":", "-");
  await api.client.for(clusterRoleResource).create({ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole", metadata: { name }, rules });
  await api.client.for(clusterRoleBindingResource).create({
    apiVersion: "rbac.authorization.k8s.io/v1",
    kind: "ClusterRoleBinding",
    metadata: { name },
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: username }],
  });
};
const may = (resources: readonly string[], verbs: readonly string[] = ["update"], more: Partial<PolicyRule> = {}): PolicyRule => ({ apiGroups: ["resource.k8s.io"], resources, verbs, ...more });

describe("access of an administrator", () => {
  const admin = { requests: [{ name: "gpu", exactly: { deviceClassName: "gpu", adminAccess: true } }] };

  test("is asked for in namespaces only that are meant for it, by claims and by templates", async () => {
    await expect(newClaim("admin", admin)).rejects.toThrow(
      "spec.devices.requests[0].adminAccess: Forbidden: admin access to devices requires the `resource.kubernetes.io/admin-access: true` label on the containing namespace",
    );
    await expect(api.client.for(resourceClaimTemplateResource).create(aClaimTemplate("admin", admin))).rejects.toThrow(/is invalid: spec\.devices\.requests\[0\]\.adminAccess: Forbidden/);
    await api.client.for(namespaceResource).patch("", "default", "merge", { metadata: { labels: { "resource.kubernetes.io/admin-access": "true" } } });
    await newClaim("admin", admin);
    await api.client.for(resourceClaimTemplateResource).create(aClaimTemplate("admin", admin));
  });
});

describe("the status of a claim", () => {
  const user = "system:serviceaccount:default:driver";
  const told = (more: Partial<AllocatedDeviceStatus> = {}): AllocatedDeviceStatus => ({
    driver: DRIVER,
    pool: "p",
    device: "d",
    conditions: [{ type: "Ready", status: "True", reason: "Told", message: "", lastTransitionTime: "2030-01-01T00:00:00Z" }],
    ...more,
  });
  const write = (claim: ResourceClaim, node?: string) =>
    createLocalClient(api.server, { username: user, groups: ["system:authenticated"], ...(node === undefined ? {} : { extra: { "authentication.kubernetes.io/node-name": [node] } }) }, "test")
      .for(resourceClaimResource)
      .updateStatus(claim as Awaited<ReturnType<typeof newClaim>>); // as stored

  test("gives devices only by who may bind claims", async () => {
    await grant(user, may(["resourceclaims/status"]));
    const claim = await newClaim("c");
    await expect(write({ ...claim, status: { allocation } })).rejects.toThrow(
      /status\.allocation: Forbidden: changing status\.allocation or status\.reservedFor requires resource="resourceclaims\/binding"/,
    );
    await grant("binder", may(["resourceclaims/binding"]));
    await api.client.for(clusterRoleBindingResource).patch("", "binder", "merge", { subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: user }] });
    expect((await write({ ...claim, status: { allocation } })).status).toEqual({ allocation });
  });

  test.each<[string, readonly string[], string | undefined, boolean]>([
    ["by a driver on their node that may do so there", ["associated-node:update"], "n1", true],
    ["by nobody on another node who may do so on his own", ["associated-node:update"], "n2", false],
    ["by nobody without a node who may do so on his own", ["associated-node:update"], undefined, false],
    ["by who may do so anywhere", ["arbitrary-node:update"], undefined, true],
  ])("tells of devices %s", async (_name, verbs, node, isAllowed) => {
    await grant(user, may(["resourceclaims/status"]), may(["resourceclaims/driver"], verbs, { resourceNames: [DRIVER] }));
    const claim = await claims().updateStatus({ ...(await newClaim("c")), status: { allocation } });
    const writing = write({ ...claim, status: { ...claim.status, devices: [told()] } }, node);
    if (isAllowed) expect((await writing).status?.devices).toHaveLength(1);
    else await expect(writing).rejects.toThrow(/status\.devices: Forbidden: .* is forbidden: User "system:serviceaccount:default:driver" cannot (arbitrary|associated)-node:update/);
  });

  test("names devices that the claim has, once each, and forgets those that it loses", async () => {
    const claim = await claims().updateStatus({ ...(await newClaim("c")), status: { allocation } });
    const put = (...devices: readonly AllocatedDeviceStatus[]) => claims().updateStatus({ ...claim, status: { ...claim.status, devices } });
    await expect(put(told({ device: "other" }))).rejects.toThrow("must be an allocated device in the claim");
    await expect(put(told(), told())).rejects.toThrow(/status\.devices\[1\]: Duplicate value/);
    await expect(put(told({ networkData: { ips: ["10.0.0.1"] } }))).rejects.toThrow(/status\.devices\[0\]\.networkData\.ips\[0\]: Invalid value/);
    for (const [text, why] of [
      ["fd00::0:1/64", /must be in canonical form \("fd00::1\/64"\)/],
      ["fe80::1%eth0/64", /must be a valid address in CIDR form/],
      ["::ffff:a00:1/120", /IPv4-mapped/],
    ] as const)
      await expect(put(told({ networkData: { ips: [text] } }))).rejects.toThrow(why);
    const written = await put(told({ networkData: { interfaceName: "eth1", ips: ["10.0.0.1/24", "fd00::1/64"] } }));
    expect((await claims().updateStatus({ ...written, status: { devices: written.status?.devices ?? [] } })).status ?? {}).toEqual({});
  });

  test("does not change an allocation, and gives only what was asked for", async () => {
    const fresh = await newClaim("c");
    const given = (result: object) => ({ ...fresh, status: { allocation: { devices: { results: [{ ...allocation.devices.results[0]!, ...result }] } } } });
    await expect(claims().updateStatus(given({ request: "other" }))).rejects.toThrow(/status\.allocation\.devices\.results\[0\]\.request: Invalid value: "other"/);
    await expect(claims().updateStatus(given({ shareID: "x" }))).rejects.toThrow(/shareID: Invalid value/);
    await expect(claims().updateStatus(given({ bindingConditions: ["a"] }))).rejects.toThrow(/bindingFailureConditions are required to use bindingConditions/);
    const claim = await claims().updateStatus(given({}));
    await expect(claims().updateStatus({ ...claim, status: { allocation } })).rejects.toThrow("status.allocation: Invalid value");
  });
});

describe("a node", () => {
  const node = () => api.as("system:node:n1", ["system:nodes"]);
  const slice = (name: string, nodeName: string) =>
    ({ ...aSlice(name, [{ name: "gpu", taints: [{ key: "k", effect: "NoExecute" }] }], { nodeName }), metadata: { name } }) as ResourceSlice & { metadata: { name: string } };

  test("keeps what is offered on it, and touches nothing that others offer", async () => {
    for (const name of ["n1", "n2"]) await api.client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name } });
    await api.client.for(resourceSliceResource).create(slice("theirs", "n2"));
    await node().for(resourceSliceResource).create(slice("ours", "n1"));
    await expect(node().for(resourceSliceResource).create(slice("false", "n2"))).rejects.toThrow("can only create ResourceSlice with the same NodeName as the requesting node");
    await expect(node().for(resourceSliceResource).get("", "theirs")).rejects.toThrow(/no relationship found between node 'n1' and this object/);
    await expect(node().for(resourceSliceResource).list("")).rejects.toThrow(/can only list\/watch\/deletecollection resourceslices with nodeName field selector/);
    expect((await node().for(resourceSliceResource).list("", { fieldSelector: "spec.nodeName=n1" })).items.map(({ metadata }) => metadata.name)).toEqual(["ours"]);
    await node()
      .for(resourceSliceResource)
      .deleteCollection("", { fieldSelector: `spec.nodeName=n1,spec.driver=${DRIVER}` });
    expect((await api.client.for(resourceSliceResource).list("")).items.map(({ metadata }) => metadata.name)).toEqual(["theirs"]);
  });

  test("reads the claims of its pods", async () => {
    for (const name of ["mine", "other"]) await newClaim(name);
    await api.client.for(podResource).create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "default" },
      spec: { nodeName: "n1", resourceClaims: [{ name: "c", resourceClaimName: "mine" }], containers: [{ name: "c", image: "i" }] },
    });
    expect((await node().for(resourceClaimResource).get("default", "mine")).metadata.name).toBe("mine");
    await expect(node().for(resourceClaimResource).get("default", "other")).rejects.toThrow(/no relationship found/);
    await expect(node().for(resourceClaimResource).list("default")).rejects.toThrow(/can only get individual resources of this type/);
  });

  test("need not say since when a device is tainted", async () => {
    const created = await api.client.for(resourceSliceResource).create(slice("s", "n1"));
    expect(created.spec.devices?.[0]?.taints?.[0]?.timeAdded).toMatch(/^\d{4}-.*Z$/);
  });
});
