import { badRequest, StatusError } from "../../apimachinery/status-error.ts";
import type { Clock } from "../../lib/clock.ts";
import { isLongRunning, type RequestInfo } from "./request-info.ts";
import type { HttpRequest } from "./http-request.ts";

const UNITS_MS: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/**
 * How long a request may take: what it says itself, up to the server's own bound; undefined for what runs as long as somebody looks. Throws
 * a 400 for what is no duration.
 */
export function deadlineMs({ query }: Pick<HttpRequest, "query">, info: RequestInfo, maxMs: number): number | undefined {
  if (maxMs === 0 || isLongRunning(info, query)) return undefined;
  const asked = parseDuration(query.get("timeout") ?? "");
  return asked > 0 && asked < maxMs ? asked : maxMs;
}

/**
 * Rejects with upstream's 504 when the work is not done in time, and says so by `giveUp`. What was begun in the store goes on nevertheless:
 * it cannot be taken back.
 */
export function within<T>(clock: Clock, ms: number | undefined, work: Promise<T>, giveUp: () => void = () => {}): Promise<T> {
  if (ms === undefined) return work;
  return new Promise((resolve, reject) => {
    const cancel = clock.after(ms, () => {
      reject(new StatusError("Timeout", "Timeout: request did not complete within the allotted timeout", {}));
      giveUp();
    });
    work.then(
      (result) => {
        cancel();
        resolve(result);
      },
      (error: unknown) => {
        cancel();
        reject(error);
      },
    );
  });
}

/** A duration as Go writes it; 0 for none. */
function parseDuration(text: string): number {
  if (text === "" || text === "0") return 0;
  if (!/^(\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)((\d+(\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h))*$/.test(text))
    throw badRequest(`invalid timeout specified in the request URL - time: invalid duration ${JSON.stringify(text)}`);
  return [...text.matchAll(/([\d.]+)(ns|us|µs|ms|s|m|h)/g)].reduce((sum, [, value = "0", unit = "s"]) => sum + Number(value) * (UNITS_MS[unit] ?? 0), 0);
}
