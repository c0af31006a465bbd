import { describe, expect, test } from "vitest";
import { decodeAnswer, encodeExport } from "../../../engine/lib/tracing/otlp.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import type { EndedSpan, Span } from "../../../engine/lib/tracing/span.ts";
import { contextHeaders, hasContext, readContext, type TraceContext } from "../../../engine/lib/tracing/trace-context.ts";
import { measured, Tracer, type FirstSpan } from "../../../engine/lib/tracing/tracer.ts";
import { readExport } from "../../kit/trace-collector.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";

const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";

describe("what comes with a request", () => {
  test.each<[string, string, object | undefined]>([
    ["that is recorded", `00-${TRACE}-${SPAN}-01`, { traceId: TRACE, spanId: SPAN, isSampled: true, isRandom: false, state: "" }],
    ["that is not", `00-${TRACE}-${SPAN}-00`, { traceId: TRACE, spanId: SPAN, isSampled: false, isRandom: false, state: "" }],
    ["with a random id", `00-${TRACE}-${SPAN}-03`, { traceId: TRACE, spanId: SPAN, isSampled: true, isRandom: true, state: "" }],
    ["of a later version, with more flags and more behind them", `cc-${TRACE}-${SPAN}-ff-what-else`, { traceId: TRACE, spanId: SPAN, isSampled: true, isRandom: true, state: "" }],
    ["of the first version with more behind it", `00-${TRACE}-${SPAN}-01-what`, undefined],
    ["of the first version with unknown flags", `00-${TRACE}-${SPAN}-04`, undefined],
    ["of no version", `ff-${TRACE}-${SPAN}-01`, undefined],
    ["in capitals", `00-${TRACE.toUpperCase()}-${SPAN}-01`, undefined],
    ["of zeros", `00-${"0".repeat(32)}-${SPAN}-01`, undefined],
    ["of a span of zeros", `00-${TRACE}-${"0".repeat(16)}-01`, undefined],
    ["that is short", `00-${TRACE.slice(1)}-${SPAN}-01`, undefined],
    ["that is twice", `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`, undefined],
  ])("is a trace %s", (_what, traceparent, parent) => {
    expect(readContext({ traceparent }).parent).toEqual(parent);
  });

  test.each([
    ["rojo=00f067aa0ba902b7, congo=t61rcWkgMzE", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"],
    ["fw529a3039@dt=FfxD=", ""],
    ["Rojo=1", ""],
    ["a=1,a=2", ""],
    [Array.from({ length: 33 }, (_, index) => `k${index}=v`).join(","), ""],
    ["", ""],
  ])("has the state %j as a whole or not at all", (tracestate, state) => {
    expect(readContext({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate }).parent?.state).toBe(state);
  });

  test("has as much baggage as can be read, within bounds, also without a trace", () => {
    expect(readContext({ baggage: "userId=alice, no member ,serverNode=DF%2028;meta, =x" })).toEqual({ parent: undefined, baggage: "userId=alice,serverNode=DF%2028;meta" });
    expect(readContext({ baggage: Array.from({ length: 70 }, (_, index) => `k${index}=v`).join(",") }).baggage.split(",")).toHaveLength(64);
    expect(readContext({ baggage: `a=${"x".repeat(8_000)},b=${"y".repeat(500)},c=z` }).baggage).toBe(`a=${"x".repeat(8_000)},c=z`);
  });

  test("is written as it was read", () => {
    const headers = { traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: "rojo=1", baggage: "userId=alice" };
    const { parent, baggage } = readContext(headers);
    expect(parent && contextHeaders(parent, baggage)).toEqual(headers);
    expect(contextHeaders({ traceId: TRACE, spanId: SPAN, isSampled: false, isRandom: true, state: "" }, "")).toEqual({ traceparent: `00-${TRACE}-${SPAN}-02` });
  });
});

/** A tracer under virtual time, and what it has recorded. */
function setUp(sampledShare = 1) {
  const clock = new VirtualClock(Date.UTC(2030, 0, 1));
  const ended: EndedSpan[] = [];
  const tracer = new Tracer({ clock, random: seededRandom(7), sampledShare, ended: (span) => void ended.push(span) });
  const begin = (more: Partial<FirstSpan> = {}) =>
    tracer.begin({ kind: "server", baggage: "", beganMs: clock.monotonic(), describe: () => ({ name: "GET", attributes: { a: 1 }, inherited: { "audit-id": "7" } }), ...more });
  return { clock, ended, tracer, begin };
}
const placeOf = ({ context }: Span): TraceContext => {
  if (context === undefined) throw new Error("the span is in no trace");
  return context;
};
const parentOf = (isSampled: boolean) => ({ traceId: TRACE, spanId: SPAN, isSampled, isRandom: false, state: "rojo=1" });

describe("a tracer", () => {
  test("records the share of traces that it is told to, and of each sender's what he says", () => {
    const { ended, begin } = setUp(0.25);
    for (let index = 0; index < 2_000; index++) begin().end();
    expect(ended.length).toBeGreaterThan(400);
    expect(ended.length).toBeLessThan(600);
    expect(setUp(0).begin({ parent: parentOf(true) }).isRecorded).toBe(true);
    expect(setUp(1).begin({ parent: parentOf(false) }).isRecorded).toBe(false);
    expect(setUp(0).begin({ link: parentOf(true) }).isRecorded).toBe(false);
  });

  test("goes on with the trace of a parent, and begins one beside a link", () => {
    const { ended, begin } = setUp();
    begin({ parent: parentOf(true) }).end();
    begin({ link: parentOf(true) }).end();
    const [below, beside] = ended;
    expect(below).toMatchObject({ context: { traceId: TRACE, state: "rojo=1" }, parentId: SPAN, hasRemoteParent: true, links: [] });
    expect(beside).toMatchObject({ context: { state: "" }, parentId: "", hasRemoteParent: false, links: [{ traceId: TRACE, spanId: SPAN }] });
    expect(beside?.context.traceId).not.toBe(TRACE);
  });

  test("hands on where it is not recorded", () => {
    const { begin, tracer, ended } = setUp(0);
    const span = begin({ baggage: "userId=alice" });
    expect(tracer.within(span, () => [tracer.start("Get"), tracer.current?.headers])).toEqual([
      undefined,
      { traceparent: `00-${placeOf(span).traceId}-${placeOf(span).spanId}-00`, baggage: "userId=alice" },
    ]);
    span.child("Get").end();
    span.end();
    expect(ended).toEqual([]);
  });

  test("that is passive records nothing, and hands on what came, whoever sent it", () => {
    const tracer = Tracer.passive({ clock: new VirtualClock(), random: seededRandom(7) });
    const begin = (more: Partial<FirstSpan>) => tracer.begin({ kind: "server", baggage: "userId=alice", beganMs: 0, describe: () => ({ name: "GET", attributes: {}, inherited: {} }), ...more });
    const traceparent = `00-${TRACE}-${SPAN}-01`;
    for (const span of [begin({ parent: parentOf(true) }), begin({ link: parentOf(true) })])
      expect([span.isRecorded, span.headers]).toEqual([false, { traceparent, tracestate: "rojo=1", baggage: "userId=alice" }]);
    expect(begin({}).headers).toEqual({ baggage: "userId=alice" });
    expect([hasContext({ traceparent }), hasContext({ baggage: "a=b" }), hasContext({ tracestate: "a=b" })]).toEqual([true, true, false]);
  });

  test("measures what is done within a span, by the clock that never jumps, and nothing outside of one", async () => {
    const { clock, ended, tracer, begin } = setUp();
    const work = () =>
      measured(
        tracer,
        "Get",
        () => ({ key: "k" }),
        async (span) => {
          await clock.advance(20);
          span?.event("seen", { count: 2 });
          await clock.advance(10);
          return tracer.current === span;
        },
      );
    expect(await work()).toBe(true);
    expect(ended).toEqual([]);
    const span = begin();
    expect(await tracer.within(span, work)).toBe(true);
    await expect(
      tracer.within(span, () =>
        measured(
          tracer,
          "List",
          () => ({}),
          () => Promise.reject(new Error("no")),
        ),
      ),
    ).rejects.toThrow("no");
    span.end();
    const start = Date.UTC(2030, 0, 1) + 30;
    expect(ended).toMatchObject([
      {
        name: "Get",
        parentId: placeOf(span).spanId,
        startMs: start,
        endMs: start + 30,
        attributes: { key: "k", "audit-id": "7" },
        events: [{ name: "seen", atMs: start + 20, attributes: { count: 2 } }],
      },
      { name: "List", parentId: placeOf(span).spanId },
      { name: "GET", kind: "server", attributes: { a: 1 }, startMs: start, endMs: start + 30 },
    ]);
  });

  test("keeps a bounded number of events, and none after the end", () => {
    const { ended, begin } = setUp();
    const span = begin();
    for (let index = 0; index < 130; index++) span.event(`e${index}`);
    span.end();
    span.event("late");
    span.end();
    expect(ended).toHaveLength(1);
    expect(ended[0]?.events).toHaveLength(128);
    expect(ended[0]?.eventsDropped).toBe(2);
  });
});

describe("spans as they are sent", () => {
  test("are what a collector reads", () => {
    const { clock, ended, begin } = setUp();
    const span = begin({ link: parentOf(true), beganMs: clock.monotonic() - 0.25 });
    span.set({ text: "é", whole: -3, share: 0.5, yes: true });
    span.event("seen", { size: 2 });
    span.fail("out of order");
    const child = span.child("HTTP POST", {}, "client");
    child.end();
    span.end();
    const [collected, ...others] = readExport(encodeExport({ "service.name": "apiserver" }, ended));
    expect(others).toEqual([]);
    const nowMs = Date.UTC(2030, 0, 1);
    const { traceId } = placeOf(span);
    expect(collected).toEqual({
      resource: { "service.name": "apiserver" },
      scope: "mainstay.dev/engine",
      spans: [
        {
          traceId,
          spanId: placeOf(child).spanId,
          parentId: placeOf(span).spanId,
          traceState: "",
          name: "HTTP POST",
          kind: 3,
          startMs: nowMs,
          endMs: nowMs,
          flags: 0x101,
          attributes: { "audit-id": "7" },
          events: [],
          links: [],
          failure: undefined,
        },
        {
          traceId,
          spanId: placeOf(span).spanId,
          parentId: "",
          traceState: "",
          name: "GET",
          kind: 2,
          startMs: nowMs - 0.25,
          endMs: nowMs,
          flags: 0x101,
          attributes: { a: 1, text: "é", whole: -3, share: 0.5, yes: true },
          events: [{ name: "seen", atMs: nowMs, attributes: { size: 2 } }],
          links: [{ traceId: TRACE, spanId: SPAN, flags: 0x301 }],
          failure: "out of order",
        },
      ],
    });
  });

  test("say whether their parent is another program's, and hand its state on", () => {
    const { ended, begin } = setUp();
    begin({ parent: parentOf(true) }).end();
    expect(readExport(encodeExport({}, ended))[0]?.spans).toMatchObject([{ traceId: TRACE, parentId: SPAN, flags: 0x301, traceState: "rojo=1" }]);
  });

  test("may not all be wanted", () => {
    expect(decodeAnswer(Buffer.alloc(0))).toEqual({ rejected: 0, message: "" });
    expect(decodeAnswer(Buffer.from([0x0a, 0x07, 0x08, 0x05, 0x12, 0x03, 0x6e, 0x6f, 0x21, 0x50, 0x01]))).toEqual({ rejected: 5, message: "no!" });
  });
});
