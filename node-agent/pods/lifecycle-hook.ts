import { request } from "node:http";
import { sleep } from "../../engine/lib/clock.ts";
import type { Container, LifecycleHandler } from "../../engine/resources/types.ts";
import type { PodContext } from "./pod-context.ts";
import { portNumber } from "./probes.ts";

/** Runs a postStart or preStop hook; rejects when it fails or takes longer than `timeoutSeconds`. */
export async function runHook({ runtime, clock }: PodContext, hook: LifecycleHandler, container: Container, containerId: string, podIp: string, timeoutSeconds: number): Promise<void> {
  if (hook.exec !== undefined) {
    const { exitCode, output } = await runtime.execSync(containerId, hook.exec.command ?? [], timeoutSeconds);
    if (exitCode !== 0) throw new Error(`hook ${JSON.stringify(hook.exec.command)} exited with ${exitCode}: ${output.trim()}`);
  }
  if (hook.sleep !== undefined) await sleep(clock, Math.min(hook.sleep.seconds, timeoutSeconds) * 1000, new AbortController().signal);
  if (hook.httpGet !== undefined) {
    const { host, path, port } = hook.httpGet;
    await new Promise<void>((resolve, reject) => {
      const outgoing = request({ host: host || podIp, port: portNumber(port, container), path: path ?? "/", timeout: timeoutSeconds * 1000 }, (response) => {
        response.resume();
        response.on("end", () => ((response.statusCode ?? 0) < 400 ? resolve() : reject(new Error(`hook answered ${response.statusCode}`))));
      });
      outgoing.on("timeout", () => outgoing.destroy(new Error("hook did not answer in time")));
      outgoing.on("error", reject);
      outgoing.end();
    });
  }
}
