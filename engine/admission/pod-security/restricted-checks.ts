import type { Container } from "../../resources/types.ts";
import { isSeccompAllowed, procMount, seccompProfile } from "./baseline-checks.ts";
import { plural } from "../../lib/plural.ts";
import { allContainers, containersThat, distinct, quoted, sayContainers, saySetters, type Check, type PodParts, type Violation } from "./check.ts";

const VOLUME_TYPES = ["configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"];

/** Rules about Linux processes, which do not bind pods of another system. */
const onLinux = (test: (pod: PodParts) => Violation | undefined) => (pod: PodParts) => (pod.spec.os?.name === "windows" ? undefined : test(pod));
/** Root in a user namespace of its own is nobody on the machine. */
const onHostUsers = (test: (pod: PodParts) => Violation | undefined) => (pod: PodParts) => (pod.spec.hostUsers === false ? undefined : test(pod));

/** What a pod must do beyond the baseline to be as confined as can be. */
export const restrictedChecks: readonly Check[] = [
  {
    id: "allowPrivilegeEscalation",
    revisions: [
      { since: 8, test: allowPrivilegeEscalation },
      { since: 25, test: onLinux(allowPrivilegeEscalation) },
    ],
  },
  {
    id: "capabilities_restricted",
    replaces: "capabilities_baseline",
    revisions: [
      { since: 22, test: capabilities },
      { since: 25, test: onLinux(capabilities) },
    ],
  },
  { id: "procMount_restricted", replaces: "procMount_baseline", revisions: [{ since: 35, test: procMount }] },
  { id: "restrictedVolumes", replaces: "hostPathVolumes", revisions: [{ since: 0, test: volumes }] },
  {
    id: "runAsNonRoot",
    revisions: [
      { since: 0, test: runAsNonRoot },
      { since: 35, test: onHostUsers(runAsNonRoot) },
    ],
  },
  {
    id: "runAsUser",
    revisions: [
      { since: 23, test: runAsUser },
      { since: 35, test: onHostUsers(runAsUser) },
    ],
  },
  {
    id: "seccompProfile_restricted",
    replaces: "seccompProfile_baseline",
    revisions: [
      { since: 19, test: seccomp },
      { since: 25, test: onLinux(seccomp) },
    ],
  },
];

function allowPrivilegeEscalation(pod: PodParts): Violation | undefined {
  const bad = containersThat(pod, ({ securityContext }) => securityContext?.allowPrivilegeEscalation !== false);
  return bad.length === 0
    ? undefined
    : { reason: "allowPrivilegeEscalation != false", detail: `${sayContainers(bad)} must set securityContext.allowPrivilegeEscalation=false` };
}

function capabilities(pod: PodParts): Violation | undefined {
  const keeping = containersThat(pod, ({ securityContext }) => securityContext?.capabilities?.drop?.includes("ALL") !== true);
  const added = (container: Container) => (container.securityContext?.capabilities?.add ?? []).filter((name) => name !== "NET_BIND_SERVICE");
  const adding = containersThat(pod, (container) => added(container).length > 0);
  const details = [
    ...(keeping.length > 0 ? [`${sayContainers(keeping)} must set securityContext.capabilities.drop=["ALL"]`] : []),
    ...(adding.length > 0
      ? [`${sayContainers(adding)} must not include ${quoted(distinct(allContainers(pod.spec).flatMap(added)))} in securityContext.capabilities.add`]
      : []),
  ];
  return details.length === 0 ? undefined : { reason: "unrestricted capabilities", detail: details.join("; ") };
}

function volumes({ spec }: PodParts): Violation | undefined {
  const typeOf = (volume: object) => Object.keys(volume).find((key) => key !== "name") ?? "unknown";
  const bad = (spec.volumes ?? []).filter((volume) => !VOLUME_TYPES.includes(typeOf(volume)));
  if (bad.length === 0) return undefined;
  const types = distinct(bad.map(typeOf));
  return {
    reason: "restricted volume types",
    detail: `${plural(bad.length, "volume")} ${quoted(bad.map(({ name }) => name))} ${plural(bad.length, "uses", "use")} ${plural(types.length, "restricted volume type")} ${quoted(types)}`,
  };
}

function runAsNonRoot(pod: PodParts): Violation | undefined {
  const ofPod = pod.spec.securityContext?.runAsNonRoot;
  const contrary = containersThat(pod, ({ securityContext }) => securityContext?.runAsNonRoot === false);
  if (ofPod === false || contrary.length > 0)
    return { reason: "runAsNonRoot != true", detail: `${saySetters(ofPod === false, contrary)} must not set securityContext.runAsNonRoot=false` };
  const silent = ofPod === true ? [] : containersThat(pod, ({ securityContext }) => securityContext?.runAsNonRoot === undefined);
  return silent.length === 0
    ? undefined
    : { reason: "runAsNonRoot != true", detail: `pod or ${sayContainers(silent)} must set securityContext.runAsNonRoot=true` };
}

function runAsUser(pod: PodParts): Violation | undefined {
  const ofPod = pod.spec.securityContext?.runAsUser === 0;
  const bad = containersThat(pod, ({ securityContext }) => securityContext?.runAsUser === 0);
  return !ofPod && bad.length === 0 ? undefined : { reason: "runAsUser=0", detail: `${saySetters(ofPod, bad)} must not set runAsUser=0` };
}

function seccomp(pod: PodParts): Violation | undefined {
  const contrary = seccompProfile(pod);
  if (contrary !== undefined) return contrary;
  if (isSeccompAllowed(pod.spec.securityContext?.seccompProfile?.type ?? "")) return undefined;
  const silent = containersThat(pod, ({ securityContext }) => securityContext?.seccompProfile === undefined);
  return silent.length === 0
    ? undefined
    : { reason: "seccompProfile", detail: `pod or ${sayContainers(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"` };
}
