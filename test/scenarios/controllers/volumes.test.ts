import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { persistentVolumeClaimResource } from "../../../engine/resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../../engine/resources/core/persistent-volume.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { storageClassResource } from "../../../engine/resources/storage/storage-class.ts";
import { volumeAttributesClassResource } from "../../../engine/resources/storage/volume-attributes-class.ts";
import type { PersistentVolume, PersistentVolumeClaim, PersistentVolumeClaimSpec, PersistentVolumeSpec, Pod } from "../../../engine/resources/types.ts";
import { startControlPlane, type ControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
});
afterEach(async () => {
  expect(plane.warnings).toEqual([]);
  await plane.stop();
});

const claims = () => plane.client.for(persistentVolumeClaimResource);
const volumes = () => plane.client.for(persistentVolumeResource);
const claim = (name: string, spec: Partial<PersistentVolumeClaimSpec> = {}): PersistentVolumeClaim => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name, namespace: "default" },
  spec: { accessModes: ["ReadWriteOnce"], storageClassName: "", resources: { requests: { storage: "1Gi" } }, ...spec },
});
const volume = (name: string, storage: string, spec: Partial<PersistentVolumeSpec> = {}, labels: Record<string, string> = {}): PersistentVolume => ({
  apiVersion: "v1",
  kind: "PersistentVolume",
  metadata: { name, labels },
  spec: { capacity: { storage }, accessModes: ["ReadWriteOnce", "ReadOnlyMany"], hostPath: { path: `/tmp/${name}` }, ...spec },
});
const make = async (...objects: readonly (PersistentVolume | PersistentVolumeClaim)[]) => {
  for (const object of objects) await (object.kind === "PersistentVolume" ? volumes().create(object as PersistentVolume) : claims().create(object as PersistentVolumeClaim));
  await plane.clock.settle();
};
const claimState = async (name: string) => {
  const { spec, status } = await claims().get("default", name);
  return [status?.phase, spec?.volumeName ?? "", status?.capacity?.["storage"] ?? ""];
};
const phaseOf = async (name: string) => (await volumes().get("", name)).status?.phase;
const remove = async (name: string) => {
  await claims().delete("default", name);
  await plane.clock.settle();
};
const podWith = (name: string, claimName: string, nodeName?: string): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "default" },
  spec: { containers: [{ name: "c", image: "i" }], ...(nodeName === undefined ? {} : { nodeName }), volumes: [{ name: "v", persistentVolumeClaim: { claimName } }] },
});

describe("volumes made by hand", () => {
  test("a claim gets the smallest that is large enough and has its modes, and the others stay free", async () => {
    await make(volume("large", "10Gi"), volume("small", "500Mi"), volume("fits", "2Gi"), volume("exclusive", "1Gi", { accessModes: ["ReadWriteOncePod"] }), claim("c"));
    expect(await claimState("c")).toEqual(["Bound", "fits", "2Gi"]);
    expect(await Promise.all(["large", "small", "fits"].map(phaseOf))).toEqual(["Available", "Available", "Bound"]);
    const bound = await volumes().get("", "fits");
    expect(bound.spec?.claimRef).toMatchObject({ kind: "PersistentVolumeClaim", namespace: "default", name: "c", uid: (await claims().get("default", "c")).metadata.uid });
    expect((await claims().get("default", "c")).status?.accessModes).toEqual(["ReadWriteOnce", "ReadOnlyMany"]);
  });

  test("a claim waits for a volume, and says so; a selector leaves it only what it chooses", async () => {
    await make(claim("c", { selector: { matchLabels: { tier: "fast" } } }), volume("slow", "1Gi"));
    expect(await claimState("c")).toEqual(["Pending", "", ""]);
    expect((await plane.stories("c"))[0]).toContain("FailedBinding: no persistent volumes available for this claim and no storage class is set");
    await make(volume("fast", "1Gi", {}, { tier: "fast" }));
    expect(await claimState("c")).toEqual(["Bound", "fast", "1Gi"]);
  });

  test("a volume that is meant for a claim waits for it, and a claim that names a volume takes no other", async () => {
    await make(volume("meant", "1Gi", { claimRef: { namespace: "default", name: "later" } }), volume("free", "1Gi"), claim("picky", { volumeName: "named" }));
    expect([await phaseOf("meant"), await claimState("picky")]).toEqual(["Available", ["Pending", "named", ""]]);
    await make(claim("later"), volume("named", "5Gi"));
    expect(await claimState("later")).toEqual(["Bound", "meant", "1Gi"]);
    expect(await claimState("picky")).toEqual(["Bound", "named", "5Gi"]);
    expect(await phaseOf("free")).toBe("Available");
  });

  test("what names each other, or was made for a claim, comes together whatever the claim's class", async () => {
    await make(volume("mutual", "1Gi", { claimRef: { namespace: "default", name: "both" } }), claim("both", { volumeName: "mutual", storageClassName: "default-of-late" }));
    await make(volume("meant", "1Gi", { claimRef: { namespace: "default", name: "one" } }), claim("one", { storageClassName: "default-of-late" }));
    await make(volume("free", "1Gi"), claim("other", { volumeName: "free", storageClassName: "default-of-late" }));
    expect(await Promise.all(["both", "one", "other"].map(claimState))).toEqual([
      ["Bound", "mutual", "1Gi"],
      ["Bound", "meant", "1Gi"],
      ["Pending", "free", ""],
    ]);
  });

  test("two claims never get the same volume", async () => {
    await make(claim("a"), claim("b"), claim("c"), volume("x", "1Gi"), volume("y", "1Gi"));
    const states = await Promise.all(["a", "b", "c"].map(claimState));
    expect(
      states
        .filter(([phase]) => phase === "Bound")
        .map(([, name]) => name)
        .sort(),
    ).toEqual(["x", "y"]);
  });

  test("what becomes of a volume without its claim is its policy's to say", async () => {
    await make(volume("kept", "1Gi"), claim("a"));
    await make(volume("deleted", "1Gi", { persistentVolumeReclaimPolicy: "Delete" }), claim("b"));
    await remove("a");
    await remove("b");
    expect(await phaseOf("kept")).toBe("Released");
    expect((await volumes().get("", "deleted")).status).toMatchObject({ phase: "Failed", message: 'error getting deleter volume plugin for volume "deleted": no deletable volume plugin matched' });
    expect(await plane.stories("deleted")).toEqual(['VolumeFailedDelete: error getting deleter volume plugin for volume "deleted": no deletable volume plugin matched']);
    // A new claim of the same name is another one.
    await make(claim("a"));
    expect(await claimState("a")).toEqual(["Pending", "", ""]);
  });

  test("a claim whose volume vanished is lost", async () => {
    await make(volume("v", "1Gi"), claim("c"));
    await volumes().patch("", "v", "merge", { metadata: { finalizers: null } });
    await volumes().delete("", "v");
    // Whoever is faster: its protection comes back, and a person insists.
    await plane.clock.settle();
    await volumes()
      .patch("", "v", "merge", { metadata: { finalizers: null } })
      .catch(() => undefined);
    await plane.clock.settle();
    expect((await claimState("c"))[0]).toBe("Lost");
    expect((await plane.stories("c")).at(-1)).toBe("ClaimLost: Bound claim has lost its PersistentVolume. Data on the volume is lost!");
  });
});

describe("protection", () => {
  test("a claim that a pod uses goes when the pod is over, and its volume after it", async () => {
    await make(volume("v", "1Gi"), claim("c"));
    await plane.client.for(podResource).create(podWith("user", "c", "n9"));
    await plane.clock.settle();
    await remove("c");
    await volumes().delete("", "v");
    await plane.clock.settle();
    expect((await claims().get("default", "c")).metadata.deletionTimestamp).toBeDefined();
    expect((await volumes().get("", "v")).metadata.deletionTimestamp).toBeDefined();
    await plane.client.for(podResource).patch("default", "user", "merge", { status: { phase: "Succeeded" } }, { subresource: "status" });
    await plane.clock.settle();
    await expect(claims().get("default", "c")).rejects.toThrow("not found");
    await expect(volumes().get("", "v")).rejects.toThrow("not found");
  });
});

describe("folders of nodes", () => {
  const local = (name: string, spec: Partial<PersistentVolumeClaimSpec> = {}) => claim(name, { storageClassName: "local-path", ...spec });
  beforeEach(async () => {
    await plane.kubelets.up("n1");
    await plane.client.for(nodeResource).patch("", "n1", "merge", { metadata: { labels: { "kubernetes.io/hostname": "n1" }, annotations: { "mainstay.dev/volumes-folder": "/data/volumes" } } });
    await plane.clock.settle();
  });
  const select = async (name: string, node: string) => {
    await claims().patch("default", name, "merge", { metadata: { annotations: { "volume.kubernetes.io/selected-node": node } } });
    await plane.clock.settle();
  };

  test("are made where the scheduler puts the first pod, not before", async () => {
    await make(local("c"));
    expect(await claimState("c")).toEqual(["Pending", "", ""]);
    expect(await plane.stories("c")).toContain("WaitForFirstConsumer: waiting for first consumer to be created before binding");
    await select("c", "n1");
    const name = `pvc-${(await claims().get("default", "c")).metadata.uid}`;
    expect(await claimState("c")).toEqual(["Bound", name, "1Gi"]);
    const made = await volumes().get("", name);
    expect(made.spec).toMatchObject({
      local: { path: `/data/volumes/${name}` },
      persistentVolumeReclaimPolicy: "Delete",
      storageClassName: "local-path",
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["n1"] }] }] } },
    });
    expect([made.status?.phase, made.metadata.finalizers]).toEqual(["Bound", ["mainstay.dev/local-path-folder", "kubernetes.io/pv-protection"]]);
  });

  test("go with their claim: the volume waits for the node's agent, or for the end of its node", async () => {
    await make(local("c"));
    await select("c", "n1");
    const name = (await claims().get("default", "c")).spec?.volumeName ?? "";
    await remove("c");
    expect((await volumes().get("", name)).metadata).toMatchObject({ deletionTimestamp: expect.any(String), finalizers: ["mainstay.dev/local-path-folder"] });
    plane.kubelets.down("n1");
    await plane.client.for(nodeResource).delete("", "n1");
    await plane.clock.settle();
    await expect(volumes().get("", name)).rejects.toThrow("not found");
  });

  test("grow by saying so", async () => {
    await make(local("c"));
    await select("c", "n1");
    await claims().patch("default", "c", "merge", { spec: { resources: { requests: { storage: "3Gi" } } } });
    await plane.clock.settle();
    expect((await claimState("c"))[2]).toBe("3Gi");
    expect((await plane.stories("c")).at(-1)).toBe("VolumeResizeSuccessful: Resize volume succeeded");
  });

  test("serve one node only, and a node that is gone is chosen anew", async () => {
    await make(local("shared", { accessModes: ["ReadWriteMany"] }), local("lost"));
    await select("shared", "n1");
    await select("lost", "n7");
    expect((await plane.stories("shared")).at(-1)).toContain("a folder of one node serves ReadWriteOnce and ReadWriteOncePod only");
    expect((await plane.stories("lost")).some((story) => story.startsWith('ProvisioningFailed: failed to provision volume with StorageClass "local-path": node "n7" is gone'))).toBe(true);
    expect((await claims().get("default", "lost")).metadata.annotations ?? {}).not.toHaveProperty(["volume.kubernetes.io/selected-node"]);
  });

  test("of a class that waits for nobody are made at once, on a node that is up", async () => {
    await plane.client.for(storageClassResource).create({
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: "at-once" },
      provisioner: "mainstay.dev/local-path",
      volumeBindingMode: "Immediate",
      reclaimPolicy: "Retain",
    });
    await make(claim("c", { storageClassName: "at-once" }));
    expect((await claimState("c"))[0]).toBe("Bound");
  });
});

test("volumes of another's provisioner are asked of it", async () => {
  await plane.client.for(storageClassResource).create({ apiVersion: "storage.k8s.io/v1", kind: "StorageClass", metadata: { name: "cloud" }, provisioner: "csi.example.com" });
  await make(claim("c", { storageClassName: "cloud" }), claim("odd", { storageClassName: "absent" }));
  expect((await claims().get("default", "c")).metadata.annotations).toMatchObject({ "volume.kubernetes.io/storage-provisioner": "csi.example.com" });
  expect((await plane.stories("odd")).at(-1)).toContain('ProvisioningFailed: storageclass.storage.k8s.io "absent" not found');
});

test("a claim that came before there was a default class gets it with the class, unless it said that it wants none", async () => {
  await plane.client.for(storageClassResource).delete("", "local-path");
  const { storageClassName: _none, ...open } = claim("open").spec ?? {};
  await make({ ...claim("open"), spec: open }, claim("none"));
  expect((await claims().get("default", "open")).spec?.storageClassName).toBeUndefined();
  await plane.client.for(storageClassResource).create({
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name: "late", annotations: { "storageclass.kubernetes.io/is-default-class": "true" } },
    provisioner: "csi.example.com",
    volumeBindingMode: "WaitForFirstConsumer",
  });
  await plane.clock.settle();
  expect([(await claims().get("default", "open")).spec?.storageClassName, (await claims().get("default", "none")).spec?.storageClassName]).toEqual(["late", ""]);
});

test("a pod's own volume gets a claim that goes with it, and never another's", async () => {
  await plane.kubelets.up("n1");
  await make(claim("b-scratch"));
  const template = { spec: { accessModes: ["ReadWriteOnce"], storageClassName: "", resources: { requests: { storage: "1Mi" } } }, metadata: { labels: { kind: "scratch" } } };
  for (const name of ["a", "b"])
    await plane.client.for(podResource).create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name, namespace: "default" },
      spec: { containers: [{ name: "c", image: "i" }], volumes: [{ name: "scratch", ephemeral: { volumeClaimTemplate: template } }] },
    });
  await plane.clock.settle();
  const made = await claims().get("default", "a-scratch");
  expect([made.metadata.labels, made.metadata.ownerReferences?.[0]]).toMatchObject([{ kind: "scratch" }, { kind: "Pod", name: "a", controller: true }]);
  expect(await plane.stories("b")).toContain("ConflictingPersistentVolumeClaim: PVC default/b-scratch was not created for pod default/b (pod is not owner)");
  await plane.client.for(podResource).delete("default", "a", { gracePeriodSeconds: 0 });
  await plane.clock.settle();
  await expect(claims().get("default", "a-scratch")).rejects.toThrow("not found");
});

test("the attributes of a volume stay as long as a claim has them", async () => {
  const classes = () => plane.client.for(volumeAttributesClassResource);
  await classes().create({ apiVersion: "storage.k8s.io/v1", kind: "VolumeAttributesClass", metadata: { name: "gold" }, driverName: "disks.example.com", parameters: { iops: "9000" } });
  await make(claim("c", { volumeAttributesClassName: "gold" }));
  expect((await classes().get("", "gold")).metadata.finalizers).toEqual(["kubernetes.io/vac-protection"]);
  await classes().delete("", "gold");
  await plane.clock.settle();
  expect((await classes().get("", "gold")).metadata.deletionTimestamp).toBeDefined();
  await remove("c");
  expect((await classes().list("")).items).toEqual([]);
});
