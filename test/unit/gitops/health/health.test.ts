import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../../engine/apimachinery/object-meta.ts";
import { computeHealth, worstHealth, type HealthLookup } from "../../../../engine/gitops/health/health.ts";
import { isFailingForGood } from "../../../../engine/gitops/health/pod-health.ts";
import type { Pod } from "../../../../engine/resources/types.ts";

const NOW = Date.UTC(2026, 0, 1, 12);
const nobody: HealthLookup = { childrenOf: () => [] };
const object = (kind: string, fields: Record<string, unknown>, metadata: Record<string, unknown> = {}, apiVersion = "v1") =>
  ({ apiVersion, kind, metadata: { name: "x", namespace: "web", uid: "u", ...metadata }, ...fields }) as KubeObject;
const deployment = (status: Record<string, unknown>, spec: Record<string, unknown> = {}) =>
  object("Deployment", { spec: { replicas: 3, ...spec }, status: { observedGeneration: 2, ...status } }, { generation: 2 }, "apps/v1");
const pod = (status: Record<string, unknown>, more: Record<string, unknown> = {}) =>
  object("Pod", { spec: { nodeName: "n2", containers: [{ name: "web", image: "web:1" }], ...more }, status }, { name: "web-7f9-x", creationTimestamp: "2026-01-01T11:59:00Z" }) as Pod;
const waiting = (reason: string, more: Record<string, unknown> = {}) => ({ phase: "Pending", containerStatuses: [{ name: "web", restartCount: 0, state: { waiting: { reason } }, ...more }] });
const state = (found: { state: string; reason: string }) => `${found.state}${found.reason === "" ? "" : `: ${found.reason}`}`;

describe("a deployment", () => {
  const done = { replicas: 3, updatedReplicas: 3, readyReplicas: 3, availableReplicas: 3 };
  test.each<[string, KubeObject, string]>([
    ["is healthy when all replicas are new, ready and available", deployment(done), "Healthy"],
    ["is not healthy before its controller has seen what was written", deployment({ ...done, observedGeneration: 1 }), "Progressing: the controller has not seen this version yet"],
    ["waits for updated replicas", deployment({ ...done, updatedReplicas: 1 }), "Progressing: 1 of 3 replicas updated"],
    ["waits for old replicas to go", deployment({ ...done, replicas: 4 }), "Progressing: 1 old replica still there"],
    ["waits for ready replicas", deployment({ ...done, readyReplicas: 2, availableReplicas: 2 }), "Progressing: 2 of 3 replicas ready"],
    ["waits for available replicas", deployment({ ...done, availableReplicas: 2 }), "Progressing: 2 of 3 replicas available"],
    ["is suspended when paused", deployment({}, { paused: true }), "Suspended: paused"],
    ["is degraded after its deadline", deployment({ conditions: [{ type: "Progressing", status: "False", reason: "ProgressDeadlineExceeded" }] }), "Degraded: not rolled out within 600 s"],
    ["is healthy at zero", deployment({}, { replicas: 0 }), "Healthy"],
  ])("%s", (_name, given, expected) => expect(state(computeHealth(given, nobody, NOW))).toBe(expected));

  const blamed = (child: Pod, set: Record<string, unknown> = {}): HealthLookup => ({
    childrenOf: (uid) => (uid === "u" ? [object("ReplicaSet", set, { name: "web-7f9", uid: "rs" }, "apps/v1")] : uid === "rs" ? [child] : []),
  });
  test("names the pod, the node and the container's reason, step by step", () => {
    const health = computeHealth(
      deployment({ ...done, readyReplicas: 2 }),
      blamed(pod(waiting("ImagePullBackOff", { state: { waiting: { reason: "ImagePullBackOff", message: 'Back-off pulling image "web:9"' } } }))),
      NOW,
    );
    expect(state(health)).toBe("Progressing: web-7f9-x: ImagePullBackOff on n2");
    expect(health.chain).toEqual(["2 of 3 replicas ready", "ReplicaSet web/web-7f9", "Pod web/web-7f9-x on n2", "container web", 'ImagePullBackOff: Back-off pulling image "web:9"']);
    expect(health.ready).toEqual({ ready: 2, wanted: 3 });
  });

  test("says the same of an image that cannot be pulled, whether that is being tried or put off", () => {
    const pulling = (reason: string, message: string) => computeHealth(deployment({ ...done, readyReplicas: 2 }), blamed(pod(waiting(reason, { state: { waiting: { reason, message } } }))), NOW);
    const tried = pulling("ErrImagePull", 'rpc error: code = NotFound desc = "web:9": not found');
    expect(tried).toEqual(pulling("ImagePullBackOff", 'Back-off pulling image "web:9": ErrImagePull: rpc error: code = NotFound desc = "web:9": not found'));
    expect(tried.chain.at(-1)).toBe('ImagePullBackOff: rpc error: code = NotFound desc = "web:9": not found');
  });

  test("whose container keeps crashing is degraded before any deadline", () => {
    const crashing = pod(waiting("CrashLoopBackOff", { restartCount: 3, lastState: { terminated: { reason: "Error", exitCode: 7, message: "the password is hunter2" } } }));
    const health = computeHealth(deployment({ ...done, readyReplicas: 2 }), blamed(crashing), NOW);
    expect(state(health)).toBe("Degraded: web-7f9-x: CrashLoopBackOff (Error, exit code 7) on n2");
    expect(JSON.stringify(health)).not.toContain("hunter2");
  });

  test("that may not create pods says why", () => {
    const health = computeHealth(
      deployment({ replicas: 0 }),
      blamed(pod({ phase: "Running", conditions: [{ type: "Ready", status: "True" }] }), { status: { conditions: [{ type: "ReplicaFailure", status: "True", message: "exceeded quota" }] } }),
      NOW,
    );
    expect(state(health)).toBe("Progressing: web-7f9: exceeded quota");
  });
});

describe("workloads", () => {
  const whole = { observedGeneration: 2, replicas: 3, readyReplicas: 3, availableReplicas: 3, updatedReplicas: 3, currentRevision: "a", updateRevision: "a" };
  const stateful = (status: Record<string, unknown> = {}, spec: Record<string, unknown> = {}) =>
    object("StatefulSet", { spec: { replicas: 3, ...spec }, status: { ...whole, ...status } }, { generation: 2 }, "apps/v1");
  const onNodes = { observedGeneration: 2, desiredNumberScheduled: 3, numberReady: 3, numberAvailable: 3, updatedNumberScheduled: 3 };
  const daemon = (status: Record<string, unknown> = {}, spec: Record<string, unknown> = {}) => object("DaemonSet", { spec, status: { ...onNodes, ...status } }, { generation: 2 }, "apps/v1");
  const rolling = { updatedReplicas: 1, updateRevision: "b" };
  const autoscaler = (type: string, reason: string) => object("HorizontalPodAutoscaler", { status: { conditions: [{ type, status: "False", reason, message: "no" }] } }, {}, "autoscaling/v2");
  test.each<[string, KubeObject, string]>([
    ["a stateful set is healthy when all replicas are new, ready and available", stateful(), "Healthy"],
    ["a stateful set waits for its controller", stateful({ observedGeneration: 1 }), "Progressing: the controller has not seen this version yet"],
    ["a stateful set waits for its pods", stateful({ replicas: 1 }), "Progressing: 1 of 3 replicas exist"],
    ["a stateful set waits for pods to go", stateful({ replicas: 4 }), "Progressing: 1 replica too many"],
    ["a stateful set waits for ready pods", stateful({ readyReplicas: 2 }), "Progressing: 2 of 3 replicas ready"],
    ["a stateful set waits for its rollout", stateful(rolling), "Progressing: 1 of 3 replicas updated"],
    ["a stateful set is healthy when it is rolled out as far as its partition", stateful(rolling, { updateStrategy: { rollingUpdate: { partition: 2 } } }), "Healthy"],
    ["a stateful set that people roll out by hand is not waited for", stateful(rolling, { updateStrategy: { type: "OnDelete" } }), "Healthy"],
    ["a daemon set is healthy when every node has a new pod that is available", daemon(), "Healthy"],
    ["a daemon set waits for its rollout", daemon({ updatedNumberScheduled: 1 }), "Progressing: 1 of 3 nodes updated"],
    ["a daemon set waits for ready pods", daemon({ numberReady: 2 }), "Progressing: 2 of 3 nodes ready"],
    ["a daemon set for no node is healthy", daemon({ desiredNumberScheduled: 0, numberReady: 0, numberAvailable: 0, updatedNumberScheduled: 0 }), "Healthy"],
    [
      "a replication controller is judged as a replica set",
      object("ReplicationController", { spec: { replicas: 2 }, status: { replicas: 2, readyReplicas: 1, observedGeneration: 1 } }, { generation: 1 }),
      "Progressing: 1 of 2 replicas ready",
    ],
    ["a cron job that is suspended says so", object("CronJob", { spec: { suspend: true } }, {}, "batch/v1"), "Suspended: suspended"],
    ["an autoscaler that may not scale is degraded", autoscaler("AbleToScale", "FailedGetScale"), "Degraded: no"],
    ["an autoscaler without figures waits for them", autoscaler("ScalingActive", "FailedGetResourceMetric"), "Progressing: no"],
    ["an autoscaler of nothing is switched off", autoscaler("ScalingActive", "ScalingDisabled"), "Suspended: no"],
  ])("%s", (_name, given, expected) => expect(state(computeHealth(given, nobody, NOW))).toBe(expected));

  test("a stateful set names the pod that keeps it, and is degraded when that one keeps crashing", () => {
    const below = (child: Pod): HealthLookup => ({ childrenOf: () => [child] });
    expect(state(computeHealth(stateful({ readyReplicas: 2 }), below(pod(waiting("ErrImagePull"))), NOW))).toBe("Progressing: web-7f9-x: ImagePullBackOff on n2");
    expect(computeHealth(daemon({ numberReady: 2 }), below(pod(waiting("CrashLoopBackOff", { restartCount: 3 }))), NOW)).toMatchObject({
      state: "Degraded",
      chain: ["2 of 3 nodes ready", "Pod web/web-7f9-x on n2", "container web", "CrashLoopBackOff"],
    });
  });

  test("a cron job is as its last run that ended", () => {
    const run = (name: string, minute: number, type: string) =>
      object(
        "Job",
        { status: { startTime: `2026-01-01T11:${minute}:00Z`, conditions: [{ type, status: "True", message: "Job has reached the specified backoff limit" }] } },
        { name, uid: name },
        "batch/v1",
      );
    const health = (...runs: readonly KubeObject[]) => state(computeHealth(object("CronJob", { spec: {} }, {}, "batch/v1"), { childrenOf: (uid) => (uid === "u" ? runs : []) }, NOW));
    expect(health(run("old", 10, "Complete"), run("new", 20, "Failed"))).toBe("Degraded: new: Job has reached the specified backoff limit");
    expect(health(run("old", 10, "Failed"), run("new", 20, "Complete"), object("Job", { status: { active: 1 } }, { name: "now" }, "batch/v1"))).toBe("Healthy");
  });
});

describe("a pod", () => {
  const unscheduled = { phase: "Pending", conditions: [{ type: "PodScheduled", status: "False", message: "0/1 nodes are available" }] };
  test.each<[string, Pod, string]>([
    ["that runs and is ready is healthy", pod({ phase: "Running", conditions: [{ type: "Ready", status: "True" }] }), "Healthy"],
    ["that has finished is healthy", pod({ phase: "Succeeded" }), "Healthy"],
    ["that failed is degraded", pod({ phase: "Failed", reason: "Evicted", message: "low on memory" }), "Degraded: web-7f9-x: Evicted on n2"],
    ["that runs and is not ready is on its way", pod({ phase: "Running" }), "Progressing: web-7f9-x: not ready yet on n2"],
    ["without a node for long is degraded", pod(unscheduled, { nodeName: undefined }), "Degraded: web-7f9-x: no node for it: 0/1 nodes are available"],
    ["that creates its container is on its way", pod(waiting("ContainerCreating")), "Progressing: web-7f9-x: ContainerCreating on n2"],
    ["whose configuration is wrong is degraded", pod(waiting("CreateContainerConfigError")), "Degraded: web-7f9-x: CreateContainerConfigError on n2"],
  ])("%s", (_name, given, expected) => expect(state(computeHealth(given, nobody, NOW))).toBe(expected));

  test("whose command does not exist carries what the runtime says", () => {
    const health = computeHealth(
      pod({ phase: "Running", containerStatuses: [{ name: "web", restartCount: 1, state: { terminated: { reason: "StartError", exitCode: 128, message: 'exec: "/nope": no such file' } } }] }),
      nobody,
      NOW,
    );
    expect(health.chain.at(-1)).toBe('StartError (exit code 128): exec: "/nope": no such file');
  });

  test("fails for good after three restarts, not after one", () => {
    expect([1, 3].map((restartCount) => isFailingForGood(pod(waiting("CrashLoopBackOff", { restartCount }))))).toEqual([false, true]);
  });
});

describe("other kinds", () => {
  test.each<[string, KubeObject | undefined, string]>([
    ["what is not there is missing", undefined, "Missing: not in the cluster"],
    ["what is being deleted is on its way", object("ConfigMap", {}, { deletionTimestamp: "2026-01-01T12:00:00Z", finalizers: ["a/b"] }), "Progressing: being deleted, waits for a/b"],
    ["a config map is healthy by existing", object("ConfigMap", {}), "Healthy"],
    ["a service needs its address", object("Service", { spec: { type: "ClusterIP" } }), "Progressing: has no cluster address yet"],
    [
      "a load balancer nobody makes is not waited for",
      object("Service", { spec: { type: "LoadBalancer", clusterIP: "10.43.0.9" } }),
      "Healthy: no controller gives it a load balancer address; its cluster address and node ports work",
    ],
    ["a claim without volume waits", object("PersistentVolumeClaim", { status: { phase: "Pending" } }), "Progressing: waits for a volume"],
    ["any kind that stalls is degraded", object("Widget", { status: { conditions: [{ type: "Stalled", status: "True", message: "no" }] } }, {}, "example.org/v1"), "Degraded: no"],
    ["any kind that is not ready is on its way", object("Widget", { status: { conditions: [{ type: "Ready", status: "False", reason: "Soon" }] } }, {}, "example.org/v1"), "Progressing: Soon"],
    [
      "any kind whose controller lags is on its way",
      object("Widget", { status: { observedGeneration: 1 } }, { generation: 2 }, "example.org/v1"),
      "Progressing: its controller has not seen this version yet",
    ],
  ])("%s", (_name, given, expected) => expect(state(computeHealth(given, nobody, NOW))).toBe(expected));

  test("the worst decides, and nothing at all is healthy", () => {
    expect(worstHealth([])).toBeUndefined();
    expect(worstHealth([{ state: "Progressing" }, { state: "Degraded" }, { state: "Missing" }])).toEqual({ state: "Degraded" });
  });
});
