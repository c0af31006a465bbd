import { podContainers } from "../../../engine/resources/pod-containers.ts";
import { APP_ARMOR_CONTAINER, appArmorProfileOf } from "../../../engine/resources/profile-annotations.ts";
import type { AppArmorProfile, Container, Pod } from "../../../engine/resources/types.ts";

/** The profile of a container by its own field, its pod's, or the annotation of old; undefined where nobody names one. Pure. */
export function appArmorProfile({ spec, metadata }: Pod, { name, securityContext }: Container): AppArmorProfile | undefined {
  return (
    securityContext?.appArmorProfile ??
    spec.securityContext?.appArmorProfile ??
    appArmorProfileOf(metadata.annotations?.[`${APP_ARMOR_CONTAINER}${name}`] ?? "")
  );
}

/** Whether a container of the pod is to be held to a profile. Pure. */
export function wantsAppArmor(pod: Pod): boolean {
  return [...podContainers(pod.spec), ...(pod.spec.ephemeralContainers ?? [])].some((container) => {
    const profile = appArmorProfile(pod, container);
    return profile !== undefined && profile.type !== "Unconfined";
  });
}
