import type { OptionRowOf } from "./option-values.ts";
import { commaList } from "../lib/comma-list.ts";
import type { AllowedLabels } from "../lib/metrics.ts";

/** Which metrics are shown, and with which labels: switches under upstream's names. */
export interface MetricsConfig {
  readonly disabledMetrics: readonly string[];
  /** Undefined where nothing is said. */
  readonly allowMetricLabels: AllowedLabels | undefined;
  readonly allowMetricLabelsManifest: string | undefined;
}

export const metricsOptions: readonly OptionRowOf<MetricsConfig>[] = [
  {
    key: "disabledMetrics",
    flags: "--disabled-metrics <names>",
    description: "metrics that are not kept, by their full names",
    default: "",
    parse: metricNames,
    repeats: true,
  },
  {
    key: "allowMetricLabels",
    flags: "--allow-metric-labels <metric,label=values>",
    description: "values that a metric's label may have, such as apiserver_request_total,verb=GET,LIST; others are counted as unexpected",
    parse: labelPairs,
    repeats: "lines",
  },
  {
    key: "allowMetricLabelsManifest",
    flags: "--allow-metric-labels-manifest <file>",
    description: 'file of them: lines such as "apiserver_request_total,verb": "GET,LIST"',
  },
];

function metricNames(text: string): readonly string[] {
  const names = commaList(text);
  const wrong = names.find((name) => !/^[a-zA-Z_:][a-zA-Z0-9_:]*$/.test(name));
  if (wrong !== undefined) throw new Error(`must be fully qualified metric names, got ${JSON.stringify(wrong)}`);
  return names;
}

/** One pair is taken as it stands; several are separated by commas, each within double quotes, as upstream's flags have them. */
function labelPairs(text: string): AllowedLabels {
  const pairs = text
    .split("\n")
    .flatMap((line) =>
      line.split("=").length <= 2
        ? [line.trim().replace(/^"(.*)"$/, "$1")]
        : [...line.matchAll(/"([^"]*)"|([^",]+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ""),
    );
  return allowedLabels(
    pairs
      .filter((pair) => pair !== "")
      .map((pair) => {
        const at = pair.indexOf("=");
        if (at < 0) throw new Error(`${JSON.stringify(pair)} must be formatted as key=value`);
        return [pair.slice(0, at), pair.slice(at + 1).replace(/^'(.*)'$/, "$1")];
      }),
  );
}

/** Out of `metric,label` and the values between commas. Throws for a key that is none. */
export function allowedLabels(pairs: readonly (readonly [string, string])[]): AllowedLabels {
  const allowed = new Map<string, Map<string, ReadonlySet<string>>>();
  for (const [key, values] of pairs) {
    const [, metric = "", label = ""] = /^([a-zA-Z_:][a-zA-Z0-9_:]*),([a-zA-Z_][a-zA-Z0-9_]*)$/.exec(key) ?? [];
    if (metric === "") throw new Error(`${JSON.stringify(key)} must have the form metricName,labelName`);
    const labels = allowed.get(metric) ?? new Map<string, ReadonlySet<string>>();
    allowed.set(metric, labels.set(label, new Set(values.split(","))));
  }
  return allowed;
}
