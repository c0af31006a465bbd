import { controllerOf, objectKey, splitKey } from "../../apimachinery/object-meta.ts";
import { isControlledBy } from "../../apimachinery/owner-references.ts";
import { unlessGone } from "../../apimachinery/status-error.ts";
import { cronJobResource } from "../../resources/batch/cron-job.ts";
import { jobResource } from "../../resources/batch/job.ts";
import type { Job } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";
import { watch, type ControllerDefinition } from "../define-controller.ts";
import { concludeCronJob, planCronJob, type CronJobInputs } from "./cron-job-plan.ts";

/** Starts Jobs by the clock. */
export function cronJobController({ informers, client }: ControllerContext): ControllerDefinition<CronJobInputs> {
  const crons = informers.informer(cronJobResource);
  const jobs = informers.informer(jobResource);
  const ownersOf = (job: Job): string[] => {
    const owner = controllerOf(job);
    return owner?.kind === "CronJob" ? [`${job.metadata.namespace}/${owner.name}`] : [];
  };
  return {
    name: "cronjob-controller",
    watches: [watch(crons, (cron) => [objectKey(cron)]), watch(jobs, ownersOf)],
    async observe(key) {
      const { namespace, name } = splitKey(key);
      const cron = crons.get(namespace, name);
      if (cron === undefined) return undefined;
      const children = jobs.list(namespace).filter((job) => isControlledBy(job, cron));
      // Before a Job that is called active counts as gone, the API itself is asked.
      const unseen = (cron.status?.active ?? []).filter(({ uid }) => !children.some((job) => job.metadata.uid === uid));
      const found = await Promise.all(unseen.map(({ name: jobName = "" }) => unlessGone(client.for(jobResource).get(namespace, jobName))));
      return { cron, jobs: [...children, ...(found.filter((job) => job !== undefined && unseen.some(({ uid }) => uid === job.metadata.uid)) as Job[])] }; // undefined was filtered out
    },
    plan: planCronJob,
    conclude: concludeCronJob,
  };
}
