import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { MetricsRegistry } from "../../../engine/lib/metrics.ts";
import { resolveServerConfig } from "../../../engine/options/config.ts";
import { setUpMetrics } from "../../../engine/setup/metrics-setup.ts";

/** Counts, measures and observes, each with the label `verb`. */
function use(metrics: MetricsRegistry): string {
  const [counter, gauge, histogram] = [metrics.counter("asked_total", "c"), metrics.gauge("asking", "g"), metrics.histogram("asked_seconds", "h", [1])];
  for (const verb of ["GET", "PUT"]) {
    counter.add({ verb, code: "200" });
    counter.bind({ verb, code: "200" })();
    gauge.set(1, { verb });
    histogram.observe(2, { verb });
    histogram.bind({ verb })(2);
  }
  gauge.clear();
  gauge.set(1, { verb: "PUT" });
  counter.remove({ verb: "none" });
  histogram.remove({ verb: "none" });
  return metrics.render();
}

test("a metric that is disabled is not there, and how many are is counted", () => {
  const text = use(new MetricsRegistry({ disabled: ["asked_total", "asking", "asked_seconds"] }));
  expect(text).toBe("# HELP disabled_metrics_total The count of disabled metrics.\n# TYPE disabled_metrics_total counter\ndisabled_metrics_total 3\n");
});

test("values of a label that are not among those allowed are counted together", () => {
  const verbs = new Map([["verb", new Set(["GET"])]]);
  const lines = use(
    new MetricsRegistry({
      allowed: new Map([
        ["asked_total", verbs],
        ["asking", verbs],
        ["asked_seconds", verbs],
      ]),
    }),
  ).split("\n");
  expect(lines).toEqual(
    expect.arrayContaining(['asked_total{code="200",verb="GET"} 2', 'asked_total{code="200",verb="unexpected"} 2', 'asking{verb="unexpected"} 1', 'asked_seconds_count{verb="unexpected"} 2']),
  );
  expect(lines.filter((line) => line.includes("PUT"))).toEqual([]);
  expect(lines).toContainEqual(expect.stringMatching(/^cardinality_enforcement_unexpected_categorizations_total [1-9]/));
});

test.each([
  ["apiserver_request_total,verb=GET,LIST", { GET: true, LIST: true, PUT: false }],
  ["apiserver_request_total,verb='GET,LIST'", { GET: true, LIST: true, PUT: false }],
  ['"apiserver_request_total,verb=GET","other,verb=PUT"', { GET: true, LIST: false, PUT: false }],
  ["other,verb=PUT\napiserver_request_total,verb=LIST", { GET: false, LIST: true, PUT: false }],
])("the values of labels are said as upstream's flag has them: %s", (text, expected) => {
  const allowed = resolveServerConfig({ allowMetricLabels: text }, {}).allowMetricLabels?.get("apiserver_request_total")?.get("verb");
  expect(Object.fromEntries(Object.keys(expected).map((verb) => [verb, allowed?.has(verb)]))).toEqual(expected);
});

test("the values of labels may be in a file, but not in two places", () => {
  const folder = mkdtempSync(path.join(os.tmpdir(), "metrics-"));
  const file = path.join(folder, "labels.yaml");
  const setUp = (text: string, flags: object = {}) => {
    writeFileSync(file, text);
    return setUpMetrics(resolveServerConfig({ allowMetricLabelsManifest: file, disabledMetrics: "asking", ...flags }, {}));
  };
  try {
    const text = use(setUp('"asked_total,verb": "GET,LIST"\n'));
    expect(text).toContain('asked_total{code="200",verb="unexpected"} 2');
    expect(text).not.toContain("asking");
    expect(() => setUp('"asked_total,verb": [GET]')).toThrow(`--allow-metric-labels-manifest "${file}": "asked_total,verb" must have a text`);
    expect(() => setUp("verb: GET")).toThrow('"verb" must have the form metricName,labelName');
    expect(() => setUp('"asked_total,verb": GET', { allowMetricLabels: "a,b=c" })).toThrow("exclude each other");
  } finally {
    rmSync(folder, { recursive: true });
  }
});
