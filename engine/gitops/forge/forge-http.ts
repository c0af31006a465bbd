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

const TIMEOUT_MS = 30_000;
const ANSWER_BYTES_MAX = 16 << 20;
const DEFAULT_RETRY_MS = 60_000;

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
    const response = await fetch(`${api}${path}`, {
      method,
      headers: body === undefined ? headers : { ...headers, "content-type": "application/json" },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      // A redirect would carry the token to whoever answers there.
      redirect: "error",
      signal: AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]),
    });
    const text = await readText(response);
    const retryAfter = Number(response.headers.get("retry-after"));
    if (response.status === 429 || (response.status === 403 && (retryAfter > 0 || response.headers.get("x-ratelimit-remaining") === "0")))
      throw new ForgeLimitError(`${method} ${path}: the forge's limit is reached`, retryAfter > 0 ? retryAfter * 1000 : DEFAULT_RETRY_MS);
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${messageIn(text)}`);
    return text === "" ? undefined : (JSON.parse(text) as unknown);
  };
  return {
    get: (path, signal) => call("GET", path, undefined, signal),
    send: (method, path, body, signal) => call(method, path, body, signal),
  };
}

async function readText(response: Response): Promise<string> {
  const text = await response.text();
  if (text.length > ANSWER_BYTES_MAX) throw new Error(`the forge answered with ${text.length} bytes`);
  return text;
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

export function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? (value as Readonly<Record<string, unknown>>)[name] : undefined;
}
