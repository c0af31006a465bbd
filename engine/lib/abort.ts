/** For work that nobody cuts short. */
export const NEVER: AbortSignal = new AbortController().signal;

/** Whether an error only says that the work was cancelled. Abort is not a failure and is never logged. */
export function isAbort(error: unknown): boolean {
  return error instanceof Error && (error.name === "AbortError" || (error as { code?: unknown }).code === "ABORT_ERR");
}

/** The reason of an aborted signal as an Error named AbortError. */
export function abortError(signal?: AbortSignal): Error {
  if (signal?.reason instanceof Error && signal.reason.name === "AbortError") return signal.reason;
  return new DOMException("This operation was aborted", "AbortError");
}

/** Throws an AbortError when the signal has fired. Call after an await that does not take the signal. */
export function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw abortError(signal);
}

/** Resolves once the signal has fired; never rejects. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** Waits for a promise, or rejects with an AbortError as soon as the signal fires. */
export function raceAbort<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) {
    promise.catch(() => {}); // nobody waits for it any more, so its failure is nobody's
    return Promise.reject(abortError(signal));
  }
  return new Promise<T>((resolve, reject) => {
    const onAbort = () => reject(abortError(signal));
    signal.addEventListener("abort", onAbort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}
