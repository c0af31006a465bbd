import { exactQuantity } from "../../apimachinery/quantity.ts";
import { CelCompileError } from "../../cel/cel-error.ts";
import type { CelProgram, CompileOptions } from "../../cel/compile.ts";
import { QUANTITY, QuantityValue } from "../../cel/library/quantities.ts";
import { parseSemver } from "../../cel/library/semver.ts";
import { ProgramCache } from "../../cel/program-cache.ts";
import { BOOL, objectType, STRING, type CelType } from "../../cel/types.ts";
import { MapValue, type CelMap } from "../../cel/values.ts";
import type { Device, DeviceAttribute } from "../types.ts";

/** What one evaluation of a selector may cost, and what it may come to by its text; upstream's. */
const SELECTOR_COST_MAX = 1_000_000;

const DOMAIN_MAX = 63;
const ID_MAX = 32;
const DRIVER_MAX = 63;
const VALUE_MAX = 64;
const FACTS_MAX = 32;

const bounded = (type: CelType, max: number): CelType => ({ ...type, bounds: { max } }) as CelType; // only types that have bounds are given
const factsOf = (value: CelType): CelType => {
  const byId: CelType = { kind: "map", key: bounded(STRING, ID_MAX), value, bounds: { max: FACTS_MAX } };
  return { kind: "map", key: bounded(STRING, DOMAIN_MAX), value: byId, bounds: { max: FACTS_MAX } };
};
const DEVICE = objectType("kubernetes.DRADevice", {
  driver: bounded(STRING, DRIVER_MAX),
  allowMultipleAllocations: bounded(BOOL, 1),
  attributes: factsOf({ kind: "dyn", bounds: { max: VALUE_MAX } }),
  capacity: factsOf(QUANTITY),
});
const ENVIRONMENT: CompileOptions = { variables: { device: DEVICE }, results: [BOOL] };

let programs: ProgramCache | undefined;

/** The compiled selector. Throws its CelCompileError. */
function compileSelector(expression: string): CelProgram {
  return (programs ??= new ProgramCache(ENVIRONMENT)).get(expression);
}

/** Why an expression cannot be a selector; undefined when it can. */
export function selectorProblem(expression: string): { readonly is: "invalid" | "too-costly"; readonly why: string } | undefined {
  try {
    return compileSelector(expression).estimate.max > SELECTOR_COST_MAX ? { is: "too-costly", why: "too complex, exceeds cost limit" } : undefined;
  } catch (error) {
    if (!(error instanceof CelCompileError)) throw error;
    const [, given] = /^must evaluate to bool, got (.*)$/.exec(error.issues[0]?.message ?? "") ?? [];
    return {
      is: "invalid",
      why: given === undefined ? `compilation failed: ${error.message}` : `must evaluate to bool or the unknown type, not ${given}`,
    };
  }
}

/** Devices never change, so what is known of one holds for as long as it is there. */
const knownResults = new WeakMap<Device, Map<string, boolean>>();
const RESULTS_MAX = 64;

/** Whether a driver's device fits a selector. Throws a CelError or a CelCompileError. */
export function matchesSelector(expression: string, driver: string, device: Device): boolean {
  let known = knownResults.get(device);
  if (known === undefined || known.size >= RESULTS_MAX) knownResults.set(device, (known = new Map()));
  let result = known.get(expression);
  if (result === undefined) {
    const { value } = compileSelector(expression).evaluate({ device: deviceValue(driver, device) }, { costMax: SELECTOR_COST_MAX });
    if (typeof value !== "boolean") throw new Error(`selector ${JSON.stringify(expression)} gives no boolean`);
    known.set(expression, (result = value));
  }
  return result;
}

function deviceValue(driver: string, { attributes = {}, capacity = {}, allowMultipleAllocations = false }: Device): unknown {
  return {
    driver,
    allowMultipleAllocations,
    attributes: new DomainMap(
      driver,
      Object.entries(attributes).map(([name, attribute]) => [name, attributeValue(name, attribute)]),
    ),
    capacity: new DomainMap(
      driver,
      Object.entries(capacity).map(([name, { value }]) => [name, new QuantityValue(exactQuantity(value))]),
    ),
  };
}

function attributeValue(name: string, { int, bool, string, version }: DeviceAttribute): unknown {
  if (int !== undefined) return BigInt(int);
  const plain = bool ?? string ?? (version === undefined ? undefined : parseSemver(version));
  if (plain === undefined) throw new Error(`attribute ${name}: unsupported attribute value`);
  return plain;
}

/** The domain and the name proper of an attribute or a capacity; without a domain, it is the driver's. */
function splitFactName(name: string, driver: string): readonly [domain: string, id: string] {
  const slash = name.indexOf("/");
  return slash < 0 ? [driver, name] : [name.slice(0, slash), name.slice(slash + 1)];
}

/** Facts by domain and name. A domain that nobody used is empty rather than missing, so that selectors need not ask first. */
class DomainMap implements CelMap {
  static readonly #none = new MapValue([]);
  readonly isCelMap = true;
  readonly typeName = undefined;
  readonly #domains = new Map<string, MapValue>();

  constructor(driver: string, facts: readonly (readonly [string, unknown])[]) {
    const byDomain = new Map<string, Map<string, unknown>>();
    for (const [name, value] of facts) {
      const [domain, id] = splitFactName(name, driver);
      byDomain.set(domain, (byDomain.get(domain) ?? new Map<string, unknown>()).set(id, value));
    }
    for (const [domain, values] of byDomain) this.#domains.set(domain, new MapValue(values));
  }

  get size(): number {
    return this.#domains.size;
  }

  get(key: unknown): unknown {
    return typeof key === "string" ? (this.#domains.get(key) ?? DomainMap.#none) : undefined;
  }

  has(key: unknown): boolean {
    return typeof key === "string" && this.#domains.has(key);
  }

  keys(): Iterable<string> {
    return this.#domains.keys();
  }
}
