import type { Schema } from "../../apimachinery/schema.ts";
import { StatusError } from "../../apimachinery/status-error.ts";
import { describeError } from "../../lib/log.ts";
import { structuralPathOf } from "../../apimachinery/field-path.ts";

/** The few integers of the API that may be negative; for all others "an integer" would be half of the truth. */
const SIGNED_FIELDS: ReadonlySet<string> = new Set(["priority", "value", "values", "tolerationSeconds", "exitCode"]);

/** How the API shows a value: a number, a word, or JSON. */
const VALUE = String.raw`(?:"(?:[^"\\]|\\.)*"|\{.*?\}|\[.*?\]|-?\d[^\s:]*|true|false|null)`;
const WITH_VALUE = new RegExp(`^(?:Invalid value: ${VALUE}: |Forbidden: |Required value: |Too long: (?:${VALUE}: )?|Too many: ${VALUE}: )(.*)$`, "s");

/**
 * The API's wording of a field error, as a sentence for someone who edits a file: the line shows the value already. Nothing is known of
 * integers of custom kinds but what their own rules say.
 */
export function plainMessage(message: string, field: string, isCustom = false): string {
  const name = String(structuralPathOf(field).at(-1) ?? "");
  const [, detail = message] = WITH_VALUE.exec(message) ?? [];
  if (detail === "must be an integer" || detail === "must be greater than or equal to 0")
    return isCustom ? detail : SIGNED_FIELDS.has(name) ? "must be an integer" : "must be a non-negative integer";
  const ofSchema = detail.startsWith(`${field} in body `) ? detail.slice(field.length + " in body ".length) : undefined;
  if (ofSchema !== undefined) return plainSchemaMessage(ofSchema);
  // Only rules in CEL leave the value out: it is the whole object. Behind the colon they may quote any of it.
  const rule = /^Invalid value: (.*)$/s.exec(detail);
  if (rule !== null) return `breaks a rule of its kind: ${rule[1]}`;
  if (detail === "Required value") return "is required";
  const unsupported = /^Unsupported value: (.*?): supported values: (.*)$/s.exec(detail);
  if (unsupported !== null) return `must be one of ${unsupported[2]}`;
  const duplicate = /^Duplicate value: (.*)$/s.exec(detail);
  return duplicate === null ? detail : `is there twice: ${duplicate[1]}`;
}

/** What the schema of a custom kind says, in the words of those of built-in ones. */
function plainSchemaMessage(message: string): string {
  const type = /^must be of type ([^:]*): (.*)$/s.exec(message);
  if (type !== null) return `must be of type ${type[1]?.replaceAll(",", " or ")}${type[2] === '"null"' ? ", not empty (null)" : ""}`;
  return message
    .replace(/^should (be|have|match) /, "must $1 ")
    .replace(/ chars long$/, " characters long")
    .replace(/^shouldn't contain duplicates$/, "must not contain anything twice");
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
