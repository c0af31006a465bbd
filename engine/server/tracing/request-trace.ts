import type { ApiRequest } from "../../apimachinery/api-request.ts";
import type { Attributes, Span } from "../../lib/tracing/span.ts";
import { measured, type Tracer } from "../../lib/tracing/tracer.ts";
import type { HttpRequest } from "../http/http-request.ts";
import type { ResourceInfo } from "../http/request-info.ts";
import type { RawResponse } from "../http/response.ts";
import { shownUserAgent } from "../http/user-agent.ts";
import { normalizedVerb } from "../request-metrics.ts";
import { beginHttpSpan, clientAddress, describeAnswer, followAnswer, placeOf, protocolOf, type TracedRequest } from "./http-span.ts";

/** Watches have none but while they list what is there: what takes time in them is waiting. */
const NAMES: Readonly<Partial<Record<ApiRequest["verb"], string>>> = {
  get: "Get",
  list: "List",
  create: "Create",
  update: "Update",
  patch: "Patch",
  delete: "Delete",
  deletecollection: "Delete",
};

/** Answers a request in a span of its own, and tells whoever does so where to note the steps, if they are recorded. */
export async function answerTraced(
  tracer: Tracer,
  request: TracedRequest,
  { raw, body }: { readonly raw: RawResponse; readonly body: { readonly length: number } },
  answer: (trace: RequestTrace | undefined) => Promise<void>,
): Promise<void> {
  const span = beginHttpSpan(tracer, request);
  if (!span.isRecorded) return tracer.within(span, () => answer(undefined));
  const written = followAnswer(raw);
  try {
    await tracer.within(span, () => answer(new RequestTrace(tracer, span)));
  } finally {
    describeAnswer(span, written, body.length);
    span.end();
  }
}

/** What is measured of a request that is recorded, below its own span: what its verb does, and in that the writing of the answer. */
export class RequestTrace {
  readonly #tracer: Tracer;
  readonly #span: Span;
  #verb: Span | undefined;
  #writing: Span | undefined;

  constructor(tracer: Tracer, span: Span) {
    this.#tracer = tracer;
    this.#span = span;
  }

  /** A step of the way to the verb, measured by itself: upstream's spans of these names last as long as what comes after them. */
  step<R>(name: string, work: () => Promise<R>): Promise<R> {
    return measured(this.#tracer, name, () => ({}), work);
  }

  /** Begins the verb's span, which its work runs in; none for a watch that does not begin with a list. */
  beginVerb(http: HttpRequest, info: ResourceInfo, verb: ApiRequest["verb"]): Span | undefined {
    const name = verb === "watch" && http.query.get("sendInitialEvents") === "true" ? "WatchList" : NAMES[verb];
    return name === undefined ? undefined : (this.#verb = this.#span.child(name, verbAttributes(http, info, verb)));
  }

  /** Work in the verb's span. */
  withinVerb<R>(work: () => R): R {
    return this.#verb === undefined ? work() : this.#tracer.within(this.#verb, work);
  }

  /** The answer is known; from here on it is encoded and written. */
  beginAnswer({ method, path, headers }: HttpRequest, mediaType: string): void {
    this.#verb?.event("About to write a response");
    this.#writing = this.#verb?.child("SerializeObject", { method, url: path, protocol: protocolOf(headers), mediaType });
  }

  /** It is encoded. */
  encoded(bytes: number): void {
    this.#writing?.event("About to start writing response", { size: bytes });
  }

  written(bytes: number): void {
    this.#writing?.event("Write call succeeded", { size: bytes });
    this.#writing?.end();
    this.#verb?.event("Writing http response done");
  }

  end(): void {
    this.#writing?.end();
    this.#verb?.end();
  }
}

/** Upstream's attributes of a verb's span; `audit-id` is every span's. */
function verbAttributes(http: HttpRequest, info: ResourceInfo, verb: ApiRequest["verb"]): Attributes {
  const { group, version, resource, subresource = "" } = info;
  const { namespace, name } = placeOf(http, info);
  const [accept, userAgent, contentType] = ["accept", "user-agent", "content-type"].map((header) => [http.headers[header] ?? ""].flat()[0] ?? "") as [
    string,
    string,
    string,
  ]; // as many as were asked for
  return {
    accept,
    client: clientAddress(http.headers, { remoteAddress: http.remoteAddress }),
    "api-group": group,
    "api-version": version,
    name,
    subresource,
    namespace,
    protocol: protocolOf(http.headers),
    resource,
    scope: name !== "" || verb === "create" ? "resource" : namespace === "" ? "cluster" : "namespace",
    url: http.path,
    "user-agent": shownUserAgent(userAgent),
    verb: normalizedVerb(verb, contentType.startsWith("application/apply-patch+")),
  };
}
