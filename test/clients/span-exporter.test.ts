import { afterEach, beforeEach, expect, test } from "vitest";
import { openGrpcChannel } from "../../engine/lib/grpc/grpc.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import { seededRandom } from "../../engine/lib/random.ts";
import { SpanExporter } from "../../engine/lib/tracing/span-exporter.ts";
import { Tracer } from "../../engine/lib/tracing/tracer.ts";
import { dialThrough } from "../../engine/lib/net/dial.ts";
import { ConnectProxyServer } from "../kit/connect-proxy.ts";
import { TraceCollector } from "../kit/trace-collector.ts";
import { VirtualClock } from "../kit/virtual-clock.ts";

let collector: TraceCollector;
beforeEach(async () => {
  collector = new TraceCollector();
  await collector.start();
});
afterEach(() => collector.stop());

/** Everything is recorded; time passes when the test says so, but for what a call may take. */
function setUp(dial?: Parameters<typeof openGrpcChannel>[3]) {
  const clock = new VirtualClock();
  const metrics = new MetricsRegistry();
  const exporter = new SpanExporter({ channel: openGrpcChannel(collector.address, undefined, undefined, dial), resource: { "service.name": "apiserver" }, clock, logger: silentLogger, metrics });
  const tracer = new Tracer({ clock, random: seededRandom(7), sampledShare: 1, ended: (span) => exporter.add(span) });
  const running = new AbortController();
  const ended = exporter.asService().run(running.signal);
  const record = (count: number, name = "GET") => {
    for (let index = 0; index < count; index++)
      tracer.begin({ kind: "server", baggage: "", beganMs: clock.monotonic(), describe: () => ({ name: `${name} ${index}`, attributes: {}, inherited: {} }) }).end();
  };
  const figure = (metric: string, type: string) => Number(new RegExp(`^${metric}\\{error_type="${type}"\\} (\\d+)$`, "m").exec(metrics.render())?.[1] ?? 0);
  const stop = () => {
    running.abort();
    return ended;
  };
  return { clock, record, stop, processed: (type = "") => figure("otel_sdk_processor_span_processed_total", type), exported: (type = "") => figure("otel_sdk_exporter_span_exported_total", type) };
}
const names = () => collector.spans.map(({ name }) => name);
const until = async (condition: () => boolean) => {
  while (!condition()) await new Promise((resolve) => setImmediate(resolve));
};

const passUntil = async (clock: VirtualClock, condition: () => boolean) => {
  while (!condition()) {
    await clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
};

test("spans are sent every few seconds, and at once when a batch is full", async () => {
  const { clock, record, stop, exported } = setUp();
  record(3);
  await clock.advance(4_900);
  expect(names()).toEqual([]);
  await clock.advance(200);
  await until(() => exported() === 3);
  expect(names()).toEqual(["GET 0", "GET 1", "GET 2"]);
  expect(collector.exports[0]?.resource).toEqual({ "service.name": "apiserver" });
  record(513);
  await until(() => exported() === 515);
  expect(collector.exports[1]?.spans).toHaveLength(512);
  await stop();
  expect(collector.spans).toHaveLength(516);
});

test("while the collector is away as many are kept as there is room for, the rest is dropped and counted; it is found when it comes back", async () => {
  const { clock, record, stop, processed, exported } = setUp();
  record(1, "before");
  await clock.advance(5_100);
  await until(() => exported() === 1);
  collector.stop();
  record(5_000, "away");
  expect(processed("queue_full")).toBe(5_000 - 2_048);
  // A batch that is tried twice in vain is lost, and makes room. That it fails takes the machine's time.
  await passUntil(clock, () => exported("Unavailable") >= 512);
  await collector.start();
  record(1, "after");
  await passUntil(clock, () => names().includes("after 0"));
  await stop();
  expect(names()).toContain("before 0");
  expect(processed()).toBe(1 + 2_048 + 1);
  expect(names()).toHaveLength(1 + 2_048 + 1 - exported("Unavailable"));
});

test("what is left at the end is sent", async () => {
  const { record, stop, exported } = setUp();
  record(700);
  await stop();
  expect(exported()).toBe(700);
  expect(collector.spans).toHaveLength(700);
});

test("the end waits neither for a collector that is away nor long for one that hangs", async () => {
  collector.manner = () => new Promise(() => {});
  const hanging = setUp();
  hanging.record(2);
  const began = performance.now();
  await hanging.stop();
  expect(performance.now() - began).toBeLessThan(6_000);
  expect(hanging.exported("DeadlineExceeded")).toBe(2);
  collector.stop();
  const away = setUp();
  away.record(600);
  await away.stop();
  expect(away.exported("Unavailable")).toBe(600);
});

test("what the collector refuses, or does not want, is counted and not sent again", async () => {
  const { clock, record, stop, exported } = setUp();
  collector.manner = async () => ({ partialSuccess: { rejectedSpans: 2n, errorMessage: "too old" } });
  record(5);
  await clock.advance(5_100);
  await until(() => exported("rejected") === 2);
  expect(exported()).toBe(3);
  collector.manner = () => Promise.reject(new Error("out of order"));
  record(4);
  await clock.advance(5_100);
  await until(() => exported("Unknown") === 4);
  await stop();
  expect(collector.exports).toHaveLength(1);
});

test("the collector may be behind a proxy", async () => {
  await using proxy = await ConnectProxyServer.start();
  const { record, stop, exported } = setUp(dialThrough({ is: "http", host: "127.0.0.1", port: proxy.port }));
  record(1);
  await stop();
  expect(exported()).toBe(1);
  expect(proxy.asked).toEqual([collector.address]);
});
