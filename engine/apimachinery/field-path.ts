import { ownValue } from "../lib/own-value.ts";

/** The steps of a field as the API names it: `spec.containers[0].image`, `data[index.html]`, `.spec.containers[name="web"].image`. */
export function structuralPathOf(field: string): readonly (string | number)[] {
  const steps: (string | number)[] = [];
  for (const match of field.matchAll(/\[([^\]]*)\]|([^.[\]]+)/g)) {
    const inBrackets = match[1];
    if (inBrackets === undefined) steps.push(match[2] ?? "");
    else steps.push(/^\d+$/.test(inBrackets) ? Number(inBrackets) : inBrackets.replace(/^"(.*)"$/, "$1"));
  }
  return steps;
}

/** Reads a value by its steps; a step such as `name="web"` finds a list's item by key. */
export function valueAt(value: unknown, steps: readonly (string | number)[]): unknown {
  let current = value;
  for (const step of steps) {
    if (Array.isArray(current)) current = current[indexIn(current, step)];
    else if (typeof current === "object" && current !== null)
      current = ownValue(current as Record<string, unknown>, String(step)); // a JSON object
    else return undefined;
  }
  return current;
}

/** A copy without the field; the value itself when the field is not there. */
export function withoutField<T>(value: T, steps: readonly (string | number)[]): T {
  const [step, ...rest] = steps;
  if (step === undefined || typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const index = indexIn(value, step);
    if (index < 0 || index >= value.length) return value;
    // The copy has the shape of what came in, less one field.
    return (rest.length === 0 ? value.toSpliced(index, 1) : value.with(index, withoutField(value[index], rest))) as T;
  }
  const record = value as Record<string, unknown>; // an object that is no list
  const key = String(step);
  if (!Object.hasOwn(record, key)) return value;
  const { [key]: child, ...others } = record;
  return (rest.length === 0 ? others : { ...record, [key]: withoutField(child, rest) }) as T;
}

/** A copy with a field set that is there already; the value itself when it is not. */
export function withExistingField<T>(value: T, steps: readonly (string | number)[], next: unknown): T {
  const [step, ...rest] = steps;
  // The copy has the shape of what came in, with another value in one field.
  if (step === undefined) return next as T;
  if (Array.isArray(value)) {
    const index = indexIn(value, step);
    return index < 0 || index >= value.length ? value : (value.with(index, withExistingField(value[index], rest, next)) as T);
  }
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, String(step))) return value;
  return { ...value, [String(step)]: withExistingField((value as Record<string, unknown>)[String(step)], rest, next) };
}

function indexIn(list: readonly unknown[], step: string | number): number {
  if (typeof step === "number") return step;
  const keys = [...step.matchAll(/([^=,]+)=("(?:[^"\\]|\\.)*"|[^,]*)/g)].map((match) => [match[1] ?? "", parseScalar(match[2] ?? "")] as const);
  return keys.length === 0 ? -1 : list.findIndex((item) => keys.every(([key, wanted]) => (item as Record<string, unknown> | null)?.[key] === wanted));
}

function parseScalar(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
