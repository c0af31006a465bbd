import { forbiddenField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import type { AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext } from "../types.ts";
import { localPathErrors } from "./mounts.ts";

/** Ids of users and groups; the kernel has no others. */
const ID_MAX = 2_147_483_647;

/** Rules for the identities and rights of a container. */
export function validateSecurityContext(context: SecurityContext | undefined, path: string, hostUsers: boolean): FieldError[] {
  if (context === undefined) return [];
  const errors = [...validateIds(context, path, ["runAsUser", "runAsGroup"]), ...validateProfiles(context, path)];
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true) errors.push(invalidField(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"));
    if ((context.capabilities?.add ?? []).some((capability) => capability === "CAP_SYS_ADMIN" || capability === "SYS_ADMIN")) {
      errors.push(invalidField(path, context, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"));
    }
  }
  if (context.procMount === "Unmasked" && hostUsers) errors.push(invalidField(`${path}.procMount`, context.procMount, "`hostUsers` must be false to use `Unmasked`"));
  return errors;
}

/** Rules for the identities and rights of a pod. */
export function validatePodSecurityContext(spec: PodSpec, path: string): FieldError[] {
  const context: PodSecurityContext = spec.securityContext ?? {};
  const at = `${path}.securityContext`;
  const errors = [...validateIds(context, at, ["runAsUser", "runAsGroup", "fsGroup"]), ...validateProfiles(context, at)];
  for (const [index, group] of (context.supplementalGroups ?? []).entries()) if (group < 0 || group > ID_MAX) errors.push(idError(`${at}.supplementalGroups[${index}]`, group));
  if (spec.shareProcessNamespace === true && spec.hostPID === true) errors.push(invalidField(`${path}.shareProcessNamespace`, true, "ShareProcessNamespace and HostPID cannot both be enabled"));
  if (spec.hostUsers === false) {
    for (const field of ["hostNetwork", "hostPID", "hostIPC"] as const) if (spec[field] === true) errors.push(forbiddenField(`${path}.${field}`, "when `hostUsers` is false"));
  }
  return [...errors, ...validateSysctls(spec, context, `${at}.sysctls`)];
}

function validateSysctls(spec: PodSpec, context: PodSecurityContext, path: string): FieldError[] {
  const seen = new Set<string>();
  return (context.sysctls ?? []).flatMap(({ name }, index) => {
    const errors: FieldError[] = [];
    const normal = name.replaceAll("/", ".");
    if (name === "") errors.push(requiredField(`${path}[${index}].name`));
    else if (!/^[a-z0-9]([-_a-z0-9]*[a-z0-9])?([./][a-z0-9]([-_a-z0-9]*[a-z0-9])?)*$/.test(name)) {
      errors.push(invalidField(`${path}[${index}].name`, name, "must have at most 253 characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$"));
    } else if (seen.has(normal)) errors.push({ type: "FieldValueDuplicate", field: `${path}[${index}].name`, message: `Duplicate value: ${JSON.stringify(name)}` });
    seen.add(normal);
    if (spec.hostNetwork === true && normal.startsWith("net.")) errors.push(invalidField(`${path}[${index}].name`, name, "may not be specified when 'hostNetwork' is true"));
    if (spec.hostIPC === true && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(normal)) errors.push(invalidField(`${path}[${index}].name`, name, "may not be specified when 'hostIPC' is true"));
    return errors;
  });
}

function validateIds<K extends string>(context: Readonly<Partial<Record<K, number>>>, path: string, fields: readonly K[]): FieldError[] {
  return fields.flatMap((field) => {
    const id = context[field];
    return id !== undefined && (id < 0 || id > ID_MAX) ? [idError(`${path}.${field}`, id)] : [];
  });
}

const idError = (path: string, id: number) => invalidField(path, id, `must be between 0 and ${ID_MAX}, inclusive`);

interface Profiles {
  readonly seccompProfile?: SeccompProfile;
  readonly appArmorProfile?: AppArmorProfile;
}

/** A profile's file goes with type Localhost, and only with it. */
function validateProfiles({ seccompProfile, appArmorProfile }: Profiles, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seccompAt = `${path}.seccompProfile`;
  if (seccompProfile?.type === "Localhost") {
    const file = seccompProfile.localhostProfile;
    if (!file) errors.push(requiredField(`${seccompAt}.localhostProfile`, "must be set when seccomp type is Localhost"));
    else errors.push(...localPathErrors(file).map((problem) => invalidField(`${seccompAt}.localhostProfile`, file, problem)));
  } else if (seccompProfile?.localhostProfile !== undefined) {
    errors.push(invalidField(`${seccompAt}.localhostProfile`, seccompProfile.localhostProfile, "can only be set when seccomp type is Localhost"));
  }
  const appArmorAt = `${path}.appArmorProfile`;
  if (appArmorProfile?.type === "Localhost") {
    if (!appArmorProfile.localhostProfile?.trim()) errors.push(requiredField(`${appArmorAt}.localhostProfile`, "must be set when AppArmor type is Localhost"));
  } else if (appArmorProfile?.localhostProfile !== undefined) {
    errors.push(invalidField(`${appArmorAt}.localhostProfile`, appArmorProfile.localhostProfile, "can only be set when AppArmor type is Localhost"));
  }
  return errors;
}
