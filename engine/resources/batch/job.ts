import { isConditionTrue } from "../../apimachinery/conditions.ts";
import { ageColumn, nameColumn, templateColumns } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { humanDuration } from "../human-duration.ts";
import { loadSchema } from "../load-schema.ts";
import { jobWarnings } from "../warnings/kind-warnings.ts";
import { withTemplateDefaults } from "../pod-template.ts";
import type { Job, JobSpec } from "../types.ts";
import { JOB_LABELS } from "./job-labels.ts";
import { validateJobStatus } from "./job-status-validation.ts";
import { validateJob, validateJobUpdate } from "./job-validation.ts";

const NO_LIMIT = 2_147_483_647;
const BACKOFF_LIMIT = 6;

export const jobResource = defineResource<Job>({
  group: "batch",
  version: "v1",
  resource: "jobs",
  kind: "Job",
  namespaced: true,
  categories: ["all"],
  schema: () => loadSchema("batch/v1/job.yaml"),
  strategy: {
    metadataOnUpdate: "both",
    hasGeneration: true,
    orphansByDefault: {
      warning:
        "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning",
    },
    setDefaults: withDefaults,
    prepareForCreate: (job) => withGeneratedSelector({ ...job, status: {} }),
    validate: validateJob,
    validateUpdate: validateJobUpdate,
    validateStatusUpdate: validateJobStatus,
    warnings: jobWarnings,
  },
  subresources: [{ name: "status" }],
  columns: [
    nameColumn,
    { name: "Status", type: "string", description: "What the Job is doing.", cell: statusText },
    { name: "Completions", type: "string", description: "Pods that have succeeded of those that must.", cell: completionsText },
    { name: "Duration", type: "string", description: "Time from start to end.", cell: durationText },
    ageColumn,
    ...templateColumns<Job>((job) => ({ spec: job.spec.template.spec, selector: job.spec.selector })),
  ],
  selectableFields: { "status.successful": (job) => String(job.status?.succeeded ?? 0) },
});

function withDefaults(job: Job): Job {
  const { spec, metadata } = job;
  const labels = spec.template.metadata?.labels;
  // Without labels of its own a Job has those of its pods: what their author gave them, or else what they are given.
  const lacksLabels = isEmpty(metadata.labels) && labels !== undefined;
  return { ...job, ...(lacksLabels ? { metadata: { ...metadata, labels } } : {}), spec: withJobSpecDefaults(spec) };
}

function withJobSpecDefaults(spec: JobSpec): JobSpec {
  // A Job that says neither how many nor how many at a time runs one pod, once.
  const isSingle = spec.completions === undefined && spec.parallelism === undefined;
  return {
    ...spec,
    ...(isSingle ? { completions: 1 } : {}),
    parallelism: spec.parallelism ?? 1,
    completionMode: spec.completionMode ?? "NonIndexed",
    suspend: spec.suspend ?? false,
    manualSelector: spec.manualSelector ?? false,
    backoffLimit: spec.backoffLimit ?? (spec.backoffLimitPerIndex === undefined ? BACKOFF_LIMIT : NO_LIMIT),
    podReplacementPolicy: spec.podReplacementPolicy ?? (spec.podFailurePolicy === undefined ? "TerminatingOrFailed" : "Failed"),
    template: withTemplateDefaults(spec.template),
  };
}

/**
 * A Job finds its pods by its own uid, unless its author insists on a selector. Labels that a Job which is copied brings along are replaced
 * only where nobody set them.
 */
function withGeneratedSelector(job: Job): Job {
  if (job.spec.manualSelector === true) return job;
  const { uid = "", name = "" } = job.metadata;
  const { template, selector } = job.spec;
  const labels = {
    [JOB_LABELS.controllerUid]: uid,
    [JOB_LABELS.legacyControllerUid]: uid,
    [JOB_LABELS.jobName]: name,
    [JOB_LABELS.legacyJobName]: name,
    ...template.metadata?.labels,
  };
  const matchLabels = {
    ...selector?.matchLabels,
    ...(selector?.matchLabels?.[JOB_LABELS.controllerUid] === undefined ? { [JOB_LABELS.controllerUid]: uid } : {}),
  };
  // As upstream, where the labels that a Job took over from its template are the very same map, which gets these as well.
  const isShared = isEmpty(job.metadata.labels) || job.metadata.labels === template.metadata?.labels;
  const metadata = isShared ? { ...job.metadata, labels } : job.metadata;
  return {
    ...job,
    metadata,
    spec: { ...job.spec, selector: { ...selector, matchLabels }, template: { ...template, metadata: { ...template.metadata, labels } } },
  };
}

function isEmpty(labels: Readonly<Record<string, string>> | undefined): boolean {
  return Object.keys(labels ?? {}).length === 0;
}

function statusText({ metadata, status }: Job): string {
  const is = (type: string) => isConditionTrue(status?.conditions, type);
  if (is("Complete")) return "Complete";
  if (is("Failed")) return "Failed";
  if (metadata.deletionTimestamp !== undefined) return "Terminating";
  if (is("Suspended")) return "Suspended";
  if (is("FailureTarget")) return "FailureTarget";
  return is("SuccessCriteriaMet") ? "SuccessCriteriaMet" : "Running";
}

function completionsText({ spec, status }: Job): string {
  const succeeded = status?.succeeded ?? 0;
  if (spec.completions !== undefined) return `${succeeded}/${spec.completions}`;
  const parallelism = spec.parallelism ?? 0;
  return parallelism > 1 ? `${succeeded}/1 of ${parallelism}` : `${succeeded}/1`;
}

function durationText({ status }: Job, now: number): string {
  if (status?.startTime === undefined) return "";
  const { completionTime: end } = status;
  return humanDuration((end ? Date.parse(end) : now) - Date.parse(status.startTime));
}
