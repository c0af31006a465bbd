import { unsupportedValue, type FieldError } from "../apimachinery/field-error.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { POD_SPECS, valueAt } from "./pod-places.ts";
import type { PodSpec } from "./types.ts";

/** How the files of volumes come by the labels of SELinux; the first is a feature that is off in 1.36. */
const RELABELLINGS = ["MountOption", "Recursive"];

/** Values that a feature would allow which is off in 1.36: refused, but of an object that had one in that field before. Pure. */
export function disabledValueErrors(
  { group, resource }: { readonly group: string; readonly resource: string },
  object: KubeObject,
  old: KubeObject | undefined,
): FieldError[] {
  const path = POD_SPECS[`${group}/${resource}`];
  if (path === undefined) return [];
  const relabelsOf = (of: KubeObject | undefined) => (valueAt(of, path) as PodSpec | undefined)?.securityContext?.seLinuxChangePolicy; // by the kind's path
  const allowed = relabelsOf(old) === undefined ? ["Recursive"] : RELABELLINGS;
  const relabels = relabelsOf(object);
  return relabels === undefined || allowed.includes(relabels)
    ? []
    : [unsupportedValue(`${path.join(".")}.securityContext.seLinuxChangePolicy`, relabels, allowed)];
}
