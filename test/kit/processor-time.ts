/**
 * Starts to measure the processor time of this thread, in milliseconds: what else the machine has to do counts for nothing. Compare it with that of
 * something else in the same test.
 */
export function startProcessorTime(): () => number {
  const before = process.threadCpuUsage();
  return () => {
    const { user, system } = process.threadCpuUsage(before);
    return (user + system) / 1000;
  };
}

/** The system may count in steps of some milliseconds. */
const MEASURED_MS = 100;

/** Milliseconds of processor time that a call takes: the mean of as many as can be measured, after one that compiles it. */
export function processorMs(call: () => unknown): number {
  call();
  const took = startProcessorTime();
  let calls = 0;
  while (took() < MEASURED_MS) {
    call();
    calls++;
  }
  return took() / calls;
}
