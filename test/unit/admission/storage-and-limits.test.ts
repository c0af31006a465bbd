import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { podProblems, withDefaults } from "../../../engine/admission/plugins/limit-ranger.ts";
import { limitRangeResource } from "../../../engine/resources/core/limit-range.ts";
import { persistentVolumeClaimResource } from "../../../engine/resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../../engine/resources/core/persistent-volume.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { chooseDefaultClass, storageClassResource } from "../../../engine/resources/storage/storage-class.ts";
import { PROVISIONED_BY_ANNOTATION } from "../../../engine/resources/storage/local-path.ts";
import { volumeAttributesClassResource } from "../../../engine/resources/storage/volume-attributes-class.ts";
import type { LimitRange, LimitRangeItem, PersistentVolume, PersistentVolumeClaim, Pod, PodSpec, StorageClass } from "../../../engine/resources/types.ts";
import { createTestNamespace, startTestApi, type TestApi } from "../../kit/test-api.ts";

const range = (...limits: LimitRangeItem[]): LimitRange => ({ apiVersion: "v1", kind: "LimitRange", metadata: { name: "bounds", namespace: "limited" }, spec: { limits } });
const pod = (name: string, spec: Partial<PodSpec> = {}): Pod => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace: "limited" },
  spec: { containers: [{ name: "c", image: "nginx" }], ...spec },
});
const claim = (name: string, size: string, spec: object = {}, namespace = "limited"): PersistentVolumeClaim => ({
  apiVersion: "v1",
  kind: "PersistentVolumeClaim",
  metadata: { name, namespace },
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: size } }, ...spec },
});
const withResources = (requests: Record<string, string>, limits: Record<string, string> = {}) => pod("p", { containers: [{ name: "c", image: "nginx", resources: { requests, limits } }] });

async function messageOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(StatusError);
  return (error as StatusError).message;
}

describe("limit ranges, judged alone", () => {
  test.each<[string, LimitRangeItem, Pod, readonly string[]]>([
    ["a request below the smallest", { type: "Container", min: { cpu: "100m" } }, withResources({ cpu: "50m" }), ["minimum cpu usage per Container is 100m, but request is 50m"]],
    ["no request where there is a smallest", { type: "Container", min: { memory: "1Mi" } }, withResources({}), ["minimum memory usage per Container is 1Mi.  No request is specified"]],
    ["a limit below the smallest", { type: "Container", min: { cpu: "1" } }, withResources({ cpu: "1" }, { cpu: "500m" }), ["minimum cpu usage per Container is 1, but limit is 500m"]],
    ["a limit above the largest", { type: "Container", max: { memory: "1Gi" } }, withResources({}, { memory: "2Gi" }), ["maximum memory usage per Container is 1Gi, but limit is 2Gi"]],
    ["no limit where there is a largest", { type: "Container", max: { memory: "1Gi" } }, withResources({ memory: "1Mi" }), ["maximum memory usage per Container is 1Gi.  No limit is specified"]],
    [
      "a limit too far above its request",
      { type: "Container", maxLimitRequestRatio: { cpu: "2" } },
      withResources({ cpu: "100m" }, { cpu: "300m" }),
      ["cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000"],
    ],
    [
      "containers that are too large together",
      { type: "Pod", max: { cpu: "1" } },
      pod("p", { containers: ["a", "b"].map((name) => ({ name, image: "i", resources: { requests: { cpu: "600m" }, limits: { cpu: "600m" } } })) }),
      ["maximum cpu usage per Pod is 1, but limit is 1200m"],
    ],
    ["what is within all bounds", { type: "Container", min: { cpu: "100m" }, max: { cpu: "2" }, maxLimitRequestRatio: { cpu: "2" } }, withResources({ cpu: "1" }, { cpu: "2" }), []],
  ])("%s", (_name, item, judged, problems) => {
    expect(podProblems(judged, range(item))).toEqual(problems);
  });

  test("containers that say nothing get the defaults, and an annotation tells so", () => {
    const filled = withDefaults(
      pod("p", { containers: [{ name: "c", image: "i", resources: { requests: { cpu: "1" } } }], initContainers: [{ name: "i", image: "i" }] }),
      range({ type: "Container", default: { cpu: "2", memory: "1Gi" }, defaultRequest: { cpu: "500m" } }),
    );
    expect(filled.spec.containers[0]?.resources).toEqual({ requests: { cpu: "1" }, limits: { cpu: "2", memory: "1Gi" } });
    expect(filled.spec.initContainers?.[0]?.resources).toEqual({ requests: { cpu: "500m" }, limits: { cpu: "2", memory: "1Gi" } });
    expect(filled.metadata.annotations).toEqual({
      "kubernetes.io/limit-ranger": "LimitRanger plugin set: cpu, memory limit for container c; cpu request for init container i; cpu, memory limit for init container i",
    });
  });
});

test("of several default classes the newest counts", () => {
  const named = (name: string, creationTimestamp: string, isDefault = "true"): StorageClass => ({
    apiVersion: "storage.k8s.io/v1",
    kind: "StorageClass",
    metadata: { name, creationTimestamp, annotations: { "storageclass.kubernetes.io/is-default-class": isDefault } },
    provisioner: "p",
  });
  expect(
    chooseDefaultClass([named("b", "2026-01-02T00:00:00Z"), named("c", "2026-01-01T00:00:00Z"), named("a", "2026-01-02T00:00:00Z"), named("z", "2026-01-03T00:00:00Z", "false")])?.metadata.name,
  ).toBe("a");
  expect(chooseDefaultClass([named("z", "2026-01-03T00:00:00Z", "false")])).toBeUndefined();
});

describe("through the API", () => {
  let api: TestApi;
  beforeAll(async () => {
    api = await startTestApi();
    for (const name of ["limited", "claims"]) await createTestNamespace(api.client, name);
  });
  afterAll(() => api.stop());

  test("a namespace's bounds fill in and refuse", async () => {
    await api.client
      .for(limitRangeResource)
      .create(
        range(
          { type: "Container", default: { cpu: "300m" }, defaultRequest: { cpu: "200m" }, max: { cpu: "500m" } },
          { type: "PersistentVolumeClaim", min: { storage: "1Gi" }, max: { storage: "2Gi" } },
        ),
      );
    expect((await api.client.for(podResource).create(pod("filled"))).spec.containers[0]?.resources).toEqual({ requests: { cpu: "200m" }, limits: { cpu: "300m" } });
    expect(await messageOf(api.client.for(podResource).create(pod("large", { containers: [{ name: "c", image: "i", resources: { limits: { cpu: "1" } } }] })))).toBe(
      'pods "large" is forbidden: maximum cpu usage per Container is 500m, but limit is 1',
    );
    expect(await messageOf(api.client.for(persistentVolumeClaimResource).create(claim("small", "1Mi")))).toBe(
      'persistentvolumeclaims "small" is forbidden: minimum storage usage per PersistentVolumeClaim is 1Gi, but request is 1Mi',
    );
  });

  test("a claim gets the default class, unless it says that it wants none, and is protected, as volumes and the classes of their attributes are", async () => {
    const claims = api.client.for(persistentVolumeClaimResource);
    const made = await claims.create(claim("plain", "1Gi", {}, "claims"));
    expect([made.spec?.storageClassName, made.metadata.finalizers]).toEqual(["local-path", ["kubernetes.io/pvc-protection"]]);
    expect((await claims.create(claim("none", "1Gi", { storageClassName: "" }, "claims"))).spec?.storageClassName).toBe("");
    const volume = await api.client
      .for(persistentVolumeResource)
      .create({ apiVersion: "v1", kind: "PersistentVolume", metadata: { name: "v" }, spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], hostPath: { path: "/tmp/v" } } });
    expect(volume.metadata.finalizers).toEqual(["kubernetes.io/pv-protection"]);
    const attributes = await api.client
      .for(volumeAttributesClassResource)
      .create({ apiVersion: "storage.k8s.io/v1", kind: "VolumeAttributesClass", metadata: { name: "fast" }, driverName: "d", parameters: { iops: "9" } });
    expect(attributes.metadata.finalizers).toEqual(["kubernetes.io/vac-protection"]);
  });

  test("a claim grows when it is bound and its class lets it, whoever provides its volume", async () => {
    const claims = api.client.for(persistentVolumeClaimResource);
    await api.client.for(storageClassResource).create({ apiVersion: "storage.k8s.io/v1", kind: "StorageClass", metadata: { name: "fixed" }, provisioner: "example.com/p" });
    const provisioned = (name: string, annotations: Record<string, string> = {}): PersistentVolume => ({
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name, annotations },
      spec: {
        capacity: { storage: "1Gi" },
        accessModes: ["ReadWriteOnce"],
        local: { path: "/v" },
        nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "kubernetes.io/hostname", operator: "In", values: ["n1"] }] }] } },
      },
    });
    await api.client.for(persistentVolumeResource).create(provisioned("grows", { [PROVISIONED_BY_ANNOTATION]: "mainstay.dev/local-path" }));
    await api.client.for(persistentVolumeResource).create(provisioned("by-hand"));
    const grow = (name: string) => claims.patch("claims", name, "merge", { spec: { resources: { requests: { storage: "2Gi" } } } });
    const make = async (name: string, spec: object) => {
      await claims.create(claim(name, "1Gi", spec, "claims"));
      await claims.patch("claims", name, "merge", { status: { phase: "Bound", capacity: { storage: "1Gi" } } }, { subresource: "status" });
    };
    await claims.create(claim("unbound", "1Gi", { storageClassName: "local-path" }, "claims"));
    await make("of-fixed", { storageClassName: "fixed", volumeName: "grows" });
    await make("of-by-hand", { storageClassName: "local-path", volumeName: "by-hand" });
    await make("of-grows", { storageClassName: "local-path", volumeName: "grows" });
    expect(await messageOf(grow("unbound"))).toContain("for bound claims");
    expect(await messageOf(grow("of-fixed"))).toContain("the storageclass that provisions the pvc must support resize");
    expect((await grow("of-by-hand")).spec?.resources?.requests).toEqual({ storage: "2Gi" });
    expect((await grow("of-grows")).spec?.resources?.requests).toEqual({ storage: "2Gi" });
  });
});
