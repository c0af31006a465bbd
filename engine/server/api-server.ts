import type { ApiHandler, ApiRequest, ApiResult, TransactionResult, UserInfo } from "../apimachinery/api-request.ts";
import { internalError, StatusError } from "../apimachinery/status-error.ts";
import { requireAllowed } from "../auth/authorize.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";
import { parseRequestTarget } from "../lib/net/request-url.ts";
import { withStatusErrors } from "../storage/storage-status.ts";
import type { ServerParts } from "./exchange.ts";
import { beginLocalRecord } from "./audit/local-record.ts";
import { readRemote } from "./aggregation/remote-call.ts";
import { runFilters } from "./filters.ts";
import { attributesOfAddress } from "./request-attributes.ts";
import { forgetGoneKinds, meterObjects, RequestMetrics } from "./request-metrics.ts";

/**
 * The API server without any transport: requests in, results out, StatusErrors thrown.
 * In-process clients call it directly; http-listener.ts puts HTTP before it.
 */
export class ApiServer implements ApiHandler {
  readonly parts: ServerParts;
  readonly metrics: MetricsRegistry;
  readonly requests: RequestMetrics;

  constructor(parts: ServerParts, metrics: MetricsRegistry) {
    this.parts = parts;
    this.metrics = metrics;
    this.requests = parts.requests;
    forgetGoneKinds(metrics, this.requests, parts);
    meterObjects(metrics, parts.store, parts.resources);
  }

  async handle(request: ApiRequest): Promise<ApiResult> {
    const start = this.parts.clock.monotonic();
    const end = this.requests.begin(request);
    let code = 200;
    const record = beginLocalRecord(this.parts.auditor, request, this.parts.random);
    const definition = record && this.parts.resources.find(request.resource);
    try {
      record?.asked(request, definition);
      if (record !== undefined) await this.parts.auditor?.requireStored(record);
      const result = await withStatusErrors(() => runFilters(record === undefined ? request : { ...request, notes: record.notes }, this.parts));
      if (result.is === "watch") record?.started(200);
      else record?.answered(result, definition);
      code = result.is === "object" ? result.code : result.is === "status" ? result.status.code : 200;
      return result;
    } catch (error) {
      const status = error instanceof StatusError ? error : this.#unexpected(request, error);
      code = status.status.code;
      record?.failed(status.status);
      throw status;
    } finally {
      record?.complete();
      end(code, (this.parts.clock.monotonic() - start) / 1000);
    }
  }

  async read(path: string, user: UserInfo): Promise<unknown> {
    const target = parseRequestTarget(path);
    const remote = target && this.parts.aggregator.owner(target.pathname);
    if (target === undefined || remote === undefined) throw new StatusError("NotFound", "the server could not find the requested resource", {});
    await requireAllowed(this.parts.authorizer, attributesOfAddress("GET", target, user));
    return readRemote(path, user, remote, this.parts);
  }

  transaction<R>(work: () => Promise<R>, isTrial = false): Promise<TransactionResult<R>> {
    return this.parts.store.transaction(work, isTrial);
  }

  /** An error that no rule foresaw is our bug: it is logged in full and told in brief. */
  #unexpected(request: ApiRequest, error: unknown): StatusError {
    const { verb, resource, namespace } = request;
    this.parts.logger.error("request failed unexpectedly", {
      verb,
      resource: resource.resource,
      namespace,
      error,
      stack: error instanceof Error ? error.stack : undefined,
    });
    return internalError(error instanceof Error ? error.message : String(error));
  }
}
