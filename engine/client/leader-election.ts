import { hasReason, unlessGone } from "../apimachinery/status-error.ts";
import { isAbort, raceAbort } from "../lib/abort.ts";
import { formatMicroTime, sleep, type Clock } from "../lib/clock.ts";
import { describeError, type Logger } from "../lib/log.ts";
import type { Random } from "../lib/random.ts";
import { service, type Service } from "../lib/service.ts";
import { leaseResource } from "../resources/coordination/lease.ts";
import type { Lease } from "../resources/types.ts";
import type { Client } from "./client.ts";

export interface LeaderElectionOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  /** The Lease that is fought for, in `namespace` (kube-system when absent). */
  readonly name: string;
  readonly namespace?: string;
  /** Who we are; must differ between candidates. */
  readonly identity: string;
  readonly timings?: LeaderElectionTimings;
}

export interface LeaderElectionTimings {
  /** Candidates leave a lease alone for this long after they last saw it renewed. */
  readonly leaseMs: number;
  /** A leader that has not renewed for this long stops leading; shorter than `leaseMs`, so that there are never two. */
  readonly renewDeadlineMs: number;
  readonly retryMs: number;
}

const DEFAULT_TIMINGS: LeaderElectionTimings = { leaseMs: 15_000, renewDeadlineMs: 10_000, retryMs: 2_000 };
const RETRY_JITTER = 0.2;

/** A lease as we last saw it change, by our own clock: clocks of machines differ. */
interface Observation {
  readonly lease: Lease;
  readonly atMs: number;
}

export type ElectionStep =
  { readonly do: "create" } | { readonly do: "take"; readonly transitions: number } | { readonly do: "renew" } | { readonly do: "wait" };

/** What a candidate does about the lease it sees. Pure; `heldMs` is the time since the lease was last seen to change. */
export function planElection(lease: Lease | undefined, identity: string, heldMs: number): ElectionStep {
  if (lease === undefined) return { do: "create" };
  const { holderIdentity = "", leaseDurationSeconds = 0, leaseTransitions = 0 } = lease.spec ?? {};
  if (holderIdentity === identity) return { do: "renew" };
  if (holderIdentity !== "" && heldMs < leaseDurationSeconds * 1000) return { do: "wait" };
  return { do: "take", transitions: leaseTransitions + 1 };
}

/**
 * Runs `lead` while this process holds the Lease. When the lease is lost, the term's signal fires, `lead` is awaited, and the process
 * becomes a candidate again; when the service is stopped, the lease is released at once, so that another takes over without waiting.
 * Rejects when `lead` fails or ends by itself.
 */
export function leaderElection(options: LeaderElectionOptions, lead: (signal: AbortSignal) => Promise<void>): Service {
  return service(`leader election ${options.name}`, async (signal) => {
    while (!signal.aborted) {
      const candidate = new Candidate(options);
      if (!(await candidate.win(signal))) return;
      options.logger.info("became leader", { lease: options.name, identity: options.identity });
      await runTerm(candidate, lead, signal);
      if (!signal.aborted) options.logger.warn("lost leadership", { lease: options.name, identity: options.identity });
    }
  });
}

async function runTerm(candidate: Candidate, lead: (signal: AbortSignal) => Promise<void>, signal: AbortSignal): Promise<void> {
  const ended = new AbortController();
  const term = AbortSignal.any([signal, ended.signal]);
  const leading = lead(term).then(
    () => (term.aborted ? undefined : new Error("the leader's work ended while it should still run")),
    (error: unknown) => (isAbort(error) && term.aborted ? undefined : error),
  );
  const holding = candidate.hold(term);
  try {
    await Promise.race([leading, holding]);
  } finally {
    ended.abort();
  }
  // Only when our work has stopped may another leader begin.
  const failure = await leading;
  await holding;
  await candidate.release();
  if (failure !== undefined) throw failure;
}

class Candidate {
  readonly #options: LeaderElectionOptions;
  readonly #timings: LeaderElectionTimings;
  #seen: Observation | undefined;
  #renewedMs = -Infinity;

  constructor(options: LeaderElectionOptions) {
    this.#options = options;
    this.#timings = options.timings ?? DEFAULT_TIMINGS;
  }

  /** Tries until the lease is ours; false when the signal fires first. */
  async win(signal: AbortSignal): Promise<boolean> {
    const { clock, random, logger, name } = this.#options;
    while (!signal.aborted) {
      try {
        if (await raceAbort(this.#step(), signal)) return true;
      } catch (error) {
        if (signal.aborted) return false;
        logger.warn("leader election failed, will retry", { lease: name, error: describeError(error) });
      }
      await sleep(clock, this.#timings.retryMs * (1 + RETRY_JITTER * random.next()), signal).catch(() => {});
    }
    return false;
  }

  /** Renews until the deadline passes without success, another holds the lease, or the signal fires. */
  async hold(signal: AbortSignal): Promise<void> {
    const { clock, logger, name } = this.#options;
    while (!signal.aborted) {
      await sleep(clock, this.#timings.retryMs, signal).catch(() => {});
      if (signal.aborted) return;
      const leftMs = this.#renewedMs + this.#timings.renewDeadlineMs - clock.monotonic();
      if (leftMs <= 0) return;
      const deadline = new AbortController();
      const cancel = clock.after(leftMs, () => deadline.abort());
      try {
        const isHeld = await raceAbort(this.#step(), AbortSignal.any([signal, deadline.signal]));
        // A lost race for the write is tried again; a lease in another's name is lost.
        if (!isHeld && this.#seen?.lease.spec?.holderIdentity !== this.#options.identity) return;
      } catch (error) {
        if (signal.aborted || deadline.signal.aborted) return;
        logger.warn("lease not renewed, will retry", { lease: name, error: describeError(error) });
      } finally {
        cancel();
      }
    }
  }

  /** Gives the lease back, if it is still ours. Failing to is harmless: it expires. */
  async release(): Promise<void> {
    const { client, clock, identity, logger, name } = this.#options;
    const lease = this.#seen?.lease;
    if (lease?.spec?.holderIdentity !== identity) return;
    const now = formatMicroTime(clock.now());
    try {
      await client
        .for(leaseResource)
        .update({ ...lease, spec: { ...lease.spec, holderIdentity: "", leaseDurationSeconds: 1, acquireTime: now, renewTime: now } });
    } catch (error) {
      logger.info("lease not released; it will expire", { lease: name, error: describeError(error) });
    }
  }

  /** One look at the lease and what follows from it; true when we hold it now. */
  async #step(): Promise<boolean> {
    const { client, clock, identity, name, namespace = "kube-system" } = this.#options;
    const leases = client.for(leaseResource);
    const lease = await unlessGone(leases.get(namespace, name));
    this.#observe(lease);
    const step = planElection(lease, identity, clock.monotonic() - (this.#seen?.atMs ?? clock.monotonic()));
    if (step.do === "wait") return false;
    const startMs = clock.monotonic();
    const now = formatMicroTime(clock.now());
    const claim = { holderIdentity: identity, leaseDurationSeconds: Math.ceil(this.#timings.leaseMs / 1000), renewTime: now };
    try {
      const written =
        lease === undefined
          ? await leases.create({
              apiVersion: "coordination.k8s.io/v1",
              kind: "Lease",
              metadata: { namespace, name },
              spec: { ...claim, acquireTime: now, leaseTransitions: 0 },
            })
          : await leases.update({
              ...lease,
              spec: { ...lease.spec, ...claim, ...(step.do === "take" ? { acquireTime: now, leaseTransitions: step.transitions } : {}) },
            });
      this.#observe(written);
    } catch (error) {
      // Someone else was faster: look again later.
      if (hasReason(error, "Conflict", "AlreadyExists")) return false;
      throw error;
    }
    // Counted from before the write: the deadline must pass here before it passes for those who watch us.
    this.#renewedMs = startMs;
    return true;
  }

  #observe(lease: Lease | undefined): void {
    if (lease === undefined || lease.metadata.resourceVersion === this.#seen?.lease.metadata.resourceVersion) return;
    this.#seen = { lease, atMs: this.#options.clock.monotonic() };
  }
}
