import * as yaml from "js-yaml";
import { MetricsRegistry } from "../lib/metrics.ts";
import { UsageError } from "../options/config.ts";
import { allowedLabels, type MetricsConfig } from "../options/metrics-options.ts";
import { readOption } from "../options/option-files.ts";

/** A registry of what the options want to be shown. Throws a UsageError with the option for what cannot be. */
export function setUpMetrics({ disabledMetrics, allowMetricLabels, allowMetricLabelsManifest }: MetricsConfig): MetricsRegistry {
  if (allowMetricLabels !== undefined && allowMetricLabelsManifest !== undefined)
    throw new UsageError("--allow-metric-labels and --allow-metric-labels-manifest exclude each other: leave one of them out");
  const allowed = allowMetricLabels ?? readOption("--allow-metric-labels-manifest", allowMetricLabelsManifest, readManifest);
  return new MetricsRegistry({ disabled: disabledMetrics, ...(allowed === undefined ? {} : { allowed }) });
}

function readManifest(text: string) {
  const pairs = Object.entries((yaml.load(text) ?? {}) as Readonly<Record<string, unknown>>); // each value is checked
  return allowedLabels(
    pairs.map(([key, values]) => {
      if (typeof values !== "string") throw new Error(`${JSON.stringify(key)} must have a text with values between commas`);
      return [key, values];
    }),
  );
}
