import { bareHost } from "../../lib/net/ip-address.ts";
import type { Span } from "../../lib/tracing/span.ts";
import type { Tracer } from "../../lib/tracing/tracer.ts";

/** What an HTTP request that is sent in the course of another is told of the trace, and tells it. */
export interface Asking {
  readonly headers: Readonly<Record<string, string>>;
  answered(code: number): void;
}

const SILENT: Asking = { headers: {}, answered() {} };

/** Sends an HTTP request in a span of its own, below the one that the caller runs in. Where none is recorded, what there is of a trace is handed on. */
export async function askTraced<R>(
  tracer: Tracer | undefined,
  { method, url }: { readonly method: string; readonly url: string },
  work: (asking: Asking) => Promise<R>,
): Promise<R> {
  const parent = tracer?.current;
  if (parent === undefined) return work(SILENT);
  if (!parent.isRecorded) return work({ ...SILENT, headers: parent.headers });
  const asked = URL.parse(url) ?? { hostname: "", port: "" };
  let isRefused = false;
  const span = parent.child(
    `HTTP ${method}`,
    {
      "http.request.method": method,
      "url.full": url,
      "server.address": bareHost(asked),
      ...(asked.port === "" ? {} : { "server.port": Number(asked.port) }),
      "network.protocol.version": "1.1",
    },
    "client",
  );
  try {
    return await work({ headers: span.headers, answered: (code) => (isRefused = noteAnswer(span, code)) });
  } catch (error) {
    if (isRefused) throw error; // which says no more than the answer
    span.set({ "error.type": error instanceof Error ? error.name : typeof error });
    span.fail(error instanceof Error ? error.message : String(error));
    throw error;
  } finally {
    span.end();
  }
}

/** Whether it is a failure. */
function noteAnswer(span: Span, code: number): boolean {
  span.set({ "http.response.status_code": code, ...(code >= 400 ? { "error.type": String(code) } : {}) });
  if (code >= 400) span.fail();
  return code >= 400;
}
