import { describe, expect, test } from "vitest";
import { parseCronSchedule } from "../../../engine/apimachinery/cron-schedule.ts";
import { concludeCronJob, planCronJob } from "../../../engine/controllers/jobs/cron-job-plan.ts";
import { planJobTtl } from "../../../engine/controllers/jobs/job-ttl.ts";
import { computeDueTime } from "../../../engine/controllers/jobs/missed-schedules.ts";
import type { Action } from "../../../engine/controllers/define-controller.ts";
import type { CronJob, Job } from "../../../engine/resources/types.ts";
import { at, START } from "../../kit/objects.ts";
import { aCronJob, aJob, type CronJobShape, type JobShape } from "../../kit/workloads.ts";

const MINUTE = 60;
const nameAt = (seconds: number) => `cron-${Math.floor((START + seconds * 1000) / 60_000)}`;
const cron = (shape: CronJobShape = {}) => aCronJob("cron", shape);
const child = (seconds: number, shape: JobShape = {}) => aJob(nameAt(seconds), { owner: cron(), annotations: { "batch.kubernetes.io/cronjob-scheduled-timestamp": at(seconds) }, ...shape });
const active = (...jobs: readonly Job[]) => jobs.map(({ metadata: { name = "", uid = "" } }) => ({ kind: "Job", apiVersion: "batch/v1", namespace: "default", name, uid, resourceVersion: "1" }));
const plan = (owner: CronJob, jobs: readonly Job[], seconds: number) => planCronJob({ cron: owner, jobs }, START + seconds * 1000);
const words = (actions: readonly Action[]) =>
  actions.flatMap((action) =>
    action.do === "event" ? [action.content.reason] : action.do === "wait" ? [`wait ${action.forMs / 1000}`] : "object" in action ? [`${action.do} ${action.object.metadata.name}`] : [],
  );
const TEN = nameAt(10 * MINUTE);

describe("a CronJob", () => {
  const running = child(0);
  const busy = (policy: string) => cron({ spec: { concurrencyPolicy: policy }, status: { active: active(running), lastScheduleTime: at(0) } });
  test.each<[string, CronJob, readonly Job[], number, readonly string[]]>([
    ["waits for its time", cron(), [], 4 * MINUTE, ["wait 360"]],
    ["starts a Job when it is due, called after the minute", cron(), [], 10 * MINUTE, ["wait 600", `create ${TEN}`]],
    ["starts only the newest of those it missed", cron(), [], 33 * MINUTE, ["wait 420", `create ${nameAt(30 * MINUTE)}`]],
    ["starts nothing twice", cron({ status: { lastScheduleTime: at(10 * MINUTE) } }), [], 11 * MINUTE, ["wait 540"]],
    ["starts nothing twice, even when its status got lost", cron(), [child(10 * MINUTE, { ended: ["Complete", 11 * MINUTE] })], 12 * MINUTE, ["wait 480"]],
    ["starts nothing while it is suspended", cron({ spec: { suspend: true } }), [], 10 * MINUTE, []],
    ["starts nothing when it is being deleted", cron({ deletedAt: 1 }), [], 10 * MINUTE, []],
    ["does not start what is too late", cron({ spec: { startingDeadlineSeconds: 60 } }), [], 12 * MINUTE, ["wait 480", "MissSchedule"]],
    ["starts another beside one that runs", busy("Allow"), [running], 10 * MINUTE, ["wait 600", `create ${TEN}`]],
    ["does not, when it is forbidden", busy("Forbid"), [running], 10 * MINUTE, ["wait 600", "JobAlreadyActive"]],
    ["replaces the one that runs", busy("Replace"), [running], 10 * MINUTE, ["wait 600", `delete ${running.metadata.name}`, "SuccessfulDelete", `create ${TEN}`]],
    ["says when its clock has jumped far", cron(), [], 2 * 24 * 60 * MINUTE, ["wait 600", "TooManyMissedTimes", `create ${nameAt(2 * 24 * 60 * MINUTE)}`]],
    ["says when its time never comes", cron({ spec: { schedule: "59 23 31 2 *" } }), [], MINUTE, ["InvalidSchedule"]],
    ["says when a Job is gone that it started", cron({ status: { active: active(running), lastScheduleTime: at(0) } }), [], MINUTE, ["MissingJob", "wait 540"]],
    ["says when there is a Job that it did not start", cron(), [child(0, { annotations: {} })], MINUTE, ["UnexpectedJob", "wait 540"]],
  ])("%s", (_name, owner, jobs, seconds, expected) => expect(words(plan(owner, jobs, seconds))).toEqual(expected));

  test("keeps the newest of the Jobs that ended, by how they ended", () => {
    const ended = [1, 2, 3, 4, 5].map((n) => child(n * MINUTE, { ended: [n === 2 || n === 4 ? "Failed" : "Complete", n * MINUTE], createdAt: n * MINUTE }));
    const owner = cron({ spec: { successfulJobsHistoryLimit: 1, failedJobsHistoryLimit: 1 } });
    expect(words(plan(owner, ended, 6 * MINUTE)).filter((word) => word.startsWith("delete"))).toEqual([1, 3, 2].map((n) => `delete ${nameAt(n * MINUTE)}`));
  });

  test("gives its Jobs the template's metadata, itself as owner, and the time by its own clock", () => {
    const owner = cron({ spec: { schedule: "0 9 * * *", timeZone: "Europe/Berlin", jobTemplate: { metadata: { labels: { team: "a" }, annotations: { note: "b" } }, spec: aJob("x").spec } } });
    const made = plan(owner, [], 8 * 60 * MINUTE).find((action) => action.do === "create")?.object;
    expect(made?.metadata).toMatchObject({
      labels: { team: "a" },
      annotations: { note: "b", "batch.kubernetes.io/cronjob-scheduled-timestamp": "2030-01-01T09:00:00+01:00" },
      ownerReferences: [{ kind: "CronJob", uid: "uid-cron", controller: true }],
    });
  });

  test("remembers what it started, what runs, and the newest end that went well", () => {
    const ended = child(0, { ended: ["Complete", 5 * MINUTE] });
    const owner = cron({ status: { active: active(running, ended), lastScheduleTime: at(0) } });
    const made = child(10 * MINUTE);
    const actions = concludeCronJob(
      { cron: owner, jobs: [running, ended].map((job, index) => ({ ...job, metadata: { ...job.metadata, uid: index === 0 ? "uid-r" : job.metadata.uid } }) as Job) },
      { created: [made], updated: [], existing: undefined, failure: undefined },
    );
    const status = (actions.find((action) => action.do === "update")?.object as CronJob).status;
    expect(status).toEqual({ active: active(made), lastScheduleTime: at(10 * MINUTE), lastSuccessfulTime: at(5 * MINUTE) });
    expect(words(actions)).toEqual(["SuccessfulCreate", "update cron"]);
  });
});

describe("the newest due time", () => {
  const schedule = parseCronSchedule("*/10 * * * *");
  test("of a gap of years is found without counting through it", () => {
    let looks = 0;
    const counted = (afterMs: number) => (looks++, schedule(afterMs));
    expect(computeDueTime(counted, START, START + 3 * 365 * 86_400_000 + 5_000)).toEqual({ dueMs: START + 3 * 365 * 86_400_000, isManyMissed: true });
    expect(looks).toBeLessThan(250);
  });
  test("of an uneven schedule is the newest all the same", () => {
    const workdays = parseCronSchedule("0 9 * * mon-fri");
    expect(new Date(computeDueTime(workdays, START, Date.UTC(2030, 0, 13, 12)).dueMs ?? 0).toISOString()).toBe("2030-01-11T09:00:00.000Z");
  });
});

test("a Job that ended is removed, with its pods, when its time to live is over", () => {
  const job = aJob("j", { spec: { ttlSecondsAfterFinished: 100 }, ended: ["Failed", 50] });
  expect(planJobTtl(job, START + 60_000)).toEqual([{ do: "wait", forMs: 90_000 }]);
  expect(planJobTtl(job, START + 150_000)).toMatchObject([{ do: "delete", ifUnchanged: true, options: { propagationPolicy: "Foreground" } }]);
  expect(planJobTtl(aJob("j", { spec: { ttlSecondsAfterFinished: 0 } }), START)).toEqual([]);
  expect(planJobTtl(aJob("j", { ended: ["Complete", 1] }), START + 999_000)).toEqual([]);
});
