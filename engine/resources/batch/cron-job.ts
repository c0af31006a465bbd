import { invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { parseCronSchedule } from "../../apimachinery/cron-schedule.ts";
import { createZone } from "../../apimachinery/time-zone.ts";
import { formatLabelSelector } from "../../apimachinery/selectors.ts";
import { ageColumn, nameColumn, templateColumns } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { ageSince } from "../human-duration.ts";
import { validateJobSpec } from "./job-validation.ts";
import { loadSchema } from "../load-schema.ts";
import { withTemplateDefaults } from "../pod-template.ts";
import { cronJobWarnings } from "../warnings/kind-warnings.ts";
import type { CronJob, CronJobSpec, JobTemplateSpec } from "../types.ts";

/** A Job is called after its CronJob and the minute it is for: a dash and ten digits, in 63 characters. */
const NAME_LENGTH_MAX = 52;

export const cronJobResource = defineResource<CronJob>({
  group: "batch",
  version: "v1",
  resource: "cronjobs",
  kind: "CronJob",
  namespaced: true,
  shortNames: ["cj"],
  categories: ["all"],
  schema: () => loadSchema("batch/v1/cron-job.yaml"),
  strategy: {
    hasGeneration: true,
    setDefaults: (cron) => ({ ...cron, spec: { ...cron.spec, jobTemplate: withTemplate(cron.spec.jobTemplate) } }),
    prepareForCreate: (cron) => ({ ...cron, status: {} }),
    validate: (cron) => [...scheduleErrors(cron.spec), ...zoneErrors(cron.spec.timeZone), ...templateErrors(cron.spec.jobTemplate), ...nameErrors(cron)],
    warnings: cronJobWarnings,
  },
  subresources: [{ name: "status" }],
  columns: [
    nameColumn,
    { name: "Schedule", type: "string", description: "When it starts Jobs.", cell: (cron) => cron.spec.schedule },
    { name: "Timezone", type: "string", description: "Where the clock of the schedule is.", cell: (cron) => cron.spec.timeZone ?? "<none>" },
    { name: "Suspend", type: "boolean", description: "Whether it starts nothing for now.", cell: (cron) => (cron.spec.suspend === true ? "True" : "False") },
    { name: "Active", type: "integer", description: "Jobs that run.", cell: (cron) => cron.status?.active?.length ?? 0 },
    {
      name: "Last Schedule",
      type: "string",
      description: "Time since the last start.",
      cell: (cron, now) => (cron.status?.lastScheduleTime === undefined ? "<none>" : ageSince(cron.status.lastScheduleTime, now)),
    },
    ageColumn,
    ...templateColumns<CronJob>((cron) => ({ spec: cron.spec.jobTemplate.spec?.template.spec, selector: cron.spec.jobTemplate.spec?.selector })).map(
      (column) =>
        column.name === "Selector" ? { ...column, cell: (cron: CronJob) => formatLabelSelector(cron.spec.jobTemplate.spec?.selector) || "<none>" } : column,
    ),
  ],
});

/** Only its pods get their defaults here; the Job gets its own when it is made. */
function withTemplate(template: JobTemplateSpec): JobTemplateSpec {
  return template.spec === undefined ? template : { ...template, spec: { ...template.spec, template: withTemplateDefaults(template.spec.template) } };
}

function scheduleErrors({ schedule, timeZone }: CronJobSpec): FieldError[] {
  if (schedule === "") return [requiredField("spec.schedule")];
  // Zones inside of the schedule are of old; a field has taken their place.
  if (schedule.includes("TZ"))
    return [
      invalidField(
        "spec.schedule",
        schedule,
        timeZone === undefined
          ? "cannot use TZ or CRON_TZ in schedule, use timeZone field instead"
          : "cannot use both timeZone field and TZ or CRON_TZ in schedule",
      ),
    ];
  try {
    parseCronSchedule(schedule);
    return [];
  } catch (error) {
    return [invalidField("spec.schedule", schedule, (error as Error).message)]; // parseCronSchedule throws Errors only
  }
}

function zoneErrors(timeZone: string | undefined): FieldError[] {
  const at = "spec.timeZone";
  if (timeZone === undefined) return [];
  if (timeZone === "") return [invalidField(at, timeZone, "timeZone must be nil or non-empty string")];
  if (timeZone.toLowerCase() === "local")
    return [invalidField(at, timeZone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones")];
  const isName = timeZone.split("/").every((part) => part !== "." && part !== ".." && /^[A-Za-z._0-9+][A-Za-z.\-_0-9+]{0,13}$/.test(part));
  try {
    if (isName) createZone(timeZone);
    return isName ? [] : [invalidField(at, timeZone, `unknown time zone ${timeZone}`)];
  } catch {
    return [invalidField(at, timeZone, `unknown time zone ${timeZone}`)];
  }
}

function templateErrors({ spec }: JobTemplateSpec): FieldError[] {
  const at = "spec.jobTemplate.spec";
  if (spec === undefined) return [requiredField(`${at}.template.spec.containers`)];
  const errors = validateJobSpec(spec, at);
  if (spec.selector !== undefined) errors.push(invalidField(`${at}.selector`, spec.selector, "`selector` will be auto-generated"));
  if (spec.manualSelector === true) errors.push(unsupportedValue(`${at}.manualSelector`, true, ["nil", "false"]));
  return errors;
}

/** Only of new ones: an old one with a longer name must still be changed and deleted. */
function nameErrors({ metadata }: CronJob): FieldError[] {
  const isNew = metadata.resourceVersion === undefined;
  return isNew && (metadata.name ?? "").length > NAME_LENGTH_MAX
    ? [invalidField("metadata.name", metadata.name, `must be no more than ${NAME_LENGTH_MAX} characters`)]
    : [];
}
