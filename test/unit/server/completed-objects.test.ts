import { describe, expect, test } from "vitest";
import { horizontalPodAutoscalerV1Resource } from "../../../engine/resources/autoscaling/horizontal-pod-autoscaler-v1.ts";
import { jobResource } from "../../../engine/resources/batch/job.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { startTestApi } from "../../kit/test-api.ts";

const container = { name: "c", image: "i" };

describe("what upstream makes of what is created", () => {
  test("a Job whose labels are those of its pods has those that they get, too; one with labels of its own keeps them", async () => {
    const { client } = await startTestApi();
    const make = (name: string, labels?: Readonly<Record<string, string>>) =>
      client.for(jobResource).create({
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: { name, namespace: "default", ...(labels === undefined ? {} : { labels }) },
        spec: { template: { metadata: { labels: { app: "x" } }, spec: { restartPolicy: "Never", containers: [container] } } },
      });
    const { metadata, spec } = await make("taken");
    expect(Object.keys(metadata.labels ?? {}).sort()).toEqual(["app", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name", "controller-uid", "job-name"]);
    expect(metadata.labels).toEqual(spec.template.metadata?.labels);
    expect(metadata.managedFields?.[0]?.fieldsV1).toMatchObject({ "f:metadata": { "f:labels": { ".": {}, "f:app": {} } } });
    expect((await make("own", { app: "x" })).metadata.labels).toEqual({ app: "x" });
  });

  test("a Secret without a name is an item of its list, and its pod's fields have owners", async () => {
    const { client } = await startTestApi();
    const pod = await client.for(podResource).create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "default" },
      spec: { containers: [container], imagePullSecrets: [{}] },
    });
    expect(pod.metadata.managedFields?.[0]?.fieldsV1).toMatchObject({ "f:spec": { "f:imagePullSecrets": { ".": {}, 'k:{"name":""}': {} } } });
  });

  test("an autoscaler of version 1 that goes by nothing goes by the processor, and who made it owns that", async () => {
    const { client } = await startTestApi();
    const make = (name: string, annotations: Readonly<Record<string, string>>) =>
      client.for(horizontalPodAutoscalerV1Resource).create({
        apiVersion: "autoscaling/v1",
        kind: "HorizontalPodAutoscaler",
        metadata: { name, namespace: "default", annotations },
        spec: { maxReplicas: 3, scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" } },
      });
    const { spec, metadata } = await make("bare", {});
    expect(spec.targetCPUUtilizationPercentage).toBe(80);
    expect(metadata.managedFields?.[0]?.fieldsV1).toMatchObject({ "f:spec": { "f:targetCPUUtilizationPercentage": {} } });
    const metrics = '[{"type":"Resource","resource":{"name":"memory","targetAverageUtilization":50}}]';
    expect((await make("by-memory", { "autoscaling.alpha.kubernetes.io/metrics": metrics })).spec).not.toHaveProperty("targetCPUUtilizationPercentage");
  });

  test("fields of features that are off are dropped before anybody asks what is missing in them", async () => {
    const { client } = await startTestApi();
    const sources = [{ clusterTrustBundle: {} }, { podCertificate: {} }] as never; // what these need is left out
    const pod = await client.for(podResource).create({
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "p", namespace: "default" },
      spec: { containers: [container], volumes: [{ name: "v", projected: { sources } }] },
    });
    expect(pod.spec.volumes?.find(({ name }) => name === "v")?.projected?.sources).toEqual([{}, {}]);
    const configSource = { configMap: {} } as never; // as above
    const node = await client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name: "n" }, spec: { configSource } });
    expect(node.spec).not.toHaveProperty("configSource");
  });

  test("a failure policy without rules says so as null", async () => {
    const { client } = await startTestApi();
    for (const [name, podFailurePolicy] of Object.entries({ none: {}, empty: { rules: [] } })) {
      const job = await client.for(jobResource).create({
        apiVersion: "batch/v1",
        kind: "Job",
        metadata: { name, namespace: "default" },
        spec: { podFailurePolicy: podFailurePolicy as never, template: { spec: { restartPolicy: "Never", containers: [container] } } },
      });
      expect(job.spec.podFailurePolicy).toEqual({ rules: null });
    }
  });
});
