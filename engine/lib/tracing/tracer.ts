import { AsyncLocalStorage } from "node:async_hooks";
import type { Clock } from "../clock.ts";
import { randomInteger, type Random } from "../random.ts";
import { RecordedSpan, unrecordedSpan, type Attributes, type EndedSpan, type Span, type SpanKind } from "./span.ts";
import type { TraceContext } from "./trace-context.ts";

export interface TracerOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** The share of traces begun here that are recorded, from 0 to 1. */
  readonly sampledShare: number;
  /** Whether it begins nothing of its own, and only hands on what it is given. */
  readonly isPassive?: boolean;
  readonly ended: (span: EndedSpan) => void;
}

/** The first span of a request. */
export interface FirstSpan {
  readonly kind: SpanKind;
  /** Where it was sent from, by who may say whether it is recorded. */
  readonly parent?: TraceContext | undefined;
  /** Where it was sent from, by anybody else. */
  readonly link?: TraceContext | undefined;
  readonly baggage: string;
  /** When it began, by the clock's `monotonic`. */
  readonly beganMs: number;
  /** Asked for only if it is recorded. */
  readonly describe: () => SpanDescription;
}

export interface SpanDescription {
  readonly name: string;
  readonly attributes: Attributes;
  /** What each span below it has. */
  readonly inherited: Attributes;
}

/** Begins spans, and knows in which of them its callers run. */
export class Tracer {
  readonly isPassive: boolean;
  readonly #options: TracerOptions;
  readonly #running = new AsyncLocalStorage<Span>();

  constructor(options: TracerOptions) {
    this.isPassive = options.isPassive ?? false;
    this.#options = options;
  }

  /** One that records nothing, whoever wants it to. */
  static passive(parts: Pick<TracerOptions, "clock" | "random">): Tracer {
    return new Tracer({ ...parts, sampledShare: 0, isPassive: true, ended: () => {} });
  }

  /** The span that the caller runs in. */
  get current(): Span | undefined {
    return this.#running.getStore();
  }

  within<R>(span: Span, work: () => R): R {
    return this.#running.run(span, work);
  }

  /** Whether it is recorded was decided where its parent was; without one, the trace's id decides, as everywhere by OpenTelemetry's rule. */
  begin({ kind, parent, link, baggage, beganMs, describe }: FirstSpan): Span {
    if (this.isPassive) return unrecordedSpan(parent ?? link, baggage);
    const { clock, sampledShare, ended } = this.#options;
    const traceId = parent?.traceId ?? this.#newId(4);
    const isSampled = parent?.isSampled ?? isChosen(traceId, sampledShare);
    const context = { traceId, spanId: this.#newId(2), isSampled, isRandom: parent?.isRandom ?? false, state: parent?.state ?? "" };
    if (!isSampled) return unrecordedSpan(context, baggage);
    const { name, attributes, inherited } = describe();
    // The clock of the day may jump while the request is answered.
    const epochMs = clock.now() - clock.monotonic();
    const parts = { newSpanId: () => this.#newId(2), nowMs: () => epochMs + clock.monotonic(), baggage, inherited, ended };
    return new RecordedSpan(context, parts, {
      name,
      kind,
      parentId: parent?.spanId ?? "",
      hasRemoteParent: parent !== undefined,
      startMs: epochMs + beganMs,
      links: link === undefined ? [] : [link],
      attributes,
    });
  }

  /** A span below the one that the caller runs in; undefined where that is none, or not recorded. The caller does not run in it. */
  start(name: string, attributes?: Attributes): Span | undefined {
    const parent = this.current;
    return parent?.isRecorded === true ? parent.child(name, attributes) : undefined;
  }

  /** Hexadecimal digits, eight for each word. */
  #newId(words: number): string {
    let id = "";
    do {
      id = "";
      for (let word = 0; word < words; word++)
        id += randomInteger(this.#options.random, 2 ** 32)
          .toString(16)
          .padStart(8, "0");
    } while (/^0+$/.test(id));
    return id;
  }
}

/** Does work in a span of its own below the one that the caller runs in, where there is one to be recorded. */
export async function measured<R>(
  tracer: Tracer | undefined,
  name: string,
  attributes: () => Attributes,
  work: (span: Span | undefined) => Promise<R>,
): Promise<R> {
  const parent = tracer?.current;
  if (tracer === undefined || parent?.isRecorded !== true) return work(undefined);
  const span = parent.child(name, attributes());
  try {
    return await tracer.within(span, () => work(span));
  } finally {
    span.end();
  }
}

/** By the later half of the id, of which a double holds the first 52 bits. */
function isChosen(traceId: string, share: number): boolean {
  return Number.parseInt(traceId.slice(16, 29), 16) / 2 ** 52 < share;
}
