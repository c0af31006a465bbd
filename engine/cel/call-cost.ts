import { ownValue } from "../lib/own-value.ts";
import type { Expr } from "./ast.ts";
import { SORT_BY_KEYS } from "./macros.ts";
import type { CelType } from "./types.ts";

/** An argument; the target of a method is the first, unless it is a namespace. */
export interface CallPart {
  readonly cost: number;
  readonly size: number;
  /** How small it may be. */
  readonly least: number;
  /** The size of each of its items. */
  readonly item: number;
  readonly type: CelType;
  /** What it is, when it says so itself. */
  readonly literal: unknown;
}

export interface CallCost {
  /** Without what the arguments cost. */
  readonly cost: number;
  /** The size of the result, where it follows from those of the arguments. */
  readonly size?: number;
  readonly item?: number;
}

type Rule = (first: CallPart, second: CallPart, third: CallPart) => CallCost;

const PER_CHARACTER = 0.1;
const PER_PATTERN_CHARACTER = 0.25;
const COMPARISON = 2;
/** The size of what nobody bounds. A number, so that nothing times it is nothing. */
export const UNKNOWN_SIZE = 2 ** 64;
const AUTHORIZATION_COST = 350_000;
const NOMINAL: CallCost = { cost: 1 };
const NOTHING: CallPart = { cost: 0, size: 0, least: 0, item: 0, type: { kind: "dyn" }, literal: undefined };
/** What an address takes at most, in bytes. */
const ADDRESS_SIZE = 16;
const NAME_PATTERN_SIZE = 128;

const read = (part: CallPart, times = 1) => Math.ceil(part.size * PER_CHARACTER * times);
const isText = ({ type }: CallPart) => type.kind === "primitive" && (type.name === "string" || type.name === "bytes");
const readFirst: Rule = (first) => ({ cost: read(first) });
const sameSize: Rule = (first) => ({ cost: read(first), size: first.size });
const compare: Rule = (left, right) => ({
  cost: left.type.kind === "opaque" && right.type.kind === "opaque" ? 1 : Math.ceil(Math.min(left.size, right.size) * PER_CHARACTER),
});
const order: Rule = (left, right, third) => (isText(left) || isText(right) ? compare(left, right, third) : NOMINAL);
const search: Rule = (text, pattern) => ({
  cost: Math.ceil((text.size + 1) * PER_CHARACTER) * Math.ceil(pattern.size * PER_PATTERN_CHARACTER),
  size: text.size,
});
const eachItem: Rule = (list) => ({
  cost: list.type.kind === "list" ? list.size * (1 + (isTextType(list.type.items) ? Math.ceil(list.item * PER_CHARACTER) : 0)) : read(list),
});
const inRange =
  (cost: number): Rule =>
  (_range, other) => ({ cost: cost + (isText(other) ? read(other) : 0) });
const sets =
  (times: number): Rule =>
  (left, right) => ({ cost: 1 + left.size * right.size * times });

/** A new list, and what each of its items costs. Upstream takes the number of comparisons for the size of what is sorted. */
const arranged = (size: number, item: number, each = 1): CallCost => ({ cost: 11 + Math.ceil(Math.min(UNKNOWN_SIZE, size * each)), size, item });
const compared = (list: CallPart) => Math.min(UNKNOWN_SIZE, list.size * list.size);
const comparison = ({ type }: CallPart) => (type.kind === "list" && isTextType(type.items) ? COMPARISON + PER_CHARACTER : COMPARISON);
/** A number that the expression states. */
const count = ({ literal }: CallPart, otherwise: number) => (typeof literal === "bigint" ? Math.max(0, Number(literal)) : otherwise);

/** What calls cost that do not cost 1, in Kubernetes' terms, by the name of the function. */
const RULES: Readonly<Record<string, Rule>> = {
  check: () => ({ cost: AUTHORIZATION_COST }),
  fieldSelector: (_target, selector) => ({ cost: 10 + read(selector) + Math.ceil(selector.size * 0.5) * 50 }),
  labelSelector: (_target, selector) => ({ cost: 10 + read(selector) + Math.ceil(selector.size * 0.5) * 50 }),
  isSorted: eachItem,
  sum: eachItem,
  max: eachItem,
  min: eachItem,
  indexOf: eachItem,
  lastIndexOf: eachItem,
  includes: eachItem,
  url: sameSize,
  escapeKey: sameSize,
  lowerAscii: sameSize,
  upperAscii: sameSize,
  substring: sameSize,
  trim: sameSize,
  replace: (text, old, by) => ({ cost: read(text, 2), size: replacedSize(text.size, old.least, by.size) }),
  split: (text, _separator, limit) => ({
    cost: read(text, 2),
    size: typeof limit.literal === "bigint" && limit.literal >= 0n ? Number(limit.literal) : text.size,
    item: text.size,
  }),
  join: (list, separator) => {
    const size = list.size * list.item + separator.size * Math.max(0, list.size - 1);
    return { cost: Math.ceil(size * PER_CHARACTER), size };
  },
  find: search,
  findAll: search,
  matches: (text, pattern, third) => ({ cost: search(text, pattern, third).cost }),
  cidr: readFirst,
  isIP: readFirst,
  isCIDR: readFirst,
  quantity: readFirst,
  isQuantity: readFirst,
  semver: readFirst,
  isSemver: readFirst,
  format: readFirst,
  ip: (first) => (isText(first) ? readFirst(first, NOTHING, NOTHING) : NOMINAL),
  isCanonical: (text) => ({ cost: read(text, 2) }),
  containsIP: inRange(Math.ceil(2 * ADDRESS_SIZE * PER_CHARACTER)),
  containsCIDR: inRange(Math.ceil(2 * ADDRESS_SIZE * PER_CHARACTER) + Math.ceil(ADDRESS_SIZE * PER_CHARACTER) + 1),
  validate: (_format, text) => ({ cost: read(text) * NAME_PATTERN_SIZE * PER_PATTERN_CHARACTER }),
  bytes: (text) => (isText(text) ? { cost: read(text), size: text.size * 4 } : NOMINAL),
  string: (value) =>
    isText(value) && value.type.kind === "primitive" && value.type.name === "bytes"
      ? { cost: read(value), size: value.size }
      : { cost: 1, ...(isText(value) ? { size: value.size } : {}) },
  quote: (text) => ({ cost: read(text), size: text.size * 2 + 2 }),
  startsWith: (_text, part) => ({ cost: read(part) }),
  endsWith: (_text, part) => ({ cost: read(part) }),
  "@in": (_item, container) => (container.type.kind === "map" ? NOMINAL : { cost: container.size }),
  contains: (text, part) => ({ cost: read(text) * read(part) }),
  "_+_": (left, right) => {
    const size = left.size + right.size;
    if (left.type.kind === "list") return { cost: 1, size, item: Math.max(left.item, right.item) };
    return isText(left) ? { cost: Math.ceil(size * PER_CHARACTER), size } : NOMINAL;
  },
  "_==_": compare,
  "_!=_": compare,
  "_<_": order,
  "_<=_": order,
  "_>_": order,
  "_>=_": order,
  dyn: (value) => ({ cost: 1, size: value.size }),
  orValue: (value, other) => ({ cost: 1, size: Math.max(value.size, other.size) }),
  value: (value) => ({ cost: 1, size: value.size }),
  or: (value, other) => ({ cost: 1, size: Math.max(value.size, other.size) }),
  distinct: (list) => arranged(compared(list), list.item, COMPARISON),
  sort: (list) => arranged(compared(list), list.item, comparison(list)),
  [SORT_BY_KEYS]: (list, keys) => arranged(compared(keys), list.item, comparison(keys)),
  reverse: (list) => arranged(list.size, list.item),
  slice: (list, start, end) => arranged(Math.max(0, count(end, list.size) - count(start, 0)), list.item),
  flatten: (list, depth) => arranged(list.size, list.item, depth === NOTHING ? 1 : count(depth, UNKNOWN_SIZE)),
  range: (size) => arranged(count(size, UNKNOWN_SIZE), 1),
};

const SETS: Readonly<Record<string, Rule>> = { contains: sets(1), intersects: sets(1), equivalent: sets(2) };

/** What a call costs by itself, and how large its result may be. */
export function callCost(name: string, target: Expr | undefined, args: readonly CallPart[]): CallCost {
  const ofSets = target?.is === "ident" && target.name === "sets";
  const rules = ofSets ? SETS : RULES;
  const rule = ownValue(rules, name);
  return rule?.(args[0] ?? NOTHING, args[1] ?? NOTHING, args[2] ?? NOTHING) ?? NOMINAL;
}

/** As long as a text can become when its parts are replaced: by the shortest that may be there, as often as they fit. */
function replacedSize(size: number, least: number, by: number): number {
  if (least === 0) return (size + 1) * by + size;
  return by <= least ? size : Math.ceil(size / least) * by;
}

function isTextType(type: CelType): boolean {
  return type.kind === "primitive" && (type.name === "string" || type.name === "bytes");
}
