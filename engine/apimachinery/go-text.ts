const INT64_MAX = 2n ** 63n - 1n;

/** A value as Go's `%v` shows it: `map[a:1 b:[x y]]`, keys in order. */
export function goText(value: unknown): string {
  if (value === null || value === undefined) return "<nil>";
  if (Array.isArray(value)) return `[${value.map(goText).join(" ")}]`;
  if (typeof value === "number" || typeof value === "bigint") return goNumber(value);
  if (typeof value !== "object") return String(value);
  const entries = Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1));
  return `map[${entries.map(([name, child]) => `${name}:${goText(child)}`).join(" ")}]`;
}

/** A number as Go's %v shows it: floats of a million and more, and very small ones, by their exponent. */
export function goNumber(value: number | bigint): string {
  if (isInt64(value)) return String(value);
  const size = Math.abs(Number(value));
  if (size >= 1e-4 && size < 1e6) return String(value);
  return Number(value)
    .toExponential()
    .replace(/e([+-])(\d)$/, "e$10$2");
}

/** Whether a number is one that Go reads as a whole number; others are floats there. */
export function isInt64(value: number | bigint): boolean {
  return typeof value === "bigint" ? value <= INT64_MAX && value >= -INT64_MAX - 1n : Number.isInteger(value) && Math.abs(value) < 2 ** 63;
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
    case "number":
      return isInt64(value) ? "int64" : "float64";
    default:
      return "map[string]interface {}";
  }
}

/** The kind of a value as Go's reflection names it. */
export function goKind(value: unknown): string {
  const type = goType(value);
  return type.startsWith("map") ? "map" : type.startsWith("[]") ? "slice" : type;
}

/** The type of a JSON value as the messages of Go's JSON decoder name it. */
export function goJsonType(value: unknown): string {
  if (Array.isArray(value)) return "array";
  if (value === null) return "null";
  return typeof value === "boolean" ? "bool" : typeof value === "bigint" ? "number" : typeof value;
}
