import { raceAbort } from "../../lib/abort.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { sleep, type Clock } from "../../lib/clock.ts";
import type { GrpcBytesChannel } from "../../lib/grpc/grpc-channel.ts";
import { Mailbox } from "../../lib/mailbox.ts";
import { CompactedError, FutureRevisionError, StorageUnavailableError, type StorageEvent, type WatchBatch } from "../storage.ts";
import type { EtcdEndpoints } from "./etcd-endpoints.ts";
import { FIRST_KEY, keyBytes, prefixRangeEnd } from "./etcd-entries.ts";
import { frameWatchCreation, PROGRESS_REQUEST, readWatchAnswer, WATCH_PATH, type WatchAnswer } from "./etcd-watch-messages.ts";

export interface EtcdWatchOptions {
  readonly endpoints: EtcdEndpoints;
  readonly clock: Clock;
  readonly prefix: string;
  readonly afterRevision: number;
  readonly progressIntervalMs: number;
  readonly signal: AbortSignal;
  /** The newest revision, linearizable. */
  readonly currentRevision: () => Promise<number>;
}

/** Answers that the reader has not taken yet. When it is further behind, the stream ends; it resumes once the reader has caught up. */
const ANSWERS_MAX = 1_000;
/** A member that answers no progress request for this many intervals, and at least this long, is taken for dead. */
const SILENT_INTERVALS_MAX = 3;
const SILENCE_MIN_MS = 2_000;
/** A watch that no member has served for this long ends. */
const UNSERVED_MAX_MS = 30_000;
const RESUME = { initialMs: 50, maxMs: 1_000 };

/**
 * A watch that outlives the member that serves it: after an interruption it goes on, at another member, behind the last event it delivered.
 * A store that was set back meanwhile, to a backup of it, would be silent until it has come as far again: that is a FutureRevisionError.
 */
export async function* watchEtcd(options: EtcdWatchOptions): AsyncGenerator<WatchBatch> {
  const { endpoints, clock, signal } = options;
  const position: Position = { delivered: options.afterRevision, announced: 0, seen: 0 };
  let servedAt = clock.monotonic();
  for (let failures = 0; !signal.aborted;) {
    const channel = endpoints.pick();
    let failure: unknown;
    try {
      if (failures > 0) await requireSameHistory(options, position);
      for await (const batch of readStream(channel, options, position)) {
        failures = 0;
        position.seen = Math.max(position.seen, batch.revision);
        yield batch;
        servedAt = clock.monotonic();
      }
    } catch (error) {
      if (signal.aborted) return;
      if (error instanceof FutureRevisionError) throw error;
      if (error instanceof CompactedError) {
        // A quiet prefix: what was compacted lies before a revision up to which there was nothing to deliver.
        if (position.announced < error.compactRevision || position.delivered >= position.announced) throw error;
        position.delivered = position.announced;
        continue;
      }
      failure = error;
    }
    if (signal.aborted) return;
    endpoints.leave(channel);
    if (clock.monotonic() - servedAt > UNSERVED_MAX_MS) throw new StorageUnavailableError("no etcd member serves the watch", "none", { cause: failure });
    await sleep(clock, backoffMs(RESUME, ++failures), signal).catch(() => {});
  }
}

/** How far a watch has come: `delivered` counts events, `announced` what quiet times have shown to hold none. */
interface Position {
  delivered: number;
  announced: number;
  /** The newest revision that there has certainly been. */
  seen: number;
}

async function requireSameHistory({ currentRevision, signal }: EtcdWatchOptions, { seen }: Position): Promise<void> {
  const current = await raceAbort(currentRevision(), signal);
  if (current < seen) throw new FutureRevisionError(seen, current);
}

/** One stream at one member, from `position` on, until it breaks. */
async function* readStream(channel: GrpcBytesChannel, options: EtcdWatchOptions, position: Position): AsyncGenerator<WatchBatch> {
  const { signal } = options;
  // The last delivered revision is asked for again, and dropped: only so does etcd tell when revisions after it have been compacted.
  const stream = openStream(channel, { ...options, startRevision: Math.max(1, position.delivered) });
  let held: { readonly revision: number; readonly event: StorageEvent }[] = [];
  let quietAt: number | undefined;
  try {
    for (;;) {
      const answer = await stream.answers.take(signal);
      if (answer === undefined) return;
      if (answer.isCancelled) {
        if (answer.compactRevision > 0) throw new CompactedError(position.delivered, answer.compactRevision);
        throw new Error(`etcd cancelled the watch: ${answer.cancelReason}`);
      }
      if (answer.events.length === 0) {
        if (answer.isCreated) continue;
        // Before 3.4.25 and 3.5.8, etcd may announce a revision before it delivers events up to it (etcd issue 15220).
        // So a revision counts only when a whole further interval has brought no event.
        if (quietAt !== undefined) {
          position.announced = Math.max(position.announced, quietAt);
          yield { revision: Math.max(position.announced, position.delivered), events: [] };
        }
        quietAt = answer.revision;
        continue;
      }
      quietAt = undefined;
      for (const { revision, event } of answer.events) {
        if (revision <= position.delivered) continue;
        if (event === undefined) throw new CompactedError(position.delivered, revision);
        held.push({ revision, event });
      }
      // A fragment may end in the middle of a revision: its last one waits for the rest.
      const unfinished = answer.isFragment ? held.at(-1)?.revision : undefined;
      const ready = held.filter(({ revision }) => revision !== unfinished);
      held = held.filter(({ revision }) => revision === unfinished);
      for (const [revision, events] of Map.groupBy(ready, (item) => item.revision)) {
        position.delivered = revision;
        yield { revision, events: events.map(({ event }) => event) };
      }
    }
  } finally {
    stream.close();
  }
}

/** The oldest revision that etcd still has, if `asked` is older than it. */
export async function findCompactRevision(channel: GrpcBytesChannel, asked: number, clock: Clock, timeoutMs: number): Promise<number | undefined> {
  const giveUp = new AbortController();
  const cancelTimer = clock.after(timeoutMs, () => giveUp.abort());
  const stream = openStream(channel, { clock, prefix: "\0", startRevision: Math.max(1, asked), progressIntervalMs: timeoutMs });
  try {
    for (;;) {
      const answer = await stream.answers.take(giveUp.signal).catch(() => undefined);
      if (answer === undefined) return undefined;
      if (answer.isCancelled) return answer.compactRevision > 0 ? answer.compactRevision : undefined;
    }
  } finally {
    cancelTimer();
    stream.close();
  }
}

interface StreamOptions {
  readonly clock: Clock;
  readonly prefix: string;
  readonly startRevision: number;
  readonly progressIntervalMs: number;
}

function openStream(
  channel: GrpcBytesChannel,
  { clock, prefix, startRevision, progressIntervalMs }: StreamOptions,
): { readonly answers: Mailbox<WatchAnswer>; close(): void } {
  const answers = new Mailbox<WatchAnswer>(ANSWERS_MAX);
  const key = prefix === "" ? FIRST_KEY : keyBytes(prefix);
  const silenceMaxMs = Math.max(SILENCE_MIN_MS, SILENT_INTERVALS_MAX * progressIntervalMs);
  let heardAt = clock.monotonic();
  let cancelTick = () => {};
  const close = (failure?: unknown) => {
    cancelTick();
    answers.close(failure);
    call.cancel();
  };
  const tick = () => {
    cancelTick = clock.after(progressIntervalMs, () => {
      if (clock.monotonic() - heardAt > silenceMaxMs) return close(new Error(`etcd has been silent for ${silenceMaxMs} ms`));
      call.send(PROGRESS_REQUEST, false);
      tick();
    });
  };
  const message = (answer: Buffer) => {
    heardAt = clock.monotonic();
    if (!answers.push(readWatchAnswer(answer))) close();
  };
  // A member without a leader ends the stream instead of staying silent.
  const call = channel.open(WATCH_PATH, { message, end: close }, { metadata: { hasleader: "true" } });
  call.send(frameWatchCreation(key, prefixRangeEnd(prefix), startRevision), false);
  tick();
  return { answers, close: () => close() };
}
