/** A time zone as the offsets of its clocks. */
export interface Zone {
  /** What its clocks are ahead of UTC at an instant, in milliseconds. */
  readonly offsetAt: (timeMs: number) => number;
  /** The first instant after `fromMs` with another offset; `untilMs` must have one. To the second. */
  readonly changeBetween: (fromMs: number, untilMs: number) => number;
}

const zones = new Map<string, Zone>();

/** A zone of the IANA database, such as Europe/Berlin. Throws an Error for other names. */
export function createZone(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  const zone = name === "UTC" ? utc : ianaZone(name);
  zones.set(name, zone); // bounded by the number of zones there are: unknown names throw
  return zone;
}

const utc: Zone = { offsetAt: () => 0, changeBetween: (_from, until) => until };

function ianaZone(name: string): Zone {
  let format: Intl.DateTimeFormat;
  try {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: name,
      hourCycle: "h23",
      year: "numeric",
      month: "numeric",
      day: "numeric",
      hour: "numeric",
      minute: "numeric",
      second: "numeric",
    });
  } catch (cause) {
    throw new Error(`unknown time zone ${name}`, { cause });
  }
  const offsetAt = (timeMs: number): number => {
    const parts = Object.fromEntries(format.formatToParts(timeMs).map(({ type, value }) => [type, Number(value)]));
    const wholeMs = Math.floor(timeMs / 1000) * 1000;
    return Date.UTC(parts["year"] ?? 0, (parts["month"] ?? 1) - 1, parts["day"], parts["hour"], parts["minute"], parts["second"]) - wholeMs;
  };
  return {
    offsetAt,
    changeBetween(fromMs, untilMs) {
      const before = offsetAt(fromMs);
      let [low, high] = [Math.floor(fromMs / 1000), Math.ceil(untilMs / 1000)];
      while (high - low > 1) {
        const middle = Math.floor((low + high) / 2);
        if (offsetAt(middle * 1000) === before) low = middle;
        else high = middle;
      }
      return high * 1000;
    },
  };
}
