const BINARY: Readonly<Record<string, number>> = { Ki: 2 ** 10, Mi: 2 ** 20, Gi: 2 ** 30, Ti: 2 ** 40, Pi: 2 ** 50, Ei: 2 ** 60 };
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const PATTERN = /^([+-]?)(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d+)|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$/;

/**
 * A Kubernetes quantity in whole units: `500m` is 0.5, `1Gi` is 1073741824. Throws an Error for text that is none.
 * Grammar: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function parseQuantity(value: string | number): number {
  if (typeof value === "number") return value;
  const match = PATTERN.exec(value.trim());
  if (match === null) throw new Error(`unable to parse quantity ${JSON.stringify(value)}: it must be a number with an optional suffix such as m, k, M, Gi`);
  const [, sign = "", digits = "0", exponent, suffix = ""] = match;
  const binary = BINARY[suffix];
  // Scaled as text, so that `0.1` and `100m` give the same float.
  const size = binary !== undefined ? Number(digits) * binary : Number(`${digits}e${exponent ?? DECIMAL[suffix] ?? 0}`);
  return sign === "-" ? -size : size;
}

/** In thousandths, rounded up. */
export function milliValue(value: string | number): number {
  return ceil(parseQuantity(value) * 1000);
}

/** In whole units, rounded up. */
export function wholeValue(value: string | number): number {
  return ceil(parseQuantity(value));
}

export function compareQuantities(left: string | number, right: string | number): number {
  return parseQuantity(left) - parseQuantity(right);
}

/** The one text that stands for all equal ones of its kind: `1000m` → `1`, `1024Mi` → `1Gi`, `0.5` → `500m`. */
export function canonicalQuantity(value: string | number): string {
  const text = String(value).trim();
  const suffix = PATTERN.exec(text)?.[4] ?? "";
  return formatQuantity(parseQuantity(value), suffix.endsWith("i") ? "BinarySI" : "DecimalSI");
}

/** The shortest exact text with a whole number before its suffix. Below a binary unit, decimal suffixes are used as upstream does. */
export function formatQuantity(units: number, format: "DecimalSI" | "BinarySI"): string {
  if (units === 0) return "0";
  if (format === "BinarySI" && Number.isInteger(units)) {
    for (const [suffix, size] of Object.entries(BINARY).reverse()) if (units % size === 0) return `${units / size}${suffix}`;
    return String(units);
  }
  for (const [suffix, exponent] of Object.entries(DECIMAL).sort(([, a], [, b]) => b - a)) {
    const scaled = Number((units / 10 ** exponent).toPrecision(15));
    if (Number.isInteger(scaled) && Math.abs(scaled) >= 1) return `${scaled}${suffix}`;
  }
  // Finer than a billionth: rounded away from zero, upstream's limit.
  return `${Math.sign(units) * Math.ceil(Math.abs(units) * 1e9)}n`;
}

/** Ceil that forgives the last bits of float arithmetic: 0.1 * 1000 is 100, not 101. */
function ceil(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value - rounded) < 1e-6 ? rounded : Math.ceil(value);
}
