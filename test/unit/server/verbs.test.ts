import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { hasReason } from "../../../engine/apimachinery/status-error.ts";
import { configMapResource } from "../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../engine/resources/core/namespace.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { jobResource } from "../../../engine/resources/batch/job.ts";
import { volumeAttachmentResource } from "../../../engine/resources/storage/volume-attachment.ts";
import { storageClassResource } from "../../../engine/resources/storage/storage-class.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import { isReturnedWhenGone } from "../../../engine/server/verbs/delete.ts";
import { podDisruptionBudgetResource } from "../../../engine/resources/policy/pod-disruption-budget.ts";
import { priorityClassResource } from "../../../engine/resources/scheduling/priority-class.ts";
import { serviceAccountResource } from "../../../engine/resources/core/service-account.ts";
import { leaseResource } from "../../../engine/resources/coordination/lease.ts";
import { limitRangeResource } from "../../../engine/resources/core/limit-range.ts";
import { clusterRoleResource } from "../../../engine/resources/rbac/cluster-role.ts";
import type { ApiRequest } from "../../../engine/apimachinery/api-request.ts";
import { RequestNotes } from "../../../engine/apimachinery/request-notes.ts";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import type { Deployment, Job, Pod, PodDisruptionBudget, PriorityClass, Service, VolumeAttachment } from "../../../engine/resources/types.ts";
import { failure } from "../../kit/failure.ts";
import { sentConfigMap, sentDeployment } from "../../kit/sent-objects.ts";
import { adminUser, createTestNamespace, startTestApi, type TestApi } from "../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await createTestNamespace(api.client, "shop");
});
afterAll(() => api.stop());

const pod = (name: string, spec: object = {}): Pod => ({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "shop" }, spec: { containers: [{ name: "c", image: "nginx" }], ...spec } }) as Pod;
describe("create", () => {
  test("a version is refused last, after what admission says", async () => {
    const classes = api.client.for(priorityClassResource);
    const usual = (name: string, metadata: object = {}) => ({ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name, ...metadata }, value: 5, globalDefault: true });
    await classes.create(usual("usual"));
    expect((await failure(classes.create(usual("other", { resourceVersion: "7" })))).status).toMatchObject({ code: 403, message: expect.stringContaining("is already marked as default") as unknown });
    await classes.delete("", "usual");
    expect((await failure(classes.create(usual("other", { resourceVersion: "7" })))).status).toMatchObject({ code: 500, message: "resourceVersion should not be set on objects to be created" });
  });

  test("what is no version, or none yet, is not looked at", async () => {
    for (const [index, resourceVersion] of ["0", "abc", "-1", "99999999999999999999999"].entries()) {
      const created = await api.client.for(configMapResource).create(sentConfigMap(`version-${index}`, {}, { resourceVersion }));
      expect(created.metadata.resourceVersion).not.toBe(resourceVersion);
    }
  });

  test("the server fills in uid, creation time and managed fields, and no generation for a ConfigMap", async () => {
    const created = await api.client.for(configMapResource).create(sentConfigMap("filled"));
    expect(created.metadata).toMatchObject({ name: "filled", namespace: "shop" });
    expect(created.metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    expect(created.metadata.creationTimestamp).toMatch(/Z$/);
    expect(created.metadata.generation).toBeUndefined();
    expect(created.metadata.managedFields).toMatchObject([{ manager: "test", operation: "Update", fieldsV1: { "f:data": { "f:a": {} } } }]);
  });

  test("generateName appends five random letters and retries a taken one", async () => {
    const made = await api.client.for(configMapResource).create({ ...sentConfigMap(""), metadata: { generateName: "gen-", namespace: "shop" } });
    expect(made.metadata.name).toMatch(/^gen-[bcdfghjklmnpqrstvwxz2456789]{5}$/);
  });

  test("a missing namespace is a 404, also for an object of a wrong shape", async () => {
    const error = await failure(api.client.for(podResource).create({ ...pod("x"), metadata: { name: "x", namespace: "nope" }, spec: {} } as unknown as Pod));
    expect(error.status).toMatchObject({ code: 404, message: 'namespaces "nope" not found' });
  });

  test("a dry run stores nothing and names no resourceVersion", async () => {
    const made = await api.client.for(configMapResource).create(sentConfigMap("dry"), { dryRun: true });
    expect(made.metadata.resourceVersion).toBeUndefined();
    expect(hasReason(await failure(api.client.for(configMapResource).get("shop", "dry")), "NotFound")).toBe(true);
  });

  test("a dry run may assume a namespace, a real write may not", async () => {
    const assumedNamespaces = new Set(["later"]);
    const made = await api.client.for(podResource).create({ ...pod("p"), metadata: { name: "p", namespace: "later" } }, { dryRun: true, assumedNamespaces });
    expect(made.spec.serviceAccountName).toBe("default");
    const error = await failure(api.client.for(configMapResource).create({ ...sentConfigMap("p"), metadata: { name: "p", namespace: "later" } }, { assumedNamespaces }));
    expect(error.reason).toBe("NotFound");
  });
});

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
    await api.client.for(podResource).create(pod("reported"));
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

test("ephemeral containers come later, at their own address", async () => {
  const debugged = pod("debugged", { ephemeralContainers: [{ name: "d", image: "busybox" }] });
  expect((await failure(api.client.for(podResource).create(debugged))).message).toContain("spec.ephemeralContainers: Forbidden: cannot be set on create");
});

test("that Services are told of in the environment is settled for pods, not for templates of pods", async () => {
  const made = await api.client.for(deploymentResource).create(sentDeployment("linked"));
  expect(made.spec.template.spec?.enableServiceLinks).toBeUndefined();
  expect((await api.client.for(podResource).create(pod("linked"))).spec.enableServiceLinks).toBe(true);
});

test("a Job without labels has those of its pods: their author's, or else those that they are given", async () => {
  const make = (name: string, labels?: Record<string, string>, more: object = {}) => {
    const template = { ...(labels === undefined ? {} : { metadata: { labels } }), spec: { restartPolicy: "Never", containers: [{ name: "c", image: "i" }] } };
    return api.client.for(jobResource).create({ apiVersion: "batch/v1", kind: "Job", metadata: { name, namespace: "shop", ...more }, spec: { template } } as Job);
  };
  const [bare, labelled, own] = [await make("bare"), await make("labelled", { app: "a" }), await make("own", undefined, { labels: { mine: "yes" } })];
  expect(bare.metadata.labels).toEqual(bare.spec.template.metadata?.labels);
  expect(bare.metadata.labels).toMatchObject({ "job-name": "bare", "batch.kubernetes.io/controller-uid": bare.metadata.uid });
  expect([labelled.metadata.labels, own.metadata.labels, own.spec.manualSelector]).toEqual([{ app: "a" }, { mine: "yes" }, false]);
});

test("required numbers may be zero, and a spec that is missing is asked for its fields", async () => {
  const none = await api.client.for(priorityClassResource).create({ apiVersion: "scheduling.k8s.io/v1", kind: "PriorityClass", metadata: { name: "none" } } as PriorityClass);
  expect(none.value).toBe(0);
  const bare = { apiVersion: "v1", kind: "Pod", metadata: { name: "bare", namespace: "shop" } };
  expect((await failure(api.client.for(podResource).create(bare as Pod))).status.details?.causes).toMatchObject([{ reason: "FieldValueRequired", field: "spec.containers" }]);
});

describe("what is accepted, yet hardly meant", () => {
  const resources = { requests: { memory: "100m" } };
  const warning = 'resources.requests[memory]: fractional byte value "100m" is invalid, must be an integer';
  const write = async (request: object): Promise<readonly string[]> => {
    const result = await api.server.handle({
      user: { username: "a", groups: ["system:masters"] },
      userAgent: "t",
      resource: deploymentResource,
      namespace: "shop",
      options: {},
      ...request,
    } as unknown as ApiRequest); // each says its verb and what belongs to it
    return result.is === "object" ? (result.warnings ?? []) : ["no object"];
  };
  const odd = (name: string, more: object = {}) => ({
    ...sentDeployment(name),
    spec: { ...sentDeployment(name).spec, template: { metadata: { labels: { app: name } }, spec: { containers: [{ name: "c", image: "nginx:1", resources }] } }, ...more },
  });

  test("is told to whoever creates it, also by an apply, and to whoever changes the spec", async () => {
    const told = [`spec.template.spec.containers[0].${warning}`];
    expect(await write({ verb: "create", body: odd("told") })).toEqual(told);
    expect(await write({ verb: "patch", patchType: "apply", name: "applied", body: odd("applied"), options: { fieldManager: "m" } })).toEqual(told);
    expect(await write({ verb: "update", name: "told", body: odd("told", { replicas: 3 }) })).toEqual(told);
    expect(await write({ verb: "patch", patchType: "merge", name: "told", body: { metadata: { labels: { a: "b" } } } })).toEqual([]);
    expect(await write({ verb: "patch", patchType: "merge", subresource: "status", name: "told", body: { status: { replicas: 1 } } })).toEqual([]);
  });

  test("is told of a pod once, when it is made", async () => {
    const resource = podResource;
    expect(await write({ verb: "create", resource, body: pod("twice", { containers: [{ name: "c", image: "nginx", resources }] }) })).toEqual([`spec.containers[0].${warning}`]);
    expect(await write({ verb: "patch", patchType: "strategic", resource, name: "twice", body: { spec: { containers: [{ name: "c", image: "nginx:2" }] } } })).toEqual([]);
  });

  test("that a text repeats a key is said after who owns what", async () => {
    await write({ verb: "patch", patchType: "apply", name: "owned", body: sentDeployment("owned"), options: { fieldManager: "m" } });
    const repeated = { is: "yaml", problems: ['line 9: key "replicas" already set in map'] };
    const again = (fieldManager: string) =>
      failure(
        write({
          verb: "patch",
          patchType: "apply",
          name: "owned",
          body: { ...sentDeployment("owned"), spec: { ...sentDeployment("owned").spec, replicas: 5 } },
          options: { fieldManager, fieldValidation: "Strict", repeated },
        }),
      );
    expect((await again("other")).reason).toBe("Conflict");
    expect((await again("m")).message).toBe('error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 9: key "replicas" already set in map');
  });
});

describe("owners that are named twice", () => {
  const owner = { apiVersion: "v1", kind: "ConfigMap", name: "o", uid: "u-1" };
  const write = async (verb: "create" | "update") => {
    const body = sentConfigMap("owned", {}, { ownerReferences: [owner, { ...owner, name: "p" }, owner] });
    const result = await api.server.handle({
      verb,
      user: { username: "a", groups: ["system:masters"] },
      userAgent: "t",
      resource: configMapResource,
      namespace: "shop",
      ...(verb === "update" ? { name: "owned" } : {}),
      body,
      options: {},
    } as ApiRequest);
    return result.is === "object" ? [result.encoded.object.metadata.ownerReferences, result.warnings] : [];
  };

  test("are kept once, with a warning", async () => {
    for (const verb of ["create", "update"] as const)
      expect(await write(verb)).toEqual([[owner, { ...owner, name: "p" }], [expect.stringMatching(/^\.metadata\.ownerReferences contains duplicate entries; .*observed: u-1$/)]]);
  });
});

test.each(["create", "update", "patch"] as const)("what nobody knows in an object is told by %s as well when the object is refused", async (verb) => {
  if (verb !== "create") await api.client.for(configMapResource).create(sentConfigMap(`warned-${verb}`, {}));
  const notes = new RequestNotes();
  const body = { ...(verb === "patch" ? {} : sentConfigMap(`warned-${verb}`, {})), data: { "not a key": "x" }, surprise: 1 };
  const request = {
    verb,
    user: { username: "a", groups: ["system:masters"] },
    userAgent: "t",
    resource: configMapResource,
    namespace: "shop",
    ...(verb === "create" ? {} : { name: `warned-${verb}` }),
    ...(verb === "patch" ? { patchType: "merge" } : {}),
    body,
    options: { fieldValidation: "Warn" },
    notes,
  };
  expect((await failure(api.server.handle(request as ApiRequest))).status).toMatchObject({ code: 422 });
  expect(notes.warnings).toEqual(['unknown field "surprise"']);
});

describe("delete", () => {
  test("what waits for nobody is gone at once", async () => {
    await api.client.for(configMapResource).create(sentConfigMap("gone"));
    expect(await api.client.for(configMapResource).delete("shop", "gone")).toMatchObject({ kind: "Status", status: "Success", details: { name: "gone", kind: "configmaps" } });
    expect((await failure(api.client.for(configMapResource).get("shop", "gone"))).reason).toBe("NotFound");
  });

  test("some kinds answer with what is gone", async () => {
    const classes = api.client.for(storageClassResource);
    await classes.create({ apiVersion: "storage.k8s.io/v1", kind: "StorageClass", metadata: { name: "gone" }, provisioner: "example.com/disk" });
    expect(await classes.delete("", "gone")).toMatchObject({
      kind: "StorageClass",
      metadata: { name: "gone", resourceVersion: expect.stringMatching(/^\d+$/) as string },
      provisioner: "example.com/disk",
    });
    expect((await failure(classes.get("", "gone"))).reason).toBe("NotFound");
    const known = [
      "/namespaces",
      "/persistentvolumeclaims",
      "/persistentvolumes",
      "/pods",
      "/podtemplates",
      "/resourcequotas",
      "/serviceaccounts",
      "/services",
      "resource.k8s.io/deviceclasses",
      "resource.k8s.io/resourceclaims",
      "resource.k8s.io/resourceclaimtemplates",
      "resource.k8s.io/resourceslices",
      "storage.k8s.io/csidrivers",
      "storage.k8s.io/csinodes",
      "storage.k8s.io/storageclasses",
      "storage.k8s.io/volumeattachments",
      "storage.k8s.io/volumeattributesclasses",
    ];
    expect(
      catalog
        .filter(isReturnedWhenGone)
        .map(({ group, resource }) => `${group}/${resource}`)
        .sort(),
    ).toEqual(known);
  });

  test("a finalizer holds an object until it is taken away, and none can be added meanwhile", async () => {
    const maps = api.client.for(configMapResource);
    await maps.create(sentConfigMap("held", {}, { finalizers: ["x/y"] }));
    expect((await maps.delete("shop", "held")).metadata).toMatchObject({ deletionGracePeriodSeconds: 0, finalizers: ["x/y"] });
    const added = await failure(maps.patch("shop", "held", "merge", { metadata: { finalizers: ["x/y", "z/w"] } }));
    expect(added.status.code).toBe(422);
    await maps.patch("shop", "held", "merge", { metadata: { finalizers: null } });
    expect((await failure(maps.get("shop", "held"))).reason).toBe("NotFound");
  });

  test("foreground and orphan deletion leave their finalizer for the garbage collector", async () => {
    const maps = api.client.for(configMapResource);
    for (const [policy, finalizer] of [
      ["Foreground", "foregroundDeletion"],
      ["Orphan", "orphan"],
    ] as const) {
      await maps.create(sentConfigMap(finalizer.toLowerCase()));
      const marked = await maps.delete("shop", finalizer.toLowerCase(), { propagationPolicy: policy });
      expect(marked.metadata).toMatchObject({ finalizers: [finalizer] });
    }
  });

  test("a running pod gets its grace, which can only be shortened, and zero ends it", async () => {
    const pods = api.client.for(podResource);
    await pods.create(pod("graceful", { nodeName: "n1" }));
    const asked = (await pods.delete("shop", "graceful")) as Pod;
    expect(asked.metadata.deletionGracePeriodSeconds).toBe(30);
    expect(asked.metadata.generation).toBe(2);
    expect(((await pods.delete("shop", "graceful", { gracePeriodSeconds: 60 })) as Pod).metadata.deletionGracePeriodSeconds).toBe(30);
    expect(((await pods.delete("shop", "graceful", { gracePeriodSeconds: 5 })) as Pod).metadata.deletionGracePeriodSeconds).toBe(5);
    expect(((await pods.delete("shop", "graceful", { gracePeriodSeconds: 0 })) as Pod).metadata.deletionGracePeriodSeconds).toBe(0);
    expect((await failure(pods.get("shop", "graceful"))).reason).toBe("NotFound");
  });

  test("a namespace terminates, takes nothing new, and goes when it is finalized", async () => {
    const namespaces = api.client.for(namespaceResource);
    await createTestNamespace(api.client, "ending");
    expect(await namespaces.delete("", "ending")).toMatchObject({ status: { phase: "Terminating" }, spec: { finalizers: ["kubernetes"] } });
    const late = await failure(api.client.for(configMapResource).create({ ...sentConfigMap("late"), metadata: { name: "late", namespace: "ending" } }));
    expect(late.status).toMatchObject({
      code: 403,
      message: 'configmaps "late" is forbidden: unable to create new content in namespace ending because it is being terminated',
      details: { causes: [{ reason: "NamespaceTerminating" }] },
    });
    const current = await namespaces.get("", "ending");
    await api.server.handle({
      verb: "update",
      user: { username: "a", groups: ["system:masters"] },
      userAgent: "t",
      resource: namespaceResource,
      subresource: "finalize",
      name: "ending",
      body: { ...current, spec: { finalizers: [] } },
      options: {},
    });
    expect((await failure(namespaces.get("", "ending"))).reason).toBe("NotFound");
    expect((await failure(namespaces.delete("", "kube-system"))).status).toMatchObject({ code: 403, message: 'namespaces "kube-system" is forbidden: this namespace may not be deleted' });
  });
});

test("watchers are told that a pod goes before it is gone, also by force, and see it as one that goes", async () => {
  const pods = api.client.for(podResource);
  for (const [name, spec, options] of [
    ["unplaced", {}, {}],
    ["forced", { nodeName: "n1" }, { gracePeriodSeconds: 0 }],
  ] as const) {
    await pods.create(pod(name, spec));
    const { resourceVersion } = await pods.list("shop");
    const stop = new AbortController();
    const seen: unknown[] = [];
    const watching = (async () => {
      for await (const event of pods.watch("shop", { resourceVersion: resourceVersion ?? "" }, stop.signal)) {
        const { deletionTimestamp, deletionGracePeriodSeconds, generation } = (event.object as Pod).metadata;
        seen.push([event.type, deletionTimestamp !== undefined, deletionGracePeriodSeconds, generation]);
        if (event.type === "DELETED") stop.abort();
      }
    })();
    expect(await pods.delete("shop", name, options)).toMatchObject({ kind: "Pod", metadata: { deletionGracePeriodSeconds: 0 } });
    await watching;
    expect(seen).toEqual([
      ["MODIFIED", true, 0, 2],
      ["DELETED", true, 0, 2],
    ]);
  }
});

test("versions that are no numbers, and limits beside any version at all", async () => {
  const maps = api.client.for(configMapResource);
  for (const name of ["paged-a", "paged-b"]) await maps.create(sentConfigMap(name));
  const ask = (request: object) => api.server.handle({ user: adminUser, userAgent: "t", resource: configMapResource as never, namespace: "shop", ...request } as unknown as ApiRequest);
  const text = 'resourceVersion: Invalid value: "abc": strconv.ParseUint: parsing "abc": invalid syntax';
  expect((await failure(ask({ verb: "get", name: "paged-a", resourceVersion: "abc" }))).status).toEqual({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    message: text,
    code: 500,
  });
  expect((await failure(ask({ verb: "watch", options: { resourceVersion: "abc" } }))).status).toMatchObject({ code: 500, message: text });
  expect((await failure(ask({ verb: "list", options: { resourceVersion: "abc" } }))).status).toMatchObject({ code: 400, message: `invalid resource version: ${text}` });
  const { resourceVersion } = await maps.list("shop");
  const listed = async (options: object) => {
    const result = await ask({ verb: "list", options });
    return result.is === "list" ? [result.list.items.length > 1, result.list.continue !== undefined] : undefined;
  };
  expect(await listed({ limit: 1, resourceVersion: "0" })).toEqual([true, false]);
  expect(await listed({ limit: 1, resourceVersion: "0", resourceVersionMatch: "NotOlderThan" })).toEqual([true, false]);
  for (const options of [{}, { resourceVersion }]) expect(await listed({ limit: 1, ...options })).toEqual([false, true]);
});

test("a watch sees what happens after the list, in order", async () => {
  const maps = api.client.for(configMapResource);
  const { resourceVersion } = await maps.list("shop");
  const stop = new AbortController();
  const seen: string[] = [];
  const watching = (async () => {
    for await (const event of maps.watch("shop", { resourceVersion }, stop.signal)) {
      seen.push(`${event.type} ${event.object.metadata.name ?? ""}`);
      if (seen.length === 3) stop.abort();
    }
  })();
  await maps.create(sentConfigMap("w"));
  await maps.patch("shop", "w", "merge", { data: { b: "2" } });
  await maps.delete("shop", "w");
  await watching;
  expect(seen).toEqual(["ADDED w", "MODIFIED w", "DELETED w"]);
});
