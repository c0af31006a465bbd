import type { ObjectStore } from "../storage/object-store.ts";
import { describeError } from "../lib/log.ts";

/** One thing that must work; it throws when it does not. */
export interface HealthCheck {
  readonly name: string;
  readonly check: () => Promise<void> | void;
}

/** The checks behind the three endpoints. A store that is away makes the server not ready, but a restart would not help it: it lives on. */
export function healthChecks(store: ObjectStore, isStarted: () => boolean, more: readonly HealthCheck[] = []): Readonly<Record<"healthz" | "livez" | "readyz", readonly HealthCheck[]>> {
  const ping: HealthCheck = { name: "ping", check: () => {} };
  const storage: HealthCheck = { name: "store", check: async () => void (await store.storage.currentRevision()) };
  const cache: HealthCheck = { name: "cache", check: () => refuseUnless(store.revision() > 0, "the cache has not been filled yet") };
  const started: HealthCheck = { name: "bootstrap", check: () => refuseUnless(isStarted(), "the system's namespaces are not there yet") };
  return { healthz: [ping, storage, ...more], livez: [ping, ...more], readyz: [ping, storage, cache, started, ...more] };
}

/** The page: `ok`, or a line for each check when asked for or when one fails. */
export async function runHealthChecks(endpoint: string, checks: readonly HealthCheck[], isVerbose: boolean): Promise<{ readonly code: 200 | 500; readonly text: string }> {
  const lines: string[] = [];
  let failures = 0;
  for (const { name, check } of checks) {
    try {
      await check();
      lines.push(`[+]${name} ok`);
    } catch (error) {
      failures++;
      lines.push(`[-]${name} failed: ${describeError(error)}`);
    }
  }
  if (failures > 0) return { code: 500, text: `${lines.join("\n")}\n${endpoint} check failed\n` };
  return { code: 200, text: isVerbose ? `${lines.join("\n")}\n${endpoint} check passed\n` : "ok" };
}

function refuseUnless(condition: boolean, why: string): void {
  if (!condition) throw new Error(why);
}
