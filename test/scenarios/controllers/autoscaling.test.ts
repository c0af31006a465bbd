import { afterEach, beforeEach, expect, test } from "vitest";
import type { Client } from "../../../engine/client/client.ts";
import { formatTime } from "../../../engine/lib/clock.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import { horizontalPodAutoscalerResource } from "../../../engine/resources/autoscaling/horizontal-pod-autoscaler.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { podMetricsResource } from "../../../engine/resources/metrics/usage.ts";
import type { PodMetrics } from "../../../engine/resources/types.ts";
import { startControlPlane, type ControlPlane } from "./control-plane.ts";

let plane: ControlPlane;
/** Thousandths of a core that every pod uses. */
let milliCores = 0;
/** What a queue outside of the cluster holds, and where it was asked for. */
let waiting: string[] = [];
const asked: string[] = [];

/** There are no agents to ask for figures here, so all pods use the same. */
const withFigures = (client: Client): Client => ({
  ...client,
  read: async (path) => {
    asked.push(path);
    return { kind: "ExternalMetricValueList", apiVersion: "external.metrics.k8s.io/v1beta1", items: waiting.map((value) => ({ metricName: "jobs", timestamp: formatTime(plane.clock.now()), value })) };
  },
  for: (resource) =>
    (resource as unknown) === podMetricsResource ? { ...client.for(resource), list: async () => ({ items: (await figures()) as never, resourceVersion: "" }) } : client.for(resource),
});
async function figures(): Promise<PodMetrics[]> {
  const { items } = await plane.client.for(podResource).list("default");
  return items.map((pod) => ({
    apiVersion: "metrics.k8s.io/v1beta1",
    kind: "PodMetrics",
    metadata: { name: pod.metadata.name ?? "", namespace: "default" },
    timestamp: formatTime(plane.clock.now()),
    window: "10s",
    containers: [{ name: "app", usage: { cpu: `${milliCores}m` } }],
  }));
}

beforeEach(async () => {
  plane = await startControlPlane({}, { seenThrough: withFigures });
  await plane.kubelets.up("n1");
});
afterEach(() => plane.stop());

test("a Deployment grows with its load, and shrinks minutes after it has gone", async () => {
  const metadata = { name: "web", namespace: "default" };
  const template = { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "app", image: "app:1", resources: { requests: { cpu: "100m" } } }] } };
  await plane.client.for(deploymentResource).create({ apiVersion: "apps/v1", kind: "Deployment", metadata, spec: { replicas: 1, selector: { matchLabels: { app: "web" } }, template } });
  const spec = {
    scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
    minReplicas: 1,
    maxReplicas: 5,
    metrics: [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 50 } } }],
  };
  await plane.client.for(horizontalPodAutoscalerResource).create({ apiVersion: "autoscaling/v2", kind: "HorizontalPodAutoscaler", metadata, spec });
  const size = async () => (await plane.client.for(deploymentResource).get("default", "web")).spec.replicas;
  const state = async () => (await plane.client.for(horizontalPodAutoscalerResource).get("default", "web")).status;

  milliCores = 200;
  await plane.clock.advance(20_000);
  expect(await size()).toBe(4);
  await plane.clock.advance(30_000);
  expect(await size()).toBe(5);
  expect(await state()).toMatchObject({ desiredReplicas: 5, conditions: expect.arrayContaining([expect.objectContaining({ type: "ScalingLimited", status: "True", reason: "TooManyReplicas" })]) });

  milliCores = 20;
  await plane.clock.advance(4 * 60_000);
  expect(await size()).toBe(5);
  expect((await state())?.conditions).toContainEqual(expect.objectContaining({ type: "AbleToScale", reason: "ScaleDownStabilized" }));
  await plane.clock.advance(3 * 60_000);
  expect(await size()).toBe(2);
  expect((await plane.stories("web")).filter((story) => story.startsWith("SuccessfulRescale"))).toEqual([
    "SuccessfulRescale: New size: 4; reason: cpu resource utilization (percentage of request) above target",
    "SuccessfulRescale: New size: 5; reason: cpu resource utilization (percentage of request) above target",
    "SuccessfulRescale: New size: 2; reason: All metrics below target",
  ]);
  expect(plane.warnings).toEqual([]);
});

test("a Deployment grows with a queue outside of the cluster, and says why when that is silent", async () => {
  const metadata = { name: "worker", namespace: "default" };
  const template = { metadata: { labels: { app: "worker" } }, spec: { containers: [{ name: "app", image: "app:1" }] } };
  await plane.client.for(deploymentResource).create({ apiVersion: "apps/v1", kind: "Deployment", metadata, spec: { replicas: 1, selector: { matchLabels: { app: "worker" } }, template } });
  const metrics = [{ type: "External", external: { metric: { name: "jobs", selector: { matchLabels: { queue: "mail" } } }, target: { type: "AverageValue", averageValue: "10" } } }];
  await plane.client.for(horizontalPodAutoscalerResource).create({
    apiVersion: "autoscaling/v2",
    kind: "HorizontalPodAutoscaler",
    metadata,
    spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "worker" }, minReplicas: 1, maxReplicas: 5, metrics },
  });
  const state = async () => (await plane.client.for(horizontalPodAutoscalerResource).get("default", "worker")).status;
  await plane.clock.advance(20_000);
  const why =
    "unable to get external metric default/jobs/&LabelSelector{MatchLabels:map[string]string{queue: mail,},MatchExpressions:[]LabelSelectorRequirement{},}: no metrics returned from external metrics API";
  expect((await state())?.conditions).toContainEqual(
    expect.objectContaining({ type: "ScalingActive", status: "False", reason: "FailedGetExternalMetric", message: `the HPA was unable to compute the replica count: ${why}` }),
  );

  waiting = ["20", "12500m"];
  await plane.clock.advance(20_000);
  expect(asked.at(-1)).toBe("/apis/external.metrics.k8s.io/v1beta1/namespaces/default/jobs?labelSelector=queue%3Dmail");
  expect((await plane.client.for(deploymentResource).get("default", "worker")).spec.replicas).toBe(4);
  expect((await state())?.conditions).toContainEqual(expect.objectContaining({ type: "ScalingActive", status: "True", reason: "ValidMetricFound" }));
});
