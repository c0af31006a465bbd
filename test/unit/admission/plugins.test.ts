import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { createSigningRequest } from "../../../engine/auth/certificates.ts";
import { certificateSigningRequestResource } from "../../../engine/resources/certificates/certificate-signing-request.ts";
import { leaseResource } from "../../../engine/resources/coordination/lease.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { persistentVolumeResource } from "../../../engine/resources/core/persistent-volume.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { secretResource } from "../../../engine/resources/core/secret.ts";
import { serviceAccountResource } from "../../../engine/resources/core/service-account.ts";
import { clusterRoleBindingResource } from "../../../engine/resources/rbac/cluster-role-binding.ts";
import { clusterRoleResource } from "../../../engine/resources/rbac/cluster-role.ts";
import { csiDriverResource } from "../../../engine/resources/storage/csi-driver.ts";
import type { Pod, PodSpec } from "../../../engine/resources/types.ts";
import { createTestNamespace, startTestApi, type TestApi } from "../../kit/test-api.ts";

const NAMESPACE = "rules";
let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await createTestNamespace(api.client, NAMESPACE);
});
afterAll(() => api.stop());

const pod = (name: string, spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: NAMESPACE },
  spec: { containers: [{ name: "c", image: "nginx" }], ...spec },
});
const pods = () => api.client.for(podResource);

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StatusError);
  return (error as StatusError).message;
}

describe("service accounts", () => {
  test("every container finds the token of the default account", async () => {
    const made = await pods().create(pod("token", { initContainers: [{ name: "i", image: "busybox" }] }));
    const volume = made.spec.volumes?.[0];
    expect(volume?.name).toMatch(/^kube-api-access-[a-z0-9]{5}$/);
    expect(volume?.projected?.sources).toMatchObject([
      { serviceAccountToken: { expirationSeconds: 3607, path: "token" } },
      { configMap: { name: "kube-root-ca.crt" } },
      { downwardAPI: { items: [{ path: "namespace" }] } },
    ]);
    for (const container of [...made.spec.containers, ...(made.spec.initContainers ?? [])]) {
      expect(container.volumeMounts).toEqual([{ name: volume?.name, readOnly: true, mountPath: "/var/run/secrets/kubernetes.io/serviceaccount" }]);
    }
    expect(made.spec).toMatchObject({ serviceAccountName: "default", serviceAccount: "default" });
  });

  test("a pod or an account that wants no token gets none", async () => {
    expect((await pods().create(pod("none", { automountServiceAccountToken: false }))).spec.volumes).toBeUndefined();
    await api.client
      .for(serviceAccountResource)
      .create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "quiet", namespace: NAMESPACE }, automountServiceAccountToken: false, imagePullSecrets: [{ name: "registry" }] });
    const quiet = await pods().create(pod("quiet", { serviceAccountName: "quiet" }));
    expect(quiet.spec.volumes).toBeUndefined();
    expect(quiet.spec.imagePullSecrets).toEqual([{ name: "registry" }]);
  });

  test("pods of an account that enforces it use no Secrets but those that it lists", async () => {
    await api.client.for(serviceAccountResource).create({
      apiVersion: "v1",
      kind: "ServiceAccount",
      metadata: { name: "strict", namespace: NAMESPACE, annotations: { "kubernetes.io/enforce-mountable-secrets": "true" } },
      secrets: [{ name: "mine" }],
      imagePullSecrets: [{ name: "registry" }],
    });
    const variable = (name: string) => ({ env: [{ name: "V", valueFrom: { secretKeyRef: { name, key: "k" } } }] });
    const create = (name: string, spec: Partial<PodSpec>) => pods().create(pod(name, { serviceAccountName: "strict", ...spec }));
    const forbidden = (name: string, what: string) => `pods "${name}" is forbidden: ${what} is not allowed because service account strict does not reference that`;
    const allowed = await create("listed", {
      volumes: [{ name: "v", secret: { secretName: "mine" } }],
      containers: [{ name: "c", image: "nginx", ...variable("mine"), envFrom: [{ secretRef: { name: "mine" } }] }],
      imagePullSecrets: [{ name: "registry" }],
    });
    expect(await messageOf(create("volume", { volumes: [{ name: "v", secret: { secretName: "other" } }] }))).toBe(`${forbidden("volume", 'volume with secret.secretName="other"')} secret`);
    expect(await messageOf(create("init", { initContainers: [{ name: "i", image: "nginx", ...variable("other") }] }))).toBe(
      `${forbidden("init", 'init container i with envVar V referencing secret.secretName="other"')} secret`,
    );
    expect(await messageOf(create("all", { containers: [{ name: "c", image: "nginx", envFrom: [{ secretRef: { name: "other" } }] }] }))).toBe(
      `${forbidden("all", 'container c with envFrom referencing secret.secretName="other"')} secret`,
    );
    expect(await messageOf(create("pull", { imagePullSecrets: [{ name: "other" }] }))).toBe(`${forbidden("pull", 'imagePullSecrets[0].name="other"')} imagePullSecret`);
    const debug = pods().updateSubresource({ ...allowed, spec: { ...allowed.spec, ephemeralContainers: [{ name: "e", image: "nginx", ...variable("other") }] } }, "ephemeralcontainers");
    expect(await messageOf(debug)).toBe(`${forbidden("listed", 'ephemeral container e with envVar V referencing secret.secretName="other"')} secret`);
  });

  test("the default account may still be on its way", async () => {
    await api.client.for(namespaceResource).create({ apiVersion: "v1", kind: "Namespace", metadata: { name: "young" } });
    const made = pods().create({ ...pod("early"), metadata: { name: "early", namespace: "young" } });
    const later = new Promise((resolve) => setTimeout(resolve, 150));
    await Promise.race([later, made.catch(() => {})]);
    await api.client.for(serviceAccountResource).create({ apiVersion: "v1", kind: "ServiceAccount", metadata: { name: "default", namespace: "young" } });
    expect((await made).spec.serviceAccountName).toBe("default");
  });

  test("an account that does not exist is named", async () => {
    expect(await messageOf(pods().create(pod("lost", { serviceAccountName: "absent" })))).toBe(
      'pods "lost" is forbidden: error looking up service account rules/absent: serviceaccount "absent" not found',
    );
  });
});

test("pods tolerate lost nodes for five minutes, or as long as they say", async () => {
  const made = await pods().create(pod("tolerant", { tolerations: [{ key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute", tolerationSeconds: 5 }] }));
  expect(made.spec.tolerations).toEqual([
    { key: "node.kubernetes.io/unreachable", operator: "Exists", effect: "NoExecute", tolerationSeconds: 5 },
    { key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 },
  ]);
});

test("the system's priority classes have numbers, others are unknown", async () => {
  expect((await pods().create(pod("critical", { priorityClassName: "system-node-critical" }))).spec.priority).toBe(2_000_001_000);
  expect(await messageOf(pods().create(pod("odd", { priorityClassName: "mine" })))).toBe('pods "odd" is forbidden: no PriorityClass with name mine was found');
});

test("a new node takes no pods before it is ready, and its zone reaches the pods bound to it", async () => {
  const node = await api.client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name: "zoned", labels: { "topology.kubernetes.io/zone": "z1" } } });
  expect(node.spec?.taints).toEqual([{ key: "node.kubernetes.io/not-ready", effect: "NoSchedule" }]);
  await pods().create(pod("zoned"));
  await pods().createSubresource(NAMESPACE, "zoned", "binding", { apiVersion: "v1", kind: "Binding", metadata: { name: "zoned" }, target: { name: "zoned" } } as KubeObject);
  expect((await pods().get(NAMESPACE, "zoned")).metadata.labels).toEqual({ "topology.kubernetes.io/zone": "z1" });
});

describe("a node's credentials", () => {
  const agent = () => api.as("system:node:n1", ["system:nodes"]);
  beforeAll(async () => {
    await agent()
      .for(nodeResource)
      .create({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } });
    await pods().create(
      pod("mine", { nodeName: "n1", volumes: [{ name: "s", secret: { secretName: "needed" } }], containers: [{ name: "c", image: "nginx", resources: { requests: { cpu: "1" } } }] }),
    );
    await pods().create(pod("theirs", { nodeName: "n2" }));
    for (const name of ["needed", "other"]) await api.client.for(secretResource).create({ apiVersion: "v1", kind: "Secret", metadata: { name, namespace: NAMESPACE } });
  });

  test("write its own Node and Lease only", async () => {
    expect(
      await messageOf(
        agent()
          .for(nodeResource)
          .create({ apiVersion: "v1", kind: "Node", metadata: { name: "n9" } }),
      ),
    ).toBe('nodes "n9" is forbidden: node "n1" is not allowed to modify node "n9"');
    const lease = (name: string) => ({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace: "kube-node-lease" }, spec: { holderIdentity: "n1" } });
    expect((await agent().for(leaseResource).create(lease("n1"))).metadata.name).toBe("n1");
    expect(await messageOf(agent().for(leaseResource).create(lease("n2")))).toContain("can only access node lease with the same name as the requesting node");
    expect(
      await messageOf(
        agent()
          .for(nodeResource)
          .patch("", "n1", "merge", { spec: { taints: null } }),
      ),
    ).toContain("is not allowed to modify taints");
    const owner = { apiVersion: "v1", kind: "ConfigMap", name: "gone", uid: "u" };
    expect(
      await messageOf(
        agent()
          .for(nodeResource)
          .patch("", "n1", "merge", { metadata: { ownerReferences: [owner] } }),
      ),
    ).toBe('nodes "n1" is forbidden: node "n1" is not allowed to modify ownerReferences');
  });

  test("give its Node only labels that are a node's to give", async () => {
    const label = (key: string) =>
      agent()
        .for(nodeResource)
        .patch("", "n1", "merge", { metadata: { labels: { [key]: "x" } } });
    expect((await label("topology.kubernetes.io/zone")).metadata.labels).toHaveProperty(["topology.kubernetes.io/zone"], "x");
    expect((await label("example.com/own")).metadata.labels).toHaveProperty(["example.com/own"], "x");
    expect((await label("feature.node.kubernetes.io/own")).metadata.labels).toHaveProperty(["feature.node.kubernetes.io/own"], "x");
    expect(await messageOf(label("node-role.kubernetes.io/control-plane"))).toBe('nodes "n1" is forbidden: is not allowed to modify labels: node-role.kubernetes.io/control-plane');
    expect(await messageOf(label("example.node-restriction.kubernetes.io/a"))).toContain("is not allowed to modify labels");
  });

  test("show pods of its own files, which reach nothing in the API", async () => {
    const { metadata } = await api.client.for(nodeResource).get("", "n1");
    const owner = { apiVersion: "v1", kind: "Node", name: "n1", uid: metadata.uid ?? "", controller: true };
    const mirror = (name: string, spec: object = {}, owners: readonly object[] = [owner]) =>
      ({ ...pod(name, { nodeName: "n1", ...spec }), metadata: { name, namespace: NAMESPACE, annotations: { "kubernetes.io/config.mirror": "hash" }, ownerReferences: owners } }) as Pod;
    const show = (object: Pod) => agent().for(podResource).create(object);
    expect((await show(mirror("static"))).metadata.name).toBe("static");
    expect(await messageOf(show(mirror("static-2", {}, [])))).toContain("can only create pods with an owner reference set to itself");
    expect(await messageOf(show(mirror("static-2", {}, [{ ...owner, uid: "other" }])))).toContain("UID mismatch");
    expect(await messageOf(show(mirror("static-2", { nodeName: "n2" })))).toContain("can only create pods with spec.nodeName set to itself");
    for (const [spec, what] of [
      [{ serviceAccountName: "default" }, "serviceaccounts"],
      [{ volumes: [{ name: "s", secret: { secretName: "needed" } }] }, "secrets"],
      [{ containers: [{ name: "c", image: "i", envFrom: [{ configMapRef: { name: "m" } }] }] }, "configmaps"],
      [{ resourceClaims: [{ name: "gpu", resourceClaimName: "theirs" }] }, "resourceclaims"],
      [{ volumes: [{ name: "v", csi: { driver: "d.example.com" } }] }, "csidrivers (via CSI volumes)"],
      [{ volumes: [{ name: "v", persistentVolumeClaim: { claimName: "c" } }] }, "persistentvolumeclaims"],
      [
        { volumes: [{ name: "v", ephemeral: { volumeClaimTemplate: { spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } } } } }] },
        "persistentvolumeclaims (via ephemeral volumes)",
      ],
      [{ volumes: [{ name: "v", projected: { sources: [{ downwardAPI: {} }, { serviceAccountToken: { path: "t" } }] } }] }, "serviceaccounts (via projected volumes)"],
    ] as const)
      expect(await messageOf(show(mirror("static-2", spec)))).toContain(`node "n1" can not create pods that reference ${what}`);
    expect(
      (
        await show(
          mirror("static-2", {
            volumes: [
              { name: "e", emptyDir: {} },
              { name: "p", projected: { sources: [{ downwardAPI: {} }] } },
            ],
          }),
        )
      ).metadata.name,
    ).toBe("static-2");
  });

  test("ask for certificates of agents in its own name only", async () => {
    const ask = async (name: string, commonName: string, signerName: string) => {
      const { request } = await createSigningRequest(commonName, ["system:nodes"]);
      return agent()
        .for(certificateSigningRequestResource)
        .create({
          apiVersion: "certificates.k8s.io/v1",
          kind: "CertificateSigningRequest",
          metadata: { name },
          spec: { request: Buffer.from(request).toString("base64"), signerName, usages: ["digital signature", "client auth"] },
        });
    };
    const signer = "kubernetes.io/kube-apiserver-client-kubelet";
    expect((await ask("own", "system:node:n1", signer)).metadata.name).toBe("own");
    for (const name of [signer, "kubernetes.io/kubelet-serving"]) expect(await messageOf(ask("theirs", "system:node:n2", name))).toContain("can only create a node CSR with CN=system:node:n1");
    expect((await ask("other", "joe", "example.com/people")).metadata.name).toBe("other");
  });

  test("say of its own folders that they are gone, and nothing else of any volume", async () => {
    const volumes = api.client.for(persistentVolumeResource);
    const folder = (name: string, node: string) =>
      volumes.create({
        apiVersion: "v1",
        kind: "PersistentVolume",
        metadata: { name, labels: { "mainstay.dev/local-path-node": node }, finalizers: ["mainstay.dev/local-path-folder"] },
        spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/tmp/x" } },
      });
    for (const name of ["kept", "going"]) await folder(name, "n1");
    await folder("other", "n2");
    for (const name of ["going", "other"]) await volumes.delete("", name);
    const patch = (name: string, body: object) => agent().for(persistentVolumeResource).patch("", name, "merge", body);
    const gone = { metadata: { finalizers: ["kubernetes.io/pv-protection"] } };
    expect((await patch("going", gone)).metadata.finalizers).toEqual(["kubernetes.io/pv-protection"]);
    expect(await messageOf(patch("kept", gone))).toContain("can only remove the finalizer");
    expect(await messageOf(patch("going", { metadata: { finalizers: null } }))).toContain("can only remove the finalizer");
    expect(await messageOf(patch("kept", { spec: { capacity: { storage: "2Gi" } } }))).toContain("can only remove the finalizer");
    expect(await messageOf(patch("other", gone))).toContain("can only get individual resources of this type");
  });

  test("report on its own pods only, and change nothing else about them", async () => {
    const status = (name: string) =>
      agent()
        .for(podResource)
        .patch(NAMESPACE, name, "merge", { status: { phase: "Running" } }, { subresource: "status" });
    expect((await status("mine")).status?.phase).toBe("Running");
    const claimed = { status: { extendedResourceClaimStatus: { resourceClaimName: "theirs", requestMappings: [{ containerName: "c", resourceName: "cpu", requestName: "r" }] } } };
    expect(await messageOf(agent().for(podResource).patch(NAMESPACE, "mine", "merge", claimed, { subresource: "status" }))).toContain('node "n1" cannot update extended resource claim status');
    expect(await messageOf(status("theirs"))).toContain("can only update pod status for pods with spec.nodeName set to itself");
    expect(await messageOf(agent().for(podResource).create(pod("new")))).toContain("can only create mirror pods");
    expect(await messageOf(agent().for(podResource).delete(NAMESPACE, "theirs"))).toContain("can only delete pods with spec.nodeName set to itself");
  });

  test("read what its pods name, and nothing more", async () => {
    expect((await agent().for(secretResource).get(NAMESPACE, "needed")).metadata.name).toBe("needed");
    expect(await messageOf(agent().for(secretResource).get(NAMESPACE, "other"))).toBe(
      `secrets "other" is forbidden: User "system:node:n1" cannot get resource "secrets" in API group "" in the namespace "rules": no relationship found between node 'n1' and this object`,
    );
    expect((await agent().for(podResource).list("", { fieldSelector: "spec.nodeName=n1" })).items.map((item) => item.metadata.name)).toContain("mine");
    expect(await messageOf(agent().for(podResource).list("", {}))).toContain("cannot list resource");
    expect(await messageOf(agent().for(secretResource).list(NAMESPACE))).toContain("cannot list resource");
  });

  test("get tokens for its own pods only", async () => {
    const request = (name: string, uid: string | undefined) =>
      ({ apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {}, spec: { audiences: [], boundObjectRef: { kind: "Pod", apiVersion: "v1", name, uid } } }) as KubeObject;
    const ask = async (name: string) =>
      agent()
        .for(serviceAccountResource)
        .createSubresource(NAMESPACE, "default", "token", request(name, (await pods().get(NAMESPACE, name)).metadata.uid));
    expect(await ask("mine")).toMatchObject({ kind: "TokenRequest", status: { token: expect.stringContaining(".") as unknown } });
    expect(await messageOf(ask("theirs"))).toContain("node requested token bound to a pod scheduled on a different node");
  });

  test("get tokens for those only to whom its pods or their drivers show them, or for whom they were given the right", async () => {
    const source = (audience: string) => ({ name: "t", projected: { sources: [{ serviceAccountToken: { path: "t", audience } }] } });
    const make = async (name: string, volumes: PodSpec["volumes"]) => pods().create(pod(name, { nodeName: "n1", volumes }));
    const ask = async ({ metadata: { name = "", uid } }: Pod, ...audiences: string[]) =>
      agent()
        .for(serviceAccountResource)
        .createSubresource(NAMESPACE, "default", "token", {
          apiVersion: "authentication.k8s.io/v1",
          kind: "TokenRequest",
          metadata: {},
          spec: { audiences, boundObjectRef: { kind: "Pod", apiVersion: "v1", name, uid } },
        } as KubeObject);
    const shown = await make("shown", [source("vault")]);
    expect(await ask(shown, "vault")).toMatchObject({ kind: "TokenRequest" });
    expect(await messageOf(ask(shown, "bank"))).toContain('audience "bank" not found in pod spec volume, system:node:n1 is not authorized to request tokens for this audience');
    expect(await messageOf(ask(shown, "vault", "bank"))).toContain("node may only request 0 or 1 audiences");
    const driven = await make("driven", [{ name: "d", csi: { driver: "disks.example" } }]);
    expect(await messageOf(ask(driven, "disks"))).toContain('error validating audience "disks": csidriver.storage.k8s.io "disks.example" not found');
    await api.client
      .for(csiDriverResource)
      .create({ apiVersion: "storage.k8s.io/v1", kind: "CSIDriver", metadata: { name: "disks.example" }, spec: { tokenRequests: [{ audience: "disks" }], volumeLifecycleModes: ["Ephemeral"] } });
    expect(await ask(driven, "disks")).toMatchObject({ kind: "TokenRequest" });
    await api.client.for(clusterRoleResource).create({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "tokens" },
      rules: [{ apiGroups: [""], resources: ["bank"], verbs: ["request-serviceaccounts-token-audience"] }],
    });
    await api.client.for(clusterRoleBindingResource).create({
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: "tokens" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "tokens" },
      subjects: [{ kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: "system:nodes" }],
    });
    expect(await ask(shown, "bank")).toMatchObject({ kind: "TokenRequest" });
  });
});
