import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configMapResource } from "../../../../engine/resources/core/config-map.ts";
import { namespaceResource } from "../../../../engine/resources/core/namespace.ts";
import { podResource } from "../../../../engine/resources/core/pod.ts";
import { storageClassResource } from "../../../../engine/resources/storage/storage-class.ts";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { isReturnedWhenGone } from "../../../../engine/server/verbs/delete.ts";
import type { Pod } from "../../../../engine/resources/types.ts";
import { failure } from "../../../kit/failure.ts";
import { sentConfigMap, sentPod } from "../../../kit/sent-objects.ts";
import { createTestNamespace, startTestApi, type TestApi } from "../../../kit/test-api.ts";

let api: TestApi;
beforeAll(async () => {
  api = await startTestApi();
  await createTestNamespace(api.client, "shop");
});
afterAll(() => api.stop());

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
    await pods.create(sentPod("graceful", { nodeName: "n1" }));
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
    await pods.create(sentPod(name, spec));
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
