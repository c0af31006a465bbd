import { parseYamlDocuments, YamlError } from "../../apimachinery/yaml/yaml.ts";
import type { ChartValues } from "../kustomize/chart-generator.ts";
import type { Place } from "../kustomize/kustomize-error.ts";
import { valueAt } from "../../apimachinery/field-path.ts";
import type { Problem } from "./problem.ts";

const DETAILS_MAX = 20;

/**
 * What helm says went wrong, for whoever edits the files. Of values that do not fit the chart's schema it says one thing in a line of its
 * own each, by the way to the value (`- at '/web/replicas': got string, want integer`, before helm 3.18 `- web.replicas: Invalid type. …`):
 * those stand where the value was written, in the file that counts. All else stands at the place that asks for the chart.
 */
export function explainHelm(stderr: string, values: readonly ChartValues[], place: Place): readonly Problem[] {
  const lines = stderr.split("\n").filter((line) => line.trim() !== "");
  const begin = lines.findIndex((line) => line.startsWith("Error:"));
  const message = (lines[begin] ?? lines.at(-1) ?? "failed without a word").replace(/^Error:\s*/, "");
  const details = begin < 0 || !/values don't meet/.test(message) ? [] : lines.slice(begin + 1).filter((line) => line.startsWith("- "));
  if (details.length === 0) {
    const unquoted = placeInChart(message);
    return [{ ...place, message: `helm: ${message}`, mayQuote: true, ...(unquoted === undefined ? {} : { unquoted: `helm: ${unquoted}` }) }];
  }
  return details.slice(0, DETAILS_MAX).map((detail) => {
    const [, pointer, dotted, what = ""] = /^- (?:at '([^']*)'|([^:]+)): (.*)$/.exec(detail) ?? [];
    const steps = pointer !== undefined ? pointer.split("/").slice(1).map(unescaped) : dotted === undefined || dotted === "(root)" ? [] : dotted.split(".");
    const field = steps.join(".");
    return {
      ...(placeOf(steps, values) ?? place),
      message: `helm: ${field === "" ? "" : `${field}: `}${what === "" ? detail.slice(2) : what} (values.schema.json of the chart)`,
      mayQuote: true,
    };
  });
}

/**
 * Which template of a chart helm stopped at, and at which line of it. The words behind that may be made of values: a text that `fail` or
 * `tpl` was given.
 */
function placeInChart(message: string): string | undefined {
  const stop =
    /^(?:template: |execution error at \(|parse error at \(|YAML parse error on |error unmarshaling JSON in )?([\w.-]+(?:\/[\w.-]+)*\/templates\/[\w./-]+?)(?::(\d+))?(?::\d+)?[):]/.exec(
      message,
    );
  const [, file, line] = stop ?? [];
  return file === undefined ? undefined : `stopped at ${file}${line === undefined ? "" : `:${line}`}`;
}

/** Where a value comes from: the last file that states it. */
function placeOf(steps: readonly string[], values: readonly ChartValues[]): Place | undefined {
  const way = steps.map((step) => (/^\d+$/.test(step) ? Number(step) : step));
  for (const source of values.toReversed()) {
    if (source.is !== "file" || way.length === 0) continue;
    try {
      const [document] = parseYamlDocuments(source.content.toString("utf8"));
      if (document !== undefined && valueAt(document.value, way) !== undefined) return { file: source.path, line: document.lineOf(way) };
    } catch (error) {
      // Helm has read it.
      if (!(error instanceof YamlError)) throw error;
    }
  }
  return undefined;
}

function unescaped(step: string): string {
  return step.replaceAll("~1", "/").replaceAll("~0", "~");
}
