import { forbiddenField, invalid, invalidField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { queryFlag, queryInteger } from "../../apimachinery/query-values.ts";
import { badRequest } from "../../apimachinery/status-error.ts";
import { timeProblem } from "../../apimachinery/time-problem.ts";
import { wholeNumber } from "../../lib/json.ts";

const STREAMS = ["All", "Stderr", "Stdout"] as const;

/** How somebody wants to read a container's log. */
export interface PodLogOptions {
  readonly follow: boolean;
  readonly previous: boolean;
  readonly timestamps: boolean;
  readonly sinceSeconds: number | undefined;
  /** Milliseconds since the epoch. */
  readonly sinceTimeMs: number | undefined;
  readonly tailLines: number | undefined;
  readonly limitBytes: number | undefined;
  readonly stream: (typeof STREAMS)[number];
}

/** Reads what a query asks for, as API server and node agent do. Throws 400 for what cannot be read, 422 for what cannot be asked. */
export function parsePodLogOptions(query: URLSearchParams, pod: string): PodLogOptions {
  const errors: FieldError[] = [];
  const number = (name: string, least: number): number | undefined => {
    const text = query.get(name);
    if (text === null || text === "") return undefined;
    const value = queryInteger(text);
    // As it was written: what it is as a number may have other last digits.
    if (value < least) errors.push(invalidField(name, wholeNumber(text.replace(/^\+/, "")), `must be greater than ${least === 0 ? "or equal to " : ""}0`));
    return value;
  };
  const sinceSeconds = number("sinceSeconds", 1);
  const tailLines = number("tailLines", 0);
  const limitBytes = number("limitBytes", 1);
  const time = query.get("sinceTime") ?? "";
  const problem = time === "" ? undefined : timeProblem(time, false);
  if (problem !== undefined) throw badRequest(problem);
  const sinceTimeMs = time === "" ? undefined : Date.parse(time);
  const stream = STREAMS.find((known) => known === (query.get("stream") || "All"));
  if (stream === undefined) errors.push(unsupportedValue("stream", query.get("stream"), STREAMS));
  if (sinceTimeMs !== undefined && sinceSeconds !== undefined) errors.push(forbiddenField("", "at most one of `sinceTime` or `sinceSeconds` may be specified"));
  if (stream === undefined || errors.length > 0) throw invalid("", "PodLogOptions", pod, errors);
  const flag = (name: string) => queryFlag(query.get(name));
  return {
    follow: flag("follow"),
    previous: flag("previous"),
    timestamps: flag("timestamps"),
    sinceSeconds,
    sinceTimeMs,
    tailLines,
    limitBytes,
    stream,
  };
}
