import { APP_ARMOR_CONTAINER, SECCOMP_CONTAINER, SECCOMP_POD } from "../../resources/profile-annotations.ts";
import type { Container, LifecycleHandler, Probe, SELinuxOptions } from "../../resources/types.ts";
import { plural } from "../../lib/plural.ts";
import { allContainers, containersThat, distinct, quoted, sayContainers, saySetters, type Check, type PodParts, type Violation } from "./check.ts";

const CAPABILITIES = new Set([
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
]);

const SYSCTLS = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
];
const SYSCTLS_1_27 = [...SYSCTLS, "net.ipv4.ip_local_reserved_ports"];
const SYSCTLS_1_29 = [
  ...SYSCTLS_1_27,
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
];
const SYSCTLS_1_32 = [...SYSCTLS_1_29, "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"];

const SELINUX_TYPES = ["", "container_t", "container_init_t", "container_kvm_t"];

/** What no pod may do that is not trusted with the machine. */
export const baselineChecks: readonly Check[] = [
  { id: "appArmorProfile", revisions: [{ since: 0, test: appArmorProfile }] },
  { id: "capabilities_baseline", revisions: [{ since: 0, test: capabilities }] },
  { id: "hostNamespaces", revisions: [{ since: 0, test: hostNamespaces }] },
  { id: "hostPathVolumes", revisions: [{ since: 0, test: hostPathVolumes }] },
  { id: "hostPorts", revisions: [{ since: 0, test: hostPorts }] },
  { id: "hostProbesAndHostLifecycle", revisions: [{ since: 34, test: probeHosts }] },
  { id: "privileged", revisions: [{ since: 0, test: privileged }] },
  // With its own user namespace, a process that sees all of /proc still is nobody on the machine.
  {
    id: "procMount_baseline",
    revisions: [
      { since: 0, test: procMount },
      { since: 35, test: (pod) => (pod.spec.hostUsers === false ? undefined : procMount(pod)) },
    ],
  },
  {
    id: "seLinuxOptions",
    revisions: [
      { since: 0, test: (pod) => seLinuxOptions(pod, SELINUX_TYPES) },
      { since: 31, test: (pod) => seLinuxOptions(pod, [...SELINUX_TYPES, "container_engine_t"]) },
    ],
  },
  {
    id: "seccompProfile_baseline",
    revisions: [
      { since: 0, test: seccompAnnotations },
      { since: 19, test: seccompProfile },
    ],
  },
  {
    id: "sysctls",
    revisions: [
      { since: 0, test: (pod) => sysctls(pod, SYSCTLS) },
      { since: 27, test: (pod) => sysctls(pod, SYSCTLS_1_27) },
      { since: 29, test: (pod) => sysctls(pod, SYSCTLS_1_29) },
      { since: 32, test: (pod) => sysctls(pod, SYSCTLS_1_32) },
    ],
  },
  { id: "windowsHostProcess", revisions: [{ since: 0, test: windowsHostProcess }] },
];

function appArmorProfile(pod: PodParts): Violation | undefined {
  const isBad = (type: string | undefined) => type !== undefined && type !== "RuntimeDefault" && type !== "Localhost";
  const ofPod = pod.spec.securityContext?.appArmorProfile?.type;
  const typeOf = (container: Container) => container.securityContext?.appArmorProfile?.type;
  const bad = allContainers(pod.spec).filter((container) => isBad(typeOf(container)));
  const annotations = Object.entries(pod.metadata.annotations ?? {})
    .filter(([key, value]) => key.startsWith(APP_ARMOR_CONTAINER) && value !== "" && value !== "runtime/default" && !value.startsWith("localhost/"))
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`);
  const values = [...distinct([...(isBad(ofPod) ? [ofPod ?? ""] : []), ...bad.map((container) => typeOf(container) ?? "")]), ...annotations.sort()];
  if (values.length === 0) return undefined;
  const setters = [
    saySetters(
      isBad(ofPod),
      bad.map(({ name }) => name),
    ),
    annotations.length > 0 ? plural(annotations.length, "annotation") : "",
  ].filter((setter) => setter !== "");
  return {
    reason: plural(values.length, "forbidden AppArmor profile"),
    detail: `${setters.join(" and ")} must not set AppArmor profile type to ${quoted(values)}`,
  };
}

function capabilities(pod: PodParts): Violation | undefined {
  const added = (container: Container) => (container.securityContext?.capabilities?.add ?? []).filter((name) => !CAPABILITIES.has(name));
  const bad = containersThat(pod, (container) => added(container).length > 0);
  if (bad.length === 0) return undefined;
  return {
    reason: "non-default capabilities",
    detail: `${sayContainers(bad)} must not include ${quoted(distinct(allContainers(pod.spec).flatMap(added)))} in securityContext.capabilities.add`,
  };
}

function hostNamespaces({ spec }: PodParts): Violation | undefined {
  const shared = (["hostNetwork", "hostPID", "hostIPC"] as const).filter((name) => spec[name] === true).map((name) => `${name}=true`);
  return shared.length === 0 ? undefined : { reason: "host namespaces", detail: shared.join(", ") };
}

function hostPathVolumes({ spec }: PodParts): Violation | undefined {
  const names = (spec.volumes ?? []).filter(({ hostPath }) => hostPath !== undefined).map(({ name }) => name);
  return names.length === 0 ? undefined : { reason: "hostPath volumes", detail: `${plural(names.length, "volume")} ${quoted(names)}` };
}

function hostPorts(pod: PodParts): Violation | undefined {
  const portsOf = (container: Container) => (container.ports ?? []).flatMap(({ hostPort }) => (hostPort ? [String(hostPort)] : []));
  const bad = containersThat(pod, (container) => portsOf(container).length > 0);
  if (bad.length === 0) return undefined;
  const ports = distinct(allContainers(pod.spec).flatMap(portsOf));
  return { reason: "hostPort", detail: `${sayContainers(bad)} ${plural(bad.length, "uses", "use")} ${plural(ports.length, "hostPort")} ${ports.join(", ")}` };
}

/** A probe or hook with a host of its own would have the node agent call anything it can reach. */
function probeHosts(pod: PodParts): Violation | undefined {
  const hostsOf = ({ livenessProbe, readinessProbe, startupProbe, lifecycle }: Container) =>
    [livenessProbe, readinessProbe, startupProbe, lifecycle?.postStart, lifecycle?.preStop].flatMap((handler: Probe | LifecycleHandler | undefined) =>
      [handler?.httpGet?.host, handler?.tcpSocket?.host].filter((host) => host !== undefined && host !== ""),
    ) as string[]; // undefined is filtered out
  const bad = distinct(containersThat(pod, (container) => hostsOf(container).length > 0));
  if (bad.length === 0) return undefined;
  const hosts = distinct(allContainers(pod.spec).flatMap(hostsOf));
  return {
    reason: "probe or lifecycle host",
    detail: `${sayContainers(bad)} ${plural(bad.length, "uses", "use")} ${plural(hosts.length, "probe or lifecycle host")} ${quoted(hosts)}`,
  };
}

function privileged(pod: PodParts): Violation | undefined {
  const bad = containersThat(pod, (container) => container.securityContext?.privileged === true);
  return bad.length === 0 ? undefined : { reason: "privileged", detail: `${sayContainers(bad)} must not set securityContext.privileged=true` };
}

/** Shared with the restricted level, where user namespaces excuse nothing. */
export function procMount(pod: PodParts): Violation | undefined {
  const typeOf = (container: Container) => container.securityContext?.procMount ?? "Default";
  const bad = containersThat(pod, (container) => typeOf(container) !== "Default");
  if (bad.length === 0) return undefined;
  const types = distinct(
    allContainers(pod.spec)
      .map(typeOf)
      .filter((type) => type !== "Default"),
  );
  return { reason: "procMount", detail: `${sayContainers(bad)} must not set securityContext.procMount to ${quoted(types)}` };
}

function seLinuxOptions(pod: PodParts, allowed: readonly string[]): Violation | undefined {
  const isBad = (options: SELinuxOptions | undefined) =>
    options !== undefined && (!allowed.includes(options.type ?? "") || Boolean(options.user) || Boolean(options.role));
  const ofPod = pod.spec.securityContext?.seLinuxOptions;
  const bad = containersThat(pod, ({ securityContext }) => isBad(securityContext?.seLinuxOptions));
  if (!isBad(ofPod) && bad.length === 0) return undefined;
  const all = [ofPod, ...allContainers(pod.spec).map(({ securityContext }) => securityContext?.seLinuxOptions)];
  const types = distinct(all.map((options) => options?.type ?? "").filter((type) => !allowed.includes(type)));
  const faults = [
    ...(types.length > 0 ? [`${plural(types.length, "type")} ${quoted(types)}`] : []),
    ...(all.some((options) => options?.user) ? ["user may not be set"] : []),
    ...(all.some((options) => options?.role) ? ["role may not be set"] : []),
  ];
  return { reason: "seLinuxOptions", detail: `${saySetters(isBad(ofPod), bad)} set forbidden securityContext.seLinuxOptions: ${faults.join("; ")}` };
}

/** Before the field there were annotations. */
function seccompAnnotations({ metadata, spec }: PodParts): Violation | undefined {
  const isGood = (value: string) => value === "runtime/default" || value === "docker/default" || value.startsWith("localhost/");
  const keys = [SECCOMP_POD, ...allContainers(spec).map(({ name }) => `${SECCOMP_CONTAINER}${name}`)];
  const bad = distinct(
    keys.flatMap((key) =>
      metadata.annotations?.[key] === undefined || isGood(metadata.annotations[key]) ? [] : [`${key}=${JSON.stringify(metadata.annotations[key])}`],
    ),
  );
  return bad.length === 0 ? undefined : { reason: "seccompProfile", detail: `forbidden ${plural(bad.length, "annotation")} ${bad.join(", ")}` };
}

export const isSeccompAllowed = (type: string) => type === "RuntimeDefault" || type === "Localhost";

/** Profiles that are set to something other than what confines. Shared with the restricted level. */
export function seccompProfile(pod: PodParts): Violation | undefined {
  const typeOf = (container: Container) => container.securityContext?.seccompProfile?.type ?? "";
  const isBad = (type: string) => type !== "" && !isSeccompAllowed(type);
  const ofPod = pod.spec.securityContext?.seccompProfile?.type ?? "";
  const bad = containersThat(pod, (container) => isBad(typeOf(container)));
  if (!isBad(ofPod) && bad.length === 0) return undefined;
  const values = distinct([ofPod, ...allContainers(pod.spec).map(typeOf)].filter(isBad));
  return { reason: "seccompProfile", detail: `${saySetters(isBad(ofPod), bad)} must not set securityContext.seccompProfile.type to ${quoted(values)}` };
}

function sysctls({ spec }: PodParts, allowed: readonly string[]): Violation | undefined {
  const bad = (spec.securityContext?.sysctls ?? []).map(({ name }) => name).filter((name) => !allowed.includes(name));
  return bad.length === 0 ? undefined : { reason: "forbidden sysctls", detail: bad.join(", ") };
}

function windowsHostProcess(pod: PodParts): Violation | undefined {
  const ofPod = pod.spec.securityContext?.windowsOptions?.hostProcess === true;
  const bad = containersThat(pod, ({ securityContext }) => securityContext?.windowsOptions?.hostProcess === true);
  return !ofPod && bad.length === 0
    ? undefined
    : { reason: "hostProcess", detail: `${saySetters(ofPod, bad)} must not set securityContext.windowsOptions.hostProcess=true` };
}
