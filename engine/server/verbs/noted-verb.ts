import type { ApiResult, Verb } from "../../apimachinery/api-request.ts";
import type { Span } from "../../lib/tracing/span.ts";
import type { Exchange } from "../exchange.ts";
import { runVerb } from "./run-verb.ts";

interface Steps {
  readonly before?: string;
  readonly after?: string;
  readonly failed?: string;
}

const WRITE: Steps = { before: "About to store object in database", after: "Write to database call succeeded", failed: "Write to database call failed" };

/** What upstream's traces say of a verb's work; a patch says itself what else it does. */
const STEPS: Readonly<Partial<Record<Verb, Steps>>> = {
  get: { before: "About to Get from storage" },
  create: WRITE,
  update: WRITE,
  patch: { after: "Object stored in database" },
  delete: { before: "About to delete object from database", after: "Object deleted from database" },
};

/** The verb's work, with its beginning and its end noted in a span. */
export async function runNotedVerb(exchange: Exchange, span: Span): Promise<ApiResult> {
  const { before, after, failed } = STEPS[exchange.request.verb] ?? {};
  if (before !== undefined) span.event(before);
  try {
    const result = await runVerb(exchange);
    if (after !== undefined) span.event(after);
    return result;
  } catch (error) {
    if (failed !== undefined) span.event(failed, { err: error instanceof Error ? error.message : String(error) });
    throw error;
  }
}
