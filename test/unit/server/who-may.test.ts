import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Client } from "../../../engine/client/client.ts";
import { connectionOf, credentialsOf, distinctHeaders } from "../../../engine/server/http/peer.ts";
import { Impersonator } from "../../../engine/auth/authentication/impersonate.ts";
import { ImpersonationMetrics } from "../../../engine/auth/auth-metrics.ts";
import { createAuthorizer } from "../../../engine/auth/authorize.ts";
import { systemClock } from "../../../engine/lib/clock.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { MetricsRegistry } from "../../../engine/lib/metrics.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import type { ResourceReference } from "../../../engine/resources/define-resource.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { roleBindingResource } from "../../../engine/resources/rbac/role-binding.ts";
import { roleResource } from "../../../engine/resources/rbac/role.ts";
import type { PolicyRule, SubjectAccessReview } from "../../../engine/resources/types.ts";
import { createApiPresence } from "../../../engine/server/bootstrap/api-presence.ts";
import { NodePasswords } from "../../../engine/server/nodes/node-passwords.ts";
import { createTestNamespace, startTestApi, type TestApi } from "../../kit/test-api.ts";

const accessReviews = { group: "authorization.k8s.io", version: "v1", resource: "subjectaccessreviews", kind: "SubjectAccessReview", namespaced: false } as ResourceReference<
  SubjectAccessReview & KubeObject
>;
const RBAC = { apiVersion: "rbac.authorization.k8s.io/v1" };
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await createTestNamespace(api.client, "shop");
});
afterAll(() => api.stop());

async function grant(username: string, ...rules: readonly PolicyRule[]): Promise<Client> {
  const metadata = { name: username, namespace: "shop" };
  await api.client.for(roleResource).create({ ...RBAC, kind: "Role", metadata, rules });
  await api.client.for(roleBindingResource).create({
    ...RBAC,
    kind: "RoleBinding",
    metadata,
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: username },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: username }],
  });
  return api.as(username);
}
const configMaps = (verbs: readonly string[], names?: readonly string[]): PolicyRule => ({
  verbs,
  apiGroups: [""],
  resources: ["configmaps"],
  ...(names === undefined ? {} : { resourceNames: names }),
});
const map = (name: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace: "shop" }, data: { a: "1" } });
const failure = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "nothing failed",
    (error: unknown) => (error as Error).message,
  );

describe("the right to", () => {
  test("patch is not the right to create by an apply", async () => {
    const maps = (await grant("patcher", configMaps(["patch"]))).for(configMapResource);
    const apply = (name: string) => maps.patch("shop", name, "apply", map(name), { fieldManager: "me" });
    expect(await failure(apply("new"))).toBe('configmaps "new" is forbidden: User "patcher" cannot create resource "configmaps" in API group "" in the namespace "shop"');
    await api.client.for(configMapResource).create(map("old"));
    expect((await apply("old")).metadata.name).toBe("old");
  });

  test("something in a namespace reaches the namespace itself", async () => {
    const namespaces = (await grant("keeper", { verbs: ["get"], apiGroups: [""], resources: ["namespaces"] })).for(namespaceResource);
    expect((await namespaces.get("", "shop")).metadata.name).toBe("shop");
    expect(await failure(namespaces.get("", "default"))).toBe('namespaces "default" is forbidden: User "keeper" cannot get resource "namespaces" in API group "" in the namespace "default"');
  });

  test("one object includes lists of it alone", async () => {
    const maps = (await grant("reader", configMaps(["get", "list"], ["old"]))).for(configMapResource);
    expect((await maps.list("shop", { fieldSelector: "metadata.name=old" })).items.map(({ metadata }) => metadata.name)).toEqual(["old"]);
    expect(await failure(maps.list("shop"))).toContain('cannot list resource "configmaps"');
    expect(await failure(maps.list("shop", { fieldSelector: "metadata.name=new" }))).toContain('configmaps "new" is forbidden');
  });

  test.each(["metadata.namespace!=a\\,metadata.name=old", "metadata.name!=a\\,metadata.name=old", "metadata.name!=old"])(
    "one object is no right to lists of others, whatever looks like its name in the selector: %s",
    async (fieldSelector) => {
      const user = `reader-${fieldSelector.length}`;
      const maps = (await grant(user, configMaps(["get", "list"], ["old"]))).for(configMapResource);
      expect(await failure(maps.list("shop", { fieldSelector }))).toContain(`User "${user}" cannot list resource "configmaps"`);
    },
  );
});

test.each([
  [[{ key: "spec.nodeName", operator: "In", values: ["n1"] }], true],
  [
    [
      { key: "spec.nodeName", operator: "In", values: ["n1"] },
      { key: "metadata.name", operator: "In", values: ["a", "b"] },
    ],
    true,
  ],
  [[{ key: "metadata.name", operator: "NotIn", values: ["a,spec.nodeName=n1"] }], false],
  [[{ key: "spec.nodeName", operator: "In", values: ["n1", "n2"] }], false],
])("a review takes the values of its requirements for values: %j", async (requirements, allowed) => {
  const resourceAttributes = { verb: "list", version: "v1", resource: "pods", fieldSelector: { requirements } };
  const review = await api.client
    .for(accessReviews)
    .create({ apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", metadata: {}, spec: { user: "system:node:n1", groups: ["system:nodes"], resourceAttributes } });
  expect(review.status?.allowed).toBe(allowed);
});

describe("what a client shows of itself", () => {
  const raw = { remoteAddress: "127.0.0.1" };
  test.each([
    ["::ffff:192.0.2.7", "192.0.2.7"],
    ["2001:db8::7", "2001:db8::7"],
    [undefined, undefined],
  ])("is its address of the family that it has: %s", (remoteAddress, shown) => {
    expect(connectionOf({}, () => ({ remoteAddress })).remoteAddress).toBe(shown);
  });

  test("is each value of a header that came several times, commas and all", async () => {
    const headers = { accept: "*/*", "impersonate-user": "joe", "impersonate-group": "dev, ,,,odd" };
    const distinct = distinctHeaders({ headers, rawHeaders: ["Accept", "*/*", "Impersonate-User", "joe", "Impersonate-Group", "dev", "Impersonate-Group", ",,,odd"] });
    expect(distinct).toEqual({ ...headers, "impersonate-group": ["dev", ",,,odd"] });
    const jane = { username: "jane", groups: [] };
    const everything = createAuthorizer([{ decide: () => ({ is: "allow", reason: "" }) }]);
    const request = () => ({ is: "path", user: jane, verb: "get", path: "/api" }) as const;
    expect((await new Impersonator(everything, new ImpersonationMetrics(new MetricsRegistry(), systemClock)).userOf(jane, distinct, request)).user.groups).toEqual([
      "dev",
      ",,,odd",
      "system:authenticated",
    ]);
    const single = { "impersonate-group": "one,two" };
    expect(distinctHeaders({ headers: single, rawHeaders: ["impersonate-group", "one,two"] })).toBe(single);
  });

  test("is a bearer token in its header", () => {
    expect(credentialsOf(raw, { authorization: "Bearer abc" }).bearer).toBe("abc");
    expect(credentialsOf(raw, {}).bearer).toBeUndefined();
    for (const authorization of ["Basic abc", "Bearer", "Bearer ", "Bearer  abc"]) expect(credentialsOf(raw, { authorization }).bearer).toBeUndefined();
    expect(credentialsOf(raw, { authorization: "bearer abc more" }).bearer).toBe("abc");
  });
});

describe("the names and addresses of machines", () => {
  const joined = () => new NodePasswords(api.client, systemClock);
  const ready = async (name: string, address: string) => {
    const { metadata } = await api.client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name } });
    await api.client
      .for(nodeResource)
      .patch(
        "",
        name,
        "merge",
        { metadata: { uid: metadata.uid }, status: { addresses: [{ type: "InternalIP", address }], conditions: [{ type: "Ready", status: "True" }] } },
        { subresource: "status" },
      );
  };

  test("are theirs until their Node is deleted", async () => {
    await joined().claim("m1", "the first machine");
    await joined().claim("m1", "the first machine");
    await expect(joined().claim("m1", "another machine")).rejects.toThrow('the name "m1" belongs to another machine');
    await ready("m2", "192.0.2.20");
    await expect(joined().claim("m2", "another machine")).rejects.toThrow("belongs to another machine");
    await api.client.for(nodeResource).delete("", "m2", {});
    await joined().claim("m2", "another machine");
  });

  test("are not taken from others who are alive, nor from the API", async () => {
    await createApiPresence({ client: api.client, clock: systemClock, logger: silentLogger, name: "m1", address: "192.0.2.1", port: 6443 }).announce();
    await ready("m3", "192.0.2.30");
    await joined().checkAddresses("m3", ["192.0.2.30"]);
    await joined().checkAddresses("m4", ["192.0.2.40"]);
    await expect(joined().checkAddresses("m4", ["192.0.2.30"])).rejects.toThrow("the address 192.0.2.30 is somebody else's");
    await expect(joined().checkAddresses("m4", ["192.0.2.1"])).rejects.toThrow("is somebody else's"); // the API's endpoint
    await expect(joined().checkAddresses("m4", ["10.43.0.1"])).rejects.toThrow("is somebody else's"); // its Service
    await api.client.for(nodeResource).patch("", "m3", "merge", { status: { conditions: [{ type: "Ready", status: "Unknown" }] } }, { subresource: "status" });
    await joined().checkAddresses("m4", ["192.0.2.30"]);
  });
});
