import type { Pod } from "../../../engine/resources/types.ts";
import { readHostDns } from "../../network/resolv-conf.ts";
import { computeSandboxConfig } from "../container-config/container-config.ts";
import { computePodDns } from "../container-config/pod-dns.ts";
import type { PodContext } from "../pod-context.ts";

const BANDWIDTH = ["kubernetes.io/ingress-bandwidth", "kubernetes.io/egress-bandwidth"];

/**
 * Makes a pod's sandbox; tells in events what of its wishes is left out. Rejects with why there is none, and with an AbortError when the
 * signal fires: a plugin of its network may take as long as it likes.
 */
export async function startSandbox(context: PodContext, pod: Pod, attempt: number, signal: AbortSignal): Promise<void> {
  const { settings, events, runtime, starts } = context;
  if (pod.spec.hostUsers === false) throw new Error("can't set `spec.hostUsers: false`, runtime does not support user namespaces");
  const hostDns = readHostDns(settings.resolvConf);
  for (const message of computePodDns(pod, settings, hostDns).warnings) events.record(pod, { type: "Warning", reason: "DNSConfigForming", message });
  const unheld = settings.boundsBandwidth() ? [] : BANDWIDTH.filter((name) => pod.metadata.annotations?.[name] !== undefined);
  if (unheld.length > 0)
    events.record(pod, { type: "Warning", reason: "BandwidthNotBounded", message: `${unheld.join(", ")}: the node has no CNI plugin "bandwidth"` });
  const config = computeSandboxConfig(pod, attempt, settings, hostDns);
  const handler = await context.runtimeHandler(pod);
  await starts.run(() => runtime.runSandbox(config, handler, signal), signal);
}
