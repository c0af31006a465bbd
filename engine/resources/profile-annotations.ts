import { forbiddenField, type FieldError } from "../apimachinery/field-error.ts";
import { jsonEqual } from "../lib/freeze.ts";
import type { AppArmorProfile, Container, ObjectMeta, Pod, PodSpec, SeccompProfile } from "./types.ts";

/** Annotations that said how a container is confined before there were fields for it. */
export const SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod";
export const SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/";
export const APP_ARMOR_CONTAINER = "container.apparmor.security.beta.kubernetes.io/";

const LOCAL = "localhost/";

/** The field that says what the annotation does; undefined for what says nothing that a field could. */
export function appArmorProfileOf(annotation: string): AppArmorProfile | undefined {
  if (annotation === "unconfined") return { type: "Unconfined" };
  if (annotation === "runtime/default") return { type: "RuntimeDefault" };
  return annotation.startsWith(LOCAL) && annotation !== LOCAL ? { type: "Localhost", localhostProfile: annotation.slice(LOCAL.length) } : undefined;
}

/** A new pod with the fields that its annotations stand for, where they say something else than the pod does for all of its containers. */
export function withAppArmorFields(pod: Pod): Pod {
  const { metadata, spec } = pod;
  const annotations = metadata.annotations ?? {};
  if (spec.os?.name === "windows" || !Object.keys(annotations).some((key) => key.startsWith(APP_ARMOR_CONTAINER))) return pod;
  const confined = (container: Container): Container => {
    const profile = appArmorProfileOf(annotations[`${APP_ARMOR_CONTAINER}${container.name}`] ?? "");
    const isSaid =
      profile === undefined ||
      !isValid(profile) ||
      container.securityContext?.appArmorProfile !== undefined ||
      jsonEqual(profile, spec.securityContext?.appArmorProfile);
    return isSaid ? container : { ...container, securityContext: { ...container.securityContext, appArmorProfile: profile } };
  };
  return {
    ...pod,
    spec: {
      ...spec,
      containers: spec.containers.map(confined),
      ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map(confined) }),
    },
  };
}

/** What the rules refuse in a field is not taken from an annotation. */
function isValid({ localhostProfile: name }: AppArmorProfile): boolean {
  return name === undefined || (name.trim() === name && name.length <= 4095);
}

/** An annotation and a field about the same container must say the same. */
export function profileMismatches(metadata: ObjectMeta | undefined, spec: PodSpec, path: string): FieldError[] {
  const annotations = metadata?.annotations;
  if (annotations === undefined) return [];
  const placed = (["initContainers", "containers"] as const).flatMap((list) =>
    (spec[list] ?? []).map((container, index) => ({ container, at: `${path}.${list}[${index}].securityContext` })),
  );
  const { securityContext: ofPod } = spec;
  return [
    ...mismatch("seccomp", annotations[SECCOMP_POD], ofPod?.seccompProfile, `${path}.securityContext.seccompProfile`),
    ...placed.flatMap(({ container: { name, securityContext }, at }) =>
      mismatch("seccomp", annotations[`${SECCOMP_CONTAINER}${name}`], securityContext?.seccompProfile, `${at}.seccompProfile`),
    ),
    ...(spec.os?.name === "windows"
      ? []
      : placed.flatMap(({ container: { name, securityContext }, at }) =>
          mismatch(
            "apparmor",
            annotations[`${APP_ARMOR_CONTAINER}${name}`],
            securityContext?.appArmorProfile ?? ofPod?.appArmorProfile,
            `${at}.appArmorProfile`,
          ),
        )),
  ];
}

function mismatch(
  what: "seccomp" | "apparmor",
  annotation: string | undefined,
  profile: SeccompProfile | AppArmorProfile | undefined,
  at: string,
): FieldError[] {
  if (annotation === undefined || profile === undefined) return [];
  const { type, localhostProfile } = profile;
  const isType =
    type === "Unconfined"
      ? annotation === "unconfined"
      : type === "RuntimeDefault"
        ? annotation === "runtime/default" || (what === "seccomp" && annotation === "docker/default")
        : type !== "Localhost" || annotation.startsWith(LOCAL);
  if (!isType) return [forbiddenField(`${at}.type`, `${what} type in annotation and field must match`)];
  return type !== "Localhost" || annotation.slice(LOCAL.length) === localhostProfile
    ? []
    : [forbiddenField(`${at}.localhostProfile`, `${what} profile in annotation and field must match`)];
}
