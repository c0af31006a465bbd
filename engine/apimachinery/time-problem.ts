/** One element of the layout: how Go names it, what it takes, and what a number that it has taken must be. */
interface Element {
  readonly name: string;
  readonly pattern: RegExp;
  readonly range?: { readonly what: string; readonly min: number; readonly max: number };
}

const literal = (name: string): Element => ({ name, pattern: new RegExp(`^${name}`) });
const number = (name: string, what: string, min: number, max: number): Element => ({ name, pattern: /^\d\d/, range: { what, min, max } });

const SECONDS: readonly Element[] = [
  { name: "2006", pattern: /^\d{4}/ },
  literal("-"),
  number("01", "month", 1, 12),
  literal("-"),
  number("02", "day", 1, 31),
  literal("T"),
  number("15", "hour", 0, 23),
  literal(":"),
  number("04", "minute", 0, 59),
  literal(":"),
  number("05", "second", 0, 59),
];
const ZONE: Element = { name: "Z07:00", pattern: /^(Z|[+-]([01]\d|2[0-3]):[0-5]\d)/ };
const MICROSECONDS: Element = { name: ".000000", pattern: /^[.,]\d{6}/ };
/** After the seconds, Go takes a fraction that the layout does not name. */
const ANY_FRACTION = /^[.,]\d+/;

/** What nearly all times look like: a day that every month has needs no calendar. */
const USUAL = /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|1\d|2[0-8])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d{6})?Z$/;
const MICROSECONDS_LENGTH = "2006-01-02T15:04:05.000000Z".length;

/** What Go's parser says of a text that is no moment in RFC 3339, with microseconds or to the second; undefined for one that is. */
export function timeProblem(text: string, hasMicroseconds: boolean): string | undefined {
  if (USUAL.test(text) && (!hasMicroseconds || text.length === MICROSECONDS_LENGTH)) return undefined;
  const layout = `2006-01-02T15:04:05${hasMicroseconds ? ".000000" : ""}Z07:00`;
  const start = `parsing time ${JSON.stringify(text)}`;
  let rest = text;
  const numbers: number[] = [];
  for (const { name, pattern, range } of [...SECONDS, ...(hasMicroseconds ? [MICROSECONDS] : []), ZONE]) {
    if (name === "Z07:00" && !hasMicroseconds) rest = rest.replace(ANY_FRACTION, "");
    const taken = pattern.exec(rest)?.[0];
    if (taken === undefined) return `${start} as ${JSON.stringify(layout)}: cannot parse ${JSON.stringify(rest)} as ${JSON.stringify(name)}`;
    if (range !== undefined && (Number(taken) < range.min || Number(taken) > range.max)) return `${start}: ${range.what} out of range`;
    if (/^\d+$/.test(taken)) numbers.push(Number(taken));
    rest = rest.slice(taken.length);
  }
  if (rest !== "") return `${start}: extra text: ${JSON.stringify(rest)}`;
  const [year = 0, month = 1, day = 1] = numbers;
  return day > new Date(Date.UTC(year, month, 0)).getUTCDate() ? `${start}: day out of range` : undefined;
}
