import { describe, expect, test } from "vitest";
import type { Action } from "../../../engine/controllers/define-controller.ts";
import { computeBackoffMs, noteFailures, type FailureRun } from "../../../engine/controllers/jobs/job-backoff.ts";
import { planJob } from "../../../engine/controllers/jobs/job-plan.ts";
import { newJobPod } from "../../../engine/controllers/jobs/job-pods.ts";
import { computeJobStatus, concludeJob } from "../../../engine/controllers/jobs/job-status.ts";
import type { Job, JobStatus, Pod } from "../../../engine/resources/types.ts";
import { aPod, at, START, type PodShape } from "../../kit/objects.ts";
import { aJob, type JobShape } from "../../kit/workloads.ts";

const NOW = START + 3_600_000;
const INDEX = "batch.kubernetes.io/job-completion-index";
const FINALIZER = "batch.kubernetes.io/job-tracking";
const labels = { "batch.kubernetes.io/controller-uid": "uid-job" };

const job = (spec: Partial<Job["spec"]> = {}, shape: JobShape = {}) => aJob("job", { spec, ...shape, status: { startTime: at(0), ...shape.status } });
interface JobPodShape extends PodShape {
  readonly index?: number;
  readonly failuresBefore?: number;
  readonly exitCode?: number;
  /** Ends this many seconds after the start of the tests. */
  readonly endedAt?: number;
  readonly isCounted?: boolean;
  readonly conditions?: NonNullable<Pod["status"]>["conditions"];
}
function pod(name: string, { index, failuresBefore, exitCode = 1, endedAt, isCounted = false, conditions, ...shape }: JobPodShape = {}): Pod {
  const made = aPod(name, {
    owner: job(),
    labels,
    phase: "Running",
    ...(isCounted ? {} : { finalizers: [FINALIZER] }),
    annotations: { ...(index === undefined ? {} : { [INDEX]: String(index) }), ...(failuresBefore === undefined ? {} : { "batch.kubernetes.io/job-index-failure-count": String(failuresBefore) }) },
    ...shape,
  });
  if (endedAt === undefined && conditions === undefined) return made;
  const containerStatuses = [{ name: "app", image: "", imageID: "", ready: false, restartCount: 0, state: { terminated: { exitCode, finishedAt: at(endedAt ?? 0) } } }];
  return { ...made, status: { ...made.status, containerStatuses, ...(conditions === undefined ? {} : { conditions }) } };
}
const failed = (name: string, shape: JobPodShape = {}) => pod(name, { phase: "Failed", endedAt: 0, ...shape });
const done = (name: string, shape: JobPodShape = {}) => pod(name, { phase: "Succeeded", endedAt: 0, ...shape });
const words = (actions: readonly Action[]): string[] =>
  actions.flatMap((action) => {
    if (action.do === "together" || action.do === "inOrder") return words(action.actions);
    if (action.do === "createMany") return action.objects.map((object) => `create ${object.metadata.annotations?.[INDEX] ?? ""}`.trim());
    if (action.do === "wait") return [`wait ${action.forMs / 1000}`];
    return action.do === "event" || !("object" in action)
      ? []
      : [`${action.do === "patch" ? ("$deleteFromPrimitiveList/finalizers" in (action.patch["metadata"] as object) ? "free" : "hold") : action.do} ${action.object.metadata.name}`];
  });
const plan = (owner: Job, pods: readonly Pod[], nowMs = NOW) => words(planJob({ job: owner, pods }, nowMs));
const status = (owner: Job, pods: readonly Pod[], nowMs = NOW) => computeJobStatus({ job: owner, pods }, { created: [], failure: undefined }, nowMs);
const conditions = ({ conditions: all = [] }: JobStatus) => all.map(({ type, status: is, reason }) => `${type}=${is} ${reason}`);
const indexed = (completions: number, spec: Partial<Job["spec"]> = {}) => ({ completionMode: "Indexed", completions, parallelism: completions, ...spec });

describe("a Job's pods", () => {
  test.each<[string, Job, readonly Pod[], readonly string[]]>([
    ["are made, as many at a time as may run", job({ completions: 5, parallelism: 2 }), [], ["create", "create"]],
    ["are made for what is left to do", job({ completions: 3, parallelism: 3 }, { status: { succeeded: 2 } }), [], ["create"]],
    ["are made until one succeeds when no number is said", job({ parallelism: 2 }), [pod("a")], ["create"]],
    ["are left to end when one has succeeded and no number is said", job({ parallelism: 2 }), [pod("a"), done("b")], []],
    ["that are too many go, the least valuable first", job({ completions: 5, parallelism: 1 }), [pod("a", { node: "n" }), pod("b")], ["free b", "delete b"]],
    ["all go when the Job is suspended, and are not counted", job({ suspend: true }), [pod("a")], ["free a", "delete a"]],
    ["are not made while the Job is suspended", job({ suspend: true }), [], []],
    ["are not made when the last one failed just now", job(), [failed("a", { endedAt: 3_598 })], ["wait 8"]],
    ["wait twice as long after another failure", job(), [failed("a", { endedAt: 100 }), failed("b", { endedAt: 3_590 })], ["wait 10"]],
    [
      "wait less again after a success",
      job({ completions: 3 }),
      [failed("a", { endedAt: 100, isCounted: true }), done("b", { endedAt: 200, isCounted: true }), failed("c", { endedAt: 3_595 })],
      ["wait 5"],
    ],
    ["are replaced when they are leaving", job(), [pod("a", { deletedAt: 100 })], ["create"]],
    ["are replaced only when they have ended, if the Job says so", job({ podReplacementPolicy: "Failed" }), [pod("a", { deletedAt: 100 })], []],
    ["without an owner are adopted and held", job(), [aPod("a", { labels })], ["adopt a", "hold a"]],
    ["that no longer match are let go", job(), [pod("a", { labels: { app: "debug" } })], ["release a", "free a", "create"]],
    ["are free when the Job is over", job({}, { ended: ["Complete", 3] }), [done("a")], ["free a"]],
    ["are free when the Job is being deleted", job({}, { deletedAt: 1 }), [pod("a"), done("b")], ["free a", "free b"]],
  ])("%s", (_name, owner, pods, expected) => expect(plan(owner, pods)).toEqual(expected));

  test.each<[string, Job, readonly Pod[], readonly string[]]>([
    ["are one for each", job(indexed(3)), [pod("a", { index: 1 })], ["create 0", "create 2"]],
    ["are not made for those that are done", job(indexed(3, { parallelism: 2 }), { status: { completedIndexes: "0" } }), [done("b", { index: 1 })], ["create 2"]],
    ["of one index are one", job(indexed(2)), [pod("a", { index: 0, readyAt: 1, node: "n" }), pod("b", { index: 0 }), pod("c", { index: 1 })], ["free b", "delete b"]],
    ["beyond the last index go", job(indexed(1)), [pod("a", { index: 0 }), pod("b", { index: 7 })], ["free b", "delete b"]],
    [
      "of an index that failed come again after a while, others at once",
      job(indexed(2, { backoffLimitPerIndex: 3 })),
      [failed("a", { index: 0, endedAt: 3_599, failuresBefore: 0 })],
      ["wait 9", "create 1"],
    ],
    ["of an index wait for the failures of that index", job(indexed(1, { backoffLimitPerIndex: 3 })), [failed("a", { index: 0, endedAt: 3_599, failuresBefore: 1 })], ["wait 19"]],
    ["of an index that has failed for good come no more", job(indexed(2, { backoffLimitPerIndex: 1 })), [failed("a", { index: 0, failuresBefore: 1 }), pod("b", { index: 1 })], []],
  ])("of an indexed one %s", (_name, owner, pods, expected) => expect(plan(owner, pods)).toEqual(expected));

  test("of an indexed one know their index, and the failures before them", () => {
    const owner = job(indexed(4, { backoffLimitPerIndex: 3, podFailurePolicy: { rules: [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget" }] }] } }));
    const made = newJobPod(owner, 3, failed("a", { index: 3, failuresBefore: 1 }));
    expect(made.metadata).toMatchObject({
      generateName: "job-3-",
      labels: { [INDEX]: "3" },
      annotations: { [INDEX]: "3", "batch.kubernetes.io/job-index-failure-count": "2" },
      finalizers: [FINALIZER],
    });
    expect(made.spec).toMatchObject({ hostname: "job-3", containers: [{ env: [{ name: "JOB_COMPLETION_INDEX", valueFrom: { fieldRef: { fieldPath: `metadata.labels['${INDEX}']` } } }] }] });
    const ignored = failed("b", { index: 3, failuresBefore: 1, conditions: [{ type: "DisruptionTarget", status: "True" }] });
    expect(newJobPod(owner, 3, ignored).metadata.annotations).toMatchObject({ "batch.kubernetes.io/job-index-failure-count": "1", "batch.kubernetes.io/job-index-ignored-failure-count": "1" });
  });
});

describe("a Job counts", () => {
  test("a pod by noting its uid, then freeing it, then adding it up", () => {
    const owner = job({ completions: 2 });
    const noted = status(owner, [done("a"), failed("b")]);
    expect(noted).toMatchObject({ uncountedTerminatedPods: { succeeded: ["uid-a"], failed: ["uid-b"] } });
    expect(noted).not.toHaveProperty("succeeded");
    const second = { ...owner, status: noted };
    expect(plan(second, [done("a"), failed("b")])).toEqual(["free a", "free b", "create"]);
    expect(status(second, [done("a", { isCounted: true }), failed("b")])).toMatchObject({ succeeded: 1, uncountedTerminatedPods: { failed: ["uid-b"] } });
    expect(status(second, [done("a", { isCounted: true })])).toMatchObject({ succeeded: 1, failed: 1, uncountedTerminatedPods: {} });
  });
  test("indexes by themselves", () => {
    const owner = job(indexed(5));
    const noted = status(owner, [done("a", { index: 0 }), done("b", { index: 1 }), done("c", { index: 3 }), failed("d", { index: 4 })]);
    expect(noted).toMatchObject({ succeeded: 3, completedIndexes: "0,1,3", uncountedTerminatedPods: { failed: ["uid-d"] } });
    expect(plan({ ...owner, status: noted }, [done("a", { index: 0 })])[0]).toBe("free a");
  });
  test("no pod that its policy ignores, and frees it at once", () => {
    const owner = job({ podReplacementPolicy: "Failed", podFailurePolicy: { rules: [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget" }] }] } });
    const disrupted = failed("a", { conditions: [{ type: "DisruptionTarget", status: "True" }] });
    expect(status(owner, [disrupted]).uncountedTerminatedPods).toEqual({});
    expect(plan(owner, [disrupted])[0]).toBe("free a");
  });
  test("what runs, is ready and is leaving", () => {
    expect(status(job({ completions: 4, parallelism: 4 }), [pod("a", { readyAt: 1 }), pod("b"), pod("c", { deletedAt: 1 })])).toMatchObject({ active: 2, ready: 1, terminating: 1 });
  });
});

describe("a Job is over", () => {
  const codes = (operator: string, values: readonly number[], action: string) => ({ podReplacementPolicy: "Failed", podFailurePolicy: { rules: [{ action, onExitCodes: { operator, values } }] } });
  test.each<[string, Job, readonly Pod[], readonly string[]]>([
    [
      "when enough pods have succeeded",
      job({ completions: 1 }, { status: { succeeded: 1 } }),
      [done("a", { isCounted: true })],
      ["SuccessCriteriaMet=True CompletionsReached", "Complete=True CompletionsReached"],
    ],
    ["not before they are counted", job({ completions: 1 }), [done("a")], ["SuccessCriteriaMet=True CompletionsReached"]],
    ["not before the others have ended, when no number is said", job({ parallelism: 2 }), [done("a"), pod("b")], []],
    ["when too many have failed", job({ backoffLimit: 1 }, { status: { failed: 2 } }), [], ["FailureTarget=True BackoffLimitExceeded", "Failed=True BackoffLimitExceeded"]],
    ["not when as many have failed as may", job({ backoffLimit: 1 }, { status: { failed: 1 } }), [], []],
    ["not before its last pod has ended", job({ backoffLimit: 0 }, { status: { failed: 1 } }), [pod("a", { deletedAt: 1, isCounted: true })], ["FailureTarget=True BackoffLimitExceeded"]],
    [
      "when its containers were restarted too often",
      job({ backoffLimit: 2, template: { metadata: { labels }, spec: { restartPolicy: "OnFailure", containers: [] } } }),
      [pod("a", { restarts: 2 })],
      ["FailureTarget=True BackoffLimitExceeded"],
    ],
    ["when its time is up", job({ activeDeadlineSeconds: 3_600 }), [pod("a")], ["FailureTarget=True DeadlineExceeded"]],
    ["when a pod fails as it may not", job(codes("In", [42], "FailJob")), [failed("a", { exitCode: 42 })], ["FailureTarget=True PodFailurePolicy"]],
    ["not when a pod fails otherwise", job(codes("In", [42], "FailJob")), [failed("a", { exitCode: 41 })], []],
    ["when a pod fails with any other code", job(codes("NotIn", [42], "FailJob")), [failed("a", { exitCode: 41 })], ["FailureTarget=True PodFailurePolicy"]],
    [
      "when too many indexes have failed",
      job(indexed(4, { backoffLimitPerIndex: 0, maxFailedIndexes: 1 })),
      [failed("a", { index: 0 }), failed("b", { index: 1 })],
      ["FailureTarget=True MaxFailedIndexesExceeded"],
    ],
    [
      "when nothing is left to do and an index has failed",
      job(indexed(2, { backoffLimitPerIndex: 0 }), { status: { completedIndexes: "0" } }),
      [failed("b", { index: 1 })],
      ["FailureTarget=True FailedIndexes"],
    ],
    [
      "when an index fails by a rule",
      job({ ...indexed(1, { backoffLimitPerIndex: 5 }), ...codes("In", [42], "FailIndex") }),
      [failed("a", { index: 0, exitCode: 42 })],
      ["FailureTarget=True FailedIndexes"],
    ],
    [
      "when the indexes that matter have succeeded",
      job(indexed(4, { successPolicy: { rules: [{ succeededIndexes: "3" }, { succeededIndexes: "0-2", succeededCount: 2 }] } }), { status: { completedIndexes: "0,2" } }),
      [pod("b", { index: 1 })],
      ["SuccessCriteriaMet=True SuccessPolicy"],
    ],
    ["at once when there is nothing to do", job({ completions: 0 }), [], ["SuccessCriteriaMet=True CompletionsReached", "Complete=True CompletionsReached"]],
  ])("%s", (_name, owner, pods, expected) => expect(conditions(status(owner, pods))).toEqual(expected));

  const settled = (owner: Job, pods: readonly Pod[]): Job => ({ ...owner, status: status(owner, pods) });
  test("and says so before it takes its other pods with it; when it failed, so did they, but not their indexes", () => {
    const owner = job(indexed(3, { backoffLimitPerIndex: 0, maxFailedIndexes: 0 }));
    const pods = [failed("a", { index: 0 }), pod("b", { index: 1, readyAt: 1 }), pod("c", { index: 2, deletedAt: 1 })];
    expect(plan(owner, pods)).toEqual([]);
    const told = settled(owner, pods);
    expect(told.status).toMatchObject({ active: 1, ready: 1, terminating: 1, failedIndexes: "0,2", uncountedTerminatedPods: { failed: ["uid-a", "uid-b", "uid-c"] } });
    expect(plan(told, pods)).toEqual(["free a", "free b", "free c", "delete b"]);
    const gone = status(told, pods);
    expect(gone).toMatchObject({ ready: 0, terminating: 2, failedIndexes: "0,2" });
    expect(gone).not.toHaveProperty("active");
    expect(status({ ...told, status: gone }, [failed("a", { index: 0, isCounted: true }), pod("b", { index: 1, isCounted: true, deletedAt: 2 })])).toMatchObject({
      failed: 3,
      terminating: 1,
      failedIndexes: "0,2",
      uncountedTerminatedPods: {},
    });
  });
  test("and says so before it takes its other pods with it; when it succeeded, nobody counts them", () => {
    const owner = job(indexed(3, { backoffLimitPerIndex: 0, successPolicy: { rules: [{ succeededCount: 1 }] } }));
    const pods = [done("a", { index: 0 }), pod("b", { index: 1 }), failed("c", { index: 2 })];
    expect(plan(owner, pods)).toEqual([]);
    const told = settled(owner, pods);
    expect(told.status).toMatchObject({ active: 1, terminating: 0, failedIndexes: "2", uncountedTerminatedPods: { failed: ["uid-c"] } });
    expect(plan(told, pods)).toEqual(["free a", "free b", "free c", "delete b"]);
    const gone = status(told, [done("a", { index: 0, isCounted: true }), pod("b", { index: 1, isCounted: true, deletedAt: 2 }), failed("c", { index: 2, isCounted: true })]);
    expect(gone).toMatchObject({ succeeded: 1, failed: 1, terminating: 1, completedIndexes: "0", failedIndexes: "2", uncountedTerminatedPods: {} });
    expect(conditions(gone)).toEqual(["SuccessCriteriaMet=True SuccessPolicy"]);
  });
  test("and counts no pod that its policy ignores, nor one of no index, but lets them go", () => {
    const owner = job(indexed(2, { activeDeadlineSeconds: 60, podReplacementPolicy: "Failed", podFailurePolicy: { rules: [{ action: "Ignore", onPodConditions: [{ type: "DisruptionTarget" }] }] } }));
    const pods = [pod("a", { index: 0, conditions: [{ type: "DisruptionTarget", status: "True" }] }), pod("b", { index: 9 }), pod("c", { index: 1 })];
    const told = settled(owner, pods);
    expect(told.status?.uncountedTerminatedPods).toEqual({ failed: ["uid-c"] });
    expect(plan(told, pods)).toEqual(["free a", "free b", "free c", "delete a", "delete b", "delete c"]);
  });
  test("and takes only as many pods with it at a time as it can take note of", () => {
    const pods = Array.from({ length: 501 }, (_each, index) => pod(`p${index}`));
    const told = settled(job({ activeDeadlineSeconds: 60, parallelism: 501, completions: 501 }), pods);
    expect(told.status?.uncountedTerminatedPods?.failed).toHaveLength(500);
    expect(plan(told, pods)).toHaveLength(1_000);
    expect(status(told, pods)).toMatchObject({ active: 1, terminating: 500 });
  });
  test("says why, and tells it", () => {
    const owner = job(codes("In", [42], "FailJob"));
    expect(status(owner, [failed("a", { exitCode: 42 })]).conditions?.[0]?.message).toBe("Container app for pod default/a failed with exit code 42 matching FailJob rule at index 0");
    const over = concludeJob({ job: job({ backoffLimit: 0 }, { status: { failed: 1 } }), pods: [] }, { created: [], updated: [], existing: undefined, failure: undefined }, NOW);
    expect(over).toContainEqual(expect.objectContaining({ do: "event", content: { type: "Warning", reason: "BackoffLimitExceeded", message: "Job has reached the specified backoff limit" } }));
  });
});

describe("a Job that is suspended", () => {
  const paused = (spec: Partial<Job["spec"]> = {}, before: Partial<JobStatus> = {}) => aJob("job", { spec: { suspend: true, ...spec }, status: before });
  test("has not begun", () => {
    const next = status(paused(), []);
    expect(next).not.toHaveProperty("startTime");
    expect(conditions(next)).toEqual(["Suspended=True JobSuspended"]);
  });
  test("counts the pods that it takes away as leaving, and forgets when it began", () => {
    const next = status(paused({ parallelism: 2 }, { startTime: at(0), active: 2 }), [pod("a", { readyAt: 1 }), pod("b")]);
    expect(next).toMatchObject({ ready: 0, terminating: 2, uncountedTerminatedPods: {} });
    for (const field of ["active", "failed", "startTime"]) expect(next).not.toHaveProperty(field);
  });
  test("begins anew when it is resumed, so that its deadline counts from then", () => {
    const before = { startTime: at(0), conditions: [{ type: "Suspended", status: "True", lastTransitionTime: at(1) }] };
    expect(conditions(status(paused({ activeDeadlineSeconds: 60 }, before), []))).toEqual(["Suspended=True undefined"]);
    const next = status(paused({ suspend: false, activeDeadlineSeconds: 60 }, before), []);
    expect([next.startTime, conditions(next)]).toEqual([at(3_600), ["Suspended=False JobResumed"]]);
  });
});

describe("a Job's failures in a row", () => {
  const waitMs = (pods: readonly (readonly Pod[])[], nowSeconds: number) =>
    computeBackoffMs(
      pods.reduce<FailureRun | undefined>((known, members) => noteFailures(known, job(), members), undefined)!, // one look at least
      START + nowSeconds * 1000,
    );
  test.each<[string, readonly (readonly Pod[])[], number]>([
    ["are remembered when their pods are gone", [[failed("a", { endedAt: 90 })], [failed("b", { endedAt: 99 })], []], 19],
    ["count once, however often their pods are looked at", [[failed("a", { endedAt: 99 })], [failed("a", { endedAt: 99 })]], 9],
    ["end with a success", [[failed("a", { endedAt: 90 })], [done("b", { endedAt: 95 })]], 0],
    ["begin anew after it", [[failed("a", { endedAt: 90 }), done("b", { endedAt: 95 })], [failed("c", { endedAt: 99 })]], 9],
    ["are those of pods that somebody takes away", [[pod("a", { deletedAt: 129 })], []], 9],
    ["are not those of pods that the Job takes away", [[pod("a", { deletedAt: 99, isCounted: true }), failed("b", { deletedAt: 99, endedAt: 99, isCounted: true })], []], 0],
    ["are known by those that are still there to a controller that starts anew", [[failed("a", { endedAt: 90, isCounted: true }), failed("b", { endedAt: 99, isCounted: true })]], 19],
  ])("%s", (_what, looks, seconds) => {
    expect(waitMs(looks, 100)).toBe(seconds * 1000);
  });

  test("of a pod with several containers count from the end of the last one, and from its deletion while one runs", () => {
    const both = failed("a", { endedAt: 90, deletedAt: 129 });
    const status = { ...both.status, containerStatuses: [...(both.status?.containerStatuses ?? []), { name: "b", image: "", imageID: "", ready: true, restartCount: 0, state: { running: {} } }] };
    expect(waitMs([[{ ...both, status }]], 100)).toBe(9_000);
  });

  test("stay as they are known while pods tell nothing new", () => {
    const members = [failed("a", { endedAt: 90 }), done("b", { endedAt: 80 }), failed("c", { endedAt: 70 })];
    const known = noteFailures(undefined, job(), members);
    expect(noteFailures(known, job(), [...members])).toBe(known);
    expect([known.count, noteFailures(known, job(), members.slice(0, 2)).count]).toEqual([1, 1]);
  });

  test("are those of this very Job, and not of one of its name before it", () => {
    const known = noteFailures(undefined, job(), [failed("a", { endedAt: 99 })]);
    const another = { ...job(), metadata: { ...job().metadata, uid: "another" } };
    expect(noteFailures(known, another, []).count).toBe(0);
  });
});
