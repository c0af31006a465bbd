import { CelError } from "../cel-error.ts";
import { fn, method, type Library } from "../functions.ts";
import { BOOL, optionalOf, param } from "../types.ts";
import { isCelMap, Optional, Uint } from "../values.ts";

const T = param("T");

function isZero(value: unknown): boolean {
  if (value === null || value === "" || value === false || value === 0n || value === 0) return true;
  if (Array.isArray(value) || value instanceof Uint8Array) return value.length === 0;
  return (value instanceof Uint && value.value === 0n) || (isCelMap(value) && value.size === 0);
}

/** Values that may be absent. `a.?b`, `a[?b]`, `optMap` and `optFlatMap` are part of the language. */
export const optionalLibrary: Library = [
  fn<readonly [unknown]>("optional.of", [T], optionalOf(T), ([value]) => new Optional(value)),
  fn<readonly []>("optional.none", [], optionalOf(T), () => Optional.none),
  fn<readonly [unknown]>("optional.ofNonZeroValue", [T], optionalOf(T), ([value]) => (isZero(value) ? Optional.none : new Optional(value))),
  method<readonly [Optional]>("hasValue", [optionalOf(T)], BOOL, ([optional]) => optional.hasValue),
  method<readonly [Optional]>("value", [optionalOf(T)], T, ([optional]) => {
    if (!optional.hasValue) throw new CelError("optional.none() dereference");
    return optional.value;
  }),
  method<readonly [Optional, Optional]>("or", [optionalOf(T), optionalOf(T)], optionalOf(T), ([optional, other]) => (optional.hasValue ? optional : other)),
  method<readonly [Optional, unknown]>("orValue", [optionalOf(T), T], T, ([optional, fallback]) => (optional.hasValue ? optional.value : fallback)),
];
