import { timeProblem } from "../../apimachinery/time-problem.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import type { Column } from "../define-resource.ts";
import { goJson } from "../../lib/go-json.ts";
import { ageSince } from "../human-duration.ts";
import type { CustomResourceColumnDefinition } from "../types.ts";
import { parseJsonPath } from "./json-path.ts";

type Cell = string | number | boolean | null;

/** The columns of a custom kind: the name, and what its author asked for, or else the age. */
export function printerColumns(columns: readonly CustomResourceColumnDefinition[] | undefined): readonly Column<KubeObject>[] {
  return columns === undefined || columns.length === 0 ? [nameColumn, { ...ageColumn, type: "date" }] : [nameColumn, ...columns.map(printerColumn)];
}

function printerColumn({ name, type, format, description, priority, jsonPath }: CustomResourceColumnDefinition): Column<KubeObject> {
  const path = parseJsonPath(jsonPath);
  return {
    name,
    type: type as Column<KubeObject>["type"], // one of these, by the rules for definitions
    ...(format ? { format } : {}),
    description: description || `Custom resource definition column (in JSONPath format): ${jsonPath}`,
    // Any other number is shown with -o wide as well.
    ...(priority ? { priority: priority as 1 } : {}),
    cell: (object, now) => cellOf(type, path?.(object)[0], now),
  };
}

function cellOf(type: string, value: unknown, now: number): Cell {
  if (value === undefined || value === null) return null;
  switch (type) {
    case "string":
      return typeof value === "string" ? value : typeof value === "object" ? goJson(value) : String(value);
    case "integer":
      return typeof value === "number" ? Math.trunc(value) : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "boolean":
      return typeof value === "boolean" ? value : null;
    case "date": {
      if (typeof value !== "string") return null;
      return value === "" || timeProblem(value, false) === undefined ? ageSince(value.replace(",", "."), now) : "<invalid>";
    }
    default:
      return null;
  }
}
