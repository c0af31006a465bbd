import { forbiddenField, invalidField, invalidFields, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainProblems } from "../../apimachinery/names.ts";
import type { PodSecurityContext, PodSpec, SecurityContext, WindowsSecurityContextOptions } from "../types.ts";

const CREDENTIAL_BYTES_MAX = 64 * 1024;
const DOMAIN_LENGTH_MAX = 255;
const USER_LENGTH_MAX = 104;
const NETBIOS_NAME = /^[^\\/:*?"<>|.][^\\/:*?"<>|]{0,14}$/;
const DOMAIN_LABEL = "[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?";
const DOMAIN_NAME = new RegExp(`^${DOMAIN_LABEL}(?:\\.${DOMAIN_LABEL})*$`);

/** Who a container is on Windows. */
export function validateWindowsOptions(options: WindowsSecurityContextOptions | undefined, path: string): FieldError[] {
  if (options === undefined) return [];
  const { gmsaCredentialSpecName: name, gmsaCredentialSpec: credential, runAsUserName: user } = options;
  return [
    ...(name === undefined ? [] : invalidFields(`${path}.gmsaCredentialSpecName`, name, dnsSubdomainProblems(name))),
    ...(credential === undefined ? [] : invalidFields(`${path}.gmsaCredentialSpec`, credential, credentialProblems(credential))),
    ...(user === undefined ? [] : invalidFields(`${path}.runAsUserName`, user, userProblems(user))),
  ];
}

function credentialProblems(text: string): string[] {
  if (text === "") return ["gmsaCredentialSpec cannot be an empty string"];
  return Buffer.byteLength(text) > CREDENTIAL_BYTES_MAX ? ["gmsaCredentialSpec size must be under 64 KiB"] : [];
}

function userProblems(text: string): string[] {
  if (text === "") return ["runAsUserName cannot be an empty string"];
  if (/\p{Cc}/u.test(text)) return ["runAsUserName cannot contain control characters"];
  const parts = text.split("\\");
  if (parts.length > 2) return ["runAsUserName cannot contain more than one backslash"];
  const user = parts.at(-1) ?? "";
  const domain = parts.length === 2 ? (parts[0] ?? "") : undefined;
  return [
    ...((domain ?? "").length > DOMAIN_LENGTH_MAX ? ["runAsUserName's Domain length must be under 256 characters"] : []),
    ...(domain === undefined || NETBIOS_NAME.test(domain) || DOMAIN_NAME.test(domain)
      ? []
      : ["runAsUserName's Domain doesn't match the NetBios nor the DNS format"]),
    ...(user === ""
      ? ["runAsUserName's User cannot be empty"]
      : user.length > USER_LENGTH_MAX
        ? [`runAsUserName's User length must not be longer than ${USER_LENGTH_MAX} characters`]
        : []),
    ...(/^[. ]+$/.test(user) ? ["runAsUserName's User cannot contain only periods or spaces"] : []),
    ...(/["/\\:;|=,+*?<>@[\]]/.test(user) ? ["runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]"] : []),
  ];
}

/** Every container of a pod, with its place. */
function placedContainers(spec: PodSpec, path: string): { readonly context: SecurityContext | undefined; readonly at: string }[] {
  return (["initContainers", "containers", "ephemeralContainers"] as const).flatMap((list) =>
    (spec[list] ?? []).map(({ securityContext }, index) => ({ context: securityContext, at: `${path}.${list}[${index}].securityContext` })),
  );
}

/** Containers that are processes of the node are all so, and use its network. */
export function validateHostProcesses(spec: PodSpec, path: string): FieldError[] {
  const whole = spec.securityContext?.windowsOptions?.hostProcess;
  const containers = placedContainers(spec, path).map(({ context, at }) => ({ own: context?.windowsOptions?.hostProcess, at }));
  const errors = containers.flatMap(({ own, at }) =>
    whole !== undefined && own !== undefined && whole !== own
      ? [invalidField(`${at}.windowsOptions.hostProcess`, own, `pod hostProcess value must be identical if both are specified, was ${whole}`)]
      : [],
  );
  const count = containers.filter(({ own }) => own ?? whole).length;
  if (count === 0) return errors;
  if (count !== containers.length)
    errors.push(invalidField(path, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers"));
  if (spec.hostNetwork !== true) errors.push(invalidField(`${path}.hostNetwork`, false, "hostNetwork must be true if pod contains any hostProcess containers"));
  return errors;
}

const SYSTEMS = ["linux", "windows"];

const POD_CONTEXT_LINUX = [
  "appArmorProfile",
  "seLinuxOptions",
  "seccompProfile",
  "fsGroup",
  "fsGroupChangePolicy",
  "sysctls",
  "runAsUser",
  "runAsGroup",
  "supplementalGroups",
  "supplementalGroupsPolicy",
  "seLinuxChangePolicy",
] as const satisfies readonly (keyof PodSecurityContext)[];
const CONTEXT_LINUX = [
  "appArmorProfile",
  "seLinuxOptions",
  "seccompProfile",
  "capabilities",
  "readOnlyRootFilesystem",
  "privileged",
  "allowPrivilegeEscalation",
  "procMount",
  "runAsUser",
  "runAsGroup",
] as const satisfies readonly (keyof SecurityContext)[];

/** What a pod cannot have that says for which system it is. */
export function validateForSystem(spec: PodSpec, path: string): FieldError[] {
  const { os, securityContext: whole = {} } = spec;
  if (os === undefined) return [];
  if (!os.name) return [requiredField(`${path}.os.name`)];
  if (!SYSTEMS.includes(os.name)) return [unsupportedValue(`${path}.os`, os.name, SYSTEMS)];
  const containers = placedContainers(spec, path);
  if (os.name === "linux") {
    const told = (at: string) => forbiddenField(`${at}.windowsOptions`, "windows options cannot be set for a linux pod");
    return [
      ...(whole.windowsOptions === undefined ? [] : [told(`${path}.securityContext`)]),
      ...containers.filter(({ context }) => context?.windowsOptions !== undefined).map(({ at }) => told(at)),
    ];
  }
  const cannot = (at: string) => forbiddenField(at, "cannot be set for a windows pod");
  return [
    ...(spec.hostUsers === undefined ? [] : [cannot(`${path}.hostUsers`)]),
    ...(["hostPID", "hostIPC"] as const).filter((field) => spec[field] === true).map((field) => cannot(`${path}.${field}`)),
    ...(spec.shareProcessNamespace === undefined ? [] : [cannot(`${path}.shareProcessNamespace`)]),
    ...POD_CONTEXT_LINUX.filter((field) => whole[field] !== undefined).map((field) => cannot(`${path}.securityContext.${field}`)),
    ...containers.flatMap(({ context, at }) => CONTEXT_LINUX.filter((field) => context?.[field] !== undefined).map((field) => cannot(`${at}.${field}`))),
  ];
}
