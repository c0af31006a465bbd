import { hasStatus } from "../kept-status.ts";
import { parseCronSchedule, type CronSchedule } from "../../apimachinery/cron-schedule.ts";
import { newControllerRef } from "../../apimachinery/owner-references.ts";
import { createZone } from "../../apimachinery/time-zone.ts";
import { formatTime } from "../../lib/clock.ts";
import { describeError } from "../../lib/log.ts";
import { cronJobResource } from "../../resources/batch/cron-job.ts";
import { SCHEDULED_TIMESTAMP } from "../../resources/batch/job-labels.ts";
import { jobResource } from "../../resources/batch/job.ts";
import type { CronJob, CronJobStatus, Job, ObjectReference } from "../../resources/types.ts";
import { create, isBeingDeleted, tell, update, type Action, type Outcome } from "../define-controller.ts";
import { finishedCondition, finishedMs } from "./job-state.ts";
import { computeDueTime } from "./missed-schedules.ts";

const DAY_TEXT = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
const MONTH_TEXT = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

export interface CronJobInputs {
  readonly cron: CronJob;
  /** The Jobs it owns, and those that it calls active and somebody else owns now. */
  readonly jobs: readonly Job[];
}

/**
 * What a CronJob does now: takes note of Jobs that ended, starts the newest one that is due by its clock, if its policy about running
 * ones allows, and forgets old ones. Pure.
 */
export function planCronJob(inputs: CronJobInputs, nowMs: number): readonly Action[] {
  const { cron } = inputs;
  const news = tellNews(inputs);
  if (isBeingDeleted(cron)) return news;
  return [...news, ...planStart(inputs, nowMs), ...planHistory(inputs)];
}

/** The status that follows, and the story of what was started. Pure. */
export function concludeCronJob({ cron, jobs }: CronJobInputs, { created, existing, failure }: Outcome): readonly Action[] {
  const started = (created[0] ?? existing) as Job | undefined; // a CronJob creates Jobs only
  const isOurs = started !== undefined && started.metadata.ownerReferences?.some(({ uid }) => uid === cron.metadata.uid) === true;
  const isReplaced = isOurs && cron.spec.concurrencyPolicy === "Replace";
  const active = isReplaced ? [] : runningOf(cron, jobs).map(referenceTo);
  if (isOurs && finishedCondition(started) === undefined && !active.some(({ uid }) => uid === started.metadata.uid)) active.push(referenceTo(started));
  const lastScheduleTime = isOurs ? formatTime(Date.parse(started.metadata.annotations?.[SCHEDULED_TIMESTAMP] ?? "")) : cron.status?.lastScheduleTime;
  const lastSuccessfulTime = newestSuccess(cron, jobs);
  const status: CronJobStatus = {
    ...(active.length === 0 ? {} : { active }),
    ...(lastScheduleTime === undefined ? {} : { lastScheduleTime }),
    ...(lastSuccessfulTime === undefined ? {} : { lastSuccessfulTime }),
  };
  return [
    ...(created[0] === undefined ? [] : [tell(cron, "Normal", "SuccessfulCreate", `Created job ${created[0].metadata.name}`)]),
    ...(failure === undefined ? [] : [tell(cron, "Warning", "FailedCreate", `Error creating job: ${describeError(failure)}`)]),
    ...(hasStatus(cronJobResource, cron, status) ? [] : [update(cronJobResource, { ...cron, status }, "status")]),
  ];
}

/** The Jobs it started that still run: those it names in its status and that exist. */
function runningOf(cron: CronJob, jobs: readonly Job[]): Job[] {
  const known = new Set((cron.status?.active ?? []).map(({ uid }) => uid));
  return jobs.filter((job) => known.has(job.metadata.uid) && finishedCondition(job) === undefined);
}

function tellNews({ cron, jobs }: CronJobInputs): Action[] {
  const active = cron.status?.active ?? [];
  const known = new Set(active.map(({ uid }) => uid));
  const news: Action[] = [];
  for (const job of jobs) {
    const ended = finishedCondition(job);
    if (ended !== undefined && known.has(job.metadata.uid))
      news.push(tell(cron, "Normal", "SawCompletedJob", `Saw completed job: ${job.metadata.name}, condition: ${ended.type}`));
    if (ended === undefined && !known.has(job.metadata.uid) && scheduledMs(job) !== Date.parse(cron.status?.lastScheduleTime ?? ""))
      news.push(tell(cron, "Warning", "UnexpectedJob", `Saw a job that the controller did not create or forgot: ${job.metadata.name}`));
  }
  for (const { uid, name } of active)
    if (!jobs.some((job) => job.metadata.uid === uid)) news.push(tell(cron, "Normal", "MissingJob", `Active job went missing: ${name}`));
  return news;
}

function planStart({ cron, jobs }: CronJobInputs, nowMs: number): readonly Action[] {
  const { spec, metadata, status } = cron;
  if (spec.suspend === true) return [];
  let schedule: CronSchedule;
  try {
    schedule = parseCronSchedule(spec.schedule, spec.timeZone);
  } catch (error) {
    return [tell(cron, "Warning", "UnparseableSchedule", `unparseable schedule: ${spec.schedule} : ${describeError(error)}`)]; // stored before the rules became stricter
  }
  const next = schedule(nowMs);
  // Upstream finds the same by the distance of two starts, which are both the beginning of time.
  if (next === undefined)
    return [tell(cron, "Warning", "InvalidSchedule", `invalid schedule: ${spec.schedule} : time difference between two schedules is less than 1 second`)];
  const again: Action[] = [{ do: "wait", forMs: next - nowMs }];
  const sinceMs = Date.parse(status?.lastScheduleTime ?? metadata.creationTimestamp ?? "");
  const { dueMs, isManyMissed } = computeDueTime(schedule, sinceMs, nowMs);
  if (dueMs === undefined) return again;
  const late: Action[] = isManyMissed
    ? [tell(cron, "Warning", "TooManyMissedTimes", "too many missed start times. Set or decrease .spec.startingDeadlineSeconds or check clock skew")]
    : [];
  if (spec.startingDeadlineSeconds !== undefined && dueMs + spec.startingDeadlineSeconds * 1000 < nowMs) {
    return [...again, ...late, tell(cron, "Warning", "MissSchedule", `Missed scheduled time to start a job: ${httpDate(dueMs)}`)];
  }
  const name = jobName(cron, dueMs);
  const running = runningOf(cron, jobs);
  if (running.some((job) => job.metadata.name === name) || jobs.some((job) => job.metadata.name === name)) return again;
  if (spec.concurrencyPolicy === "Forbid" && running.length > 0) {
    return [
      ...again,
      ...late,
      tell(cron, "Normal", "JobAlreadyActive", "Not starting job because prior execution is running and concurrency policy is Forbid"),
    ];
  }
  const replaced =
    spec.concurrencyPolicy === "Replace"
      ? running.flatMap((job): Action[] => [
          { do: "delete", resource: jobResource, object: job, options: { propagationPolicy: "Background" } },
          tell(cron, "Normal", "SuccessfulDelete", `Deleted job ${job.metadata.name}`),
        ])
      : [];
  return [...again, ...late, ...replaced, create(jobResource, newJob(cron, dueMs))];
}

/** The oldest finished Jobs beyond what is to be kept. */
function planHistory({ cron, jobs }: CronJobInputs): readonly Action[] {
  const { successfulJobsHistoryLimit, failedJobsHistoryLimit } = cron.spec;
  const surplus = (type: string, limit: number | undefined): readonly Job[] => {
    if (limit === undefined) return [];
    const ended = jobs
      .filter((job) => finishedCondition(job)?.type === type && !isBeingDeleted(job))
      .sort((a, b) => startMs(a) - startMs(b) || ((a.metadata.name ?? "") < (b.metadata.name ?? "") ? -1 : 1));
    return ended.slice(0, Math.max(0, ended.length - limit));
  };
  return [...surplus("Complete", successfulJobsHistoryLimit), ...surplus("Failed", failedJobsHistoryLimit)].flatMap((job): Action[] => [
    { do: "delete", resource: jobResource, object: job, options: { propagationPolicy: "Background" } },
    tell(cron, "Normal", "SuccessfulDelete", `Deleted job ${job.metadata.name}`),
  ]);
}

/** Called after the minute, so that the same start is made once, whoever tries it. */
function jobName(cron: CronJob, dueMs: number): string {
  return `${cron.metadata.name}-${Math.floor(dueMs / 60_000)}`;
}

function newJob(cron: CronJob, dueMs: number): Job {
  const { metadata = {}, spec } = cron.spec.jobTemplate;
  if (spec === undefined) throw new Error(`CronJob ${cron.metadata.namespace}/${cron.metadata.name} has no job template`); // validation has seen to it
  return {
    apiVersion: "batch/v1",
    kind: "Job",
    metadata: {
      name: jobName(cron, dueMs),
      namespace: cron.metadata.namespace ?? "",
      labels: { ...metadata.labels },
      annotations: { ...metadata.annotations, [SCHEDULED_TIMESTAMP]: zonedTime(dueMs, cron.spec.timeZone) },
      ownerReferences: [newControllerRef(cron)],
    },
    spec,
  };
}

function referenceTo(job: Job): ObjectReference {
  const { namespace = "", name = "", uid = "", resourceVersion = "" } = job.metadata;
  return { kind: "Job", namespace, name, uid, apiVersion: "batch/v1", resourceVersion };
}

/** The newest end of a Job that went well; what is known already stays when those Jobs are gone. */
function newestSuccess(cron: CronJob, jobs: readonly Job[]): string | undefined {
  const ends = jobs.filter((job) => finishedCondition(job)?.type === "Complete").map((job) => job.status?.completionTime ?? formatTime(finishedMs(job) ?? 0));
  return [...ends, ...(cron.status?.lastSuccessfulTime === undefined ? [] : [cron.status.lastSuccessfulTime])].sort().at(-1);
}

function scheduledMs(job: Job): number {
  return Date.parse(job.metadata.annotations?.[SCHEDULED_TIMESTAMP] ?? "");
}

function startMs(job: Job): number {
  return Date.parse(job.status?.startTime ?? job.metadata.creationTimestamp ?? "") || 0;
}

/** RFC 3339 with the offset of the zone. */
function zonedTime(timeMs: number, timeZone: string | undefined): string {
  const offsetMs = timeZone === undefined ? 0 : createZone(timeZone).offsetAt(timeMs);
  if (offsetMs === 0) return formatTime(timeMs);
  const minutes = Math.abs(offsetMs) / 60_000;
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  return `${formatTime(timeMs + offsetMs).slice(0, -1)}${offsetMs < 0 ? "-" : "+"}${two(minutes / 60)}:${two(minutes % 60)}`;
}

/** RFC 1123 with a numeric zone, as upstream's message has it. */
function httpDate(timeMs: number): string {
  const date = new Date(timeMs);
  return `${DAY_TEXT[date.getUTCDay()]}, ${String(date.getUTCDate()).padStart(2, "0")} ${MONTH_TEXT[date.getUTCMonth()]} ${date.getUTCFullYear()} ${date.toISOString().slice(11, 19)} +0000`;
}
