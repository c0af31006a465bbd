import path from "node:path";
import type { Container, Pod, SeccompProfile, SecurityContext } from "../../../engine/resources/types.ts";
import { NamespaceMode, SecurityProfile_ProfileType } from "../../cri/runtime_pb.ts";
import type { ImageStatus } from "../../cri/runtime.ts";
import { appArmorProfile } from "./app-armor.ts";
import { ContainerConfigError } from "./pod-environment.ts";

/** What of /proc and /sys tells of the machine, or of what others do on it. */
const MASKED_PATHS = [
  "/proc/asound",
  "/proc/acpi",
  "/proc/interrupts",
  "/proc/kcore",
  "/proc/keys",
  "/proc/latency_stats",
  "/proc/timer_list",
  "/proc/timer_stats",
  "/proc/sched_debug",
  "/proc/scsi",
  "/sys/firmware",
  "/sys/devices/virtual/powercap",
];

/** What of /proc would change the machine if it could be written. */
const READ_ONLY_PATHS = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"];

/** What a node's administrator says of the profiles that hold containers. */
export interface NodeProfiles {
  /** Where seccomp profiles are that pods may name. */
  readonly seccompDir: string;
  /** Whether containers that name no seccomp profile get the runtime's, and not none. */
  readonly seccompDefault: boolean;
}

/**
 * Whom a container runs as and what it may do, from the pod's security context and its own, which wins. Throws a ContainerConfigError when it
 * would run as root against its word, or nobody can tell. Pure.
 */
export function computeSecurityContext(pod: Pod, container: Container, image: Pick<ImageStatus, "uid" | "username">, profiles: NodeProfiles) {
  const security = effectiveSecurity(pod, container);
  const problem = rootProblem(security, image);
  if (problem !== undefined)
    throw new ContainerConfigError(`${problem} (pod: "${pod.metadata.name}_${pod.metadata.namespace}(${pod.metadata.uid})", container: ${container.name})`);
  const appArmor = appArmorOf(pod, container);
  const isUnmasked = security.procMount === "Unmasked";
  return {
    privileged: security.privileged ?? false,
    readonlyRootfs: security.readOnlyRootFilesystem ?? false,
    noNewPrivs: security.allowPrivilegeEscalation === false,
    namespaceOptions: namespaceOptions(pod),
    seccomp: seccompOf(security, profiles),
    ...(appArmor === undefined ? {} : { apparmor: appArmor }),
    capabilities: { addCapabilities: [...(security.capabilities?.add ?? [])], dropCapabilities: [...(security.capabilities?.drop ?? [])] },
    // Runtimes mask nothing by themselves: an absent list means that everything may be seen.
    maskedPaths: isUnmasked ? [] : MASKED_PATHS,
    readonlyPaths: isUnmasked ? [] : READ_ONLY_PATHS,
    supplementalGroups: groupsOf(pod),
    ...(security.seLinuxOptions === undefined ? {} : { selinuxOptions: seLinuxOf(security.seLinuxOptions) }),
    ...userOf(security, image),
  };
}

/** Which namespaces of the machine a pod shares. */
export function namespaceOptions(pod: Pod) {
  return {
    network: pod.spec.hostNetwork === true ? NamespaceMode.NODE : NamespaceMode.POD,
    pid: pod.spec.hostPID === true ? NamespaceMode.NODE : pod.spec.shareProcessNamespace === true ? NamespaceMode.POD : NamespaceMode.CONTAINER,
    ipc: pod.spec.hostIPC === true ? NamespaceMode.NODE : NamespaceMode.POD,
  };
}

/** Groups of all a pod's processes, beside their own. */
export function groupsOf(pod: Pod): bigint[] {
  const { supplementalGroups = [], fsGroup } = pod.spec.securityContext ?? {};
  return [...supplementalGroups, ...(fsGroup === undefined ? [] : [fsGroup])].map(BigInt);
}

/** What a pod's security context says for all its containers, and each of them may say otherwise. */
function effectiveSecurity({ spec }: Pod, container: Container): SecurityContext {
  const shared = spec.securityContext ?? {};
  const own = container.securityContext ?? {};
  const inherited = Object.fromEntries(
    (["runAsUser", "runAsGroup", "runAsNonRoot", "seccompProfile", "seLinuxOptions"] as const)
      .filter((field) => shared[field] !== undefined)
      .map((field) => [field, shared[field]]),
  );
  return { ...inherited, ...own };
}

/** Why a container that must not run as root may not be started; undefined when it may. */
function rootProblem({ runAsNonRoot, runAsUser }: SecurityContext, { uid, username }: Pick<ImageStatus, "uid" | "username">): string | undefined {
  if (runAsNonRoot !== true) return undefined;
  if (runAsUser !== undefined) return runAsUser === 0 ? "container's runAsUser breaks non-root policy" : undefined;
  if (uid === undefined && username !== "") return `container has runAsNonRoot and image has non-numeric user (${username}), cannot verify user is non-root`;
  // An image that names nobody runs as root.
  return uid === undefined || uid === 0 ? "container has runAsNonRoot and image will run as root" : undefined;
}

/** The runtime takes the image's user by itself; only a group needs a user beside it. */
function userOf({ runAsUser, runAsGroup }: SecurityContext, image: Pick<ImageStatus, "uid" | "username">) {
  const user = runAsUser ?? (runAsGroup === undefined || image.username !== "" ? undefined : (image.uid ?? 0));
  return {
    ...(user === undefined ? {} : { runAsUser: { value: BigInt(user) } }),
    ...(user === undefined && runAsGroup !== undefined ? { runAsUsername: image.username } : {}),
    ...(runAsGroup === undefined ? {} : { runAsGroup: { value: BigInt(runAsGroup) } }),
  };
}

function seccompOf({ seccompProfile, privileged }: SecurityContext, { seccompDir, seccompDefault }: NodeProfiles) {
  const profile: SeccompProfile = seccompProfile ?? { type: seccompDefault ? "RuntimeDefault" : "Unconfined" };
  if (privileged === true || profile.type === "Unconfined") return { profileType: SecurityProfile_ProfileType.Unconfined };
  if (profile.type === "Localhost")
    return { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: path.join(seccompDir, profile.localhostProfile ?? "") };
  return { profileType: SecurityProfile_ProfileType.RuntimeDefault };
}

/** Undefined where the pod leaves it to the runtime. */
function appArmorOf(pod: Pod, container: Container) {
  const profile = appArmorProfile(pod, container);
  if (profile === undefined) return undefined;
  if (profile.type === "Localhost") return { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: profile.localhostProfile ?? "" };
  return { profileType: profile.type === "Unconfined" ? SecurityProfile_ProfileType.Unconfined : SecurityProfile_ProfileType.RuntimeDefault };
}

function seLinuxOf({ user = "", role = "", type = "", level = "" }: NonNullable<SecurityContext["seLinuxOptions"]>) {
  return { user, role, type, level };
}
