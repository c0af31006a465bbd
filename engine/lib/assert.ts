/**
 * Fails loudly when an invariant of our own code does not hold. Never use it for user input:
 * what a user can cause is a Status, a plan entry or an Error with a remedy.
 */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`);
}

/** Closes a switch over a union: compiles only when every case is handled. */
export function assertNever(value: never, what: string): never {
  throw new Error(`invariant broken: unexpected ${what}: ${JSON.stringify(value)}`);
}
