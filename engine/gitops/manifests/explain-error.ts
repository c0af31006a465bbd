import type { Schema } from "../../apimachinery/schema.ts";
import { StatusError } from "../../apimachinery/status-error.ts";
import { describeError } from "../../lib/log.ts";
import { structuralPathOf } from "./field-path.ts";

/** The few integers of the API that may be negative; for all others "an integer" would be half of the truth. */
const SIGNED_FIELDS: ReadonlySet<string> = new Set(["priority", "value", "values", "tolerationSeconds", "exitCode"]);

/** The API's wording of a field error, as a sentence for someone who edits a file: the line shows the value already. */
export function plainMessage(message: string, field: string): string {
  const name = String(structuralPathOf(field).at(-1) ?? "");
  const [, detail = message] = /^(?:Invalid value: (?:"(?:[^"\\]|\\.)*"|\{.*?\}|\[.*?\]|[^:]*): |Forbidden: |Required value: )(.*)$/s.exec(message) ?? [];
  if (detail === "must be an integer" || detail === "must be greater than or equal to 0")
    return SIGNED_FIELDS.has(name) ? "must be an integer" : "must be a non-negative integer";
  if (detail === "Required value") return "is required";
  const unsupported = /^Unsupported value: (.*?): supported values: (.*)$/s.exec(detail);
  if (unsupported !== null) return `must be one of ${unsupported[2]}`;
  const duplicate = /^Duplicate value: (.*)$/s.exec(detail);
  return duplicate === null ? detail : `is there twice: ${duplicate[1]}`;
}

/** What to say about a field that its kind does not have, with the likely spelling when there is one. */
export function unknownFieldMessage(field: string, schema: Schema): string {
  const steps = structuralPathOf(field);
  const name = String(steps.at(-1) ?? "");
  let parent: Schema | undefined = schema;
  for (const step of steps.slice(0, -1))
    parent =
      typeof step === "number"
        ? parent?.items
        : (parent?.properties?.[step] ?? (typeof parent?.additionalProperties === "object" ? parent.additionalProperties : undefined));
  const closest = Object.keys(parent?.properties ?? {})
    .map((candidate) => ({ candidate, distance: editDistance(name.toLowerCase(), candidate.toLowerCase()) }))
    .filter(({ distance }) => distance <= (name.length < 5 ? 1 : Math.max(2, Math.floor(name.length / 3))))
    .sort((a, b) => a.distance - b.distance)[0];
  return closest === undefined ? "unknown field" : `unknown field; is ${closest.candidate} meant?`;
}

/** A complaint about something encrypted: what stands behind a colon may be the value itself. */
export function withoutValues(message: string): string {
  const colon = message.indexOf(":");
  return colon < 0 ? message : `${message.slice(0, colon)} (not shown: the file is encrypted)`;
}

/** One complaint of the server about an object; without a field it is about the object as a whole. */
export interface Complaint {
  readonly field?: string;
  readonly message: string;
  readonly isImmutable: boolean;
}

/** Upstream's ways to say that a field stays as it was made. */
const IMMUTABLE = /immutable|may not be changed|may not change once set|can ?not change roleRef|updates to .* are forbidden/i;

/** Everything a failed dry run says, one complaint per field. */
export function complaintsOf(error: unknown): readonly Complaint[] {
  if (!(error instanceof StatusError)) return [{ message: describeError(error), isImmutable: false }];
  const causes = (error.status.details?.causes ?? []).filter((cause) => cause.field !== undefined && cause.field !== "");
  if (error.reason === "Invalid" && causes.length > 0) {
    return causes.map((cause) => ({
      field: cause.field ?? "",
      message: plainMessage(cause.message ?? "", cause.field ?? ""),
      isImmutable: IMMUTABLE.test(cause.message ?? ""),
    }));
  }
  const unknown = [...error.message.matchAll(/unknown field "([^"]+)"/g)].map((match) => match[1] ?? "");
  if (unknown.length > 0) return unknown.map((field) => ({ field, message: "unknown field", isImmutable: false }));
  const missing = /^namespaces "([^"]+)" not found$/.exec(error.message);
  if (missing !== null)
    return [{ field: "metadata.namespace", message: `there is no Namespace ${missing[1]}; add a manifest for it to the repository`, isImmutable: false }];
  return [{ message: error.message, isImmutable: false }];
}

function editDistance(from: string, to: string): number {
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let i = 1; i <= from.length; i++) {
    const next = [i];
    for (let j = 1; j <= to.length; j++)
      next.push(Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (from[i - 1] === to[j - 1] ? 0 : 1)));
    row = next;
  }
  return row[to.length] ?? 0;
}
