/** Labels by which a Job finds its pods; the old ones without a prefix are still what many people select by. */
export const JOB_LABELS = {
  controllerUid: "batch.kubernetes.io/controller-uid",
  jobName: "batch.kubernetes.io/job-name",
  legacyControllerUid: "controller-uid",
  legacyJobName: "job-name",
} as const;

/** Says which of a Job's indexes a pod is, as label and annotation. */
export const COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index";

/** Keeps a pod until its Job has counted it. */
export const JOB_TRACKING_FINALIZER = "batch.kubernetes.io/job-tracking";

/** Failures of a pod's index before it, counted and ignored ones. */
export const INDEX_FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count";
export const INDEX_IGNORED_FAILURE_COUNT = "batch.kubernetes.io/job-index-ignored-failure-count";

/** The time by the schedule for which a CronJob started a Job. */
export const SCHEDULED_TIMESTAMP = "batch.kubernetes.io/cronjob-scheduled-timestamp";

/** What `managedBy` says when it is the built-in controller. */
export const JOB_CONTROLLER_NAME = "kubernetes.io/job-controller";
