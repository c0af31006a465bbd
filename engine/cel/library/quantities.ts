import { CelError } from "../cel-error.ts";
import { fn, method, traversal, type Library } from "../functions.ts";
import { NO_QUANTITY, quantityProblem } from "../../apimachinery/quantity-problem.ts";
import { exactQuantity, formatExactQuantity, type ExactQuantity } from "../../apimachinery/quantity.ts";
import { BOOL, DOUBLE, INT, opaque, STRING } from "../types.ts";
import { OpaqueValue } from "../values.ts";

/** Resource amounts such as `1.5Gi`, compared and added exactly. */
export class QuantityValue extends OpaqueValue {
  readonly typeName = "kubernetes.Quantity";
  readonly amount: ExactQuantity;
  constructor(amount: ExactQuantity) {
    super();
    this.amount = amount;
  }

  equals(other: OpaqueValue): boolean {
    return other instanceof QuantityValue && this.amount.nanos === other.amount.nanos;
  }

  override toString(): string {
    return formatExactQuantity(this.amount);
  }
}

export const QUANTITY = opaque("kubernetes.Quantity");
const UNIT = 1_000_000_000n;

function parse(text: string): QuantityValue | undefined {
  try {
    return new QuantityValue(exactQuantity(text));
  } catch {
    return undefined;
  }
}

function quantityOf(text: string): QuantityValue {
  const parsed = parse(text);
  if (parsed === undefined) throw new CelError(quantityProblem(text) ?? NO_QUANTITY);
  return parsed;
}

const nanos = (value: QuantityValue) => value.amount.nanos;
const plus = (left: QuantityValue, sum: bigint) => new QuantityValue({ ...left.amount, nanos: sum });
type Pair = readonly [QuantityValue, QuantityValue];
type One = readonly [QuantityValue];

function asInteger(value: QuantityValue): bigint {
  if (nanos(value) % UNIT !== 0n || !isInt64(nanos(value) / UNIT)) throw new CelError("cannot convert value to integer");
  return nanos(value) / UNIT;
}

const isInt64 = (value: bigint) => value < 2n ** 63n && value >= -(2n ** 63n);

export const quantityLibrary: Library = [
  fn<readonly [string]>("quantity", [STRING], QUANTITY, ([text]) => quantityOf(text), traversal()),
  fn<readonly [string]>("isQuantity", [STRING], BOOL, ([text]) => parse(text) !== undefined, traversal()),
  method<One>("sign", [QUANTITY], INT, ([value]) => (nanos(value) > 0n ? 1n : nanos(value) < 0n ? -1n : 0n)),
  method<One>("isInteger", [QUANTITY], BOOL, ([value]) => nanos(value) % UNIT === 0n && isInt64(nanos(value) / UNIT)),
  method<One>("asInteger", [QUANTITY], INT, ([value]) => asInteger(value)),
  method<One>("asApproximateFloat", [QUANTITY], DOUBLE, ([value]) => Number(nanos(value)) / 1e9),
  method<Pair>("isGreaterThan", [QUANTITY, QUANTITY], BOOL, ([a, b]) => nanos(a) > nanos(b)),
  method<Pair>("isLessThan", [QUANTITY, QUANTITY], BOOL, ([a, b]) => nanos(a) < nanos(b)),
  method<Pair>("compareTo", [QUANTITY, QUANTITY], INT, ([a, b]) => (nanos(a) > nanos(b) ? 1n : nanos(a) < nanos(b) ? -1n : 0n)),
  method<Pair>("add", [QUANTITY, QUANTITY], QUANTITY, ([a, b]) => plus(a, nanos(a) + nanos(b))),
  method<readonly [QuantityValue, bigint]>("add", [QUANTITY, INT], QUANTITY, ([a, b]) => plus(a, nanos(a) + b * UNIT)),
  method<Pair>("sub", [QUANTITY, QUANTITY], QUANTITY, ([a, b]) => plus(a, nanos(a) - nanos(b))),
  method<readonly [QuantityValue, bigint]>("sub", [QUANTITY, INT], QUANTITY, ([a, b]) => plus(a, nanos(a) - b * UNIT)),
];
