import { invalidField, invalidFields, type FieldError } from "../../apimachinery/field-error.ts";
import type { PodSpec } from "../types.ts";
import { localPathErrors } from "./mounts.ts";

const MIRROR = "kubernetes.io/config.mirror";
const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";
const SECCOMP_POD = "seccomp.security.alpha.kubernetes.io/pod";
const SECCOMP_CONTAINER = "container.seccomp.security.alpha.kubernetes.io/";
const APP_ARMOR = "container.apparmor.security.beta.kubernetes.io/";
const COST_MAX = 2_147_483_647;

/** Annotations that mean something for a pod. */
export function podAnnotationErrors(annotations: Readonly<Record<string, string>>, spec: PodSpec, path: string): FieldError[] {
  const { [MIRROR]: mirrored, [DELETION_COST]: cost } = annotations;
  return [
    ...(mirrored === undefined || spec.nodeName ? [] : [invalidField(`${path}[${MIRROR}]`, mirrored, "must set spec.nodeName if mirror pod annotation is set")]),
    ...(cost === undefined || isCost(cost) ? [] : [invalidField(`${path}[${DELETION_COST}]`, cost, "must be a 32bit integer")]),
    ...Object.entries(annotations).flatMap(([key, value]) => (key === SECCOMP_POD || key.startsWith(SECCOMP_CONTAINER) ? seccompErrors(value, `${path}.${key}`) : [])),
    ...Object.entries(annotations).flatMap(([key, value]) => (key.startsWith(APP_ARMOR) ? appArmorErrors(key, value, spec, path) : [])),
  ];
}

function isCost(text: string): boolean {
  return /^(0|-?[1-9]\d*)$/.test(text) && Number(text) >= -COST_MAX - 1 && Number(text) <= COST_MAX;
}

function seccompErrors(profile: string, at: string): FieldError[] {
  if (["runtime/default", "docker/default", "unconfined"].includes(profile)) return [];
  if (!profile.startsWith("localhost/")) return [invalidField(at, profile, "must be a valid seccomp profile")];
  const file = profile.slice("localhost/".length);
  return invalidFields(at, file, localPathErrors(file));
}

function appArmorErrors(key: string, profile: string, spec: PodSpec, path: string): FieldError[] {
  const name = key.slice(APP_ARMOR.length);
  const isThere = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])].some((container) => container.name === name);
  const isKnown = ["", "runtime/default", "unconfined"].includes(profile) || profile.startsWith("localhost/");
  return [
    ...(isThere ? [] : [invalidField(`${path}[${key}]`, name, "container not found")]),
    ...(isKnown ? [] : [invalidField(`${path}[${key}]`, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`)]),
  ];
}
