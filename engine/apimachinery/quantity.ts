import { quantityProblem } from "./quantity-problem.ts";

const BINARY: Readonly<Record<string, number>> = { Ki: 10, Mi: 20, Gi: 30, Ti: 40, Pi: 50, Ei: 60 };
const DECIMAL: Readonly<Record<string, number>> = { n: -9, u: -6, m: -3, "": 0, k: 3, M: 6, G: 9, T: 12, P: 15, E: 18 };
const BINARY_DOWN = Object.entries(BINARY).reverse();
const DECIMAL_DOWN = Object.entries(DECIMAL).sort(([, a], [, b]) => b - a);
const PATTERN = /^([+-]?)(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d{1,3})|(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei))?$/;

/**
 * A Kubernetes quantity in whole units: `500m` is 0.5, `1Gi` is 1073741824. Throws an Error for text that is none.
 * Grammar: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/
 */
export function parseQuantity(value: string | number): number {
  if (typeof value === "number") return value;
  const { sign, digits, exponent, suffix } = split(value);
  const power = BINARY[suffix];
  // Decimal scales are applied as text, so that `0.1` and `100m` give the same float.
  const size = power !== undefined ? Number(digits) * 2 ** power : Number(`${digits}e${exponent ?? DECIMAL[suffix] ?? 0}`);
  return sign === "-" ? -size : size;
}

/** In thousandths, rounded up (towards positive infinity), as upstream's MilliValue. */
export function milliValue(value: string | number): number {
  return ceil(parseQuantity(value) * 1000);
}

/** In whole units, rounded up, as upstream's Value. */
export function wholeValue(value: string | number): number {
  return ceil(parseQuantity(value));
}

/** Negative, zero or positive, for sorting. */
export function compareQuantities(left: string | number, right: string | number): number {
  return parseQuantity(left) - parseQuantity(right);
}

/**
 * The text under which the API keeps a quantity and gives it back: `1000m` → `1`, `1024Mi` → `1Gi`, `0.5` → `500m`, `1.5Gi` → `1536Mi`.
 * Texts that upstream's parser takes for canonical without looking closer stay as they are, such as `07Mi` and `+9E`.
 * Exact for every size: it counts in billionths with big integers. Finer amounts are rounded away from zero, and binary ones end at
 * 2^63-1, upstream's limits. Throws an Error for text that is none. Source: Quantity.ParseQuantity and String of k8s.io/apimachinery.
 */
export function canonicalQuantity(value: string | number): string {
  const text = typeof value === "number" ? plainDecimal(value) : value;
  if (CANONICAL.test(text) || staysAsWritten(split(text))) return text;
  return formatExactQuantity(exactQuantity(text));
}

/** The usual ones, which need no closer look. */
const CANONICAL = /^[1-9]\d{0,2}(?:[mkMGTPE]|[KMGTP]i)?$/;

function staysAsWritten({ digits, exponent, suffix }: QuantityParts): boolean {
  const [whole = "", fraction = ""] = digits.split(".");
  const significant = whole.replace(/^0+/, "");
  const power = BINARY[suffix];
  if (power !== undefined) return fraction === "" && significant !== "" && significant.length + power * 0.3 <= 14 && Number(significant) % 8 !== 0;
  const scale = Number(exponent ?? DECIMAL[suffix] ?? 0) - fraction.length;
  return significant !== "" && significant.length + fraction.length <= 18 && scale >= -9 && scale % 3 === 0 && !`${significant}${fraction}`.endsWith("000");
}

/** The same of an amount in a list of resources, which the API keeps to thousandths, rounded up. */
export function canonicalAmount(text: string): string {
  if (CANONICAL.test(text)) return text;
  const { nanos, format } = exactQuantity(text);
  const excess = nanos % NANOS_PER_MILLI;
  return excess === 0n ? canonicalQuantity(text) : formatExactQuantity({ nanos: nanos - excess + (nanos > 0n ? NANOS_PER_MILLI : -NANOS_PER_MILLI), format });
}

/** The canonical text of a number of units. Amounts below 1Ki and fractions have decimal suffixes in either format, as upstream's. */
export function formatQuantity(units: number, format: "DecimalSI" | "BinarySI"): string {
  return render(exactNanos(plainDecimal(units)), units < 0, format);
}

/** A quantity to billionths, signed, with the form it is written in. */
export interface ExactQuantity {
  readonly nanos: bigint;
  readonly format: "BinarySI" | "DecimalExponent" | "DecimalSI";
}

/** The exact size of a quantity. Throws an Error for text that is none. */
export function exactQuantity(text: string): ExactQuantity {
  const { sign, exponent, suffix } = split(text);
  const format = suffix.endsWith("i") ? "BinarySI" : exponent !== undefined ? "DecimalExponent" : "DecimalSI";
  const nanos = exactNanos(text);
  const size = format === "BinarySI" && nanos > BINARY_MAX_NANOS ? BINARY_MAX_NANOS : nanos;
  return { nanos: sign === "-" ? -size : size, format };
}

export function formatExactQuantity({ nanos, format }: ExactQuantity): string {
  return render(nanos < 0n ? -nanos : nanos, nanos < 0n, format);
}

const NANOS_PER_UNIT = 10n ** 9n;
const NANOS_PER_MILLI = 10n ** 6n;
const BINARY_MAX_NANOS = (2n ** 63n - 1n) * NANOS_PER_UNIT;

function render(nanos: bigint, isNegative: boolean, format: "DecimalSI" | "BinarySI" | "DecimalExponent"): string {
  if (nanos === 0n) return "0";
  const minus = isNegative ? "-" : "";
  if (format === "BinarySI" && nanos % NANOS_PER_UNIT === 0n && nanos >= 1024n * NANOS_PER_UNIT) {
    const units = nanos / NANOS_PER_UNIT;
    for (const [name, power] of BINARY_DOWN) if (units % (1n << BigInt(power)) === 0n) return `${minus}${units >> BigInt(power)}${name}`;
    return `${minus}${units}`;
  }
  for (const [name, power] of DECIMAL_DOWN) {
    const scale = 10n ** BigInt(power + 9);
    if (nanos % scale === 0n) return `${minus}${nanos / scale}${format !== "DecimalExponent" ? name : power === 0 ? "" : `e${power}`}`;
  }
  throw new Error("invariant broken: every whole number is a multiple of one");
}

/** A number as digits without an exponent, to billionths. */
function plainDecimal(value: number): string {
  if (!Number.isFinite(value)) throw new Error(`${value} is no quantity`);
  return Number.isInteger(value) ? String(BigInt(value)) : value.toFixed(9);
}

/** The size without its sign. */
function exactNanos(text: string): bigint {
  const { digits, exponent, suffix } = split(text);
  const [whole = "", fraction = ""] = digits.split(".");
  const power = BINARY[suffix];
  const numerator = BigInt(`${whole}${fraction}`) << BigInt(power ?? 0);
  const tenths = 9 - fraction.length + (power !== undefined ? 0 : exponent !== undefined ? Number(exponent) : (DECIMAL[suffix] ?? 0));
  if (tenths >= 0) return numerator * 10n ** BigInt(tenths);
  const divisor = 10n ** BigInt(-tenths);
  return numerator / divisor + (numerator % divisor === 0n ? 0n : 1n);
}

interface QuantityParts {
  readonly sign: string;
  readonly digits: string;
  readonly exponent: string | undefined;
  readonly suffix: string;
}

function split(text: string): QuantityParts {
  const match = PATTERN.exec(text);
  if (match === null)
    throw new Error(`unable to parse quantity ${JSON.stringify(text)}: ${quantityProblem(text) ?? "it is too large, or has blanks around it"}`);
  const [, sign = "", digits = "0", exponent, suffix = ""] = match;
  return { sign, digits, exponent, suffix };
}

/** Ceil that forgives the last bits of float arithmetic: 0.1 * 1000 is 100, not 101. */
function ceil(value: number): number {
  const rounded = Math.round(value);
  return Math.abs(value - rounded) < 1e-6 ? rounded : Math.ceil(value);
}
