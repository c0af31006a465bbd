import { describe, expect, test } from "vitest";
import type { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { validateAutoscaler, validateAutoscalerStatus } from "../../../engine/resources/autoscaling/autoscaler-validation.ts";
import { describeMetrics } from "../../../engine/resources/autoscaling/describe-metrics.ts";
import { fromV1, toV1 } from "../../../engine/resources/autoscaling/horizontal-pod-autoscaler-v1.ts";
import { withBehaviorDefaults } from "../../../engine/resources/autoscaling/horizontal-pod-autoscaler.ts";
import { horizontalPodAutoscalerResource } from "../../../engine/resources/autoscaling/horizontal-pod-autoscaler.ts";
import { horizontalPodAutoscalerV1Resource } from "../../../engine/resources/autoscaling/horizontal-pod-autoscaler-v1.ts";
import type { HorizontalPodAutoscaler, HorizontalPodAutoscalerV1, MetricSpec, MetricStatus } from "../../../engine/resources/types.ts";
import { startTestApi } from "../../kit/test-api.ts";

const cpu: MetricSpec = { type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 60 } } };
const selector = { matchLabels: { verb: "GET" } };
const everyKind: readonly MetricSpec[] = [
  cpu,
  { type: "Resource", resource: { name: "memory", target: { type: "AverageValue", averageValue: "100Mi" } } },
  { type: "ContainerResource", containerResource: { name: "cpu", container: "app", target: { type: "Utilization", averageUtilization: 50 } } },
  { type: "Pods", pods: { metric: { name: "requests", selector }, target: { type: "AverageValue", averageValue: "10" } } },
  { type: "Object", object: { describedObject: { kind: "Ingress", name: "front", apiVersion: "networking.k8s.io/v1" }, metric: { name: "hits" }, target: { type: "Value", value: "2k" } } },
  { type: "External", external: { metric: { name: "queue", selector }, target: { type: "AverageValue", averageValue: "30" } } },
];
const statuses: readonly MetricStatus[] = [
  { type: "Resource", resource: { name: "cpu", current: { averageUtilization: 33, averageValue: "330m" } } },
  { type: "Resource", resource: { name: "memory", current: { averageValue: "70Mi" } } },
];
const autoscaler = (spec: Partial<HorizontalPodAutoscaler["spec"]> = {}, status?: HorizontalPodAutoscaler["status"]): HorizontalPodAutoscaler => ({
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name: "web", namespace: "default", annotations: { note: "mine" } },
  spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" }, minReplicas: 1, maxReplicas: 9, metrics: [cpu], ...spec },
  status: status ?? { currentReplicas: 2, desiredReplicas: 3 },
});

describe("an autoscaler in its old version", () => {
  test("says how much processor time is wanted and used, and keeps the rest in annotations", () => {
    const old = toV1(autoscaler({ metrics: everyKind.slice(0, 2) }, { currentReplicas: 2, desiredReplicas: 3, currentMetrics: statuses }));
    expect(old).toMatchObject({
      apiVersion: "autoscaling/v1",
      spec: { minReplicas: 1, maxReplicas: 9, targetCPUUtilizationPercentage: 60 },
      status: { currentReplicas: 2, desiredReplicas: 3, currentCPUUtilizationPercentage: 33 },
    });
    expect(JSON.parse(old.metadata.annotations?.["autoscaling.alpha.kubernetes.io/metrics"] ?? "")).toEqual([{ type: "Resource", resource: { name: "memory", targetAverageValue: "100Mi" } }]);
    expect(old.spec).not.toHaveProperty("metrics");
  });

  test("loses nothing on the way there and back", () => {
    const full = autoscaler(
      { metrics: everyKind, behavior: withBehaviorDefaults({ scaleDown: { stabilizationWindowSeconds: 60 } }) },
      {
        currentReplicas: 2,
        desiredReplicas: 3,
        currentMetrics: statuses,
        conditions: [{ type: "AbleToScale", status: "True", reason: "ReadyForNewScale", message: "ok" }],
        lastScaleTime: "2030-01-01T00:00:00Z",
      },
    );
    expect(fromV1(toV1(full))).toEqual(full);
  });

  test("without a figure means the same as the new version's default", () => {
    const plain: HorizontalPodAutoscalerV1 = {
      apiVersion: "autoscaling/v1",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web" },
      spec: { scaleTargetRef: { kind: "Deployment", name: "web" }, maxReplicas: 3 },
    };
    expect(fromV1(plain).status).toEqual({ desiredReplicas: 0, currentMetrics: null });
    expect(fromV1(plain).spec.metrics).toEqual([{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 80 } } }]);
  });

  test("tells the behaviour in the words of Go's fields, and takes those of others as well", () => {
    const rules = { stabilizationWindowSeconds: 5, selectPolicy: "Max", policies: [{ type: "Percent", value: 100, periodSeconds: 15 }] };
    const { metadata, ...rest } = toV1(autoscaler({ behavior: { scaleDown: rules } }));
    const key = "autoscaling.alpha.kubernetes.io/behavior";
    expect(metadata.annotations?.[key]).toBe(
      '{"ScaleUp":null,"ScaleDown":{"StabilizationWindowSeconds":5,"SelectPolicy":"Max","Policies":[{"Type":"Percent","Value":100,"PeriodSeconds":15}],"Tolerance":null}}',
    );
    for (const text of [metadata.annotations?.[key] ?? "", JSON.stringify({ scaleDown: rules })])
      expect(fromV1({ ...rest, metadata: { ...metadata, annotations: { [key]: text } } }).spec.behavior).toEqual({ scaleDown: rules });
  });

  test("takes annotations that are nonsense for none", () => {
    const odd = toV1(autoscaler());
    expect(fromV1({ ...odd, metadata: { ...odd.metadata, annotations: { "autoscaling.alpha.kubernetes.io/metrics": "[1, {}]", "autoscaling.alpha.kubernetes.io/behavior": "{" } } }).spec).toEqual(
      autoscaler().spec,
    );
  });

  test.each([
    '[{"type":"Pods","pods":null}]',
    '[{"type":"Pods","pods":{"metricName":null,"targetAverageValue":null}}]',
    '[{"type":"Resource","resource":5}]',
    '[{"type":"Object","object":{}}]',
    "[null]",
    "null",
  ])("is written, refused and read where an annotation for its figures says %s", async (text) => {
    await using api = await startTestApi();
    const v1 = api.client.for(horizontalPodAutoscalerV1Resource);
    const written = v1.create({
      apiVersion: "autoscaling/v1",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web", namespace: "default", annotations: { "autoscaling.alpha.kubernetes.io/metrics": text } },
      spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" }, maxReplicas: 3 },
    });
    const code = await written.then(
      () => 201,
      (error: StatusError) => error.status.code,
    );
    expect([201, 422]).toContain(code);
    await v1.list("default");
  });

  test("is the same object at both addresses of the API", async () => {
    await using api = await startTestApi();
    const [v1, v2] = [api.client.for(horizontalPodAutoscalerV1Resource), api.client.for(horizontalPodAutoscalerResource)];
    await v1.create({
      apiVersion: "autoscaling/v1",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web", namespace: "default" },
      spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" }, maxReplicas: 3, targetCPUUtilizationPercentage: 70 },
    });
    const seen = await v2.get("default", "web");
    expect(seen.spec).toEqual({
      scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" },
      minReplicas: 1,
      maxReplicas: 3,
      metrics: [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 70 } } }],
    });
    await v2.patch("default", "web", "merge", { spec: { behavior: { scaleDown: { selectPolicy: "Disabled" } } } });
    await v1.patch("default", "web", "merge", { spec: { maxReplicas: 4 } });
    const last = await v2.get("default", "web");
    expect(last.spec).toMatchObject({ maxReplicas: 4, behavior: { scaleDown: { selectPolicy: "Disabled" }, scaleUp: { selectPolicy: "Max" } } });
    expect(last.metadata.uid).toBe(seen.metadata.uid);
    expect((await v1.list("default")).items.map(({ apiVersion }) => apiVersion)).toEqual(["autoscaling/v1"]);
  });
});

describe("an autoscaler", () => {
  test.each<[string, Partial<HorizontalPodAutoscaler["spec"]>, readonly string[]]>([
    ["may be as it is", { metrics: everyKind }, []],
    ["needs some room", { minReplicas: 5, maxReplicas: 3 }, ["spec.maxReplicas must be greater than or equal to `minReplicas`"]],
    [
      "does not go to zero",
      { minReplicas: 0 },
      ["spec.minReplicas must be greater than or equal to 1", "spec.metrics must specify at least one Object or External metric to support scaling to zero replicas"],
    ],
    ["scales what has a group", { scaleTargetRef: { kind: "Deployment", name: "web" } }, ["spec.scaleTargetRef.apiVersion must specify API group"]],
    ["scales the one kind without a group", { scaleTargetRef: { kind: "ReplicationController", name: "web", apiVersion: "v1" } }, []],
    ["scales at most to something", { maxReplicas: 0 }, ["spec.maxReplicas must be set and greater than 0", "spec.maxReplicas must be greater than or equal to `minReplicas`"]],
    [
      "asks for one resource of a container",
      { metrics: [{ type: "ContainerResource", containerResource: { name: "disk", container: "A", target: { type: "Utilization", averageUtilization: 5 } } }] },
      [
        "spec.metrics[0].containerResource.name must be a standard resource type",
        "spec.metrics[0].containerResource.name must be a standard resource for containers",
        "spec.metrics[0].containerResource.container must consist of",
      ],
    ],
    [
      "describes an object in either way",
      {
        metrics: [
          { type: "Object", object: { describedObject: { kind: "Service", name: "s", apiVersion: "a/b/c" }, metric: { name: ".." }, target: { type: "Value", value: "1", averageValue: "1" } } },
        ],
      },
      ["spec.metrics[0].object.describedObject.apiVersion", "spec.metrics[0].object.metric.name may not be '..'"],
    ],
    [
      "has selectors that are somebody else's",
      { metrics: [{ type: "External", external: { metric: { name: "q", selector: { matchLabels: { "a b": "c" } } }, target: { type: "Value", value: "1" } } }] },
      [],
    ],
    [
      "has types that there are",
      { metrics: [{ type: "Odd" }], behavior: { scaleUp: { selectPolicy: "Odd", policies: [{ type: "Odd", value: 1, periodSeconds: 1 }] } } },
      ["spec.metrics[0].type", "spec.behavior.scaleUp.selectPolicy", "spec.behavior.scaleUp.policies[0].type"],
    ],
    ["needs a target with a name", { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "" } }, ["spec.scaleTargetRef.name"]],
    ["needs the source that its type names", { metrics: [{ type: "Pods" }] }, ["spec.metrics[0].pods must populate information for the given metric source"]],
    [
      "has one source for a figure",
      { metrics: [{ ...cpu, pods: { metric: { name: "x" }, target: { type: "AverageValue", averageValue: "1" } } }] },
      ["spec.metrics[0].pods must populate the given metric source only"],
    ],
    [
      "has one target for a figure",
      { metrics: [{ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization: 5, averageValue: "1" } } }] },
      ["spec.metrics[0].resource.target.averageValue may not set both a target raw value and a target utilization"],
    ],
    ["has rules that allow something", { behavior: { scaleUp: { policies: [] } } }, ["spec.behavior.scaleUp.policies must specify at least one Policy"]],
    [
      "has rules within half an hour",
      { behavior: { scaleUp: { policies: [{ type: "Pods", value: 1, periodSeconds: 1801 }] } } },
      ["spec.behavior.scaleUp.policies[0].periodSeconds must be less than or equal to 1800"],
    ],
  ])("%s", (_name, spec, expected) => {
    const found = validateAutoscaler(autoscaler(spec)).map(({ field, message }) => `${field} ${message}`);
    expect(found).toHaveLength(expected.length);
    for (const [index, text] of expected.entries()) for (const part of text.split(/(?<=\S) (?=m)/)) expect(found[index]).toContain(part);
  });

  test("keeps what it had before", () => {
    const strange: MetricSpec = { type: "Object", object: { describedObject: { kind: "Service", name: "s", apiVersion: "a/b/c" }, metric: { name: "hits" }, target: { type: "Value", value: "1" } } };
    const old = autoscaler({ minReplicas: 0, scaleTargetRef: { kind: "Deployment", name: "web" }, metrics: [strange] });
    expect(validateAutoscaler(old, old)).toEqual([]);
    expect(validateAutoscaler({ ...old, spec: { ...old.spec, metrics: [cpu] } }, old).map(({ field }) => field)).toEqual(["spec.metrics"]);
    expect(validateAutoscaler({ ...old, spec: { ...old.spec, scaleTargetRef: { kind: "ReplicaSet", name: "web" } } }, old).map(({ field }) => field)).toEqual(["spec.scaleTargetRef.apiVersion"]);
    expect(validateAutoscalerStatus(autoscaler({}, { currentReplicas: -1, desiredReplicas: 1 })).map(({ field }) => field)).toEqual(["status.currentReplicas"]);
  });

  test("shows two figures and counts the rest", () => {
    expect(describeMetrics(everyKind.slice(0, 1), [])).toBe("cpu: <unknown>/60%");
    expect(describeMetrics(everyKind, statuses)).toBe("cpu: 33%/60%, memory: 70Mi/100Mi + 4 more...");
    expect(describeMetrics(everyKind.slice(4), [])).toBe("<unknown>/2k, <unknown>/30 (avg)");
  });
});
