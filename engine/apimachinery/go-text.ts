/** A value as Go's `%v` shows it: `map[a:1 b:[x y]]`, keys in order. */
export function goText(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `map[${entries.map(([name, child]) => `${name}:${goText(child)}`).join(" ")}]`;
}

/** The type of a value as Go's `%T` shows it. */
export function goType(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return "[]interface {}";
  switch (typeof value) {
    case "string":
      return "string";
    case "boolean":
      return "bool";
    case "bigint":
      return "int64";
    case "number":
      return Number.isInteger(value) ? "int64" : "float64";
    default:
      return "map[string]interface {}";
  }
}

/** The kind of a value as Go's reflection names it. */
export function goKind(value: unknown): string {
  const type = goType(value);
  return type.startsWith("map") ? "map" : type.startsWith("[]") ? "slice" : type;
}
