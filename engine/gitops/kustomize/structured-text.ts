import { parseYamlDocuments, YamlError } from "../../apimachinery/yaml/yaml.ts";
import { goYamlSchema } from "../../apimachinery/yaml/yaml-schema.ts";
import { sortedGoJson } from "../../lib/go-json.ts";
import { isMap, isScalar, textOf, valueAt, type JsonMap, type Steps } from "./json-value.ts";
import { BuildFault } from "./kustomize-error.ts";

/** Text that holds JSON or YAML, opened so that a field inside can be set; closed again it is text in the same form. */
export interface StructuredText {
  readonly value: JsonMap | unknown[];
  /** The text with the fields at these steps as they are in `value` now. */
  close(changed: readonly Steps[]): string;
}

/** Opens text; undefined when it holds neither a map nor a list. */
export function openStructuredText(text: string): StructuredText | undefined {
  try {
    const [document, ...more] = parseYamlDocuments(text, undefined, goYamlSchema);
    const value = document?.value;
    if (document === undefined || more.length > 0 || !(isMap(value) || Array.isArray(value))) return undefined;
    const isJson = /^\s*[{[]/.test(text);
    return {
      value,
      close: (changed) => {
        if (isJson) return text.includes("\n") && text.includes("  ") ? sortedGoJson(value, 2) : sortedGoJson(value);
        return changed.reduce((result, steps) => replaceOnLine(result, document.lineOf(steps), steps, value), text).trim();
      },
    };
  } catch (error) {
    if (error instanceof YamlError) return undefined;
    throw error;
  }
}

/** Changes one value where it stands, so that comments, order and style of everything else stay. */
function replaceOnLine(text: string, line: number, steps: Steps, root: unknown): string {
  const lines = text.split("\n");
  const name = String(steps.at(-1) ?? "").replace(/[.*+?^${}()|[\]\\/]/g, "\\$&");
  const pattern =
    typeof steps.at(-1) === "number" ? /^(\s*(?:- +)+)(.*?)(\s+#.*)?$/ : new RegExp(`^(\\s*(?:- +)*(?:${name}|"${name}"|'${name}')\\s*: *)(.*?)(\\s+#.*)?$`);
  const match = pattern.exec(lines[line - 1] ?? "");
  const value = valueAt(root, steps);
  if (match === null || !isScalar(value) || /^[|>[{&*]/.test(match[2] ?? ""))
    throw new BuildFault(`${steps.join(".")} cannot be set inside this YAML text; write it as JSON, or on a line of its own`);
  lines[line - 1] = `${match[1] ?? ""}${scalarText(value, match[2] ?? "")}${match[3] ?? ""}`;
  return lines.join("\n");
}

function scalarText(value: string | number | boolean, before: string): string {
  const quote = before.charAt(0);
  if (quote === '"') return JSON.stringify(textOf(value));
  if (quote === "'") return `'${textOf(value).replaceAll("'", "''")}'`;
  return typeof value === "string" && (value === "" || parseYamlDocuments(value, undefined, goYamlSchema)[0]?.value !== value)
    ? JSON.stringify(value)
    : textOf(value);
}
