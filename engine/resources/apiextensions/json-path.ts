/**
 * The part of kubectl's JSONPath that columns and selectable fields use: names, quoted names, indexes, slices, wildcards, filters that
 * compare one field, and descent. Paths begin with a dot and have no braces.
 */
export type JsonPath = (object: unknown) => readonly unknown[];

type Step = (values: readonly unknown[]) => readonly unknown[];

/** Undefined for text that is no such path. */
export function parseJsonPath(text: string): JsonPath | undefined {
  const steps: Step[] = [];
  for (let at = 0; at < text.length;) {
    const found = readDot(text, at) ?? readBrackets(text, at);
    if (found === undefined) return undefined;
    if (found.step !== undefined) steps.push(found.step);
    at = found.next;
  }
  return (object) => steps.reduce<readonly unknown[]>((values, step) => step(values), [object]);
}

interface Read {
  readonly step: Step | undefined;
  readonly next: number;
}

function readDot(text: string, at: number): Read | undefined {
  if (text[at] !== ".") return undefined;
  const descends = text[at + 1] === ".";
  const start = at + (descends ? 2 : 1);
  const name = /^(?:[^.[\]\\]|\\.)*/.exec(text.slice(start))?.[0] ?? "";
  const next = start + name.length;
  if (name === "") return descends ? undefined : { step: undefined, next };
  const plain = name.replace(/\\(.)/g, "$1");
  const step = plain === "*" ? children : named(plain);
  return { step: descends ? (values) => step(values.flatMap(descendants)) : step, next };
}

function readBrackets(text: string, at: number): Read | undefined {
  if (text[at] !== "[") return undefined;
  const filter = /^\[\?\((.+?)\)\]/.exec(text.slice(at));
  if (filter !== null) {
    const keep = parseFilter(filter[1] ?? "");
    return keep && { step: (values) => values.flatMap((value) => listOf(value).filter(keep)), next: at + filter[0].length };
  }
  const plain = /^\[((?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|[^\]'"])*)\]/.exec(text.slice(at));
  if (plain === null) return undefined;
  const steps = (plain[1] ?? "").split(/,(?=(?:[^'"]|'[^']*'|"[^"]*")*$)/).map((part) => readSelector(part.trim()));
  if (steps.some((step) => step === undefined)) return undefined;
  return { step: (values) => steps.flatMap((step) => step?.(values) ?? []), next: at + plain[0].length };
}

function readSelector(text: string): Step | undefined {
  if (text === "*") return children;
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted !== null) return named((quoted[2] ?? "").replace(/\\(.)/g, "$1"));
  if (/^-?\d+$/.test(text)) return (values) => values.flatMap((value) => listOf(value).slice(Number(text), Number(text) === -1 ? undefined : Number(text) + 1));
  const slice = /^(-?\d*):(-?\d*)(?::(\d+))?$/.exec(text);
  if (slice === null) return undefined;
  const [from, to] = [slice[1] === "" ? 0 : Number(slice[1]), slice[2] === "" ? undefined : Number(slice[2])];
  const every = Number(slice[3] ?? 1);
  return (values) =>
    values.flatMap((value) =>
      listOf(value)
        .slice(from, to)
        .filter((_item, index) => index % every === 0),
    );
}

const COMPARE: Readonly<Record<string, (left: unknown, right: unknown) => boolean>> = {
  "==": (left, right) => left === right,
  "!=": (left, right) => left !== right,
  "<": (left, right) => typeof left === typeof right && (left as number) < (right as number),
  "<=": (left, right) => typeof left === typeof right && (left as number) <= (right as number),
  ">": (left, right) => typeof left === typeof right && (left as number) > (right as number),
  ">=": (left, right) => typeof left === typeof right && (left as number) >= (right as number),
};

/** `@.type=="Ready"`, or `@.name` for items that have one. */
function parseFilter(text: string): ((item: unknown) => boolean) | undefined {
  const match = /^\s*@((?:[^=!<>'"]|'[^']*')*?)\s*(?:(==|!=|<=|>=|<|>)\s*(.+?))?\s*$/.exec(text);
  const path = match === null ? undefined : parseJsonPath(match[1] ?? "");
  if (match === null || path === undefined) return undefined;
  const compare = COMPARE[match[2] ?? ""];
  if (compare === undefined) return (item) => path(item).length > 0;
  const wanted = literal(match[3] ?? "");
  return (item) =>
    path(item)
      .slice(0, 1)
      .some((value) => compare(value, wanted));
}

function literal(text: string): unknown {
  const quoted = /^(['"])(.*)\1$/s.exec(text);
  if (quoted !== null) return quoted[2];
  if (text === "true" || text === "false") return text === "true";
  return Number.isNaN(Number(text)) ? text : Number(text);
}

function named(name: string): Step {
  return (values) =>
    values.flatMap((value) =>
      typeof value === "object" && value !== null && !Array.isArray(value) && Object.hasOwn(value, name)
        ? [(value as Readonly<Record<string, unknown>>)[name]]
        : [],
    );
}

const children: Step = (values) => values.flatMap((value) => (typeof value === "object" && value !== null ? Object.values(value) : []));

function descendants(value: unknown): readonly unknown[] {
  return typeof value === "object" && value !== null ? [value, ...Object.values(value).flatMap(descendants)] : [];
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
