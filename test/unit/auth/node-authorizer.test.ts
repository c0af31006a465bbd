import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { createAuthorizer, type AuthorizationAttributes } from "../../../engine/auth/authorize.ts";
import { nodeMode, type NodeObjects } from "../../../engine/auth/node-authorizer.ts";
import { aPod } from "../../kit/objects.ts";

const named = (name: string, spec: object): KubeObject => ({ apiVersion: "v1", kind: "Any", metadata: { name }, spec }) as KubeObject; // as much of it as is read
const pods = [
  aPod("web", {
    namespace: "shop",
    node: "n1",
    spec: {
      serviceAccountName: "robot",
      imagePullSecrets: [{ name: "registry" }],
      volumes: [
        { name: "c", configMap: { name: "settings" } },
        { name: "d", persistentVolumeClaim: { claimName: "data" } },
        { name: "e", ephemeral: {} },
        { name: "p", projected: { sources: [{ secret: { name: "projected" } }] } },
      ],
    },
  }),
  {
    ...aPod("file", { namespace: "shop", node: "n1", spec: { volumes: [{ name: "s", secret: { secretName: "wished" } }], resourceClaims: [{ name: "gpu", resourceClaimName: "wished" }] } }),
    metadata: { name: "file", namespace: "shop", annotations: { "kubernetes.io/config.mirror": "hash" } },
  },
  aPod("db", { namespace: "shop", node: "n2", spec: { volumes: [{ name: "s", secret: { secretName: "password" } }] } }),
];
const others: Readonly<Record<string, KubeObject>> = {
  "persistentvolumeclaims/data": named("data", { volumeName: "pv1" }),
  "persistentvolumes/pv1": named("pv1", {
    claimRef: { namespace: "shop", name: "data" },
    csi: { nodePublishSecretRef: { name: "disk", namespace: "storage" }, controllerPublishSecretRef: { name: "array", namespace: "storage" } },
  }),
  "persistentvolumeclaims/web-e": named("web-e", { volumeName: "pv2" }),
  "persistentvolumes/pv2": named("pv2", { claimRef: { namespace: "bank", name: "gold" } }),
  "persistentvolumes/folder": { ...named("folder", {}), metadata: { name: "folder", labels: { "mainstay.dev/local-path-node": "n1" } } },
  "persistentvolumes/theirs": { ...named("theirs", {}), metadata: { name: "theirs", labels: { "mainstay.dev/local-path-node": "n2" } } },
  "volumeattachments/va1": named("va1", { nodeName: "n1" }),
};
const objects: NodeObjects = {
  podsOn: async (nodeName) => pods.filter(({ spec }) => spec.nodeName === nodeName),
  pod: async (_namespace, name) => pods.find(({ metadata }) => metadata.name === name),
  find: async (_group, resource, _namespace, name) => others[`${resource}/${name}`],
};
const authorizer = createAuthorizer([nodeMode(objects)]);
const user = { username: "system:node:n1", groups: ["system:nodes", "system:authenticated"] };
const ask = (verb: string, what: string, more: Partial<Extract<AuthorizationAttributes, { is: "resource" }>> = {}) => {
  const [full = "", name = ""] = what.split(" ");
  const [path = "", subresource] = full.split(":");
  const [resource = "", group = ""] = path.split(".").length > 1 ? [path.split(".")[0], path.split(".").slice(1).join(".")] : [path];
  return authorizer.decide({ is: "resource", user, verb, group, resource, ...(subresource === undefined ? {} : { subresource }), namespace: "shop", name, ...more });
};

describe("a node", () => {
  test.each([
    ["get", "secrets registry"],
    ["get", "secrets projected"],
    ["watch", "configmaps settings"],
    ["get", "persistentvolumeclaims data"],
    ["get", "persistentvolumeclaims web-e"],
    ["patch", "persistentvolumeclaims:status data"],
    ["create", "serviceaccounts:token robot"],
    ["get", "serviceaccounts robot"],
    ["get", "pods web"],
    ["get", "pods gone"],
    ["delete", "pods web"],
    ["create", "pods:eviction web"],
    ["update", "pods:status web"],
  ])("may %s %s, which its pods need", async (verb, what) => {
    expect((await ask(verb, what)).is).toBe("allow");
  });

  test.each([
    ["get", "persistentvolumes pv1", ""],
    ["get", "volumeattachments.storage.k8s.io va1", ""],
    ["get", "secrets disk", "storage"],
    ["update", "leases.coordination.k8s.io n1", "kube-node-lease"],
    ["create", "leases.coordination.k8s.io", "kube-node-lease"],
    ["get", "nodes n1", ""],
    ["patch", "nodes:status n1", ""],
    ["list", "services", ""],
    ["create", "csinodes.storage.k8s.io", ""],
    ["create", "tokenreviews.authentication.k8s.io", ""],
  ])("may %s %s in namespace %o", async (verb, what, namespace) => {
    expect((await ask(verb, what, { namespace })).is).toBe("allow");
  });

  test("sees nothing of what only a driver's controller logs in with", async () => {
    expect((await ask("get", "secrets array", { namespace: "storage" })).is).toBe("none");
  });

  test.each([
    ["get", "secrets password", "no relationship found between node 'n1' and this object"],
    ["list", "secrets", "No Object name found"],
    ["update", "secrets registry", "can only read resources of this type"],
    ["get", "secrets:x registry", "cannot read subresource"],
    ["list", "persistentvolumeclaims", "can only get individual resources of this type"],
    ["get", "persistentvolumes pv2", "no relationship found between node 'n1' and this object"],
    ["get", "persistentvolumes other", "no relationship found between node 'n1' and this object"],
    ["get", "secrets wished", "no relationship found between node 'n1' and this object"],
    ["get", "resourceclaims.resource.k8s.io wished", "no relationship found between node 'n1' and this object"],
    ["get", "persistentvolumeclaims:status data", "can only get/update/patch this type"],
    ["list", "pods db", "no relationship found between node 'n1' and this object"],
    ["get", "pods db", "no relationship found between node 'n1' and this object"],
    ["list", "pods", "can only list/watch pods with spec.nodeName field selector"],
    ["create", "serviceaccounts:token other", "no relationship found between node 'n1' and this object"],
    ["list", "serviceaccounts", "can only create tokens for individual service accounts"],
    ["get", "leases.coordination.k8s.io n1", 'can only access leases in the "kube-node-lease" system namespace'],
    ["get", "csinodes.storage.k8s.io n2", "can only access CSINode with the same name as the requesting node"],
    ["get", "nodes n2", "node 'n1' cannot read 'n2', only its own Node object"],
    ["delete", "nodes n1", ""],
  ])("may not %s %s: %s", async (verb, what, reason) => {
    expect(await ask(verb, what)).toEqual({ is: "none", reason });
  });

  test("lists its own pods, and watches a Secret by its name", async () => {
    expect((await ask("list", "pods", { namespace: "", fieldSelector: "spec.nodeName=n1" })).is).toBe("allow");
    expect((await ask("list", "pods", { namespace: "", fieldSelector: "spec.nodeName=n2" })).is).toBe("none");
    expect((await ask("watch", "pods web", { fieldSelector: "metadata.name=web" })).is).toBe("allow");
    expect((await ask("watch", "secrets", { fieldSelector: "metadata.name=registry" })).is).toBe("allow");
  });

  test.each([
    ["pods", "", "spec.nodeName!=a\\,spec.nodeName=n1"],
    ["pods", "", "metadata.name!=a\\,spec.nodeName=n1"],
    ["resourceslices.resource.k8s.io", "", "metadata.name!=a\\,spec.nodeName=n1"],
    ["secrets", "shop", "metadata.name!=a\\,metadata.name=registry"],
    ["secrets", "shop", "metadata.name=registry,a"],
    ["nodes", "", "metadata.name!=a\\,metadata.name=n1"],
  ])("may not list %s in %o by what only looks like a selector: %s", async (what, namespace, fieldSelector) => {
    expect((await ask("list", what, { namespace, fieldSelector })).is).toBe("none");
    expect((await ask("watch", what, { namespace, fieldSelector })).is).toBe("none");
  });

  test("sees and ends the volumes that are folders of its own, and no others", async () => {
    const list = (labelSelector: string) => ask("watch", "persistentvolumes", { namespace: "", labelSelector });
    expect([(await list("mainstay.dev/local-path-node=n1")).is, (await list("mainstay.dev/local-path-node=n2")).is, (await list("")).is]).toEqual(["allow", "none", "none"]);
    expect((await list("mainstay.dev/local-path-node!=x,mainstay.dev/local-path-node notin (n1)")).is).toBe("none");
    expect([
      (await ask("patch", "persistentvolumes folder")).is,
      (await ask("patch", "persistentvolumes theirs")).is,
      (await ask("patch", "persistentvolumes pv1")).is,
      (await ask("delete", "persistentvolumes folder")).is,
    ]).toEqual(["allow", "none", "none", "none"]);
  });

  test("has a name", async () => {
    const nameless = { username: "system:node:", groups: ["system:nodes"] };
    expect(await ask("list", "services", { user: nameless })).toEqual({ is: "none", reason: 'unknown node for user "system:node:"' });
  });

  test("is nobody without its group, and cannot list what it may", async () => {
    expect((await ask("get", "secrets registry", { user: { username: "system:node:n1", groups: [] } })).is).toBe("none");
    expect(await authorizer.rulesFor(user, "shop")).toMatchObject({ incomplete: true, errors: ["node authorizer does not support user rule resolution"] });
  });
});
