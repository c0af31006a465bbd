import { exchangeHttp, type HttpAnswer } from "../../lib/net/http-exchange.ts";
import type { ForgeType } from "./forge.ts";

export interface ForgeHttp {
  /** The answer's JSON, and whether there is another page. */
  get(path: string, signal: AbortSignal): Promise<unknown>;
  send(method: "POST" | "PATCH" | "PUT", path: string, body: unknown, signal: AbortSignal): Promise<unknown>;
}

/** The forge is busy or has had enough of us. */
export class ForgeLimitError extends Error {
  readonly retryAfterMs: number;
  constructor(message: string, retryAfterMs: number) {
    super(message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The forge has answered, and does not do what it was asked for. */
export class ForgeRefusal extends Error {
  readonly status: number;
  constructor(message: string, status: number) {
    super(message);
    this.status = status;
  }
}

const TIMEOUT_MS = 30_000;
const ANSWER_BYTES_MAX = 16 << 20;
const DEFAULT_RETRY_MS = 60_000;
/** Whatever a forge says about its limit, it is asked again after an hour: limits are counted by the hour at most. */
const RETRY_MAX_MS = 3_600_000;

/** The documented API of a forge over JSON, with its own way to say who asks. The token never appears in a message. */
export function createForgeHttp(api: string, token: string, type: ForgeType): ForgeHttp {
  const headers: Readonly<Record<string, string>> = {
    "user-agent": "mainstay",
    accept: type === "github" ? "application/vnd.github+json" : "application/json",
    ...(type === "github"
      ? { authorization: `Bearer ${token}`, "x-github-api-version": "2022-11-28" }
      : type === "gitlab"
        ? { "private-token": token }
        : { authorization: `token ${token}` }),
  };
  const call = async (method: string, path: string, body: unknown, signal: AbortSignal): Promise<unknown> => {
    // No redirect is followed: it would carry the token to whoever answers there.
    const {
      status,
      headers: said,
      text,
    } = await exchangeHttp(`${api}${path}`, {
      method,
      headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      bytesMax: ANSWER_BYTES_MAX,
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const encoding = said.get("content-encoding") ?? "identity";
    if (encoding !== "identity") throw new Error(`${method} ${path}: the forge packs its answers (${encoding}), unasked`);
    if (status >= 300 && status < 400)
      throw new ForgeRefusal(
        `${method} ${path}: the forge has this elsewhere, at ${addressIn(said.get("location"), api)}, where the token is not sent; write the project's name, or the address, of now into forge of mainstay.yaml`,
        status,
      );
    if (isLimit(status, said, text)) throw new ForgeLimitError(`${method} ${path}: the forge's limit is reached`, retryAfterMs(said));
    if (status < 200 || status > 299) throw new ForgeRefusal(`${method} ${path}: ${status} ${messageIn(text)}`, status);
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  };
  return {
    get: (path, signal) => call("GET", path, undefined, signal),
    send: (method, path, body, signal) => call(method, path, body, signal),
  };
}

/** GitHub answers 403 as well, for its second limit with nothing but words; a forge that is being looked after says when it is back. */
function isLimit(status: number, headers: HttpAnswer["headers"], text: string): boolean {
  if (status === 429 || (status === 503 && headers.has("retry-after"))) return true;
  return status === 403 && (headers.has("retry-after") || headers.get("x-ratelimit-remaining") === "0" || /rate limit/i.test(messageIn(text)));
}

/** When to come again: in seconds, at a time, or when the forge counts anew. Times are held against the forge's own clock. */
export function retryAfterMs(headers: { get(name: string): string | null | undefined }): number {
  const after = headers.get("retry-after") ?? "";
  const reset = headers.get("x-ratelimit-reset") ?? headers.get("ratelimit-reset") ?? "";
  const untilMs = (time: number) => time - Date.parse(headers.get("date") ?? "");
  const ms = /^\d+$/.test(after) ? Number(after) * 1000 : after !== "" ? untilMs(Date.parse(after)) : /^\d+$/.test(reset) ? untilMs(Number(reset) * 1000) : NaN;
  return ms > 0 ? Math.min(ms, RETRY_MAX_MS) : DEFAULT_RETRY_MS;
}

/** Where a redirect leads, without what may be secret in it. */
function addressIn(location: string | undefined, api: string): string {
  if (location === undefined || !URL.canParse(location, api)) return "an address that it does not say";
  const { origin, pathname } = new URL(location, api);
  return `${origin}${pathname}`.slice(0, 200);
}

function messageIn(text: string): string {
  try {
    const { message, error } = JSON.parse(text) as { readonly message?: unknown; readonly error?: unknown };
    return String(typeof message === "string" ? message : (error ?? JSON.stringify(message) ?? "")).slice(0, 200);
  } catch {
    return text.slice(0, 200);
  }
}

/** More of a list are not looked at. */
const ITEMS_MAX = 1_000;

/** The items of all pages, up to a bound: a page that is not full is the last. */
export async function allPages(
  http: ForgeHttp,
  path: string,
  signal: AbortSignal,
  { size, parameter } = { size: 100, parameter: "per_page" },
): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const items: Readonly<Record<string, unknown>>[] = [];
  for (let page = 1; items.length < ITEMS_MAX; page++) {
    const answer = await http.get(`${path}${path.includes("?") ? "&" : "?"}${parameter}=${size}&page=${page}`, signal);
    if (!Array.isArray(answer)) throw new Error(`GET ${path}: the forge answered with something that is no list`);
    items.push(...(answer as Readonly<Record<string, unknown>>[])); // fields are read one by one, as what they turn out to be
    if (answer.length < size) break;
  }
  return items;
}

export function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function numberOf(value: unknown): number {
  return typeof value === "number" ? value : NaN;
}

/** Whether both are there, and equal. */
export function isSameNumber(a: unknown, b: unknown): boolean {
  return typeof a === "number" && a === b;
}

export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
