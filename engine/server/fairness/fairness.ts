import { sleep, type Clock } from "../../lib/clock.ts";
import type { MetricsRegistry } from "../../lib/metrics.ts";
import { MANDATORY_LEVELS, MANDATORY_SCHEMAS } from "../../resources/flowcontrol/suggested.ts";
import type { FlowSchema, PriorityLevelConfiguration, PriorityLevelConfigurationSpec } from "../../resources/types.ts";
import { FairQueues, type Origin, type Waiting } from "./fair-queues.ts";
import { FairnessMetrics } from "./fairness-metrics.ts";
import { distinguish, matchesSchema, sortSchemas, type RequestDigest } from "./flow-matching.ts";
import { computeBorrowing, type Borrowing } from "./borrowing.ts";
import { computeLimits, type LevelLimits } from "./limits.ts";
import { SeatDemand } from "./seat-demand.ts";
import { hashFlow } from "./shuffle-sharding.ts";

/** A request that may be served now; `leave` gives its seats back and may be called again. */
export interface Ticket {
  /** Which schema and level it was given, by uid, as response headers. */
  readonly headers: Readonly<Record<string, string>>;
  leave(): void;
}

export type Refusal = "queue-full" | "concurrency-limit" | "time-out" | "cancelled";

/** There is no seat for a request, and none to be expected soon: the client is told to come back. */
export class TooManyRequests extends Error {
  readonly reason: Refusal;
  readonly headers: Readonly<Record<string, string>>;
  constructor(reason: Refusal, headers: Readonly<Record<string, string>>) {
    super("Too many requests, please try again later.");
    this.reason = reason;
    this.headers = headers;
  }
}

/** What orders requests: API priority and fairness, or a plain bound on how many run. */
export interface RequestOrder {
  /** Resolves when the request may be served; rejects with TooManyRequests. `width` is how many seats it takes. */
  enter(digest: RequestDigest, width: number, signal: AbortSignal): Promise<Ticket>;
}

/** Upstream lets a request wait for a quarter of the minute that it may take. */
const WAIT_MS_MAX = 15_000;
const ADJUSTMENT_MS = 10_000;

interface Request extends Waiting {
  readonly schema: string;
  readonly distinguisher: string;
  readonly since: number;
  start(origin: Origin): void;
  refuse(reason: Refusal): void;
}

interface Level {
  readonly name: string;
  uid: string;
  spec: PriorityLevelConfigurationSpec;
  limits: LevelLimits;
  /** What it may use until seats are shared out anew. */
  current: number;
  readonly demand: SeatDemand;
  queues: FairQueues<Request>;
  inUse: number;
  executing: number;
  /** Its object is gone: it serves who waits, and takes nobody any more. */
  isLeaving: boolean;
}

export interface FairnessOptions {
  readonly clock: Clock;
  readonly metrics: MetricsRegistry;
  /** Seats of the whole server. */
  readonly seats: number;
}

/**
 * API priority and fairness: FlowSchemas sort requests into levels and flows; every level has its share of the server's seats, and
 * within a level queues are served in turn, so that neither a level nor a flow can starve the others.
 */
export class Fairness implements RequestOrder {
  readonly #clock: Clock;
  readonly #seats: number;
  readonly #metrics: FairnessMetrics;
  readonly #levels = new Map<string, Level>();
  #schemas: readonly FlowSchema[] = [];
  #borrowing: Borrowing = { current: new Map(), targets: new Map(), fairFraction: 0 };
  /** What gives back the seats of requests that have ended in this turn of the event loop. */
  readonly #ended: (() => void)[] = [];

  constructor({ clock, metrics, seats }: FairnessOptions) {
    this.#clock = clock;
    this.#seats = seats;
    this.#metrics = new FairnessMetrics(
      metrics,
      () => this.levels,
      () => this.#borrowing,
    );
    this.configure([], []);
  }

  /** The levels as they are, for metrics and for whoever looks into the server. */
  get levels(): readonly Readonly<Level>[] {
    return [...this.#levels.values()];
  }

  /** Takes the objects as they are now. Requests that wait keep waiting; what is mandatory is there with or without its object. */
  configure(schemas: readonly FlowSchema[], levels: readonly PriorityLevelConfiguration[]): void {
    const objects = new Map(levels.map((level) => [level.metadata.name ?? "", level]));
    const specs = new Map(Object.entries(MANDATORY_LEVELS));
    for (const [name, { spec }] of objects) if (spec !== undefined) specs.set(name, spec);
    const limits = computeLimits(specs, this.#seats);
    for (const level of this.#levels.values()) level.isLeaving = !specs.has(level.name);
    for (const [name, spec] of specs) this.#setLevel(name, objects.get(name)?.metadata.uid ?? "", spec, limits.get(name) ?? { nominal: 0, lower: 0, upper: 0 });
    const missing = Object.entries(MANDATORY_SCHEMAS).filter(([name]) => !schemas.some(({ metadata }) => metadata.name === name));
    const mandatory = missing.map(([name, spec]): FlowSchema => ({
      apiVersion: "flowcontrol.apiserver.k8s.io/v1",
      kind: "FlowSchema",
      metadata: { name },
      spec,
    }));
    this.#schemas = sortSchemas([...schemas, ...mandatory]).filter(({ spec }) => specs.has(spec?.priorityLevelConfiguration.name ?? ""));
    this.adjust();
  }

  /** Shares the seats out anew by what each level asked for since the last time; upstream does so every ten seconds. */
  adjust(): void {
    const nowMs = this.#clock.monotonic();
    const levels = [...this.#levels.values()];
    this.#borrowing = computeBorrowing(
      levels.map(({ name, spec, limits, demand }) => ({
        name,
        isExempt: spec.type === "Exempt",
        limits,
        high: demand.look(nowMs).high,
        smoothed: demand.smoothed,
      })),
    );
    for (const level of levels) level.current = this.#borrowing.current.get(level.name) ?? level.limits.nominal;
    this.#serve();
  }

  /** Does that until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await sleep(this.#clock, ADJUSTMENT_MS, signal).catch(() => {}); // the loop ends by itself
      if (!signal.aborted) this.adjust();
    }
  }

  async enter(digest: RequestDigest, width: number, signal: AbortSignal): Promise<Ticket> {
    const schema = this.#schemas.find((candidate) => matchesSchema(candidate, digest));
    // The mandatory catch-all matches everybody; somebody in no group at all is nobody.
    const level = this.#levels.get(schema?.spec?.priorityLevelConfiguration.name ?? "catch-all");
    if (level === undefined) throw new TooManyRequests("concurrency-limit", {});
    const name = schema?.metadata.name ?? "catch-all";
    const headers = { "x-kubernetes-pf-flowschema-uid": schema?.metadata.uid ?? "", "x-kubernetes-pf-prioritylevel-uid": level.uid };
    const since = this.#clock.monotonic();
    if (level.spec.type === "Exempt") {
      this.#take(level, width);
      return this.#ticket(level, name, width, headers, since, undefined);
    }
    const distinguisher = schema === undefined ? "" : distinguish(schema, digest);
    const hash = hashFlow(name, distinguisher);
    if (level.queues.length === 0 && this.#mayTake(level, width)) {
      this.#take(level, width);
      return this.#ticket(level, name, width, headers, since, level.queues.pass(hash, width));
    }
    const origin = await this.#wait(level, { schema: name, distinguisher, hash, width, since }, headers, signal);
    return this.#ticket(level, name, width, headers, since, origin);
  }

  #wait(level: Level, request: Omit<Request, "start" | "refuse">, headers: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Origin> {
    const { promise, resolve, reject } = Promise.withResolvers<Origin>();
    const refuse = (reason: Refusal) => {
      settle();
      this.#metrics.refused(level.name, request.schema, reason, this.#secondsSince(request.since));
      reject(new TooManyRequests(reason, headers));
    };
    const waiting: Request = { ...request, start: (origin) => (settle(), resolve(origin)), refuse };
    const giveUp = (reason: Refusal) => void (level.queues.leave(waiting) && refuse(reason));
    const onAbort = () => giveUp("cancelled");
    const cancelTimer = this.#clock.after(WAIT_MS_MAX, () => giveUp("time-out"));
    level.demand.change(request.width, request.since);
    const settle = () => {
      level.demand.change(-request.width, this.#clock.monotonic());
      cancelTimer();
      signal.removeEventListener("abort", onAbort);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) refuse("cancelled");
    else if (level.spec.limited?.limitResponse?.type !== "Queue") refuse("concurrency-limit");
    else if (!level.queues.join(waiting)) refuse("queue-full");
    return promise;
  }

  /** For a request whose seats have been taken. */
  #ticket(level: Level, schema: string, width: number, headers: Readonly<Record<string, string>>, since: number, origin: Origin | undefined): Ticket {
    const queues = level.queues;
    const started = this.#clock.monotonic();
    this.#metrics.dispatched(level.name, schema, (started - since) / 1000);
    let isOver = false;
    return {
      headers,
      leave: () => {
        if (isOver) return;
        isOver = true;
        const seconds = this.#secondsSince(started);
        this.#metrics.executed(level.name, schema, seconds);
        this.#giveBack(() => {
          level.inUse -= width;
          level.executing--;
          level.demand.change(-width, this.#clock.monotonic());
          if (origin !== undefined) queues.finished(origin, seconds);
        });
      },
    };
  }

  /**
   * Seats are held up to the end of this turn of the event loop. A request that needs nothing but the processor is done before the next
   * one is read: if its seat were free at once, all that wait in a level would be served before anybody else's request is even seen.
   */
  #giveBack(seats: () => void): void {
    if (this.#ended.push(seats) > 1) return;
    setImmediate(() => {
      for (const giveBack of this.#ended.splice(0)) giveBack();
      this.#serve();
    });
  }

  /** Starts whoever can be started. */
  #serve(): void {
    for (let hasStarted = true; hasStarted;) {
      hasStarted = false;
      for (const level of this.#levels.values()) {
        const next = level.queues.length === 0 ? undefined : level.queues.next();
        if (next === undefined || !this.#mayTake(level, next.width)) continue;
        const taken = level.queues.take();
        if (taken === undefined) continue;
        hasStarted = true;
        this.#take(level, taken.request.width);
        taken.request.start(taken.origin);
      }
    }
    for (const level of this.#levels.values()) if (level.isLeaving && level.executing === 0 && level.queues.length === 0) this.#levels.delete(level.name);
  }

  #take(level: Level, width: number): void {
    level.inUse += width;
    level.executing++;
    level.demand.change(width, this.#clock.monotonic());
  }

  /** A request that is wider than all of its level, or whose level has lent every seat, runs alone in it. */
  #mayTake({ inUse, current, limits }: Level, width: number): boolean {
    return inUse + width <= current || (inUse === 0 && limits.nominal > 0);
  }

  #setLevel(name: string, uid: string, spec: PriorityLevelConfigurationSpec, limits: LevelLimits): void {
    const known = this.#levels.get(name);
    if (known === undefined) {
      this.#levels.set(name, {
        name,
        uid,
        spec,
        limits,
        current: limits.nominal,
        demand: new SeatDemand(this.#clock.monotonic()),
        queues: queuesOf(spec),
        inUse: 0,
        executing: 0,
        isLeaving: false,
      });
      return;
    }
    const isRequeued = JSON.stringify(known.spec.limited?.limitResponse) !== JSON.stringify(spec.limited?.limitResponse);
    Object.assign(known, { uid, spec, limits });
    if (!isRequeued) return;
    const waiting = known.queues.drain();
    known.queues = queuesOf(spec);
    for (const request of waiting) if (!known.queues.join(request)) request.refuse("queue-full");
  }

  #secondsSince(since: number): number {
    return (this.#clock.monotonic() - since) / 1000;
  }
}

function queuesOf({ limited }: PriorityLevelConfigurationSpec): FairQueues<Request> {
  const { queues = 1, handSize = 1, queueLengthLimit = 0 } = limited?.limitResponse?.queuing ?? {};
  return new FairQueues(queues, handSize, queueLengthLimit);
}
