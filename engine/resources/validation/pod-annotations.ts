import { forbiddenField, invalidField, invalidFields, type FieldError } from "../../apimachinery/field-error.ts";
import { APP_ARMOR_CONTAINER, SECCOMP_CONTAINER, SECCOMP_POD } from "../profile-annotations.ts";
import type { PodSpec } from "../types.ts";
import { localPathErrors } from "./mounts.ts";

const MIRROR = "kubernetes.io/config.mirror";
/** What it costs to give a pod up, beside others of its workload. */
export const DELETION_COST = "controller.kubernetes.io/pod-deletion-cost";
const COST_MAX = 2_147_483_647;

/** Annotations that mean something for a pod. */
export function podAnnotationErrors(annotations: Readonly<Record<string, string>>, spec: PodSpec, path: string): FieldError[] {
  const { [MIRROR]: mirrored, [DELETION_COST]: cost } = annotations;
  return [
    ...(mirrored === undefined || spec.nodeName
      ? []
      : [invalidField(`${path}[${MIRROR}]`, mirrored, "must set spec.nodeName if mirror pod annotation is set")]),
    ...(cost === undefined || isCost(cost) ? [] : [invalidField(`${path}[${DELETION_COST}]`, cost, "must be a 32bit integer")]),
    ...Object.entries(annotations).flatMap(([key, value]) =>
      key === SECCOMP_POD || key.startsWith(SECCOMP_CONTAINER) ? seccompErrors(value, `${path}.${key}`) : [],
    ),
    ...Object.entries(annotations).flatMap(([key, value]) => (key.startsWith(APP_ARMOR_CONTAINER) ? appArmorErrors(key, value, spec, path) : [])),
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
  const name = key.slice(APP_ARMOR_CONTAINER.length);
  const isThere = [...(spec.initContainers ?? []), ...spec.containers, ...(spec.ephemeralContainers ?? [])].some((container) => container.name === name);
  const isKnown = ["", "runtime/default", "unconfined"].includes(profile) || profile.startsWith("localhost/");
  return [
    ...(isThere ? [] : [invalidField(`${path}[${key}]`, name, "container not found")]),
    ...(isKnown ? [] : [invalidField(`${path}[${key}]`, profile, `invalid AppArmor profile name: ${JSON.stringify(profile)}`)]),
  ];
}

/** Annotations that a pod keeps as it was made with them. */
export function annotationChangeErrors(annotations: Readonly<Record<string, string>>, old: Readonly<Record<string, string>>): FieldError[] {
  const fixed = (key: string) => (key.startsWith(APP_ARMOR_CONTAINER) ? "AppArmor annotations" : key === MIRROR ? "mirror pod annotation" : undefined);
  const forbidden = (keys: readonly string[], verb: string) =>
    keys.flatMap((key) => (fixed(key) === undefined ? [] : [forbiddenField(`metadata.annotations[${key}]`, `may not ${verb} ${fixed(key)}`)]));
  return [
    ...forbidden(
      Object.keys(old).filter((key) => annotations[key] !== old[key]),
      "remove or update",
    ),
    ...forbidden(
      Object.keys(annotations).filter((key) => old[key] === undefined),
      "add",
    ),
  ];
}
