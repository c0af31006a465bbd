import { CelError } from "../cel-error.ts";
import { fn, method, traversal, type Library } from "../functions.ts";
import { BOOL, INT, opaque, STRING } from "../types.ts";
import { OpaqueValue } from "../values.ts";

const SEMVER = opaque("kubernetes.Semver");
const PATTERN =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*))*))?(?:\+([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?$/;

class SemverValue extends OpaqueValue {
  readonly typeName = "kubernetes.Semver";
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly preRelease: readonly string[];

  constructor(numbers: readonly [bigint, bigint, bigint], preRelease: readonly string[]) {
    super();
    this.numbers = numbers;
    this.preRelease = preRelease;
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof SemverValue && compare(this, other) === 0n;
  }
}

/** By semver.org's precedence: a pre-release comes before its release, numbers before words. */
function compare(left: SemverValue, right: SemverValue): bigint {
  for (const index of [0, 1, 2] as const) if (left.numbers[index] !== right.numbers[index]) return left.numbers[index] < right.numbers[index] ? -1n : 1n;
  if (left.preRelease.length === 0 || right.preRelease.length === 0)
    return BigInt(right.preRelease.length === 0 ? 0 : 1) - BigInt(left.preRelease.length === 0 ? 0 : 1);
  for (const [index, part] of left.preRelease.entries()) {
    const other = right.preRelease[index];
    if (other === undefined) return 1n;
    if (part === other) continue;
    const [isNumber, isOtherNumber] = [/^\d+$/.test(part), /^\d+$/.test(other)];
    if (isNumber !== isOtherNumber) return isNumber ? -1n : 1n;
    return (isNumber ? BigInt(part) < BigInt(other) : part < other) ? -1n : 1n;
  }
  return left.preRelease.length < right.preRelease.length ? -1n : 0n;
}

/** A version as a value; undefined for text that is none. */
export function parseSemver(text: string): OpaqueValue | undefined {
  return parse(text, false);
}

function parse(text: string, normalizes: boolean): SemverValue | undefined {
  const match = PATTERN.exec(normalizes ? normalize(text) : text);
  if (match === null) return undefined;
  const [, major = "", minor = "", patch = "", preRelease] = match;
  return new SemverValue([BigInt(major), BigInt(minor), BigInt(patch)], preRelease === undefined ? [] : preRelease.split("."));
}

/** Without a leading v and leading zeros, with three numbers. A short version may have no suffix. */
function normalize(text: string): string {
  const plain = text.replace(/^v/, "");
  const [major = "", minor, ...rest] = plain.split(".");
  const parts = [major, ...(minor === undefined ? [] : [minor]), ...(rest.length === 0 ? [] : [rest.join(".")])].map((part) => part.replace(/^0+(?=\d)/, ""));
  if (parts.length < 3 && /[+-]/.test(parts.at(-1) ?? "")) return plain;
  return [...parts, "0", "0"].slice(0, 3).join(".");
}

function semverOf(text: string, normalizes: boolean): SemverValue {
  const parsed = parse(text, normalizes);
  if (parsed === undefined) throw new CelError(`${JSON.stringify(text)} is not a valid semantic version`);
  return parsed;
}

type Pair = readonly [SemverValue, SemverValue];

export const semverLibrary: Library = [
  fn<readonly [string]>("semver", [STRING], SEMVER, ([text]) => semverOf(text, false), traversal()),
  fn<readonly [string, boolean]>("semver", [STRING, BOOL], SEMVER, ([text, normalizes]) => semverOf(text, normalizes), traversal()),
  fn<readonly [string]>("isSemver", [STRING], BOOL, ([text]) => parse(text, false) !== undefined, traversal()),
  fn<readonly [string, boolean]>("isSemver", [STRING, BOOL], BOOL, ([text, normalizes]) => parse(text, normalizes) !== undefined, traversal()),
  ...(["major", "minor", "patch"] as const).map((name, index) =>
    method<readonly [SemverValue]>(name, [SEMVER], INT, ([version]) => version.numbers[index as 0 | 1 | 2]),
  ),
  method<Pair>("isGreaterThan", [SEMVER, SEMVER], BOOL, ([a, b]) => compare(a, b) > 0n),
  method<Pair>("isLessThan", [SEMVER, SEMVER], BOOL, ([a, b]) => compare(a, b) < 0n),
  method<Pair>("compareTo", [SEMVER, SEMVER], INT, ([a, b]) => compare(a, b)),
];
