import { getHeapStatistics } from "node:v8";
import { aborted } from "./abort.ts";
import { sleep, type Clock } from "./clock.ts";
import { service, type Service } from "./service.ts";

/** The process, as far as its memory goes. */
export interface HeapHost {
  /** Processor time of all its threads so far. */
  cpuMs(): number;
  /** What V8 has taken from the machine for the heap, in use or not. */
  heapBytes(): number;
  /** Collects all garbage now, in one go, and gives back what is free. */
  collect(): void;
}

const CHECK_MS = 5_000;
/** More of one processor than this, and there is work that must not wait. */
const IDLE_SHARE_MAX = 0.1;
/** Less than this is not worth the pause, a few hundredths of a second. */
const GROWTH_BYTES_MIN = 4 << 20;
/**
 * Nor is less than this share of what the last collection left: the pause grows with it, to a fifth of a second for 100 MiB, and what comes
 * and goes with light work, which is all that large clusters leave a server to rest, is V8's own to collect.
 */
const GROWTH_SHARE_MIN = 0.5;

/**
 * Gives memory back once there is nothing to do. V8 by itself keeps what a burst of work has left, a start above all: it looks when memory is
 * asked for, and an idle process asks for none.
 */
export function createIdleCollection(clock: Clock, host: HeapHost | undefined = ownHeap()): Service {
  return service("idle collection", async (signal) => {
    if (host === undefined) return aborted(signal);
    let collectedBytes = 0;
    for (;;) {
      const cpuBefore = host.cpuMs();
      await sleep(clock, CHECK_MS, signal);
      const grownBytes = host.heapBytes() - collectedBytes;
      if (host.cpuMs() - cpuBefore > CHECK_MS * IDLE_SHARE_MAX || grownBytes < Math.max(GROWTH_BYTES_MIN, collectedBytes * GROWTH_SHARE_MIN)) continue;
      host.collect();
      collectedBytes = host.heapBytes();
    }
  });
}

/** Undefined without Node's `--expose-gc`, with which users run the program. */
function ownHeap(): HeapHost | undefined {
  const { gc } = globalThis;
  if (gc === undefined) return undefined;
  const cpuMs = () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1_000;
  };
  // Not `process.memoryUsage`, which reads a file: a process that has no more handles for a moment would end of it.
  return { cpuMs, heapBytes: () => getHeapStatistics().total_heap_size, collect: () => void gc({ type: "major", execution: "sync", flavor: "last-resort" }) };
}
