import { invalidField, type FieldError } from "../../apimachinery/field-error.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { goText, goType, isInt64 } from "../../apimachinery/go-text.ts";
import { internalError } from "../../apimachinery/status-error.ts";
import type { ScaleAccess } from "../define-resource.ts";
import type { CustomResourceSubresourceScale } from "../types.ts";
import { isJsonObject } from "./value-errors.ts";

const REPLICAS_MAX = 2 ** 31 - 1;

/** How a custom kind is scaled, by the paths that its definition names. */
export function customScale({ specReplicasPath, statusReplicasPath, labelSelectorPath = "" }: CustomResourceSubresourceScale): ScaleAccess<KubeObject> {
  return {
    specReplicas(object) {
      const value = valueAt(object, specReplicasPath);
      if (value === undefined) throw internalError(`the spec replicas field ${JSON.stringify(specReplicasPath)} does not exist`);
      return Number(value);
    },
    lacksReplicas: (object) => valueAt(object, specReplicasPath) === undefined,
    statusReplicas: (object) => Number(valueAt(object, statusReplicasPath) ?? 0),
    selector: (object) => (labelSelectorPath === "" ? "" : String(valueAt(object, labelSelectorPath) ?? "")),
    withReplicas: (object, replicas) => withValue(object, stepsOf(specReplicasPath), replicas) as KubeObject, // only a number inside of it differs
  };
}

/** Replicas are whole numbers from zero on; what is wanted is judged by writes of the object, what is counted also by those of its status. */
export function scaleErrors(
  object: KubeObject,
  { specReplicasPath, statusReplicasPath, labelSelectorPath = "" }: CustomResourceSubresourceScale,
  isStatus: boolean,
): FieldError[] {
  const selector = labelSelectorPath === "" ? undefined : valueAt(object, labelSelectorPath);
  return [
    ...(isStatus ? [] : replicasErrors(object, specReplicasPath)),
    ...replicasErrors(object, statusReplicasPath),
    ...(selector === undefined || typeof selector === "string"
      ? []
      : [invalidField(labelSelectorPath, "", `${labelSelectorPath} accessor error: ${foundText(selector)}, expected string`)]),
  ];
}

function replicasErrors(object: KubeObject, path: string): FieldError[] {
  const value = valueAt(object, path);
  if (value === undefined) return [];
  if ((typeof value !== "number" && typeof value !== "bigint") || !isInt64(value))
    return [invalidField(path, 0, `${path} accessor error: ${foundText(value)}, expected int64`)];
  if (value < 0) return [invalidField(path, value, "should be a non-negative integer")];
  return value > REPLICAS_MAX ? [invalidField(path, value, `should be less than or equal to ${REPLICAS_MAX}`)] : [];
}

/** A value and its type, as Go prints both. */
function foundText(value: unknown): string {
  return `${goText(value)} is of the type ${goType(value)}`;
}

function stepsOf(path: string): readonly string[] {
  return path.replace(/^\./, "").split(".");
}

function valueAt(object: unknown, path: string): unknown {
  return stepsOf(path).reduce<unknown>((value, step) => (isJsonObject(value) && Object.hasOwn(value, step) ? value[step] : undefined), object);
}

function withValue(object: unknown, [first, ...rest]: readonly string[], value: unknown): unknown {
  if (first === undefined) return value;
  const fields = isJsonObject(object) ? object : {};
  return { ...fields, [first]: withValue(fields[first], rest, value) };
}
