import { systemClock } from "../../engine/lib/clock.ts";
import { systemRandom } from "../../engine/lib/random.ts";
import type { EndedSpan } from "../../engine/lib/tracing/span.ts";
import { Tracer } from "../../engine/lib/tracing/tracer.ts";

/** A tracer whose spans stay here. It records what its sender wants to be recorded. */
export function recordSpans(): { readonly tracer: Tracer; readonly spans: readonly EndedSpan[] } {
  const spans: EndedSpan[] = [];
  return { tracer: new Tracer({ clock: systemClock, random: systemRandom, sampledShare: 0, ended: (span) => void spans.push(span) }), spans };
}
