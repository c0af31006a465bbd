import type { AuditEvent } from "./audit-event.ts";
import type { AuditBackend, AuditSink } from "./auditor.ts";

/** Hands each event on by itself: a request goes on when its record has been kept or, unless that is strict, when keeping it has failed. */
export function blockingSink(backend: AuditBackend, isStrict: boolean): AuditSink {
  return { write: (event) => backend.deliver([event]), close: () => backend.close(), isStrict };
}

export interface TruncationOptions {
  readonly eventBytesMax: number;
  /** Told of an event that is too long even without its objects. */
  readonly dropped: () => void;
}

const MARK = "audit.k8s.io/truncated";

/** Leaves the objects out of events that are too long with them, and drops those that are too long without. */
export function truncatingSink(sink: AuditSink, { eventBytesMax, dropped }: TruncationOptions): AuditSink {
  return {
    ...(sink.isStrict === undefined ? {} : { isStrict: sink.isStrict }),
    close: () => sink.close(),
    write(event) {
      const short = truncated(event, eventBytesMax);
      return short === undefined ? dropped() : sink.write(short);
    },
  };
}

/** The event as it may be kept; undefined when it may not. Pure. */
export function truncated(event: AuditEvent, bytesMax: number): AuditEvent | undefined {
  if (lengthOf(event) <= bytesMax) return event;
  const { requestObject: _request, responseObject: _response, ...rest } = event;
  const short: AuditEvent = { ...rest, annotations: { ...event.annotations, [MARK]: "true" } };
  return lengthOf(short) <= bytesMax ? short : undefined;
}

function lengthOf(event: AuditEvent): number {
  return Buffer.byteLength(JSON.stringify(event));
}
