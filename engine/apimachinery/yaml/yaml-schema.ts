import * as yaml from "js-yaml";
import { wholeNumber } from "../../lib/json.ts";

/**
 * How plain scalars become values in Kubernetes: what kubectl's YAML library does, which is neither YAML 1.1 nor 1.2.
 * Booleans as in 1.1 (`on`, `yes`, `n`), integers with 0b, 0o, 0x, a leading 0 for octal and underscores,
 * floats as in the 1.2 core schema, merge keys, and no timestamps or base-60 numbers.
 */
const BOOLEANS = new Map<string, boolean>();
for (const [words, value] of [
  ["y yes on true", true],
  ["n no off false", false],
] as const) {
  for (const word of words.split(" ")) {
    BOOLEANS.set(word, value).set(word.toUpperCase(), value);
    BOOLEANS.set(word[0]!.toUpperCase() + word.slice(1), value);
  }
}

const booleanTag = yaml.defineScalarTag<boolean>("tag:yaml.org,2002:bool", {
  implicit: true,
  implicitFirstChars: [..."yYnNtTfFoO"],
  resolve: (source) => BOOLEANS.get(source) ?? yaml.NOT_RESOLVED,
  identify: (data) => typeof data === "boolean",
});

const INTEGER = /^([-+]?)(?:0b([01_]+)|0x([0-9a-fA-F_]+)|0o([0-7_]+)|([0-9][0-9_]*))$/;

const integerTag = yaml.defineScalarTag<number | bigint>("tag:yaml.org,2002:int", {
  implicit: true,
  implicitFirstChars: [..."+-0123456789"],
  resolve: (source) => {
    const match = INTEGER.exec(source);
    if (match === null) return yaml.NOT_RESOLVED;
    const [, sign, binary, hexadecimal, octal, plain = ""] = match;
    const [digits, base] =
      binary !== undefined
        ? [binary, 2]
        : hexadecimal !== undefined
          ? [hexadecimal, 16]
          : octal !== undefined
            ? [octal, 8]
            : /^0[0-7_]+$/.test(plain)
              ? [plain, 8]
              : [plain, 10];
    const text = digits.replaceAll("_", "");
    if (text === "") return yaml.NOT_RESOLVED;
    if (base === 10) return wholeNumber(sign === "-" ? `-${text}` : text);
    const value = Number.parseInt(text, base);
    return sign === "-" ? -value : value;
  },
  identify: (data) => typeof data === "bigint" || Number.isInteger(data),
  // Beyond 1e21 JavaScript would write an exponent, which is a float here.
  represent: (data: number | bigint) => (Math.abs(Number(data)) < 1e21 ? String(data) : String(BigInt(data))),
});

/** Kept as the text it encodes, as Go's decoder into JSON does. */
const binaryTag = yaml.defineScalarTag<string>("tag:yaml.org,2002:binary", {
  resolve: (source) => Buffer.from(source.replace(/\s/g, ""), "base64").toString("utf8"),
  identify: () => false,
});

export const kubernetesYamlSchema: yaml.Schema = yaml.CORE_SCHEMA.withTags(booleanTag, integerTag, yaml.mergeTag, binaryTag);

const DATE_TIME = /^(\d{4})-(\d\d?)-(\d\d?)(?:(?:[Tt]|[ \t]+)(\d\d?):(\d\d?):(\d\d?)(\.\d+)?[ \t]*(Z|[-+]\d\d:\d\d)?)?$/;

/** A plain date or time, which Go turns into its full form when it writes JSON. */
const goTimeTag = yaml.defineScalarTag<string>("tag:yaml.org,2002:timestamp", {
  implicit: true,
  implicitFirstChars: [..."0123456789"],
  resolve: (source) => {
    const match = DATE_TIME.exec(source);
    if (match === null) return yaml.NOT_RESOLVED;
    const two = (digits: string | undefined) => (digits ?? "0").padStart(2, "0");
    const [, year, month, day, hour, minute, second, fraction = "", zone = "Z"] = match;
    const exact = fraction.replace(/0+$/, "").replace(/^\.$/, "");
    const text = `${year ?? ""}-${two(month)}-${two(day)}T${two(hour)}:${two(minute)}:${two(second)}${exact}${zone}`;
    return Number.isNaN(Date.parse(text)) ? yaml.NOT_RESOLVED : text;
  },
  identify: () => false,
});

/** Plain scalars as Go's yaml.v3 reads them into untyped values, and so kustomize and Helm's consumers: as above, but `yes`, `on` and their like are text. */
export const goYamlSchema: yaml.Schema = yaml.CORE_SCHEMA.withTags(integerTag, yaml.mergeTag, binaryTag, goTimeTag);
