import { setImmediate } from "node:timers/promises";
import { isAbort } from "./abort.ts";

/**
 * Background work with an owner. `run` resolves when the signal has fired and everything it started has ended;
 * it rejects when the service cannot go on. Nothing in the code base floats outside of a Service or an awaited promise.
 */
export interface Service {
  readonly name: string;
  run(signal: AbortSignal): Promise<void>;
}

/**
 * Runs services until the signal fires or one of them ends early. Then all others are aborted and awaited.
 * Rejects with the first failure, its message naming the service.
 */
export async function runServices(services: readonly Service[], signal: AbortSignal): Promise<void> {
  const siblings = new AbortController();
  const all = AbortSignal.any([signal, siblings.signal]);
  let failure: Error | undefined;
  const runOne = async (service: Service) => {
    try {
      await service.run(all);
      if (!all.aborted) throw new Error("ended while it should still run");
    } catch (error) {
      if (!isAbort(error) && failure === undefined) failure = new Error(`service ${service.name}`, { cause: error });
    } finally {
      siblings.abort();
    }
  };
  await Promise.all(services.map(runOne));
  if (failure !== undefined) throw failure;
}

/** A service out of a function. */
export function service(name: string, run: (signal: AbortSignal) => Promise<void>): Service {
  return { name, run };
}

/** The same services, each begun in a later turn of the event loop than the one before it: what else there is to do is done between them. */
export function inTurns(services: readonly Service[]): readonly Service[] {
  let turn = Promise.resolve();
  return services.map((one) => {
    const own = (turn = turn.then(() => setImmediate()));
    return service(one.name, async (signal) => {
      await own;
      if (!signal.aborted) await one.run(signal);
    });
  });
}
