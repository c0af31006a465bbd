import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { lockDirectory } from "../../../engine/lib/directory-lock.ts";
import { deepFreeze, jsonEqual } from "../../../engine/lib/freeze.ts";
import { MetricsRegistry } from "../../../engine/lib/metrics.ts";

describe("shared values", () => {
  test("are frozen in depth", () => {
    const value = deepFreeze({ a: [{ b: 1 }] });
    expect(() => ((value.a[0] as { b: number }).b = 2)).toThrow(TypeError);
    expect(() => (value.a as unknown[]).push(1)).toThrow(TypeError);
  });

  test("are equal when they say the same, in whatever order", () => {
    expect(jsonEqual({ a: 1, b: [1, { c: null }] }, { b: [1, { c: null }], a: 1 })).toBe(true);
  });

  test.each<[unknown, unknown]>([
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { a: 1, b: 1 }],
    [
      [1, 2],
      [2, 1],
    ],
    [[], {}],
    [{}, []],
    [null, {}],
    [1, "1"],
    [{ a: undefined }, { b: undefined }],
    [[1], [1, 2]],
  ])("%j differs from %j", (left, right) => expect(jsonEqual(left, right)).toBe(false));

  test("are equal to their copies and to nothing else", () => {
    const json = fc.jsonValue({ maxDepth: 3 });
    fc.assert(
      fc.property(json, json, (a, b) => {
        expect(jsonEqual(a, structuredClone(a))).toBe(true);
        const canonical = (value: unknown): string =>
          JSON.stringify(value, (_key, item: unknown) => (typeof item === "object" && item !== null && !Array.isArray(item) ? Object.entries(item).sort(([x], [y]) => (x < y ? -1 : 1)) : item));
        if (jsonEqual(a, b)) expect(canonical(a)).toBe(canonical(b));
      }),
    );
  });
});

describe("metrics", () => {
  test("are shown as Prometheus reads them", () => {
    const registry = new MetricsRegistry();
    const requests = registry.counter("requests_total", "Requests served.");
    requests.add({ verb: "get", code: "200" });
    requests.add({ code: "200", verb: "get" }, 2);
    registry.gauge("depth", "Items that wait.").set(3);
    registry.histogram("latency_seconds", "How long it took.", [0.1, 1]).observe(0.5, { path: 'a"b\\c\n' });
    expect(registry.render()).toBe(
      [
        "# HELP depth Items that wait.",
        "# TYPE depth gauge",
        "depth 3",
        "# HELP latency_seconds How long it took.",
        "# TYPE latency_seconds histogram",
        'latency_seconds_bucket{path="a\\"b\\\\c\\n",le="0.1"} 0',
        'latency_seconds_bucket{path="a\\"b\\\\c\\n",le="1"} 1',
        'latency_seconds_bucket{path="a\\"b\\\\c\\n",le="+Inf"} 1',
        'latency_seconds_sum{path="a\\"b\\\\c\\n"} 0.5',
        'latency_seconds_count{path="a\\"b\\\\c\\n"} 1',
        "# HELP requests_total Requests served.",
        "# TYPE requests_total counter",
        'requests_total{code="200",verb="get"} 3',
        "",
      ].join("\n"),
    );
  });
});

describe("a directory's lock", () => {
  test("keeps others out, with the holder's process id, until it is released", () => {
    const directory = mkdtempSync(path.join(os.tmpdir(), "lock-"));
    try {
      const lock = lockDirectory(directory);
      expect(() => lockDirectory(directory)).toThrow(new RegExp(`is in use by another Mainstay \\(process ${process.pid}\\)`));
      lock.release();
      lockDirectory(directory).release();
    } finally {
      rmSync(directory, { recursive: true });
    }
  });
});
