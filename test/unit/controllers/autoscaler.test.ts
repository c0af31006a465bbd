import { describe, expect, test } from "vitest";
import { computeReplicas, concludeAutoscaler, decideReplicas, planAutoscaler, type AutoscalerInputs } from "../../../engine/controllers/autoscaling/autoscaler-plan.ts";
import { planFigurePath, type CustomFigures } from "../../../engine/controllers/autoscaling/custom-figures.ts";
import { limitReplicas, type ScalingHistory } from "../../../engine/controllers/autoscaling/scaling-limits.ts";
import { deploymentResource } from "../../../engine/resources/apps/deployment.ts";
import type { ResourceReference } from "../../../engine/resources/define-resource.ts";
import type { APIService, HorizontalPodAutoscaler, MetricSpec, Pod, PodMetrics } from "../../../engine/resources/types.ts";
import { aDeployment, aPod, at, START } from "../../kit/objects.ts";

const NOW = START + 3_600_000;
const minutesAgo = (minutes: number) => NOW - minutes * 60_000;

interface PodShape {
  readonly request?: string;
  readonly phase?: string;
  readonly startedAt?: number;
  readonly readyAt?: number;
  readonly isReady?: boolean;
  readonly deletedAt?: number;
}
function pod(name: string, { request = "1", phase = "Running", startedAt = 0, readyAt = 10, isReady = true, deletedAt }: PodShape = {}): Pod {
  const made = aPod(name, {
    phase,
    ...(deletedAt === undefined ? {} : { deletedAt }),
    spec: { containers: [{ name: "app", image: "i", ...(request === "" ? {} : { resources: { requests: { cpu: request, memory: "100Mi" } } }) }] },
  });
  return { ...made, status: { phase, startTime: at(startedAt), conditions: [{ type: "Ready", status: isReady ? "True" : "False", lastTransitionTime: at(readyAt) }] } };
}
const figure = (name: string, cpu: string, memory = "50Mi"): PodMetrics => ({
  apiVersion: "metrics.k8s.io/v1beta1",
  kind: "PodMetrics",
  metadata: { name },
  timestamp: at(3_595),
  window: "10s",
  containers: [{ name: "app", usage: { cpu, memory } }],
});
const use = (averageUtilization: number): MetricSpec => ({ type: "Resource", resource: { name: "cpu", target: { type: "Utilization", averageUtilization } } });
const TOLERANCES = { up: 0.1, down: 0.1 };
const names = (count: number) => Array.from({ length: count }, (_, index) => `p${index}`);

describe("the number of replicas that processor time asks for", () => {
  const replicas = (spec: MetricSpec, currentReplicas: number, pods: readonly Pod[], metrics: readonly PodMetrics[]) =>
    computeReplicas(spec, undefined, { currentReplicas, statusReplicas: currentReplicas, pods, metrics, tolerances: TOLERANCES }, "default", NOW).replicas;
  const all = (count: number, cpu: string) => names(count).map((name) => figure(name, cpu));
  const pods = (count: number, shape: PodShape = {}) => names(count).map((name) => pod(name, shape));
  test.each<[string, number, readonly Pod[], readonly PodMetrics[], number]>([
    ["grows with the use", 3, pods(3), all(3, "900m"), 6],
    ["shrinks with the use", 4, pods(4), all(4, "200m"), 2],
    ["stays when the use is about right", 3, pods(3), all(3, "540m"), 3],
    ["rounds up", 3, pods(3), all(3, "600m"), 4],
    ["takes a pod without figures for idle when it would grow", 3, pods(4), all(3, "700m"), 3],
    ["takes a pod without figures for busy when it would shrink", 3, pods(3), all(2, "100m"), 3],
    ["counts no pod that is leaving or failed", 2, [...pods(2), pod("x", { deletedAt: 1 }), pod("y", { phase: "Failed" })], [...all(2, "900m"), figure("x", "0"), figure("y", "0")], 4],
    ["takes pods that start for idle when it would grow", 2, [...pods(2), pod("p2", { startedAt: 3_590, isReady: false, readyAt: 3_590 })], [...all(2, "900m"), figure("p2", "5")], 4],
    ["does not hear of pods that start when it would shrink", 2, [...pods(2), pod("p2", { startedAt: 3_590, isReady: false, readyAt: 3_590 })], [...all(2, "100m"), figure("p2", "5")], 1],
    ["does not trust figures from before a pod was ready", 2, [...pods(1), pod("p1", { startedAt: 3_500, readyAt: 3_594 })], all(2, "900m"), 2],
  ])("%s", (_name, current, given, metrics, expected) => expect(replicas(use(50), current, given, metrics)).toBe(expected));

  test("is told by plain amounts as well, and says what is used", () => {
    const memory: MetricSpec = { type: "Resource", resource: { name: "memory", target: { type: "AverageValue", averageValue: "25Mi" } } };
    expect(computeReplicas(memory, undefined, { currentReplicas: 2, statusReplicas: 2, pods: pods(2), metrics: all(2, "1"), tolerances: TOLERANCES }, "default", NOW)).toEqual({
      replicas: 4,
      name: "memory resource",
      status: { type: "Resource", resource: { name: "memory", current: { averageValue: "50Mi" } } },
    });
    expect(computeReplicas(use(50), undefined, { currentReplicas: 2, statusReplicas: 2, pods: pods(2), metrics: all(2, "900m"), tolerances: TOLERANCES }, "default", NOW).status).toEqual({
      type: "Resource",
      resource: { name: "cpu", current: { averageUtilization: 90, averageValue: "900m" } },
    });
  });

  test("is a share of what a pod requests as a whole, where it does", () => {
    const whole = (name: string): Pod => ({ ...pod(name, { request: "" }), spec: { ...pod(name, { request: "" }).spec, resources: { requests: { cpu: "1" } } } });
    expect(replicas(use(50), 3, names(3).map(whole), all(3, "900m"))).toBe(6);
    expect(() =>
      replicas({ type: "ContainerResource", containerResource: { name: "cpu", container: "app", target: { type: "Utilization", averageUtilization: 50 } } }, 3, names(3).map(whole), all(3, "900m")),
    ).toThrow("missing request for cpu in container app of Pod p0");
  });

  test.each<[string, MetricSpec, readonly Pod[], readonly PodMetrics[], string]>([
    ["there are no pods", use(50), [], [], "no pods returned by selector"],
    ["nobody has figures", use(50), pods(1), [], "no metrics returned from resource metrics API"],
    ["a container requests nothing", use(50), [pod("p0", { request: "" })], all(1, "1"), "missing request for cpu in container app of Pod p0"],
    ["all pods start", use(50), [pod("p0", { phase: "Pending" })], all(1, "1"), "pods might be unready"],
  ])("cannot be told when %s", (_name, spec, given, metrics, why) => expect(() => replicas(spec, 1, given, metrics)).toThrow(why));
});

describe("the number of replicas that figures of other APIs ask for", () => {
  const perPod: MetricSpec = { type: "Pods", pods: { metric: { name: "hits" }, target: { type: "AverageValue", averageValue: "10" } } };
  const describedObject = { apiVersion: "networking.k8s.io/v1", kind: "Ingress", name: "main" };
  const ofObject = (target: object): MetricSpec => ({ type: "Object", object: { metric: { name: "hits" }, describedObject, target: { type: "Value", ...target } } });
  const external = (target: object, selector?: object): MetricSpec => ({
    type: "External",
    external: { metric: { name: "queue", ...(selector === undefined ? {} : { selector }) }, target: { type: "Value", ...target } },
  });
  const values = (...list: string[]): CustomFigures => ({ figures: list.map((value, index) => ({ name: `p${index}`, timestamp: at(3_595), windowSeconds: 60, value })) });
  const ask = (spec: MetricSpec, found: CustomFigures, more: object = {}) =>
    computeReplicas(spec, found, { currentReplicas: 3, statusReplicas: 3, pods: names(3).map((name) => pod(name)), metrics: [], tolerances: TOLERANCES, ...more }, "default", NOW);

  test.each<[string, MetricSpec, CustomFigures, number, object]>([
    ["of pods, on average", perPod, values("20", "10", "30500m"), 7, { pods: { metric: { name: "hits" }, current: { averageValue: "20166m" } } }],
    ["of pods, with one missing that would have much to do", perPod, values("5", "5"), 2, { pods: { metric: { name: "hits" }, current: { averageValue: "5" } } }],
    ["of an object, as a whole", ofObject({ value: "100" }), values("150"), 5, { object: { metric: { name: "hits" }, describedObject, current: { value: "150" } } }],
    ["of an object, near enough to its target", ofObject({ value: "100" }), values("105"), 3, { object: { metric: { name: "hits" }, describedObject, current: { value: "105" } } }],
    ["of an object, for each pod", ofObject({ averageValue: "20" }), values("150"), 8, { object: { metric: { name: "hits" }, describedObject, current: { averageValue: "50" } } }],
    ["from outside, added up", external({ value: "10" }), values("12", "8"), 6, { external: { metric: { name: "queue" }, current: { value: "20" } } }],
    ["from outside, for each pod", external({ averageValue: "5" }), values("31"), 7, { external: { metric: { name: "queue" }, current: { averageValue: "10334m" } } }],
  ])("%s", (_name, spec, found, replicas, status) => expect(ask(spec, found)).toMatchObject({ replicas, status: { type: spec.type, ...status } }));

  test("grows from nothing, where no pod could say that it is ready", () => expect(ask(external({ value: "10" }), values("25"), { currentReplicas: 0, statusReplicas: 0, pods: [] }).replicas).toBe(3));

  test("counts ready pods only for what one value says of all of them", () => {
    const pods = [pod("p0"), pod("p1"), pod("p2", { isReady: false })];
    expect(ask(ofObject({ value: "100" }), values("200"), { pods }).replicas).toBe(4);
  });

  test("is named as upstream names it", () => {
    expect(ask(perPod, values("1", "1", "1")).name).toBe("pods metric hits");
    expect(ask(ofObject({ value: "1" }), values("1")).name).toBe("Ingress metric hits");
    expect(ask(external({ value: "1" }), values("1")).name).toBe("external metric queue(nil)");
    expect(ask(external({ value: "1" }, { matchLabels: { zone: "a" } }), values("1")).name).toBe(
      "external metric queue(&LabelSelector{MatchLabels:map[string]string{zone: a,},MatchExpressions:[]LabelSelectorRequirement{},})",
    );
  });

  test.each<[string, MetricSpec, string, string]>([
    ["pods", perPod, "FailedGetPodsMetric", "unable to get metric hits: down"],
    ["an object", ofObject({ value: "1" }), "FailedGetObjectMetric", "unable to get metric hits: Ingress on default main/down"],
    ["something outside", external({ value: "1" }), "FailedGetExternalMetric", "unable to get external metric default/queue/nil: down"],
  ])("cannot be told of %s when its API is silent", (_name, spec, reason, message) => {
    expect(() => ask(spec, { error: "down" })).toThrow(expect.objectContaining({ reason, message }));
  });
});

describe("where figures of other APIs stand", () => {
  const services = (...list: string[]) => list.map((name) => ({ apiVersion: "apiregistration.k8s.io/v1", kind: "APIService", metadata: { name }, spec: {} }) as APIService);
  const path = (spec: MetricSpec, registered = ["v1beta1.custom.metrics.k8s.io", "v1beta2.custom.metrics.k8s.io"]) => {
    const plan = planFigurePath(spec, { namespace: "shop", podSelector: "app=web,tier in (a,b)", definitions: [], services: services(...registered) });
    return plan === undefined ? undefined : "error" in plan ? plan.error : plan.path;
  };
  const of = (describedObject: object): MetricSpec => ({ type: "Object", object: { metric: { name: "hits" }, describedObject, target: { type: "Value", value: "1" } } }) as MetricSpec;
  const pods: MetricSpec = { type: "Pods", pods: { metric: { name: "hits", selector: { matchLabels: { verb: "GET" } } }, target: { type: "AverageValue", averageValue: "1" } } };
  test.each<[string, MetricSpec, string]>([
    ["of pods", pods, "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/pods/*/hits?labelSelector=app%3Dweb%2Ctier+in+%28a%2Cb%29&metricLabelSelector=verb%3DGET"],
    ["of an object", of({ apiVersion: "networking.k8s.io/v1", kind: "Ingress", name: "main" }), "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/ingresses.networking.k8s.io/main/hits"],
    ["of a Service", of({ apiVersion: "v1", kind: "Service", name: "web" }), "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/services/web/hits"],
    ["of the namespace", of({ apiVersion: "v1", kind: "Namespace", name: "other" }), "/apis/custom.metrics.k8s.io/v1beta2/namespaces/shop/metrics/hits"],
    ["of a kind that nobody knows", of({ apiVersion: "x.example/v1", kind: "What", name: "x" }), 'unable to fetch metrics from custom metrics API: no matches for kind "What" in group "x.example"'],
    [
      "of something outside",
      { type: "External", external: { metric: { name: "queue", selector: { matchLabels: { q: "1" } } }, target: { type: "Value", value: "1" } } },
      "/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue?labelSelector=q%3D1",
    ],
  ])("%s", (_name, spec, expected) => expect(path(spec)).toBe(expected));
  test("of the older version where only that is registered, and nowhere without one", () => {
    expect(path(pods, ["v1beta1.custom.metrics.k8s.io"])).toContain("/custom.metrics.k8s.io/v1beta1/");
    expect(path(pods, [])).toBe("unable to fetch metrics from custom metrics API: no custom metrics API (custom.metrics.k8s.io) registered");
    expect(path(use(50))).toBeUndefined();
  });
});

const autoscaler = (spec: Partial<HorizontalPodAutoscaler["spec"]> = {}, status?: HorizontalPodAutoscaler["status"]): HorizontalPodAutoscaler => ({
  apiVersion: "autoscaling/v2",
  kind: "HorizontalPodAutoscaler",
  metadata: { name: "web", namespace: "default", uid: "uid-hpa" },
  spec: { scaleTargetRef: { apiVersion: "apps/v1", kind: "Deployment", name: "web" }, minReplicas: 2, maxReplicas: 10, metrics: [use(50)], ...spec },
  ...(status === undefined ? {} : { status }),
});

describe("how far the number may change", () => {
  const nothing: ScalingHistory = { recommendations: [], changes: [] };
  const rules = (type: string, value: number, more: object = {}) => ({ policies: [{ type, value, periodSeconds: 60 }], selectPolicy: "Max", ...more });
  const recommended = (minutes: number, replicas: number): ScalingHistory => ({ recommendations: [{ atMs: minutesAgo(minutes), replicas }], changes: [] });
  test.each<[string, HorizontalPodAutoscaler["spec"]["behavior"], number, number, ScalingHistory, number, string | undefined]>([
    ["twice as many at once", undefined, 3, 9, nothing, 6, "ScaleUpLimit"],
    ["four from the beginning", undefined, 2, 9, nothing, 4, "ScaleUpLimit"],
    ["not above the most", undefined, 8, 20, nothing, 10, "TooManyReplicas"],
    ["not below the fewest", undefined, 5, 1, nothing, 2, "TooFewReplicas"],
    ["not below what was needed in the last five minutes", undefined, 8, 3, recommended(4, 7), 7, undefined],
    ["down when that is longer ago", undefined, 8, 3, recommended(6, 7), 3, undefined],
    ["by so many pods in a minute", { scaleUp: rules("Pods", 2) }, 3, 9, nothing, 5, "ScaleUpLimit"],
    ["by so many, counting those of the last minute", { scaleUp: rules("Pods", 2) }, 4, 9, { recommendations: [], changes: [{ atMs: NOW - 30_000, by: 1 }] }, 5, "ScaleUpLimit"],
    ["by a share in a minute", { scaleDown: rules("Percent", 50, { stabilizationWindowSeconds: 0 }) }, 9, 2, nothing, 4, "ScaleDownLimit"],
    ["not at all when told so", { scaleDown: { selectPolicy: "Disabled", stabilizationWindowSeconds: 0 } }, 9, 2, nothing, 9, "ScaleDownLimit"],
    [
      "by what the most careful policy allows",
      {
        scaleUp: {
          policies: [
            { type: "Pods", value: 1, periodSeconds: 60 },
            { type: "Percent", value: 100, periodSeconds: 60 },
          ],
          selectPolicy: "Min",
        },
      },
      4,
      9,
      nothing,
      5,
      "ScaleUpLimit",
    ],
    ["up only when it was needed all the while", { scaleUp: rules("Pods", 9, { stabilizationWindowSeconds: 120 }) }, 3, 9, recommended(1, 4), 4, undefined],
  ])("is %s", (_name, behavior, current, wanted, history, expected, reason) => {
    const found = limitReplicas(autoscaler(behavior === undefined ? {} : { behavior }), current, wanted, history, NOW);
    expect([found.replicas, found.limit?.reason]).toEqual([expected, reason]);
  });
});

describe("an autoscaler", () => {
  const target = (replicas: number, selector = "app=web") => ({ resource: deploymentResource as ResourceReference, object: aDeployment("web"), replicas, statusReplicas: replicas, selector });
  const inputs = (more: Partial<AutoscalerInputs> = {}): AutoscalerInputs => ({
    autoscaler: autoscaler(),
    target: target(3),
    pods: names(3).map((name) => pod(name)),
    metrics: names(3).map((name) => figure(name, "900m")),
    figures: [],
    history: { recommendations: [], changes: [] },
    periodMs: 15_000,
    ...more,
  });
  const run = (given: AutoscalerInputs, failure?: unknown) => {
    const decision = decideReplicas(given, NOW);
    const after = concludeAutoscaler(given, decision, { created: [], updated: [], existing: undefined, failure }, NOW);
    const status = (after.find((action) => action.do === "update")?.object as HorizontalPodAutoscaler | undefined)?.status;
    return { plan: planAutoscaler(given, decision), after, status, facts: (status?.conditions ?? []).map(({ type, status: is, reason }) => `${type}=${is} ${reason}`) };
  };

  test("scales what it is for, and says so", () => {
    const { plan, status, facts, after } = run(inputs());
    expect(plan).toEqual([{ do: "wait", forMs: 15_000 }, expect.objectContaining({ do: "patch", patch: { spec: { replicas: 6 } }, subresource: "scale" })]);
    expect(status).toMatchObject({ currentReplicas: 3, desiredReplicas: 6, lastScaleTime: at(3_600), currentMetrics: [{ type: "Resource" }] });
    expect(facts).toEqual(["AbleToScale=True SucceededRescale", "ScalingActive=True ValidMetricFound", "ScalingLimited=False DesiredWithinRange"]);
    expect(after[0]).toMatchObject({ content: { reason: "SuccessfulRescale", message: "New size: 6; reason: cpu resource utilization (percentage of request) above target" } });
  });

  test.each<[string, Partial<AutoscalerInputs>, readonly string[], number | undefined]>([
    ["that cannot read its target says why", { target: { error: "not found" } }, ["AbleToScale=False FailedGetScale"], undefined],
    ["rests while its target is at zero", { target: target(0) }, ["AbleToScale=True SucceededGetScale", "ScalingActive=False ScalingDisabled"], undefined],
    ["first brings its target within its bounds", { target: target(1) }, ["AbleToScale=True SucceededRescale"], 2],
    ["needs to know the pods", { target: target(3, "") }, ["AbleToScale=True SucceededGetScale", "ScalingActive=False InvalidSelector"], undefined],
    ["changes nothing without figures", { metrics: [] }, ["AbleToScale=True SucceededGetScale", "ScalingActive=False FailedGetResourceMetric"], undefined],
  ])("%s", (_name, more, facts, replicas) => {
    const found = run(inputs(more));
    expect(found.facts).toEqual(facts);
    expect(found.plan.find((action) => action.do === "patch")?.patch).toEqual(replicas === undefined ? undefined : { spec: { replicas } });
  });

  test("with figures missing may grow, but not shrink", () => {
    const both = autoscaler({ metrics: [use(50), { type: "External", external: { metric: { name: "queue" }, target: { type: "Value", value: "1" } } }] });
    expect(run(inputs({ autoscaler: both })).plan.some((action) => action.do === "patch")).toBe(true);
    const idle = run(inputs({ autoscaler: both, metrics: names(3).map((name) => figure(name, "1m")) }));
    expect(idle.plan.some((action) => action.do === "patch")).toBe(false);
    expect(idle.facts).toContain("ScalingActive=False FailedGetExternalMetric");
  });

  test("says when the change was refused, and that nothing changed", () => {
    const { status, facts } = run(inputs(), new Error("quota"));
    expect(facts[0]).toBe("AbleToScale=False FailedUpdateScale");
    expect(status).toMatchObject({ currentReplicas: 3, desiredReplicas: 3 });
    expect(status).not.toHaveProperty("lastScaleTime");
  });

  test("writes no status when nothing differs", () => {
    const calm = inputs({ metrics: names(3).map((name) => figure(name, "500m")) });
    const { status } = run(calm);
    if (status === undefined) throw new Error("the first status is written");
    expect(run({ ...calm, autoscaler: autoscaler({}, status) }).after).toEqual([]);
  });
});
