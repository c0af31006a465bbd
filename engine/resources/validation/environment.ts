import { fieldNotFound, invalidField, invalidFields, requiredField, requiredName, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelProblems, dnsSubdomainProblems, qualifiedNameProblems } from "../../apimachinery/names.ts";
import { canonicalQuantity, parseQuantity } from "../../apimachinery/quantity.ts";
import { dataKeyProblems } from "../data-validation.ts";
import type {
  ConfigMapKeySelector,
  Container,
  EnvFromSource,
  EnvVar,
  FileKeySelector,
  ObjectFieldSelector,
  ResourceFieldSelector,
  SecretKeySelector,
  Volume,
} from "../types.ts";
import { localPathErrors } from "./mounts.ts";
import { isHugePages } from "../huge-pages.ts";

/** Fields of a pod that its containers may see as variables. */
const ENV_FIELDS = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];

/** Fields of a pod that may become files. */
const FILE_FIELDS = ["metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid"];

const CONTAINER_RESOURCES = ["limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage", "requests.memory"];

const nameRule = "a valid environment variable name must consist only of printable ASCII characters other than '='";

export function validateEnv(variables: readonly EnvVar[], path: string): FieldError[] {
  return variables.flatMap((variable, index) => [
    ...envNameErrors(variable.name, `${path}[${index}].name`),
    ...sourceErrors(variable, `${path}[${index}].valueFrom`),
  ]);
}

/** How many sources an entry has, upstream tells of the list and not of the entry. */
export function validateEnvFrom(sources: readonly EnvFromSource[], path: string): FieldError[] {
  return sources.flatMap((source, index) => {
    const at = `${path}[${index}]`;
    const errors = source.prefix ? envNameErrors(source.prefix, `${at}.prefix`) : [];
    const named = (["configMapRef", "secretRef"] as const).filter((field) => source[field] !== undefined);
    for (const field of named) errors.push(...validateReferenceName(source[field]?.name, `${at}.${field}.name`));
    if (named.length === 0) errors.push(invalidField(path, "", "must specify one of: `configMapRef` or `secretRef`"));
    if (named.length > 1) errors.push(invalidField(path, "", "may not have more than one field specified at a time"));
    return errors;
  });
}

/** Files of variables are written by the pod itself, so only into a volume that is its own. */
export function validateEnvFiles({ env = [] }: Container, path: string, volumes: readonly Volume[]): FieldError[] {
  return env.flatMap(({ valueFrom }, index) => {
    const name = valueFrom?.fileKeyRef?.volumeName;
    if (name === undefined) return [];
    const at = `${path}.env[${index}].valueFrom.fileKeyRef.volumeName`;
    const volume = volumes.find((candidate) => candidate.name === name);
    if (volume === undefined) return [fieldNotFound(at, name)];
    return volume.emptyDir === undefined ? [invalidField(at, name, "referenced volume must be of type emptyDir")] : [];
  });
}

/** A field of the pod, as a variable or as a file: files can hold all labels or annotations, variables only one. */
export function validateFieldRef({ apiVersion, fieldPath }: ObjectFieldSelector, path: string, use: "env" | "file"): FieldError[] {
  if (!fieldPath) return [requiredField(`${path}.fieldPath`)];
  const unknown = (why: string) => [invalidField(`${path}.fieldPath`, fieldPath, `error converting fieldPath: ${why}`)];
  if (apiVersion && apiVersion !== "v1") return unknown(`unsupported pod version: ${apiVersion}`);
  const [, list, key] = /^([^[]*)\['(.*)'\]$/.exec(fieldPath) ?? [];
  if (list !== undefined && key !== undefined) {
    if (list === "metadata.annotations") return invalidFields(path, key.toLowerCase(), qualifiedNameProblems(key.toLowerCase()));
    return list === "metadata.labels" ? invalidFields(path, key, qualifiedNameProblems(key)) : unknown(`field label does not support subscript: ${fieldPath}`);
  }
  const supported = use === "env" ? ENV_FIELDS : FILE_FIELDS;
  if (supported.includes(fieldPath)) return [];
  const isKnown = [...ENV_FIELDS, ...FILE_FIELDS, "spec.restartPolicy", "spec.schedulerName", "status.phase"].includes(fieldPath);
  return isKnown ? [unsupportedValue(`${path}.fieldPath`, fieldPath, supported)] : unknown(`field label not supported: ${fieldPath}`);
}

/** A request or limit of a container, as a variable or as a file. */
export function validateResourceFieldRef(selector: ResourceFieldSelector, path: string, use: "env" | "file"): FieldError[] {
  const { resource, containerName } = selector;
  const isKnown = CONTAINER_RESOURCES.includes(resource) || /^(requests|limits)\.hugepages-/.test(resource);
  const errors =
    use === "file" && !containerName
      ? [requiredField(`${path}.containerName`)]
      : resource === ""
        ? [requiredField(`${path}.resource`)]
        : isKnown
          ? []
          : [unsupportedValue(`${path}.resource`, resource, CONTAINER_RESOURCES)];
  return [...errors, ...divisorErrors(selector, `${path}.divisor`)];
}

const PROCESSOR_DIVISORS = ["1m", "1"];
const BYTE_DIVISORS = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"];

/** The unit in which an amount is told. */
function divisorErrors({ resource, divisor = "0" }: ResourceFieldSelector, at: string): FieldError[] {
  if (parseQuantity(divisor) === 0) return [];
  const [, name = ""] = /^(?:limits|requests)\.(.*)$/.exec(resource) ?? [];
  const what =
    name === "cpu" || name === "memory" ? name : name === "ephemeral-storage" ? "local ephemeral storage" : isHugePages(name) ? "hugepages" : undefined;
  const allowed = name === "cpu" ? PROCESSOR_DIVISORS : BYTE_DIVISORS;
  if (what === undefined || allowed.includes(canonicalQuantity(divisor))) return [];
  return [
    invalidField(at, resource, `only divisor's values ${name === "cpu" ? allowed.join(" and ") : allowed.join(", ")} are supported with the ${what} resource`),
  ];
}

/** The name of a ConfigMap or Secret that something refers to. */
function validateReferenceName(name: string | undefined, path: string): FieldError[] {
  return name ? invalidFields(path, name, dnsSubdomainProblems(name)) : [requiredField(path)];
}

function sourceErrors({ value, valueFrom: source }: EnvVar, path: string): FieldError[] {
  if (source === undefined) return [];
  const errors: FieldError[] = [];
  if (source.fieldRef !== undefined) errors.push(...validateFieldRef(source.fieldRef, `${path}.fieldRef`, "env"));
  if (source.resourceFieldRef !== undefined) errors.push(...validateResourceFieldRef(source.resourceFieldRef, `${path}.resourceFieldRef`, "env"));
  for (const field of ["configMapKeyRef", "secretKeyRef"] as const) errors.push(...keyRefErrors(source[field], `${path}.${field}`));
  if (source.fileKeyRef !== undefined) errors.push(...fileRefErrors(source.fileKeyRef, `${path}.fileKeyRef`));
  const count = Object.values(source).filter((part) => part !== undefined).length;
  if (count === 0)
    errors.push(invalidField(path, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`"));
  else if (value) errors.push(invalidField(path, "", "may not be specified when `value` is not empty"));
  else if (count > 1) errors.push(invalidField(path, "", "may not have more than one field specified at a time"));
  return errors;
}

function keyRefErrors(selector: ConfigMapKeySelector | SecretKeySelector | undefined, at: string): FieldError[] {
  if (selector === undefined) return [];
  const { name = "", key } = selector;
  return [...invalidFields(`${at}.name`, name, dnsSubdomainProblems(name)), ...requiredName(`${at}.key`, key, dataKeyProblems)];
}

function fileRefErrors({ key, volumeName, path: file }: FileKeySelector, at: string): FieldError[] {
  return [
    ...envNameErrors(key, `${at}.key`),
    ...requiredName(`${at}.volumeName`, volumeName, dnsLabelProblems),
    ...(file === ""
      ? [requiredField(`${at}.path`)]
      : invalidFields(
          `${at}.path`,
          file,
          localPathErrors(file).filter((rule) => rule.includes("..")),
        )),
  ];
}

function envNameErrors(name: string, at: string): FieldError[] {
  if (name === "") return [requiredField(at)];
  return isEnvName(name) ? [] : [invalidField(at, name, nameRule)];
}

const isEnvName = (name: string) => /^[ -<>-~]+$/.test(name);
