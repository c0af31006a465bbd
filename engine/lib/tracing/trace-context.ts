/** A place in a trace, as W3C's standard hands it from one program to the next (https://www.w3.org/TR/trace-context/). */
export interface TraceContext {
  /** 32 hexadecimal digits, not all of them 0. */
  readonly traceId: string;
  /** 16 hexadecimal digits, not all of them 0. */
  readonly spanId: string;
  /** Whether the trace is recorded. */
  readonly isSampled: boolean;
  /** Whether the trace's id is a random one, as who began it says. */
  readonly isRandom: boolean;
  /** What makers of tracing systems note for themselves; may be empty. */
  readonly state: string;
}

/** What came with a request: where in which trace it was sent, and what its senders hand on to all who are asked because of it. */
export interface ReceivedContext {
  readonly parent: TraceContext | undefined;
  /** May be empty. See https://www.w3.org/TR/baggage/. */
  readonly baggage: string;
}

type Headers = Readonly<Record<string, string | readonly string[] | undefined>>;

const STATE_MEMBERS_MAX = 32;
const BAGGAGE_MEMBERS_MAX = 64;
const BAGGAGE_BYTES_MAX = 8_192;
const STATE_MEMBER =
  /^(?:[a-z][a-z0-9_\-*/]{0,255}|[a-z0-9][a-z0-9_\-*/]{0,240}@[a-z][a-z0-9_\-*/]{0,13})=[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]$/;
const BAGGAGE_MEMBER =
  /^[\w!#$%&'*+\-.^`|~]+[ \t]*=[ \t]*[\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]*(?:[ \t]*;[\x20\x09\x21\x23-\x2b\x2d-\x3a\x3c-\x5b\x5d-\x7e]+)*$/;

/** Reads the headers of a request. What cannot be read counts as not sent. */
export function readContext(headers: Headers): ReceivedContext {
  const parent = readParent(textOf(headers["traceparent"]));
  return { parent: parent && { ...parent, state: readState(textOf(headers["tracestate"])) }, baggage: readBaggage(textOf(headers["baggage"])) };
}

/** Whether there is anything to be read. */
export function hasContext(headers: Headers): boolean {
  return headers["traceparent"] !== undefined || headers["baggage"] !== undefined;
}

/** The headers of a request that is sent from a place in a trace, or outside of any. */
export function contextHeaders(context: TraceContext | undefined, baggage: string): Readonly<Record<string, string>> {
  const carried: Readonly<Record<string, string>> = baggage === "" ? {} : { baggage };
  if (context === undefined) return carried;
  const { traceId, spanId, isSampled, isRandom, state } = context;
  const flags = (isSampled ? 1 : 0) | (isRandom ? 2 : 0);
  return { traceparent: `00-${traceId}-${spanId}-0${flags}`, ...(state === "" ? {} : { tracestate: state }), ...carried };
}

function textOf(value: string | readonly string[] | undefined): string {
  return typeof value === "string" ? value : (value ?? []).join(",");
}

/** Later versions may put more behind it; the first may not, and knows two flags. */
function readParent(text: string): Omit<TraceContext, "state"> | undefined {
  const [, version = "", traceId = "", spanId = "", digits = "", rest] = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/.exec(text) ?? [];
  if (version === "" || version === "ff" || /^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined;
  const flags = Number.parseInt(digits, 16);
  if (version === "00" && (rest !== undefined || flags > 3)) return undefined;
  return { traceId, spanId, isSampled: (flags & 1) !== 0, isRandom: (flags & 2) !== 0 };
}

/** All of it, or nothing when a part of it is wrong. */
function readState(text: string): string {
  const members = text
    .split(",")
    .map((member) => member.replace(/^[ \t]+|[ \t]+$/g, ""))
    .filter((member) => member !== "");
  const keys = new Set(members.map((member) => member.split("=", 1)[0]));
  return members.length <= STATE_MEMBERS_MAX && keys.size === members.length && members.every((member) => STATE_MEMBER.test(member)) ? members.join(",") : "";
}

/** As much of it as is right and within its bounds. */
function readBaggage(text: string): string {
  if (text === "") return "";
  let baggage = "";
  let count = 0;
  for (const part of text.split(",")) {
    const member = part.replace(/^[ \t]+|[ \t]+$/g, "");
    if (!BAGGAGE_MEMBER.test(member) || baggage.length + 1 + member.length > BAGGAGE_BYTES_MAX) continue;
    baggage += baggage === "" ? member : `,${member}`;
    if (++count === BAGGAGE_MEMBERS_MAX) break;
  }
  return baggage;
}
