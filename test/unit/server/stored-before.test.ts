import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { cronJobResource } from "../../../engine/resources/batch/cron-job.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import type { Deployment } from "../../../engine/resources/types.ts";
import { startTestApi } from "../../kit/test-api.ts";

/** A pod's spec that a rule of today refuses: a volume of a token with a path out of itself, and a port's name that is none. */
const spec = {
  containers: [{ name: "c", image: "i", ports: [{ containerPort: 80, name: "Not_A_Name" }] }],
  volumes: [{ name: "v", projected: { sources: [{ serviceAccountToken: { path: "../token" } }] } }],
};
const template = { metadata: { labels: { app: "x" } }, spec };
const metadata = { name: "old", namespace: "default", uid: "u", generation: 1, finalizers: ["example.com/f"] };

describe("what was stored before a rule came", () => {
  async function stored<T extends KubeObject>(definition: ResourceDefinition<T>, content: object) {
    const api = await startTestApi();
    await api.store.create(definition, decodeObject(definition, { metadata, ...content }).object);
    return { ...api, objects: api.client.for(definition) };
  }

  const deployment = { spec: { replicas: 1, selector: { matchLabels: { app: "x" } }, template } };

  test("may be scaled, labelled and let go of", async () => {
    const { objects } = await stored(deploymentResource, deployment);
    const live = await objects.get("default", "old");
    const scaled = await objects.update({ ...live, metadata: { ...live.metadata, labels: { a: "b" } }, spec: { ...live.spec, replicas: 2 } });
    expect(scaled.spec.replicas).toBe(2);
    await objects.delete("default", "old");
    const going = await objects.get("default", "old");
    await objects.update({ ...going, metadata: { ...going.metadata, finalizers: [] } });
    await expect(objects.get("default", "old")).rejects.toThrow(/not found/);
  });

  test.each([
    [podResource as never as ResourceDefinition, { spec }], // of which no more is asked than of any kind
    [cronJobResource as never as ResourceDefinition, { spec: { schedule: "@daily", jobTemplate: { spec: { template: { spec: { ...spec, restartPolicy: "Never" } } } } } }],
  ])("may be changed where nothing is wrong with the change: %#", async (definition, content) => {
    const { objects } = await stored(definition, content);
    const live = await objects.get("default", "old");
    expect((await objects.update({ ...live, metadata: { ...live.metadata, finalizers: [] } })).metadata.finalizers).toBeUndefined();
  });

  test("is refused what is wrong anew, and told of nothing else", async () => {
    const { objects } = await stored(deploymentResource, deployment);
    const live = await objects.get("default", "old");
    const withPort = (name: string): Deployment => ({
      ...live,
      metadata: { ...live.metadata, resourceVersion: undefined } as Deployment["metadata"], // whatever is there
      spec: { ...live.spec, template: { ...template, spec: { ...spec, containers: [{ name: "c", image: "i", ports: [{ containerPort: 80, name }] }] } } } as Deployment["spec"], // what a writer sends
    });
    await expect(objects.update(withPort("Other_Name"))).rejects.toThrow(/^Deployment.apps "old" is invalid: spec\.template\.spec\.containers\[0\]\.ports\[0\]\.name: Invalid value: "Other_Name"/);
    await objects.update(withPort("fine"));
    await expect(objects.update(withPort("Not_A_Name"))).rejects.toThrow(/Not_A_Name/);
  });

  test("is refused another value where the words for what is wrong are the same", async () => {
    const volumes = (path: string) => [{ name: "v", emptyDir: {}, hostPath: { path } }]; // one source too many
    const withVolumes = (path: string) => ({ ...template, spec: { containers: [{ name: "c", image: "i" }], volumes: volumes(path) } });
    const { objects } = await stored(deploymentResource, { spec: { ...deployment.spec, template: withVolumes("/old") } });
    const live = await objects.get("default", "old");
    const changed = withVolumes("/new") as Deployment["spec"]["template"]; // what a writer sends
    await expect(objects.update({ ...live, spec: { ...live.spec, template: changed } })).rejects.toThrow(/volumes\[0\]\.hostPath: Forbidden: may not specify more than 1 volume type/);
    expect((await objects.update({ ...live, spec: { ...live.spec, replicas: 2 } })).spec.replicas).toBe(2);
  });

  test("has its status written, and the rest, where its shape is wrong", async () => {
    const { objects } = await stored(deploymentResource, { spec: { ...deployment.spec, template: { ...template, spec: { containers: spec.containers, dnsPolicy: "Odd" } } } });
    const live = await objects.get("default", "old");
    expect((await objects.updateStatus({ ...live, status: { replicas: 1 } })).status?.replicas).toBe(1);
    const { metadata: current } = await objects.get("default", "old");
    expect((await objects.update({ ...live, metadata: current, spec: { ...live.spec, replicas: 3 } })).spec.replicas).toBe(3);
    const odder = { ...template, spec: { ...spec, dnsPolicy: "Odder" } } as Deployment["spec"]["template"]; // what a writer sends
    const { metadata: scaled } = await objects.get("default", "old");
    await expect(objects.update({ ...live, metadata: scaled, spec: { ...live.spec, template: odder } })).rejects.toThrow(/dnsPolicy: Unsupported value: "Odder"/);
  });
});
