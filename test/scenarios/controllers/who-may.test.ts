import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { createSigningRequest, readCertificate } from "../../../engine/auth/certificates.ts";
import type { Client } from "../../../engine/client/client.ts";
import { certificateSigningRequestResource } from "../../../engine/resources/certificates/certificate-signing-request.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { serviceAccountResource } from "../../../engine/resources/core/service-account.ts";
import { clusterRoleBindingResource } from "../../../engine/resources/rbac/cluster-role-binding.ts";
import { clusterRoleResource } from "../../../engine/resources/rbac/cluster-role.ts";
import { roleBindingResource } from "../../../engine/resources/rbac/role-binding.ts";
import { roleResource } from "../../../engine/resources/rbac/role.ts";
import type { CertificateSigningRequest, ClusterRole, PolicyRule, RoleBinding } from "../../../engine/resources/types.ts";
import { bootstrapRoles } from "../../../engine/server/bootstrap/bootstrap-roles.ts";
import { startControlPlane, type ControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
});
afterEach(() => plane.stop());

const RBAC = { apiVersion: "rbac.authorization.k8s.io/v1" };
const clusterRole = (name: string, rules: readonly PolicyRule[], more: Partial<ClusterRole> = {}): ClusterRole => ({
  ...RBAC,
  kind: "ClusterRole",
  rules,
  ...more,
  metadata: { name, ...more.metadata },
});
const roleBinding = (name: string, role: string, user: string, kind = "ClusterRole"): RoleBinding => ({
  ...RBAC,
  kind: "RoleBinding",
  metadata: { name, namespace: "default" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind, name: role },
  subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: user }],
});
const readPods: PolicyRule = { verbs: ["get", "list"], apiGroups: [""], resources: ["pods"] };
const grant = async (name: string, rules: readonly PolicyRule[], user: string) => {
  await plane.client.for(clusterRoleResource).create(clusterRole(name, rules));
  await plane.client.for(roleBindingResource).create(roleBinding(name, name, user));
};
const failure = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => "nothing failed",
    (error: unknown) => (error as Error).message,
  );

const HOUR_MS = 3_600_000;

/** How long a machine with much else to do may take for it. */
const SIGNING_MS_MAX = 15_000;

/** Signatures take real time, of which the virtual clock knows nothing. */
async function until<T>(look: () => Promise<T | undefined>): Promise<T> {
  for (const endMs = performance.now() + SIGNING_MS_MAX; performance.now() < endMs;) {
    await plane.clock.settle();
    const found = await look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error("it never came true");
}

describe("roles", () => {
  test("can be used as soon as they are bound, and no longer than that", async () => {
    const jane = plane.api.as("jane");
    expect(await failure(jane.for(secretResource).list("default"))).toBe('secrets is forbidden: User "jane" cannot list resource "secrets" in API group "" in the namespace "default"');
    await grant("secret-reader", [{ verbs: ["list"], apiGroups: [""], resources: ["secrets"] }], "jane");
    expect((await jane.for(secretResource).list("default")).items).toEqual([]);
    await plane.client.for(roleBindingResource).delete("default", "secret-reader", {});
    await plane.clock.settle();
    expect(await failure(jane.for(secretResource).list("default"))).toContain("is forbidden");
  });

  test("that are put together follow their parts, and end without them", async () => {
    const view = async () => (await plane.client.for(clusterRoleResource).get("", "view")).rules ?? [];
    expect((await view()).length).toBeGreaterThan(5);
    const widgets = { verbs: ["get"], apiGroups: ["example.com"], resources: ["widgets"] };
    await plane.client.for(clusterRoleResource).create(clusterRole("widgets", [widgets], { metadata: { name: "widgets", labels: { "rbac.authorization.k8s.io/aggregate-to-view": "true" } } }));
    await plane.clock.settle();
    expect(await view()).toContainEqual(widgets);
    // `view` is itself a part of `edit`, and `edit` of `admin`.
    expect((await plane.client.for(clusterRoleResource).get("", "admin")).rules).toContainEqual(widgets);
    await plane.client.for(clusterRoleResource).delete("", "widgets", {});
    await plane.clock.settle();
    expect(await view()).not.toContainEqual(widgets);
  });

  test("of the system are repaired at the next start, and left alone where somebody says so", async () => {
    const roles = plane.client.for(clusterRoleResource);
    await roles.patch("", "system:basic-user", "merge", { rules: [] });
    await roles.patch("", "system:discovery", "merge", { rules: [], metadata: { annotations: { "rbac.authorization.kubernetes.io/autoupdate": "false" } } });
    await plane.client.for(clusterRoleBindingResource).delete("", "system:basic-user", {});
    await bootstrapRoles(plane.client);
    expect((await roles.get("", "system:basic-user")).rules).toHaveLength(2);
    expect((await roles.get("", "system:discovery")).rules ?? []).toEqual([]);
    expect((await plane.client.for(clusterRoleBindingResource).get("", "system:basic-user")).roleRef.name).toBe("system:basic-user");
  });
});

describe("nobody grants what he does not hold", () => {
  const mayWriteRoles: PolicyRule = { verbs: ["create", "update", "patch", "get"], apiGroups: ["rbac.authorization.k8s.io"], resources: ["roles", "rolebindings"] };
  let jane: Client;
  beforeEach(async () => {
    await grant("role-writer", [mayWriteRoles, readPods], "jane");
    jane = plane.api.as("jane", ["dev"]);
  });
  const role = (name: string, rules: readonly PolicyRule[]) => ({ ...RBAC, kind: "Role", metadata: { name, namespace: "default" }, rules });

  test("in roles", async () => {
    expect((await jane.for(roleResource).create(role("pods", [{ ...readPods, verbs: ["get"] }]))).metadata.name).toBe("pods");
    expect(await failure(jane.for(roleResource).create(role("more", [{ ...readPods, verbs: ["get", "delete", "watch"] }])))).toBe(
      'roles.rbac.authorization.k8s.io "more" is forbidden: user "jane" (groups=["dev" "system:authenticated"]) is attempting to grant RBAC permissions not currently held:\n{APIGroups:[""], Resources:["pods"], Verbs:["delete" "watch"]}',
    );
    expect(await failure(jane.for(roleResource).patch("default", "pods", "merge", { rules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }] }))).toContain("not currently held");
    // What is not about rights needs none.
    expect((await jane.for(roleResource).patch("default", "pods", "merge", { metadata: { labels: { a: "b" } } })).metadata.labels).toEqual({ a: "b" });
  });

  test("by binding", async () => {
    expect(await failure(jane.for(roleBindingResource).create(roleBinding("b", "cluster-admin", "jane")))).toContain(
      'is attempting to grant RBAC permissions not currently held:\n{APIGroups:["*"], Resources:["*"], Verbs:["*"]}\n{NonResourceURLs:["*"], Verbs:["*"]}',
    );
    expect(await failure(jane.for(roleBindingResource).create(roleBinding("b", "nothing", "jane")))).toBe('clusterroles.rbac.authorization.k8s.io "nothing" not found');
    await grant("binder", [{ verbs: ["bind"], apiGroups: ["rbac.authorization.k8s.io"], resources: ["clusterroles"], resourceNames: ["view"] }], "jane");
    expect((await jane.for(roleBindingResource).create(roleBinding("b", "view", "joe"))).metadata.name).toBe("b");
    expect(await failure(jane.for(roleBindingResource).create(roleBinding("c", "edit", "joe")))).toContain("not currently held");
  });

  test("by a label, which would make others' rights his own", async () => {
    await plane.client.for(clusterRoleResource).create({ ...RBAC, kind: "ClusterRole", metadata: { name: "role-keeper" }, rules: [{ ...mayWriteRoles, resources: ["clusterroles"] }, readPods] });
    await plane.client.for(clusterRoleBindingResource).create({
      ...RBAC,
      kind: "ClusterRoleBinding",
      metadata: { name: "role-keeper" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "role-keeper" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "User", name: "jane" }],
    });
    const roles = jane.for(clusterRoleResource);
    const change = (name: string, patch: object) => roles.patch("", name, "merge", patch);
    for (const metadata of [{ labels: { "rbac.authorization.k8s.io/aggregate-to-view": "true" } }, { annotations: { a: "b" } }])
      expect(await failure(change("cluster-admin", { metadata }))).toContain("not currently held");
    // What the garbage collector takes away gives no rights.
    expect((await change("cluster-admin", { metadata: { finalizers: ["example.com/a"] } })).metadata.finalizers).toEqual(["example.com/a"]);
    const held: PolicyRule = { ...readPods, verbs: ["get"] };
    const aggregationRule = (...clusterRoleSelectors: readonly object[]) => ({ clusterRoleSelectors });
    const clusterRole = (name: string, more: object) => ({ ...RBAC, kind: "ClusterRole", metadata: { name }, rules: [held], ...more }) as Parameters<typeof roles.create>[0];
    const selector = { matchLabels: { a: "b" } };
    expect(await failure(roles.create(clusterRole("gathers", { aggregationRule: aggregationRule(selector) })))).toBe(
      'clusterroles.rbac.authorization.k8s.io "gathers" is forbidden: must have cluster-admin privileges to use the aggregationRule',
    );
    await plane.client.for(clusterRoleResource).create(clusterRole("gathers", { aggregationRule: aggregationRule(selector) }));
    expect(await failure(change("gathers", { aggregationRule: null }))).toContain("must have cluster-admin privileges to use the aggregationRule");
    // A rule that gathers nothing is nobody's to forbid; it is none, though.
    expect(await failure(roles.create(clusterRole("gathers-nothing", { aggregationRule: aggregationRule() })))).toContain("at least one clusterRoleSelector required if aggregationRule is non-nil");
  });

  test("unless he may escalate what has that name, and is there", async () => {
    await grant("escalator", [{ verbs: ["escalate"], apiGroups: ["rbac.authorization.k8s.io"], resources: ["roles"], resourceNames: ["one"] }], "jane");
    const all = [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }];
    expect(await failure(jane.for(roleResource).create(role("one", all)))).toContain("not currently held");
    await plane.client.for(roleResource).create(role("one", []));
    expect((await jane.for(roleResource).patch("default", "one", "merge", { rules: all })).rules).toEqual(all);
  });

  test("unless he may escalate", async () => {
    await grant("escalator", [{ verbs: ["escalate"], apiGroups: ["rbac.authorization.k8s.io"], resources: ["roles"] }], "jane");
    expect((await jane.for(roleResource).create(role("more", [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }]))).metadata.name).toBe("more");
  });

  test("and a binding grants the same role for ever", async () => {
    await plane.client.for(roleBindingResource).create(roleBinding("b", "view", "joe"));
    expect(await failure(plane.client.for(roleBindingResource).patch("default", "b", "merge", { roleRef: { name: "edit" } }))).toContain("cannot change roleRef");
  });
});

describe("a signing request", () => {
  const requests = (client: Client = plane.client) => client.for(certificateSigningRequestResource);
  const ask = async (client: Client, name: string, signerName: string, subject: readonly [string, ...string[]], usages: readonly string[], more: object = {}) => {
    const [commonName, ...organizations] = subject;
    const { request } = await createSigningRequest(commonName, organizations);
    const spec = { request: Buffer.from(request).toString("base64"), signerName, usages, ...more };
    return requests(client).create({ apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest", metadata: { name }, spec } as CertificateSigningRequest);
  };
  const certificateOf = async (name: string) => {
    const { status } = await requests().get("", name);
    return status?.certificate === undefined ? undefined : readCertificate(Buffer.from(status.certificate, "base64").toString());
  };
  const decide = async (client: Client, name: string, type: string) => {
    const request = await requests().get("", name);
    return requests(client).updateSubresource({ ...request, status: { conditions: [{ type, status: "True", reason: "Test" }] } }, "approval");
  };

  test("of a machine with a bootstrap token gets a node's certificate by itself", async () => {
    const joiner = plane.api.as("system:bootstrap:abcdef", ["system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token"]);
    const made = await ask(joiner, "node-csr", "kubernetes.io/kube-apiserver-client-kubelet", ["system:node:n7", "system:nodes"], ["digital signature", "client auth"]);
    expect(made.spec).toMatchObject({ username: "system:bootstrap:abcdef", groups: ["system:bootstrappers", "system:bootstrappers:kubeadm:default-node-token", "system:authenticated"] });
    expect(await until(() => certificateOf("node-csr"))).toMatchObject({ commonName: "system:node:n7" });
    expect((await requests().get("", "node-csr")).status?.conditions).toMatchObject([{ type: "Approved", reason: "AutoApproved" }]);
    // A machine that is here already keeps its name to itself.
    await plane.kubelets.up("n8");
    await ask(joiner, "theirs", "kubernetes.io/kube-apiserver-client-kubelet", ["system:node:n8", "system:nodes"], ["digital signature", "client auth"]);
    await plane.clock.advance(5_000);
    expect((await requests().get("", "theirs")).status?.conditions ?? []).toEqual([]);
  });

  test("of anybody else waits for somebody who may decide", async () => {
    await grant("asker", [], "jane");
    await plane.client.for(clusterRoleResource).create(clusterRole("csr-creator", [{ verbs: ["create"], apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests"] }]));
    await plane.client.for(clusterRoleBindingResource).create({ ...roleBinding("csr-creator", "csr-creator", "jane"), kind: "ClusterRoleBinding", metadata: { name: "csr-creator" } });
    const jane = plane.api.as("jane");
    await ask(jane, "jane", "kubernetes.io/kube-apiserver-client", ["jane", "dev"], ["client auth"], { expirationSeconds: 3600, username: "somebody-else" });
    await plane.clock.advance(5_000);
    expect(await certificateOf("jane")).toBeUndefined();
    expect((await requests().get("", "jane")).spec.username).toBe("jane");
    await decide(plane.client, "jane", "Approved");
    expect(await until(() => certificateOf("jane"))).toMatchObject({ commonName: "jane" });
  });

  test("that is denied stays without a certificate, and the decision stands", async () => {
    await ask(plane.client, "no", "kubernetes.io/kube-apiserver-client", ["joe"], ["client auth"]);
    await decide(plane.client, "no", "Denied");
    await plane.clock.advance(5_000);
    expect(await certificateOf("no")).toBeUndefined();
    expect(await failure(decide(plane.client, "no", "Approved"))).toContain('updates may not remove a condition of type "Denied"');
  });

  test("is decided by those only who have a right on its signer", async () => {
    await plane.client
      .for(clusterRoleResource)
      .create(
        clusterRole("csr-all", [
          { verbs: ["*"], apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests", "certificatesigningrequests/approval", "certificatesigningrequests/status"] },
        ]),
      );
    await plane.client.for(clusterRoleBindingResource).create({ ...roleBinding("csr-all", "csr-all", "jane"), kind: "ClusterRoleBinding", metadata: { name: "csr-all" } });
    await ask(plane.client, "theirs", "kubernetes.io/kube-apiserver-client", ["joe"], ["client auth"]);
    expect(await failure(decide(plane.api.as("jane"), "theirs", "Approved"))).toBe(
      'certificatesigningrequests.certificates.k8s.io "theirs" is forbidden: user not permitted to approve requests with signerName "kubernetes.io/kube-apiserver-client"',
    );
    await plane.client
      .for(clusterRoleResource)
      .create(clusterRole("approver", [{ verbs: ["approve"], apiGroups: ["certificates.k8s.io"], resources: ["signers"], resourceNames: ["kubernetes.io/*"] }]));
    await plane.client.for(clusterRoleBindingResource).create({ ...roleBinding("approver", "approver", "jane"), kind: "ClusterRoleBinding", metadata: { name: "approver" } });
    expect((await decide(plane.api.as("jane"), "theirs", "Approved")).status?.conditions).toHaveLength(1);
  });

  test("for a master, of no request at all, or of the wrong use fails", async () => {
    expect(await failure(ask(plane.client, "root", "kubernetes.io/kube-apiserver-client", ["root", "system:masters"], ["client auth"]))).toContain(
      "use of kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed",
    );
    expect(
      await failure(
        requests().create({
          apiVersion: "certificates.k8s.io/v1",
          kind: "CertificateSigningRequest",
          metadata: { name: "x" },
          spec: { request: "eA==", signerName: "example.com/a", usages: ["any"] },
        }),
      ),
    ).toContain("PEM block type must be CERTIFICATE REQUEST");
    await ask(plane.client, "wrong", "kubernetes.io/kube-apiserver-client", ["joe"], ["server auth"]);
    await decide(plane.client, "wrong", "Approved");
    const failed = await until(async () => (await requests().get("", "wrong")).status?.conditions?.find(({ type }) => type === "Failed"));
    expect(failed).toMatchObject({ reason: "SignerValidationFailure", message: "invalid usage for client certificate: server auth" });
  });

  test("is cleared away when nobody needs it any more", async () => {
    await ask(plane.client, "forgotten", "example.com/signer", ["joe"], ["any"]);
    await plane.clock.advance(23 * 3_600_000);
    expect((await requests().list("")).items).toHaveLength(1);
    await plane.clock.advance(3 * 3_600_000);
    expect((await requests().list("")).items).toEqual([]);
    // A day of virtual time is a lot of watches that end and begin anew, for every kind there is.
  }, 120_000);
});

describe("secrets with tokens", () => {
  const secret = (name: string, type: string, namespace: string, more: Partial<KubeObject["metadata"]>, data: Readonly<Record<string, string>> = {}) => ({
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name, namespace, ...more },
    type,
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString("base64")])),
  });

  test("of a service account are filled, and go with the account", async () => {
    await plane.client.for(serviceAccountResource).create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot", namespace: "default" } });
    await plane.client.for(secretResource).create(secret("robot-token", "kubernetes.io/service-account-token", "default", { annotations: { "kubernetes.io/service-account.name": "robot" } }));
    const { data } = await until(async () => {
      const found = await plane.client.for(secretResource).get("default", "robot-token");
      return found.data?.["token"] === undefined ? undefined : found;
    });
    expect(Buffer.from(data?.["ca.crt"] ?? "", "base64").toString()).toBe("test CA");
    const bearer = Buffer.from(data?.["token"] ?? "", "base64").toString();
    const { authenticator } = plane.api.server.parts;
    expect((await authenticator.authenticate({ bearer })).username).toBe("system:serviceaccount:default:robot");
    await plane.client.for(serviceAccountResource).delete("default", "robot", {});
    await plane.clock.settle();
    expect((await plane.client.for(secretResource).list("default")).items).toEqual([]);
    await expect(authenticator.authenticate({ bearer })).rejects.toMatchObject({ reason: "Unauthorized" });
  });

  test("that were made for every account are marked when nobody uses them, then refused, and gone after as long again", async () => {
    // Days are what counts, and an evening has the end of one.
    await using evening = await startControlPlane({ unusedTokenMs: HOUR_MS, unusedTokenPeriodMs: HOUR_MS / 2 }, { startMs: Date.UTC(2030, 0, 1, 21) });
    const [secrets, accounts, maps] = [evening.client.for(secretResource), evening.client.for(serviceAccountResource), evening.client.for(configMapResource)];
    await maps.create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: "kube-apiserver-legacy-service-account-token-tracking", namespace: "kube-system" }, data: { since: "2029-12-01" } });
    await accounts.create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "robot", namespace: "default" }, secrets: [{ name: "made" }] });
    for (const name of ["made", "asked"]) await secrets.create(secret(name, "kubernetes.io/service-account-token", "default", { annotations: { "kubernetes.io/service-account.name": "robot" } }));
    const tokens = async () => (await secrets.list("default")).items.map(({ metadata: { name, labels = {} } }) => `${name} ${labels["kubernetes.io/legacy-token-invalid-since"] ?? ""}`.trim()).sort();
    await evening.clock.advance(HOUR_MS / 2);
    expect(await tokens()).toEqual(["asked", "made"]);
    await evening.clock.advance(2 * HOUR_MS);
    expect(await tokens()).toEqual(["asked", "made 2030-01-01"]);
    await evening.clock.advance(3 * HOUR_MS);
    expect(await tokens()).toEqual(["asked"]);
    expect(evening.warnings).toEqual([]);
  });

  test("for machines that join let them in until their time is over, and then go", async () => {
    const expiration = new Date(plane.clock.now() + 3_600_000).toISOString();
    await plane.client
      .for(secretResource)
      .create(
        secret(
          "bootstrap-token-abcdef",
          "bootstrap.kubernetes.io/token",
          "kube-system",
          {},
          { "token-id": "abcdef", "token-secret": "0123456789abcdef", "usage-bootstrap-authentication": "true", expiration },
        ),
      );
    const { authenticator } = plane.api.server.parts;
    expect(await authenticator.authenticate({ bearer: "abcdef.0123456789abcdef" })).toEqual({ username: "system:bootstrap:abcdef", groups: ["system:bootstrappers", "system:authenticated"] });
    await plane.clock.advance(3_601_000);
    await expect(authenticator.authenticate({ bearer: "abcdef.0123456789abcdef" })).rejects.toMatchObject({ reason: "Unauthorized" });
    expect((await plane.client.for(secretResource).list("kube-system")).items).toEqual([]);
  });
});
