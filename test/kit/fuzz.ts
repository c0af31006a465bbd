import { randomInteger, type Random } from "../../engine/lib/random.ts";

/** Values that decoders have stumbled over before. */
const ODD_VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  -1,
  1.5,
  1e300,
  -1e-300,
  2 ** 31,
  2 ** 53,
  -(2 ** 63),
  "",
  " ",
  "\u0000",
  "\ud800",
  "a".repeat(5000),
  "💥",
  "%00",
  "../../etc",
  "0x10",
  "1e999",
  "9".repeat(400),
  "NaN",
  "1Ki.5",
  "-0",
  "2026-13-45T99:99:99Z",
  [],
  {},
  [[]],
  [null],
  [{}],
  { "": "" },
  { __proto__x: 1 },
  { constructor: { prototype: 1 } },
  { $patch: "delete" },
  { $patch: "nonsense" },
  { $retainKeys: 1 },
  { "$setElementOrder/containers": [{}] },
  { "$deleteFromPrimitiveList/finalizers": 3 },
  [{ name: null }],
  { "f:": {} },
];

const ODD_KEYS: readonly string[] = ["", "a/b", "~1", "$patch", "__proto__", "constructor", "toString", "metadata", "apiVersion", "kind", "k:{}", "f:x", "\u0000", ".", "x".repeat(300)];

export function pick<T>(random: Random, list: readonly T[]): T {
  const value = list[randomInteger(random, list.length)];
  if (value === undefined && !list.includes(undefined as T)) throw new Error("nothing to pick from");
  return value as T; // inside of the list
}

/** The value with a few of its parts replaced, dropped, repeated or renamed. */
export function mutateValue(random: Random, value: unknown, changes = 1 + randomInteger(random, 3)): unknown {
  let result = structuredClone(value);
  for (let index = 0; index < changes; index++) result = changeOnce(random, result, 6);
  return result;
}

function changeOnce(random: Random, value: unknown, depth: number): unknown {
  const isInner = typeof value === "object" && value !== null && depth > 0;
  if (!isInner || random.next() < 0.08) return pick(random, ODD_VALUES);
  if (Array.isArray(value)) {
    if (value.length === 0 || random.next() < 0.2) return [...value, pick(random, ODD_VALUES)];
    const at = randomInteger(random, value.length);
    if (random.next() < 0.15) return [...value, value[at]];
    if (random.next() < 0.15) return value.filter((_item, index) => index !== at);
    return value.map((item: unknown, index) => (index === at ? changeOnce(random, item, depth - 1) : item));
  }
  const entries = Object.entries(value as Readonly<Record<string, unknown>>); // an object, see above
  if (entries.length === 0 || random.next() < 0.15) return { ...value, [pick(random, ODD_KEYS)]: pick(random, ODD_VALUES) };
  const at = randomInteger(random, entries.length);
  if (random.next() < 0.1) return Object.fromEntries(entries.filter((_entry, index) => index !== at));
  if (random.next() < 0.1) return Object.fromEntries(entries.map(([key, item], index) => [index === at ? pick(random, ODD_KEYS) : key, item]));
  return Object.fromEntries(entries.map(([key, item], index) => [key, index === at ? changeOnce(random, item, depth - 1) : item]));
}

const ODD_TEXTS: readonly string[] = [
  "\u0000",
  "\r\n",
  "{",
  "}",
  "[",
  "]",
  "&a",
  "*a",
  "!!binary",
  "<<: ",
  "---\n",
  "%",
  "%zz",
  ",",
  "=",
  "!=",
  " in (",
  ")",
  "\\",
  '"',
  "'",
  "💥",
  "\ufeff",
  "9".repeat(30),
  "-",
  ":",
  "\t",
];

/** The text with a few characters cut, repeated, or put in. */
export function mutateText(random: Random, text: string, changes = 1 + randomInteger(random, 4)): string {
  let result = text;
  for (let index = 0; index < changes; index++) {
    const at = randomInteger(random, result.length + 1);
    const end = Math.min(result.length, at + randomInteger(random, 8));
    switch (randomInteger(random, 4)) {
      case 0:
        result = result.slice(0, at) + pick(random, ODD_TEXTS) + result.slice(at);
        break;
      case 1:
        result = result.slice(0, at) + result.slice(end);
        break;
      case 2:
        result = result.slice(0, end) + result.slice(at);
        break;
      default:
        result = result.slice(0, at) + String.fromCharCode(randomInteger(random, 256)) + result.slice(at + 1);
    }
  }
  return result;
}

/** The bytes with a few flipped, cut, repeated, or replaced by numbers at their limits. */
export function mutateBytes(random: Random, bytes: Uint8Array, changes = 1 + randomInteger(random, 6)): Buffer {
  let result = Buffer.from(bytes);
  for (let index = 0; index < changes; index++) {
    const at = randomInteger(random, result.length + 1);
    const end = Math.min(result.length, at + randomInteger(random, 12));
    switch (randomInteger(random, 5)) {
      case 0:
        if (at < result.length) result[at] = (result[at] ?? 0) ^ (1 << randomInteger(random, 8));
        break;
      case 1:
        result = Buffer.concat([result.subarray(0, at), result.subarray(end)]);
        break;
      case 2:
        result = Buffer.concat([result.subarray(0, end), result.subarray(at)]);
        break;
      case 3:
        result = Buffer.concat([result.subarray(0, at), Buffer.from(Array.from({ length: 1 + randomInteger(random, 10) }, () => pick(random, [0, 1, 0x7f, 0x80, 0xff]))), result.subarray(end)]);
        break;
      default:
        result = result.subarray(0, at);
    }
  }
  return result;
}
