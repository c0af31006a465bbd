import { duplicateField, forbiddenField, invalidField, invalidFields, requiredField, tooLong, type FieldError } from "../../apimachinery/field-error.ts";
import type { AppArmorProfile, PodSecurityContext, PodSpec, SeccompProfile, SecurityContext } from "../types.ts";
import { localPathErrors } from "./mounts.ts";
import { validateWindowsOptions } from "./windows.ts";

/** Ids of users and groups; the kernel has no others. */
const ID_MAX = 2_147_483_647;

/** Rules for the identities and rights of a container. */
export function validateSecurityContext(context: SecurityContext | undefined, path: string, hostUsers: boolean): FieldError[] {
  if (context === undefined) return [];
  const errors = validateIds(context, path, ["runAsUser", "runAsGroup"]);
  if (context.procMount === "Unmasked" && hostUsers)
    errors.push(invalidField(`${path}.procMount`, context.procMount, "`hostUsers` must be false to use `Unmasked`"));
  errors.push(...seccompErrors(context.seccompProfile, `${path}.seccompProfile`));
  if (context.allowPrivilegeEscalation === false) {
    if (context.privileged === true) errors.push(invalidField(path, context, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true"));
    for (const capability of context.capabilities?.add ?? []) {
      if (capability === "CAP_SYS_ADMIN")
        errors.push(invalidField(path, context, "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` CAP_SYS_ADMIN"));
    }
  }
  return [
    ...errors,
    ...validateWindowsOptions(context.windowsOptions, `${path}.windowsOptions`),
    ...appArmorErrors(context.appArmorProfile, `${path}.appArmorProfile`),
  ];
}

/** Rules for the identities and rights of a pod. */
export function validatePodSecurityContext(spec: PodSpec, path: string): FieldError[] {
  const context: PodSecurityContext = spec.securityContext ?? {};
  const at = `${path}.securityContext`;
  const errors = validateIds(context, at, ["fsGroup", "runAsUser", "runAsGroup"]);
  for (const [index, group] of (context.supplementalGroups ?? []).entries())
    if (group < 0 || group > ID_MAX) errors.push(idError(`${at}.supplementalGroups[${index}]`, group));
  // Upstream keeps it among the rights, and so names it there.
  if (spec.shareProcessNamespace === true && spec.hostPID === true)
    errors.push(invalidField(`${at}.shareProcessNamespace`, true, "ShareProcessNamespace and HostPID cannot both be enabled"));
  return [
    ...errors,
    ...validateSysctls(spec, context, `${at}.sysctls`),
    ...seccompErrors(context.seccompProfile, `${at}.seccompProfile`),
    ...validateWindowsOptions(context.windowsOptions, `${at}.windowsOptions`),
    ...appArmorErrors(context.appArmorProfile, `${at}.appArmorProfile`),
  ];
}

/** Users of its own, a pod has only apart from the node's; upstream names two of the fields as its programs do. */
export function validateHostUsers(spec: PodSpec, path: string): FieldError[] {
  if (spec.hostUsers !== false) return [];
  const because = "when `hostUsers` is false";
  return [
    ...(
      [
        ["hostNetwork", "hostNetwork"],
        ["hostPID", "HostPID"],
        ["hostIPC", "HostIPC"],
      ] as const
    )
      .filter(([field]) => spec[field] === true)
      .map(([, told]) => forbiddenField(`${path}.${told}`, because)),
    ...(["initContainers", "containers", "ephemeralContainers"] as const).flatMap((list) =>
      (spec[list] ?? []).flatMap(({ volumeDevices = [] }, index) =>
        volumeDevices.length > 0 ? [forbiddenField(`${path}.${list}[${index}].volumeDevices`, because)] : [],
      ),
    ),
  ];
}

const SYSCTL = /^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$/;
const SYSCTL_LENGTH_MAX = 253;

function validateSysctls(spec: PodSpec, context: PodSecurityContext, path: string): FieldError[] {
  const seen = new Set<string>();
  return (context.sysctls ?? []).flatMap(({ name }, index) => {
    const at = `${path}[${index}].name`;
    const errors: FieldError[] = [];
    const normal = name.replaceAll("/", ".");
    if (name === "") errors.push(requiredField(at));
    else if (name.length > SYSCTL_LENGTH_MAX || !SYSCTL.test(name)) {
      errors.push(
        invalidField(
          at,
          name,
          `must have at most ${SYSCTL_LENGTH_MAX} characters and match regex ^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$`,
        ),
      );
    } else if (seen.has(name)) errors.push(duplicateField(at, name));
    seen.add(name);
    if (spec.hostNetwork === true && normal.startsWith("net.")) errors.push(invalidField(at, name, "may not be specified when 'hostNetwork' is true"));
    if (spec.hostIPC === true && /^(kernel\.(shm|msg|sem)|fs\.mqueue\.)/.test(normal))
      errors.push(invalidField(at, name, "may not be specified when 'hostIPC' is true"));
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

/** A profile's file goes with type Localhost, and only with it. */
function seccompErrors(profile: SeccompProfile | undefined, path: string): FieldError[] {
  const at = `${path}.localhostProfile`;
  const file = profile?.localhostProfile;
  if (profile?.type !== "Localhost") return file === undefined ? [] : [invalidField(at, profile, "can only be set when seccomp type is Localhost")];
  return file === undefined ? [requiredField(at, "must be set when seccomp type is Localhost")] : invalidFields(at, file, localPathErrors(file));
}

const PROFILE_LENGTH_MAX = 4095;

function appArmorErrors(profile: AppArmorProfile | undefined, path: string): FieldError[] {
  const at = `${path}.localhostProfile`;
  const name = profile?.localhostProfile;
  if (profile?.type !== "Localhost") return name === undefined ? [] : [invalidField(at, name, "can only be set when AppArmor type is Localhost")];
  if (name === undefined) return [requiredField(at, "must be set when AppArmor type is Localhost")];
  const errors =
    name.trim() !== name
      ? [invalidField(at, name, "must not be padded with whitespace")]
      : name === ""
        ? [requiredField(at, "must be set when AppArmor type is Localhost")]
        : [];
  return name.length > PROFILE_LENGTH_MAX ? [...errors, tooLong(at, PROFILE_LENGTH_MAX)] : errors;
}
