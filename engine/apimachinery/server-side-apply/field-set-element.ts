/**
 * One step of a field path as FieldsV1 writes it: `f:name` (a field or map key), `k:{"name":"app"}` (a list item by its keys),
 * `v:"text"` (an item of a set) and `i:0` (an item by position).
 */

export function fieldElement(name: string): string {
  return `f:${name}`;
}

export function valueElement(value: unknown): string {
  return `v:${JSON.stringify(value)}`;
}

/** Whether this is a path element that upstream's decoder would accept. */
export function isElement(text: string): boolean {
  switch (text.slice(0, 2)) {
    case "f:":
      return true;
    case "i:":
      return /^i:\d+$/.test(text);
    case "k:":
      return isRecord(parsed(text));
    case "v:":
      return parsed(text) !== undefined;
    default:
      return false;
  }
}

/** The element as conflict messages and causes show it: `.spec`, `[name="app"]`, `[="text"]`, `[0]`. */
export function printElement(element: string): string {
  const rest = element.slice(2);
  switch (element[0]) {
    case "f":
      return `.${rest}`;
    case "i":
      return `[${rest}]`;
    case "v":
      return `[=${rest}]`;
    default: {
      const keys = parsed(element);
      if (!isRecord(keys)) return `[${rest}]`;
      return `[${Object.entries(keys)
        .map(([name, value]) => `${name}=${JSON.stringify(value)}`)
        .join(",")}]`;
    }
  }
}

const ORDER = ".fkvi";

/** Upstream's order: `.` first, then fields, keys, values, positions; numbers among keys and values by size. */
export function compareElements(left: string, right: string): number {
  const kind = ORDER.indexOf(left[0] ?? "") - ORDER.indexOf(right[0] ?? "");
  if (kind !== 0) return kind;
  switch (left[0]) {
    case "f":
      return left < right ? -1 : left > right ? 1 : 0;
    case "i":
      return Number(left.slice(2)) - Number(right.slice(2));
    case "v":
      return compareScalars(parsed(left), parsed(right));
    default:
      return compareKeys(parsed(left), parsed(right));
  }
}

function compareKeys(left: unknown, right: unknown): number {
  const a = isRecord(left) ? Object.entries(left) : [];
  const b = isRecord(right) ? Object.entries(right) : [];
  for (let i = 0; i < Math.min(a.length, b.length); i++) {
    const [leftName, leftValue] = a[i] as [string, unknown]; // i is below both lengths
    const [rightName, rightValue] = b[i] as [string, unknown];
    if (leftName !== rightName) return leftName < rightName ? -1 : 1;
    const order = compareScalars(leftValue, rightValue);
    if (order !== 0) return order;
  }
  return a.length - b.length;
}

function compareScalars(left: unknown, right: unknown): number {
  if (typeof left === "number" && typeof right === "number") return left - right;
  const a = rank(left);
  const b = rank(right);
  if (a !== b) return a - b;
  const leftText = typeof left === "string" ? left : JSON.stringify(left);
  const rightText = typeof right === "string" ? right : JSON.stringify(right);
  return leftText < rightText ? -1 : leftText > rightText ? 1 : 0;
}

function rank(value: unknown): number {
  return ["number", "string", "boolean"].indexOf(typeof value);
}

function parsed(element: string): unknown {
  try {
    return JSON.parse(element.slice(2));
  } catch {
    return undefined; // Not JSON: no element that we wrote; `isElement` says so.
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
