import { raceAbort } from "../../../engine/lib/abort.ts";
import { sleep } from "../../../engine/lib/clock.ts";
import type { Container, LifecycleHandler } from "../../../engine/resources/types.ts";
import type { PodContext } from "../pod-context.ts";
import { callContainer } from "./http-call.ts";

export interface HookCall {
  readonly hook: LifecycleHandler;
  readonly container: Container;
  readonly containerId: string;
  readonly podIp: string;
  readonly timeoutSeconds: number;
  /** Nobody waits for it any longer. */
  readonly signal: AbortSignal;
}

/** Runs a postStart or preStop hook; rejects when it fails or takes longer than its time, and with an AbortError when the signal fires. */
export async function runHook({ runtime, clock }: PodContext, { hook, container, containerId, podIp, timeoutSeconds, signal }: HookCall): Promise<void> {
  if (hook.exec !== undefined) {
    const { exitCode, output } = await raceAbort(runtime.execSync(containerId, hook.exec.command ?? [], timeoutSeconds), signal);
    if (exitCode !== 0) throw new Error(`hook ${JSON.stringify(hook.exec.command)} exited with ${exitCode}: ${output.trim()}`);
  }
  if (hook.sleep !== undefined) await sleep(clock, Math.min(hook.sleep.seconds, timeoutSeconds) * 1000, signal);
  if (hook.httpGet !== undefined) {
    const { code } = await raceAbort(
      callContainer({ action: hook.httpGet, container, podIp, timeoutMs: timeoutSeconds * 1000, agent: "kube-lifecycle", signal }),
      signal,
    );
    if (code >= 400) throw new Error(`hook answered ${code}`);
  }
}
