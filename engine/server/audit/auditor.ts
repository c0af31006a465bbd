import type { ApiRequest, ApiResult, ObjectList, UserInfo } from "../../apimachinery/api-request.ts";
import { formatApiVersion } from "../../apimachinery/group-version.ts";
import type { RequestNotes } from "../../apimachinery/request-notes.ts";
import { internalError, type Status } from "../../apimachinery/status-error.ts";
import { formatMicroTime, type Clock } from "../../lib/clock.ts";
import type { Counter, MetricsRegistry } from "../../lib/metrics.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import { shownUserAgent } from "../http/user-agent.ts";
import { withoutManagedFields, type AuditEvent, type AuditObjectReference } from "./audit-event.ts";
import { decideAudit, type AuditDecision, type AuditedRequest, type AuditLevel, type AuditPolicy, type AuditStage } from "./audit-policy.ts";
import { sentObject } from "./sent-object.ts";

/** Where events go. */
export interface AuditSink {
  /** What a request waits for, if it does; rejects when the event could not be kept, which the sink has told of. */
  write(event: AuditEvent): Promise<void> | void;
  /** Whether a request must not go on without its record. */
  readonly isStrict?: boolean;
  /** Resolves when everything that was taken has been written. */
  close(): Promise<void>;
}

/** What keeps events in the end. */
export interface AuditBackend {
  readonly name: "log" | "webhook";
  /** Rejects when the events could not be kept, or nobody waits for that any more; they have been counted then. */
  deliver(events: readonly AuditEvent[], signal?: AbortSignal): Promise<void>;
  /** The end is near: what fails from here on is not tried again. */
  hurry?(): void;
  close(): Promise<void>;
}

/** What is known of a request when it comes in. */
export interface AuditBeginning extends AuditedRequest {
  readonly auditId: string;
  readonly requestUri: string;
  readonly sourceIps: readonly string[];
  readonly userAgent: string;
  /** A watch, a log, a proxy: its answer begins long before it ends. */
  readonly isLongRunning: boolean;
  /** What was remarked before, and will be until the request is answered. */
  readonly notes: RequestNotes;
}

export interface AuditorOptions {
  readonly policy: AuditPolicy;
  readonly sinks: readonly AuditSink[];
  readonly clock: Clock;
  readonly metrics: MetricsRegistry;
}

const RANK: Readonly<Record<AuditLevel, number>> = { None: 0, Metadata: 1, Request: 2, RequestResponse: 3 };

/** Records requests as a policy says. */
export class Auditor {
  readonly #options: AuditorOptions;
  readonly #events: Counter;
  readonly #levels: Counter;
  readonly #rejected: Counter;

  constructor(options: AuditorOptions) {
    this.#options = options;
    this.#events = options.metrics.counter("apiserver_audit_event_total", "Audit events that were sent to the backends.");
    this.#levels = options.metrics.counter("apiserver_audit_level_total", "Requests by the level at which they are recorded.");
    this.#rejected = options.metrics.counter("apiserver_audit_requests_rejected_total", "Requests that were refused because they could not be recorded.");
  }

  /** Begins the record of a request; undefined when the policy wants none. */
  begin(beginning: AuditBeginning): AuditRecord | undefined {
    const decision = decideAudit(this.#options.policy, beginning);
    this.#levels.add({ level: decision.level });
    if (decision.level === "None") return undefined;
    const record = new AuditRecord(beginning, decision, this.#options.clock, (event) => this.#emit(event));
    record.reach("RequestReceived");
    return record;
  }

  /** Throws a 500 when the request must not go on without its record. Waits for those who want it. */
  async requireStored(record: AuditRecord | undefined): Promise<void> {
    if (record === undefined || (await record.isStored())) return;
    this.#rejected.add();
    throw internalError("failed to store audit event");
  }

  /** Whether everybody who must have the event has it; undefined where nobody waits for that. */
  #emit(event: AuditEvent): Promise<boolean> | undefined {
    this.#events.add();
    const waits = this.#options.sinks.flatMap((sink) => {
      const writing = sink.write(event);
      return writing instanceof Promise
        ? [
            writing.then(
              () => true,
              () => sink.isStrict !== true,
            ),
          ]
        : [];
    });
    return waits.length === 0 ? undefined : Promise.all(waits).then((kept) => kept.every(Boolean));
  }

  async close(): Promise<void> {
    await Promise.all(this.#options.sinks.map((sink) => sink.close()));
  }
}

/** The record of one request while it is answered. */
export class AuditRecord {
  readonly notes: RequestNotes;
  readonly #beginning: AuditBeginning;
  readonly #decision: AuditDecision;
  readonly #clock: Clock;
  readonly #emit: (event: AuditEvent) => Promise<boolean> | undefined;
  readonly #received: string;
  #objectRef: AuditObjectReference | undefined;
  #impersonation: Pick<AuditEvent, "impersonatedUser" | "authenticationMetadata"> = {};
  #status: Partial<Status> | undefined;
  #requestObject: unknown;
  #responseObject: unknown;
  #isComplete = false;
  #stored: Promise<boolean> | undefined;

  constructor(beginning: AuditBeginning, decision: AuditDecision, clock: Clock, emit: (event: AuditEvent) => Promise<boolean> | undefined) {
    this.#beginning = beginning;
    this.notes = beginning.notes;
    this.#decision = decision;
    this.#clock = clock;
    this.#emit = emit;
    this.#received = formatMicroTime(clock.now());
    this.#objectRef = beginning.resource === undefined ? undefined : referenceTo(beginning.resource);
  }

  /**
   * Whom the user acts as, and the right by which he does where it is for some verbs only. What is recorded of him, he himself decides:
   * nobody gets out of a policy by acting as somebody else.
   */
  actsAs(user: UserInfo, constraint: string | undefined): void {
    this.#impersonation = { impersonatedUser: user, ...(constraint === undefined ? {} : { authenticationMetadata: { impersonationConstraint: constraint } }) };
  }

  /** What the client sent, an object of this kind or the body of a patch of one. */
  asked(request: ApiRequest, definition: ResourceDefinition | undefined): void {
    const body = "body" in request ? request.body : undefined;
    if (body === undefined) return;
    if (request.verb !== "patch") this.#refineReference(body);
    if (this.#keeps("Request")) this.#requestObject = this.#cleaned(sentObject(request, definition));
  }

  answered(result: Exclude<ApiResult, { readonly is: "watch" }>, definition: ResourceDefinition | undefined): void {
    if (result.is === "status") return this.failed(result.status);
    this.#status = { code: result.is === "object" ? result.code : 200 };
    if (!this.#keeps("RequestResponse")) return;
    this.#responseObject = this.#cleaned(result.is === "object" ? result.encoded.object : shownList(result.list, definition));
  }

  /** The answer is a Status: of a failure, or of a deletion. */
  failed(status: Status): void {
    const { kind: _kind, apiVersion: _apiVersion, ...rest } = status;
    this.#status = this.#keeps("Request") || !this.#mayQuote(status) ? rest : withoutContents(rest);
    if (!this.#keeps("RequestResponse")) return;
    const { code, ...withoutCode } = status;
    // As it is sent: of what has gone a Status says no code.
    this.#responseObject = status.status === "Success" && code === 200 ? withoutCode : status;
  }

  /** The answer has begun to be written. */
  started(code: number): void {
    this.#status = { ...this.#status, code };
    if (this.#beginning.isLongRunning) this.reach("ResponseStarted");
  }

  /**
   * The answer is about to end, or has ended; what comes after the first time changes nothing. Resolves when the record is where it must be
   * before the client gets the end; undefined where nobody waits for that.
   */
  complete(): Promise<unknown> | undefined {
    if (this.#isComplete) return undefined;
    this.#isComplete = true;
    this.#status ??= { status: "Success", message: "Connection closed early", code: 200 };
    this.reach("ResponseComplete");
    return this.#stored;
  }

  /** Whether the request may go on: what has been recorded of it so far has been kept, or need not be. */
  async isStored(): Promise<boolean> {
    return (await this.#stored) ?? true;
  }

  reach(stage: AuditStage): void {
    if (!this.#decision.omitStages.has(stage)) this.#stored = this.#emit(this.#event(stage));
  }

  #event(stage: AuditStage): AuditEvent {
    const { auditId, requestUri, verb, user, sourceIps, userAgent } = this.#beginning;
    const isOver = stage !== "RequestReceived";
    const annotations = this.#keeps("Request") ? this.notes.annotations : this.notes.annotationsWithoutContents;
    return {
      kind: "Event",
      apiVersion: "audit.k8s.io/v1",
      level: this.#decision.level,
      auditID: auditId,
      stage,
      requestURI: requestUri,
      verb,
      user: user ?? {},
      ...this.#impersonation,
      ...(sourceIps.length === 0 ? {} : { sourceIPs: sourceIps }),
      ...(userAgent === "" ? {} : { userAgent: shownUserAgent(userAgent) }),
      ...(this.#objectRef === undefined ? {} : { objectRef: this.#objectRef }),
      ...(isOver && this.#status !== undefined ? { responseStatus: { metadata: {}, ...this.#status } } : {}),
      ...(isOver && this.#requestObject !== undefined ? { requestObject: this.#requestObject } : {}),
      ...(isOver && this.#responseObject !== undefined ? { responseObject: this.#responseObject } : {}),
      requestReceivedTimestamp: this.#received,
      stageTimestamp: formatMicroTime(this.#clock.now()),
      ...(annotations.size === 0 ? {} : { annotations: Object.fromEntries(annotations) }),
    };
  }

  /** What the address leaves open, the body may say. */
  #refineReference(body: unknown): void {
    const metadata = typeof body === "object" && body !== null && "metadata" in body ? body.metadata : undefined;
    if (typeof metadata !== "object" || metadata === null || this.#objectRef === undefined) return;
    const found = Object.fromEntries(
      ["namespace", "name", "uid", "resourceVersion"].flatMap((key) => {
        const value: unknown = Reflect.get(metadata, key);
        return typeof value === "string" && value !== "" ? [[key, value]] : [];
      }),
    );
    this.#objectRef = { ...found, ...this.#objectRef };
  }

  /**
   * Whether the failure may show a part of a Secret: what is wrong with a body is told with the values that are wrong, and of a patch with
   * all that came of it.
   */
  #mayQuote({ reason }: Status): boolean {
    const { group, resource } = this.#beginning.resource ?? {};
    return group === "" && resource === "secrets" && (reason === "Invalid" || reason === "BadRequest");
  }

  #keeps(level: AuditLevel): boolean {
    return RANK[this.#decision.level] >= RANK[level];
  }

  #cleaned(object: unknown): unknown {
    return this.#decision.omitManagedFields ? withoutManagedFields(object) : object;
  }
}

/** A list as its reader gets it: the list says what its objects are, but for custom kinds, of which each says it as well. */
function shownList({ items, ...metadata }: ObjectList, definition: ResourceDefinition | undefined): unknown {
  const objects = items.map(({ object }) => object);
  if (definition === undefined) return { metadata, items: objects };
  const { group, version, listKind, content } = definition;
  const shown = content === undefined ? objects.map(({ kind: _kind, apiVersion: _apiVersion, ...rest }) => rest) : objects;
  return { kind: listKind, apiVersion: formatApiVersion(group, version), metadata, items: shown };
}

function withoutContents({ message: _message, details, ...rest }: Partial<Status>): Partial<Status> {
  const { causes: _causes, ...about } = details ?? {};
  return { ...rest, message: "what is wrong with the body is not recorded at this level", details: about };
}

function referenceTo({ group, version, resource, subresource, namespace, name }: NonNullable<AuditedRequest["resource"]>): AuditObjectReference {
  const parts = { resource, namespace, name, apiGroup: group, apiVersion: version, subresource };
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== ""));
}
