import { sleep } from "../../engine/lib/clock.ts";
import type { Container, LifecycleHandler } from "../../engine/resources/types.ts";
import type { PodContext } from "./pod-context.ts";
import { callContainer } from "./http-call.ts";

/** Runs a postStart or preStop hook; rejects when it fails or takes longer than `timeoutSeconds`. */
export async function runHook({ runtime, clock }: PodContext, hook: LifecycleHandler, container: Container, containerId: string, podIp: string, timeoutSeconds: number): Promise<void> {
  if (hook.exec !== undefined) {
    const { exitCode, output } = await runtime.execSync(containerId, hook.exec.command ?? [], timeoutSeconds);
    if (exitCode !== 0) throw new Error(`hook ${JSON.stringify(hook.exec.command)} exited with ${exitCode}: ${output.trim()}`);
  }
  if (hook.sleep !== undefined) await sleep(clock, Math.min(hook.sleep.seconds, timeoutSeconds) * 1000, new AbortController().signal);
  if (hook.httpGet !== undefined) {
    const code = await callContainer({ action: hook.httpGet, container, podIp, timeoutMs: timeoutSeconds * 1000, agent: "kube-lifecycle" });
    if (code >= 400) throw new Error(`hook answered ${code}`);
  }
}
