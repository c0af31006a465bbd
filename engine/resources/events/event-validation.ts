import { invalidField, invalidFields, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainError, qualifiedNameProblems } from "../../apimachinery/names.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { CoreEvent } from "../types.ts";

const LENGTH_MAX = 128;
const NOTE_LENGTH_MAX = 1024;
const UNCHANGEABLE = [
  "involvedObject",
  "reason",
  "message",
  "source",
  "firstTimestamp",
  "lastTimestamp",
  "count",
  "type",
  "eventTime",
  "action",
  "related",
] as const;

/**
 * What holds for every event, whichever of the two addresses it comes by; `controllerField` is what that one calls the event's reporter. An
 * event with an eventTime is of the newer kind and must be complete.
 */
export function validateEvent(event: CoreEvent, controllerField: "reportingController" | "reportingComponent"): FieldError[] {
  const { namespace = "" } = event.metadata;
  const errors = !event.eventTime ? olderErrors(event) : newerErrors(event, controllerField);
  const problem = dnsSubdomainError(namespace);
  return problem === undefined ? errors : [...errors, invalidField("namespace", namespace, problem)];
}

/** Beyond that, for events that come by events.k8s.io. */
export function validateStrictly(event: CoreEvent): FieldError[] {
  const errors = seriesErrors(event);
  if (!event.eventTime) errors.push(requiredField("eventTime"));
  if (event.type !== "Normal" && event.type !== "Warning") errors.push(invalidField("type", "", `has invalid value: ${event.type ?? ""}`));
  const unset: readonly (readonly [string, boolean])[] = [
    ["firstTimestamp", Boolean(event.firstTimestamp)],
    ["lastTimestamp", Boolean(event.lastTimestamp)],
    ["count", (event.count ?? 0) !== 0],
    ["source", Boolean(event.source?.component) || Boolean(event.source?.host)],
  ];
  return [...errors, ...unset.flatMap(([field, isSet]) => (isSet ? [invalidField(field, "", "needs to be unset")] : []))];
}

/** An event that came by events.k8s.io only ever continues its series. */
export function validateContinuation(event: CoreEvent, old: CoreEvent): FieldError[] {
  const changed = UNCHANGEABLE.filter((field) => !jsonEqual(event[field], old[field])).map((field) => invalidField(field, event[field], "field is immutable"));
  if ((event.reportingComponent ?? "") !== (old.reportingComponent ?? ""))
    changed.push(invalidField("reportingController", event.reportingComponent, "field is immutable"));
  if ((event.reportingInstance ?? "") !== (old.reportingInstance ?? ""))
    changed.push(invalidField("reportingInstance", event.reportingInstance, "field is immutable"));
  return jsonEqual(event.series, old.series) ? changed : [...seriesErrors(event), ...changed];
}

/** An event lives where its object does; events about cluster-scoped objects live in the namespace default. */
function olderErrors({ metadata, involvedObject }: CoreEvent): FieldError[] {
  return metadata.namespace === (involvedObject.namespace || "default") ? [] : [mismatch(involvedObject.namespace)];
}

function newerErrors(
  { metadata, involvedObject, reportingComponent = "", reportingInstance = "", action = "", reason = "", message = "" }: CoreEvent,
  controllerField: string,
): FieldError[] {
  const errors: FieldError[] = [];
  if (!involvedObject.namespace && metadata.namespace !== "default" && metadata.namespace !== "kube-system") errors.push(mismatch(involvedObject.namespace));
  if (reportingComponent === "") errors.push(requiredField(controllerField));
  errors.push(...invalidFields(controllerField, reportingComponent, qualifiedNameProblems(reportingComponent)));
  for (const [field, value] of [
    ["reportingInstance", reportingInstance],
    ["action", action],
    ["reason", reason],
  ] as const) {
    if (value === "") errors.push(requiredField(field));
    if (value.length > LENGTH_MAX) errors.push(invalidField(field, "", `can have at most ${LENGTH_MAX} characters`));
  }
  if (message.length > NOTE_LENGTH_MAX) errors.push(invalidField("message", "", `can have at most ${NOTE_LENGTH_MAX} characters`));
  return errors;
}

function seriesErrors({ series }: CoreEvent): FieldError[] {
  if (series === undefined) return [];
  const errors = (series.count ?? 0) < 2 ? [invalidField("series.count", "", "should be at least 2")] : [];
  return !series.lastObservedTime ? [...errors, requiredField("series.lastObservedTime")] : errors;
}

function mismatch(namespace: string | undefined): FieldError {
  return invalidField("involvedObject.namespace", namespace ?? "", "does not match event.namespace");
}
