import { afterEach, beforeEach, expect, test } from "vitest";
import { cronJobResource } from "../../../engine/resources/batch/cron-job.ts";
import { jobResource } from "../../../engine/resources/batch/job.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { Job, Pod } from "../../../engine/resources/types.ts";
import { startControlPlane, type ControlPlane } from "./control-plane.ts";

const INDEX = "batch.kubernetes.io/job-completion-index";
let plane: ControlPlane;
beforeEach(async () => {
  plane = await startControlPlane();
  await plane.kubelets.up("n1");
});
afterEach(() => plane.stop());

const template = { spec: { restartPolicy: "Never", containers: [{ name: "app", image: "app:1" }] } };
const create = (spec: Partial<Job["spec"]>) =>
  plane.client.for(jobResource).create({ apiVersion: "batch/v1", kind: "Job", metadata: { name: "work", namespace: "default" }, spec: { template, ...spec } });
const job = () => plane.client.for(jobResource).get("default", "work");
const pods = async () => (await plane.client.for(podResource).list("default")).items;
const conditions = async () => (await job()).status?.conditions?.filter(({ status }) => status === "True").map(({ type, reason }) => `${type} ${reason}`);
const indexOf = (pod: Pod) => pod.metadata.annotations?.[INDEX];

test("a Job runs its pods a few at a time until enough have succeeded, and counts every one once", async () => {
  plane.kubelets.exitCode = () => 0;
  await create({ completions: 5, parallelism: 2 });
  let most = 0;
  for (let step = 0; step < 100; step++) {
    await plane.clock.advance(100);
    const { status } = await job();
    most = Math.max(most, (await pods()).filter((pod) => pod.status?.phase === "Running" || pod.status?.phase === "Pending").length);
    expect((status?.succeeded ?? 0) + (status?.uncountedTerminatedPods?.succeeded ?? []).length).toBeLessThanOrEqual(5);
  }
  expect(most).toBe(2);
  expect((await job()).status).toMatchObject({ succeeded: 5, terminating: 0, ready: 0, uncountedTerminatedPods: {} });
  expect(await conditions()).toEqual(["SuccessCriteriaMet CompletionsReached", "Complete CompletionsReached"]);
  const all = await pods();
  expect(all).toHaveLength(5);
  expect(all.flatMap((pod) => pod.metadata.finalizers ?? [])).toEqual([]);
  expect((await plane.stories("work")).at(-1)).toBe("Completed: Job completed");
  expect(plane.warnings).toEqual([]);
});

test("a Job that fails is tried again ever more slowly, and then given up", async () => {
  plane.kubelets.exitCode = () => 3;
  await create({ backoffLimit: 2 });
  const made: number[] = [];
  for (let second = 0; second < 60; second++) {
    await plane.clock.advance(1_000);
    const count = (await pods()).length;
    if (count !== made.length) made.push(second);
  }
  // 2 s to start and fail, then waits of 10 and 20 s.
  expect(made.length).toBe(3);
  expect((made[1] ?? 0) - (made[0] ?? 0)).toBeGreaterThanOrEqual(11);
  expect((made[2] ?? 0) - (made[1] ?? 0)).toBeGreaterThanOrEqual(21);
  expect(await conditions()).toEqual(["FailureTarget BackoffLimitExceeded", "Failed BackoffLimitExceeded"]);
  expect((await job()).status).toMatchObject({ failed: 3, uncountedTerminatedPods: {} });
  expect(plane.warnings).toEqual([]);
});

test("an indexed Job does each index, and one that fails for good fails alone", async () => {
  plane.kubelets.exitCode = (pod) => (indexOf(pod) === "1" ? 1 : 0);
  await create({ completionMode: "Indexed", completions: 3, parallelism: 3, backoffLimitPerIndex: 1 });
  await plane.clock.advance(60_000);
  expect((await job()).status).toMatchObject({ succeeded: 2, failed: 2, completedIndexes: "0,2", failedIndexes: "1" });
  expect(await conditions()).toEqual(["FailureTarget FailedIndexes", "Failed FailedIndexes"]);
  expect((await pods()).map((pod) => `${indexOf(pod)} ${pod.metadata.annotations?.["batch.kubernetes.io/job-index-failure-count"]}`).sort()).toEqual(["0 0", "1 0", "1 1", "2 0"]);
  expect((await pods()).flatMap((pod) => pod.metadata.finalizers ?? [])).toEqual([]);
  expect(plane.warnings).toEqual([]);
});

test.each<[string, Partial<Job["spec"]>, number, Job["status"]]>([
  ["succeeds by its policy has not failed where its other pods ran", { successPolicy: { rules: [{ succeededIndexes: "1" }] } }, 0, { succeeded: 1, completedIndexes: "1", failedIndexes: "" }],
  ["fails counts its other pods as failed, but not their indexes", { maxFailedIndexes: 0 }, 1, { failed: 3, failedIndexes: "1" }],
])("an indexed Job that %s", async (_name, spec, exitCode, expected) => {
  plane.kubelets.exitCode = (pod) => (indexOf(pod) === "1" ? exitCode : undefined);
  await create({ completionMode: "Indexed", completions: 3, parallelism: 3, backoffLimitPerIndex: 0, ...spec });
  await plane.clock.advance(60_000);
  const { status } = await job();
  expect(status).toMatchObject({ ...expected, ready: 0, terminating: 0, uncountedTerminatedPods: {} });
  if (expected?.failed === undefined) expect(status).not.toHaveProperty("failed");
  expect((await pods()).map(indexOf)).toEqual(["1"]);
  expect(plane.warnings).toEqual([]);
});

test("a Job is suspended and resumed without a failure, and ends by its deadline", async () => {
  await create({ suspend: true, activeDeadlineSeconds: 30, parallelism: 2, completions: 2 });
  await plane.clock.advance(2_000);
  expect(await pods()).toEqual([]);
  expect(await conditions()).toEqual(["Suspended JobSuspended"]);
  const suspend = (value: boolean) => plane.client.for(jobResource).patch("default", "work", "merge", { spec: { suspend: value } });
  await suspend(false);
  await plane.clock.advance(3_000);
  expect((await job()).status).toMatchObject({ active: 2, ready: 2 });
  await suspend(true);
  await plane.clock.advance(3_000);
  expect(await pods()).toEqual([]);
  expect((await job()).status).not.toHaveProperty("failed");
  await suspend(false);
  await plane.clock.advance(28_000);
  expect((await job()).status).toMatchObject({ active: 2 });
  await plane.clock.advance(5_000);
  expect(await conditions()).toEqual(["FailureTarget DeadlineExceeded", "Failed DeadlineExceeded"]);
  expect(await pods()).toEqual([]);
  const stories = (await plane.stories("work")).map((story) => story.split(":")[0]);
  for (const reason of ["Suspended", "Resumed", "DeadlineExceeded"]) expect(stories).toContain(reason);
  expect(plane.warnings).toEqual([]);
});

test.each(["Background", "Foreground", "Orphan"] as const)("a Job that is deleted (%s) leaves no pod that cannot go", async (propagationPolicy) => {
  await create({ parallelism: 2, completions: 2 });
  await plane.clock.advance(3_000);
  expect((await pods()).map((pod) => pod.metadata.finalizers)).toEqual([["batch.kubernetes.io/job-tracking"], ["batch.kubernetes.io/job-tracking"]]);
  await plane.client.for(jobResource).delete("default", "work", { propagationPolicy });
  await plane.clock.advance(20_000);
  const left = await pods();
  expect(left.map((pod) => pod.metadata.finalizers ?? [])).toEqual(propagationPolicy === "Orphan" ? [[], []] : []);
  expect((await plane.client.for(jobResource).list("default")).items).toEqual([]);
});

test("a CronJob keeps as many of its ended Jobs as it is told to, and a Job with a time to live goes by itself", async () => {
  plane.kubelets.exitCode = () => 0;
  const metadata = { name: "tick", namespace: "default" };
  await plane.client
    .for(cronJobResource)
    .create({ apiVersion: "batch/v1", kind: "CronJob", metadata, spec: { schedule: "* * * * *", successfulJobsHistoryLimit: 2, jobTemplate: { spec: { template } } } });
  await create({ ttlSecondsAfterFinished: 30 });
  await plane.clock.advance(20_000);
  expect(await conditions()).toEqual(["SuccessCriteriaMet CompletionsReached", "Complete CompletionsReached"]);
  await plane.clock.advance(5 * 60_000);
  const left = (await plane.client.for(jobResource).list("default")).items;
  expect(left.map((each) => each.metadata.annotations?.["batch.kubernetes.io/cronjob-scheduled-timestamp"])).toEqual(["2030-01-01T00:04:00Z", "2030-01-01T00:05:00Z"]);
  expect((await plane.client.for(cronJobResource).get("default", "tick")).status).toMatchObject({ lastScheduleTime: "2030-01-01T00:05:00Z", lastSuccessfulTime: "2030-01-01T00:05:02Z" });
  expect((await plane.client.for(cronJobResource).get("default", "tick")).status).not.toHaveProperty("active");
  expect(await pods()).toHaveLength(2);
  expect(plane.warnings).toEqual([]);
});
