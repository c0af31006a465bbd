/**
 * JSON with whole numbers as Kubernetes has them: of 64 bits. One that a double would change is a bigint from the text on and text again at
 * the end, so an object passes through unharmed; every other number is a number.
 */
declare global {
  interface BigInt {
    toJSON(): unknown;
  }
}

// What JSON.stringify asks of a bigint, which it refuses by itself; no other answer would be right.
Object.defineProperty(BigInt.prototype, "toJSON", {
  configurable: true,
  writable: true,
  value(this: bigint): unknown {
    return rawJson(this.toString());
  },
});

const rawJson = (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON; // in every V8 since 11.4
/** Sixteen digits are the first that can be too many, and three those of an exponent; what only looks so costs a slower parse, no more. */
const LONG_NUMBER = /[[:,\s]-?(?:\d{16}|\d[\d.]*[eE]\+?\d{3})/;
const [INT64_MIN, INT64_MAX] = [-(2n ** 63n), 2n ** 63n - 1n];
/** No more digits, and a sign, fit into 64 bits; of millions, a bigint takes its time. */
const INT64_LENGTH_MAX = 20;

/** A number beyond those that there are, in the words of Go's reader. */
export class JsonRangeError extends SyntaxError {}

/** Throws as JSON.parse does, and a JsonRangeError. */
export function parseJson(text: string): unknown {
  return LONG_NUMBER.test(text) ? (JSON.parse(text, keepWhole) as unknown) : (JSON.parse(text) as unknown);
}

/** The number that these decimal digits are: a bigint where a double would not be written with the same ones and 64 bits are enough. */
export function wholeNumber(digits: string): number | bigint {
  const near = Number(digits);
  if (Number.isSafeInteger(near)) return near;
  if (digits.replace(/^(-?)0+/, "$1").length > INT64_LENGTH_MAX) return near;
  const exact = BigInt(digits);
  return exact < INT64_MIN || exact > INT64_MAX || String(near) === String(exact) ? near : exact;
}

function keepWhole(this: unknown, _key: string, value: unknown, context?: { readonly source?: string }): unknown {
  if (typeof value !== "number" || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? "";
  if (!Number.isFinite(value)) throw new JsonRangeError(`json: cannot unmarshal number ${source} into Go value of type float64`);
  return /^-?\d+$/.test(source) ? wholeNumber(source) : value;
}
