import { queryFlag, queryInteger } from "./query-values.ts";
import type { ListOptions } from "./api-request.ts";
import { forbiddenField, invalid, unsupportedValue, type FieldError } from "./field-error.ts";
import { decodeContinueToken } from "./continue-token.ts";
import { parseFieldSelector, parseLabelSelector } from "./selectors.ts";
import { badRequest, expired, StatusError, withoutReason } from "./status-error.ts";

/** Reads the query of a list or watch. Throws a 400 for numbers and booleans that are none; rules between options: `validateListOptions`. */
export function parseListOptions(query: URLSearchParams): ListOptions {
  const text = (name: string) => query.get(name) || undefined;
  return withoutUndefined({
    labelSelector: text("labelSelector"),
    fieldSelector: text("fieldSelector"),
    resourceVersion: text("resourceVersion"),
    resourceVersionMatch: text("resourceVersionMatch") as ListOptions["resourceVersionMatch"], // other values are refused by validateListOptions
    limit: integerParameter(query, "limit"),
    continue: text("continue"),
    timeoutSeconds: integerParameter(query, "timeoutSeconds"),
    allowWatchBookmarks: booleanParameter(query, "allowWatchBookmarks"),
    sendInitialEvents: booleanParameter(query, "sendInitialEvents"),
  });
}

/** Reads the query of a watch, which says of itself what it begins with. Throws what `parseListOptions` and `validateListOptions` throw. */
export function parseWatchOptions(query: URLSearchParams): ListOptions {
  const options = parseListOptions(query);
  const { resourceVersion = "0", resourceVersionMatch, sendInitialEvents } = options;
  // Who takes bookmarks gets one behind what there is, also if he did not ask for it.
  if (resourceVersion === "0" && resourceVersionMatch === undefined && sendInitialEvents === undefined)
    return { ...options, sendInitialEvents: true, resourceVersionMatch: "NotOlderThan" };
  return options;
}

/** The same of a watch by an address of the older form: its options are judged as those of a list, and it knows of no match and no pages. */
export function parseOlderWatchOptions(query: URLSearchParams): ListOptions {
  const options = parseListOptions(query);
  refuse(listErrors(options), options);
  const { resourceVersionMatch: _match, continue: _token, ...watched } = options;
  return watched;
}

/** Upstream's rules about which options go together. Throws its 422, or its 400 for a continue token that is none, or that has a resourceVersion beside it. */
export function validateListOptions(options: ListOptions, verb: "list" | "watch"): void {
  refuse(verb === "watch" ? watchErrors(options) : listErrors(options), options);
  if (verb === "watch" || options.continue === undefined) return;
  decodeContinueToken(options.continue);
  if (options.resourceVersion !== undefined && options.resourceVersion !== "0") {
    throw badRequest("specifying resource version is not allowed when using continue");
  }
}

/** A resourceVersion as a revision; undefined when none was given. Throws upstream's 400 for other text. */
export function parseResourceVersion(text: string | undefined): number | undefined {
  const problem = versionProblem(text);
  if (problem !== undefined) throw badRequest(`invalid resource version: ${problem}`);
  return text === undefined || text === "" ? undefined : Number(text);
}

/**
 * Throws for a version that is no number, where one object is read or something is watched: upstream's store comes upon it there, which is
 * a failure of its own.
 */
export function requireVersion(text: string | undefined): void {
  const problem = versionProblem(text);
  if (problem !== undefined) throw withoutReason(problem);
}

function versionProblem(text: string | undefined): string | undefined {
  if (text === undefined || text === "") return undefined;
  const revision = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(revision)) return undefined;
  const why = Number.isNaN(revision) ? "invalid syntax" : "value out of range";
  return `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: ${why}`;
}

/** The answer to a resourceVersion that has not happened within the time a reader waits for it. */
export function resourceVersionTooLarge(asked: number, current: number): StatusError {
  return new StatusError("Timeout", `Timeout: Too large resource version: ${asked}, current: ${current}`, {
    causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    retryAfterSeconds: 1,
  });
}

/** Whether an error is that answer. */
export function isResourceVersionTooLarge(error: unknown): boolean {
  return error instanceof StatusError && error.status.details?.causes?.some(({ reason }) => reason === "ResourceVersionTooLarge") === true;
}

/** The answer to a resourceVersion whose history has been compacted, or at least forgotten up to `oldest`: list again. */
export function resourceVersionTooOld(asked: number, oldest: number | "RV" = "RV"): StatusError {
  return expired(`too old resource version: ${asked} (${oldest})`);
}

/** Selectors that cannot be read are told of first. */
function refuse(errors: readonly FieldError[], { labelSelector = "", fieldSelector = "" }: ListOptions): void {
  if (errors.length === 0) return;
  parseLabelSelector(labelSelector);
  parseFieldSelector(fieldSelector);
  throw invalid("meta.k8s.io", "ListOptions", "", errors);
}

function listErrors({ resourceVersion = "", resourceVersionMatch, continue: token, sendInitialEvents }: ListOptions): FieldError[] {
  const errors: FieldError[] = [];
  if (resourceVersionMatch !== undefined) {
    if (resourceVersion === "") errors.push(forbiddenField("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"));
    if (token !== undefined) errors.push(forbiddenField("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"));
    if (!["Exact", "NotOlderThan"].includes(resourceVersionMatch))
      errors.push(unsupportedValue("resourceVersionMatch", resourceVersionMatch, ["Exact", "NotOlderThan", ""]));
    if (resourceVersionMatch === "Exact" && resourceVersion === "0")
      errors.push(forbiddenField("resourceVersionMatch", 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"'));
  }
  if (sendInitialEvents !== undefined) errors.push(forbiddenField("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  return errors;
}

function watchErrors({ resourceVersionMatch, continue: token, sendInitialEvents }: ListOptions): FieldError[] {
  const errors: FieldError[] = [];
  if (sendInitialEvents !== undefined && resourceVersionMatch !== "NotOlderThan")
    errors.push(forbiddenField("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
  if (resourceVersionMatch === undefined) return errors;
  if (sendInitialEvents === undefined)
    errors.push(forbiddenField("resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
  if (resourceVersionMatch !== "NotOlderThan") errors.push(unsupportedValue("resourceVersionMatch", resourceVersionMatch, ["NotOlderThan"]));
  if (token !== undefined) errors.push(forbiddenField("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"));
  return errors;
}

function integerParameter(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  return queryInteger(text);
}

function booleanParameter(query: URLSearchParams, name: string): boolean | undefined {
  const text = query.get(name);
  return text === null ? undefined : queryFlag(text);
}

function withoutUndefined<T extends object>(value: T): T {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as T; // the same fields, fewer of them
}
