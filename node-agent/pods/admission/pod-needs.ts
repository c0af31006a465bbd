import type { Pod } from "../../../engine/resources/types.ts";
import type { Refusal } from "./admit-pod.ts";
import { wantsAppArmor } from "../container-config/app-armor.ts";

/** What a node can give beside amounts, as far as nodes differ in it. */
export interface NodeAbilities {
  /** Kernel parameters that its administrator lets pods set though they may touch others; a trailing star stands for anything. */
  readonly unsafeSysctls: readonly string[];
  /** Whether containers can be held to AppArmor profiles. */
  readonly hasAppArmor: boolean;
}

/** Parameters that belong to a pod's own namespaces and cannot hurt its neighbours. */
const SAFE_SYSCTLS: ReadonlySet<string> = new Set([
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_wmem",
]);

/** Why a pod cannot run here, however much room there is; undefined when it can. Pure. */
export function refuseNeeds(pod: Pod, { unsafeSysctls, hasAppArmor }: NodeAbilities): Refusal | undefined {
  const { os, securityContext } = pod.spec;
  if ((pod.metadata.labels?.["kubernetes.io/os"] ?? "linux") !== "linux")
    return { reason: "PodOSSelectorNodeLabelDoesNotMatch", message: "Failed to admit pod as the `kubernetes.io/os` label doesn't match node label" };
  if (os !== undefined && os.name !== "linux") return { reason: "PodOSNotSupported", message: "Failed to admit pod as the OS field doesn't match node OS" };
  // The version of the runtime's interface that is spoken here has no word for it.
  if (securityContext?.supplementalGroupsPolicy === "Strict")
    return { reason: "SupplementalGroupsPolicyNotSupported", message: "SupplementalGroupsPolicy=Strict is not supported in this node" };
  const isAllowed = (name: string) =>
    SAFE_SYSCTLS.has(name) || unsafeSysctls.some((pattern) => (pattern.endsWith("*") ? name.startsWith(pattern.slice(0, -1)) : name === pattern));
  const forbidden = (securityContext?.sysctls ?? []).map(({ name }) => normalSysctl(name)).find((name) => !isAllowed(name));
  if (forbidden !== undefined) return { reason: "SysctlForbidden", message: `forbidden sysctl: ${JSON.stringify(forbidden)} not allowlisted` };
  if (!hasAppArmor && wantsAppArmor(pod)) return { reason: "AppArmor", message: "Cannot enforce AppArmor: AppArmor is not enabled on the host" };
  return undefined;
}

/** A kernel parameter with dots between its parts: where slashes stand for them, dots stand for slashes. */
export function normalSysctl(name: string): string {
  if (/[./]/.exec(name)?.[0] !== "/") return name;
  return name.replace(/[./]/g, (separator) => (separator === "/" ? "." : "/"));
}
