import type { ComprehensionKind } from "./ast.ts";
import { CelError, noSuchOverload } from "./cel-error.ts";
import type { Evaluation, Step } from "./evaluation.ts";
import { isCelMap, MapValue } from "./values.ts";

export interface ComprehensionPlan {
  readonly kind: ComprehensionKind;
  readonly range: Step;
  /** Of one variable or two. */
  readonly slots: readonly number[];
  readonly filter: Step | undefined;
  readonly body: Step;
}

/** What looks at each item of a list, or each entry of a map, in turn. */
export function planComprehension(plan: ComprehensionPlan): Step {
  const { kind, body, filter } = plan;
  switch (kind) {
    case "all":
      return quantifier(plan, false);
    case "exists":
      return quantifier(plan, true);
    case "exists_one":
      return (run) => count(plan, run) === 1;
    case "filter":
      return (run) => collect(plan, run, (out: unknown[], key) => void (bool(body(run)) && out.push(key)), []);
    case "map":
    case "transformList":
      return (run) => collect(plan, run, (out: unknown[]) => void ((filter === undefined || bool(filter(run))) && out.push(body(run))), []);
    case "transformMap":
      return (run) =>
        new MapValue(
          collect(plan, run, (out: [unknown, unknown][], key) => void ((filter === undefined || bool(filter(run))) && out.push([key, body(run)])), []),
        );
    case "transformMapEntry":
      return (run) =>
        new MapValue(
          collect(
            plan,
            run,
            (out: (readonly [unknown, unknown])[]) => void ((filter === undefined || bool(filter(run))) && out.push(...entriesOf(body(run)))),
            [],
          ),
        );
  }
}

/** The names are set for each item in turn; with one name of a list that is the item, of a map the key. */
function* items({ range, slots }: ComprehensionPlan, run: Evaluation): Generator<unknown> {
  const over = range(run);
  const [first = 0, second] = slots;
  if (Array.isArray(over)) {
    for (const [index, item] of over.entries()) {
      run.spend(1);
      run.slots[first] = second === undefined ? item : BigInt(index);
      if (second !== undefined) run.slots[second] = item;
      yield second === undefined ? item : BigInt(index);
    }
    return;
  }
  if (!isCelMap(over)) throw noSuchOverload();
  for (const key of over.keys()) {
    run.spend(1);
    run.slots[first] = key;
    if (second !== undefined) run.slots[second] = over.get(key);
    yield key;
  }
}

function collect<T>(plan: ComprehensionPlan, run: Evaluation, put: (out: T[], key: unknown) => void, out: T[]): T[] {
  for (const key of items(plan, run)) put(out, key);
  return out;
}

/** An item that decides makes errors at other items irrelevant. */
function quantifier(plan: ComprehensionPlan, decisive: boolean): Step {
  return (run) => {
    let failure: unknown;
    for (const _ of items(plan, run)) {
      try {
        if (bool(plan.body(run)) === decisive) return decisive;
      } catch (error) {
        if (!(error instanceof CelError) || error.isFatal) throw error;
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return !decisive;
  };
}

function count(plan: ComprehensionPlan, run: Evaluation): number {
  let found = 0;
  for (const _ of items(plan, run)) if (bool(plan.body(run))) found++;
  return found;
}

function bool(value: unknown): boolean {
  if (typeof value !== "boolean") throw noSuchOverload();
  return value;
}

function entriesOf(value: unknown): readonly (readonly [unknown, unknown])[] {
  if (!isCelMap(value)) throw noSuchOverload();
  return [...value.keys()].map((key) => [key, value.get(key)] as const);
}
