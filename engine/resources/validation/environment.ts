import { fieldNotFound, invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelError, dnsSubdomainError, qualifiedNameError } from "../../apimachinery/names.ts";
import { dataKeyError } from "../data-validation.ts";
import type { EnvFromSource, EnvVar, EnvVarSource, FileKeySelector, ObjectFieldSelector, ResourceFieldSelector, Volume } from "../types.ts";
import { localPathErrors } from "./mounts.ts";

/** Fields of a pod that its containers may see as variables. */
const ENV_FIELDS = ["metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName", "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs"];

/** Fields of a pod that may become files. */
const FILE_FIELDS = ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

const CONTAINER_RESOURCES = ["limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"];

const nameRule = "a valid environment variable name must consist only of printable ASCII characters other than '='";

/** `volumes` are the pod's by name, in which files of variables may be. */
export function validateEnv(variables: readonly EnvVar[], path: string, volumes: ReadonlyMap<string, Volume>): FieldError[] {
  return variables.flatMap((variable, index) => {
    const errors: FieldError[] = [];
    if (variable.name === "") errors.push(requiredField(`${path}[${index}].name`));
    else if (!isEnvName(variable.name)) errors.push(invalidField(`${path}[${index}].name`, variable.name, nameRule));
    return [...errors, ...validateSource(variable, `${path}[${index}].valueFrom`, volumes)];
  });
}

export function validateEnvFrom(sources: readonly EnvFromSource[], path: string): FieldError[] {
  return sources.flatMap((source, index) => {
    const at = `${path}[${index}]`;
    const errors: FieldError[] = [];
    if (source.prefix && !isEnvName(source.prefix)) errors.push(invalidField(`${at}.prefix`, source.prefix, nameRule));
    const named = (["configMapRef", "secretRef"] as const).filter((field) => source[field] !== undefined);
    for (const field of named) errors.push(...validateReferenceName(source[field]?.name, `${at}.${field}.name`));
    if (named.length === 0) errors.push(invalidField(at, "", "must specify one of: `configMapRef` or `secretRef`"));
    if (named.length > 1) errors.push(invalidField(at, "", "may not have more than one field specified at a time"));
    return errors;
  });
}

/** A field of the pod, as a variable or as a file: files can hold all labels or annotations, variables only one. */
export function validateFieldRef(selector: ObjectFieldSelector, path: string, use: "env" | "file"): FieldError[] {
  if (!selector.fieldPath) return [requiredField(`${path}.fieldPath`)];
  const subscript = /^(metadata\.(?:annotations|labels))\['(.*)'\]$/.exec(selector.fieldPath);
  if (subscript !== null) {
    const key = subscript[2] ?? "";
    const problem = qualifiedNameError(subscript[1] === "metadata.annotations" ? key.toLowerCase() : key);
    return problem === undefined ? [] : [invalidField(path, key, problem)];
  }
  const supported = use === "env" ? ENV_FIELDS : FILE_FIELDS;
  if (supported.includes(selector.fieldPath)) return [];
  const isKnown = ENV_FIELDS.includes(selector.fieldPath) || FILE_FIELDS.includes(selector.fieldPath);
  return isKnown
    ? [unsupportedValue(`${path}.fieldPath`, selector.fieldPath, supported)]
    : [invalidField(`${path}.fieldPath`, selector.fieldPath, `error converting fieldPath: field label not supported: ${selector.fieldPath}`)];
}

/** A request or limit of a container, as a variable or as a file. */
export function validateResourceFieldRef(selector: ResourceFieldSelector, path: string, use: "env" | "file"): FieldError[] {
  if (use === "file" && !selector.containerName) return [requiredField(`${path}.containerName`)];
  if (!selector.resource) return [requiredField(`${path}.resource`)];
  if (CONTAINER_RESOURCES.includes(selector.resource) || /^(requests|limits)\.hugepages-/.test(selector.resource)) return [];
  return [unsupportedValue(`${path}.resource`, selector.resource, CONTAINER_RESOURCES)];
}

/** The name of a ConfigMap or Secret that something refers to. */
export function validateReferenceName(name: string | undefined, path: string): FieldError[] {
  if (!name) return [requiredField(path)];
  const problem = dnsSubdomainError(name);
  return problem === undefined ? [] : [invalidField(path, name, problem)];
}

function validateSource(variable: EnvVar, path: string, volumes: ReadonlyMap<string, Volume>): FieldError[] {
  const source = variable.valueFrom;
  if (source === undefined) return [];
  const errors: FieldError[] = [];
  if (source.fieldRef !== undefined) errors.push(...validateFieldRef(source.fieldRef, `${path}.fieldRef`, "env"));
  if (source.resourceFieldRef !== undefined) errors.push(...validateResourceFieldRef(source.resourceFieldRef, `${path}.resourceFieldRef`, "env"));
  for (const field of ["configMapKeyRef", "secretKeyRef"] as const) errors.push(...validateKeyRef(source, field, path));
  if (source.fileKeyRef !== undefined) errors.push(...validateFileRef(source.fileKeyRef, `${path}.fileKeyRef`, volumes));
  const count = Object.values(source).filter((part) => part !== undefined).length;
  if (count === 0) errors.push(invalidField(path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"));
  else if (variable.value) errors.push(invalidField(path, "", "may not be specified when `value` is not empty"));
  else if (count > 1) errors.push(invalidField(path, "", "may not have more than one field specified at a time"));
  return errors;
}

function validateKeyRef(source: EnvVarSource, field: "configMapKeyRef" | "secretKeyRef", path: string): FieldError[] {
  const selector = source[field];
  if (selector === undefined) return [];
  const errors = validateReferenceName(selector.name, `${path}.${field}.name`);
  const problem = selector.key === "" ? undefined : dataKeyError(selector.key);
  if (selector.key === "") errors.push(requiredField(`${path}.${field}.key`));
  else if (problem !== undefined) errors.push(invalidField(`${path}.${field}.key`, selector.key, problem));
  return errors;
}

/** Files of variables are written by the pod itself, so only into a volume that is its own. */
function validateFileRef({ key, volumeName, path: file }: FileKeySelector, path: string, volumes: ReadonlyMap<string, Volume>): FieldError[] {
  const errors: FieldError[] = [];
  const problem = dnsLabelError(volumeName);
  const volume = volumes.get(volumeName);
  if (key === "") errors.push(requiredField(`${path}.key`));
  else if (!isEnvName(key)) errors.push(invalidField(`${path}.key`, key, nameRule));
  if (volumeName === "") errors.push(requiredField(`${path}.volumeName`));
  else if (problem !== undefined) errors.push(invalidField(`${path}.volumeName`, volumeName, problem));
  else if (volume === undefined) errors.push(fieldNotFound(`${path}.volumeName`, volumeName));
  else if (volume.emptyDir === undefined) errors.push(invalidField(`${path}.volumeName`, volumeName, "referenced volume must be of type emptyDir"));
  if (file === "") errors.push(requiredField(`${path}.path`));
  return [...errors, ...localPathErrors(file).filter((rule) => rule.includes("..")).map((rule) => invalidField(`${path}.path`, file, rule))];
}

const isEnvName = (name: string) => /^[ -<>-~]+$/.test(name);
