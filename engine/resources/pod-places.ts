/** Where the kinds that have a pod's spec have it: names of fields from the top of an object on. */
export const POD_SPECS: Readonly<Record<string, readonly string[]>> = {
  "/pods": ["spec"],
  "/podtemplates": ["template", "spec"],
  "/replicationcontrollers": ["spec", "template", "spec"],
  "apps/deployments": ["spec", "template", "spec"],
  "apps/replicasets": ["spec", "template", "spec"],
  "apps/daemonsets": ["spec", "template", "spec"],
  "apps/statefulsets": ["spec", "template", "spec"],
  "batch/jobs": ["spec", "template", "spec"],
  "batch/cronjobs": ["spec", "jobTemplate", "spec", "template", "spec"],
};

/** What stands at such a place; undefined where there is none. */
export function valueAt(object: unknown, place: readonly string[]): unknown {
  let value = object;
  for (const name of place) value = typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined; // an object
  return value;
}
