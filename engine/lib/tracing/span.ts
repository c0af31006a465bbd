import { contextHeaders, type TraceContext } from "./trace-context.ts";

/** Numbers that are whole are told as such. */
export type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue>>;

/** `server` answers a request from outside, `client` sends one. */
export type SpanKind = "internal" | "server" | "client";

/** A piece of work within a trace. One that is not recorded keeps nothing, and only hands its place in the trace on. */
export interface Span {
  /** Undefined where there is no trace, but perhaps baggage. */
  readonly context: TraceContext | undefined;
  readonly isRecorded: boolean;
  /** What to send to who is asked in its course. */
  readonly headers: Readonly<Record<string, string>>;
  child(name: string, attributes?: Attributes, kind?: SpanKind): Span;
  /** Something that happened now. */
  event(name: string, attributes?: Attributes): void;
  set(attributes: Attributes): void;
  fail(message?: string): void;
  /** What comes after it is lost; so is a second end. */
  end(): void;
}

export interface SpanEvent {
  readonly name: string;
  readonly atMs: number;
  readonly attributes: Attributes;
}

/** A recorded span that has ended. Times are milliseconds since the Unix epoch, with fractions. */
export interface EndedSpan {
  readonly context: TraceContext;
  /** Empty for the first of its trace. */
  readonly parentId: string;
  /** Whether the parent is a span of another program. */
  readonly hasRemoteParent: boolean;
  readonly name: string;
  readonly kind: SpanKind;
  readonly startMs: number;
  readonly endMs: number;
  readonly attributes: Attributes;
  readonly events: readonly SpanEvent[];
  /** What did not fit. */
  readonly eventsDropped: number;
  /** The spans of others that it came from, where these are not its parents. */
  readonly links: readonly TraceContext[];
  /** Undefined when it did not fail. */
  readonly failure: string | undefined;
}

/** What all spans of one request have in common. */
export interface TraceParts {
  readonly newSpanId: () => string;
  readonly nowMs: () => number;
  readonly baggage: string;
  /** What each span below the first one has. */
  readonly inherited: Attributes;
  readonly ended: (span: EndedSpan) => void;
}

/** OpenTelemetry's bound. */
const EVENTS_MAX = 128;

export class RecordedSpan implements Span {
  readonly isRecorded = true;
  readonly context: TraceContext;
  readonly #parts: TraceParts;
  readonly #begun: Pick<EndedSpan, "name" | "kind" | "parentId" | "hasRemoteParent" | "startMs" | "links">;
  readonly #events: SpanEvent[] = [];
  #attributes: Attributes;
  #eventsDropped = 0;
  #failure: string | undefined;
  #hasEnded = false;

  constructor(
    context: TraceContext,
    parts: TraceParts,
    { attributes, ...begun }: Pick<EndedSpan, "name" | "kind" | "parentId" | "hasRemoteParent" | "startMs" | "links" | "attributes">,
  ) {
    this.context = context;
    this.#parts = parts;
    this.#begun = begun;
    this.#attributes = attributes;
  }

  get headers(): Readonly<Record<string, string>> {
    return contextHeaders(this.context, this.#parts.baggage);
  }

  child(name: string, attributes: Attributes = {}, kind: SpanKind = "internal"): Span {
    const { newSpanId, nowMs, inherited } = this.#parts;
    const begun = {
      name,
      kind,
      parentId: this.context.spanId,
      hasRemoteParent: false,
      startMs: nowMs(),
      links: [],
      attributes: { ...inherited, ...attributes },
    };
    return new RecordedSpan({ ...this.context, spanId: newSpanId() }, this.#parts, begun);
  }

  event(name: string, attributes: Attributes = {}): void {
    if (this.#hasEnded) return;
    if (this.#events.length < EVENTS_MAX) this.#events.push({ name, atMs: this.#parts.nowMs(), attributes });
    else this.#eventsDropped++;
  }

  set(attributes: Attributes): void {
    this.#attributes = { ...this.#attributes, ...attributes };
  }

  fail(message = ""): void {
    this.#failure = message;
  }

  end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#parts.ended({
      ...this.#begun,
      context: this.context,
      endMs: this.#parts.nowMs(),
      attributes: this.#attributes,
      events: this.#events,
      eventsDropped: this.#eventsDropped,
      failure: this.#failure,
    });
  }
}

/** A place in a trace that nobody records here. */
export function unrecordedSpan(context: TraceContext | undefined, baggage: string): Span {
  const span: Span = {
    context,
    isRecorded: false,
    get headers() {
      return contextHeaders(context, baggage);
    },
    child: () => span,
    event() {},
    set() {},
    fail() {},
    end() {},
  };
  return span;
}
