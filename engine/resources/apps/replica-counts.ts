import { invalidField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";

type Counts<K extends string> = { readonly [key in K]?: number };

/** Numbers in a status that cannot be negative. */
export function negativeCounts<K extends string>(status: Counts<K>, fields: readonly K[]): FieldError[] {
  return fields.flatMap((field) => ((status[field] ?? 0) < 0 ? [invalidField(`status.${field}`, status[field], "must be greater than or equal to 0")] : []));
}

/** `parts` are some of all the pods, and none are available that are not ready. */
export function partErrors<K extends string>(status: Counts<K | "replicas" | "readyReplicas" | "availableReplicas">, parts: readonly K[]): FieldError[] {
  const { replicas = 0, readyReplicas: ready = 0, availableReplicas: available = 0 } = status;
  const errors = parts.flatMap((field) =>
    (status[field] ?? 0) > replicas ? [invalidField(`status.${field}`, status[field], "cannot be greater than status.replicas")] : [],
  );
  return available > ready ? [...errors, invalidField("status.availableReplicas", available, "cannot be greater than readyReplicas")] : errors;
}

interface Strategy {
  readonly type?: string;
  readonly rollingUpdate?: { readonly maxUnavailable?: number | string; readonly maxSurge?: number | string };
}

/** Of a strategy that nobody knows, upstream shows the whole as its Go type. */
export function strategyErrors(field: string, { type, rollingUpdate }: Strategy, known: readonly string[]): FieldError[] {
  if (type === undefined || known.includes(type)) return [];
  return [
    unsupportedValue(
      field,
      { Type: type, RollingUpdate: rollingUpdate === undefined ? null : { MaxUnavailable: rollingUpdate.maxUnavailable, MaxSurge: rollingUpdate.maxSurge } },
      known,
    ),
  ];
}

/** How often a name was taken is counted for good. */
export function collisionErrors(status: Counts<"collisionCount"> | undefined, old: Counts<"collisionCount"> | undefined): FieldError[] {
  const [now, before] = [status?.collisionCount, old?.collisionCount];
  return before !== undefined && (now ?? 0) < before ? [invalidField("status.collisionCount", now ?? 0, "cannot be decremented")] : [];
}
