import { forbiddenField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelError } from "../../apimachinery/names.ts";
import { parseQuantity } from "../../apimachinery/quantity.ts";
import { dataKeyError } from "../data-validation.ts";
import type { DownwardAPIVolumeFile, KeyToPath, Volume, VolumeProjection } from "../types.ts";
import { validateFieldRef, validateReferenceName, validateResourceFieldRef } from "./environment.ts";
import { localPathErrors } from "./mounts.ts";

const TOKEN_SECONDS_MIN = 600;
const TOKEN_SECONDS_MAX = 2 ** 32;

/** Rules for a pod's volumes beyond their schema: good names, exactly one source each, and what each source needs. */
export function validateVolumes(volumes: readonly Volume[], path: string): FieldError[] {
  return volumes.flatMap((volume, index) => {
    const at = `${path}[${index}]`;
    const errors: FieldError[] = [];
    const problem = volume.name === "" ? undefined : dnsLabelError(volume.name);
    if (volume.name === "") errors.push(requiredField(`${at}.name`));
    else if (problem !== undefined) errors.push(invalidField(`${at}.name`, volume.name, problem));
    const sources = Object.keys(volume).filter((field) => field !== "name" && volume[field as keyof Volume] !== undefined);
    if (sources.length === 0) errors.push(requiredField(at, "must specify a volume type"));
    errors.push(...sources.slice(1).map((source) => forbiddenField(`${at}.${source}`, "may not specify more than 1 volume type")));
    return [...errors, ...validateSource(volume, at)];
  });
}

function validateSource(volume: Volume, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { emptyDir, hostPath, configMap, secret, downwardAPI, projected, persistentVolumeClaim, nfs, csi } = volume;
  if (emptyDir?.sizeLimit !== undefined && parseQuantity(emptyDir.sizeLimit) < 0) errors.push(forbiddenField(`${path}.emptyDir.sizeLimit`, "SizeLimit field must be a valid resource quantity"));
  if (hostPath !== undefined) errors.push(...required(hostPath.path, `${path}.hostPath.path`), ...backsteps(hostPath.path, `${path}.hostPath.path`));
  if (configMap !== undefined) errors.push(...required(configMap.name, `${path}.configMap.name`), ...validateItems(configMap.items ?? [], `${path}.configMap.items`));
  if (secret !== undefined) errors.push(...required(secret.secretName, `${path}.secret.secretName`), ...validateItems(secret.items ?? [], `${path}.secret.items`));
  if (downwardAPI !== undefined) errors.push(...validateFiles(downwardAPI.items ?? [], `${path}.downwardAPI.items`));
  if (projected !== undefined) errors.push(...validateProjections(projected.sources ?? [], `${path}.projected`));
  if (persistentVolumeClaim !== undefined) errors.push(...required(persistentVolumeClaim.claimName, `${path}.persistentVolumeClaim.claimName`));
  if (nfs !== undefined) {
    errors.push(...required(nfs.server, `${path}.nfs.server`), ...required(nfs.path, `${path}.nfs.path`));
    if (nfs.path !== "" && !nfs.path.startsWith("/")) errors.push(invalidField(`${path}.nfs.path`, nfs.path, "must be an absolute path"));
  }
  if (csi !== undefined) errors.push(...required(csi.driver, `${path}.csi.driver`));
  return errors;
}

/** Sources of a projected volume; no two may write the same file. */
function validateProjections(sources: readonly VolumeProjection[], path: string): FieldError[] {
  const files = new Set<string>();
  const errors: FieldError[] = [];
  for (const [index, source] of sources.entries()) {
    const at = `${path}.sources[${index}]`;
    const kinds = Object.keys(source).filter((field) => source[field as keyof VolumeProjection] !== undefined);
    if (kinds.length === 0) errors.push(requiredField(at, "must specify a volume type"));
    errors.push(...kinds.slice(1).map((kind) => forbiddenField(`${at}.${kind}`, "may not specify more than 1 volume type")));
    errors.push(...validateProjection(source, at));
    for (const [file, filePath] of projectedFiles(source, at)) {
      if (files.has(file)) errors.push(invalidField(filePath, file, "conflicting duplicate paths"));
      files.add(file);
    }
  }
  return errors;
}

function validateProjection(source: VolumeProjection, path: string): FieldError[] {
  const { configMap, secret, downwardAPI, serviceAccountToken } = source;
  const errors: FieldError[] = [];
  if (configMap !== undefined) errors.push(...required(configMap.name, `${path}.configMap.name`), ...validateItems(configMap.items ?? [], `${path}.configMap.items`));
  if (secret !== undefined) errors.push(...validateReferenceName(secret.name, `${path}.secret.name`), ...validateItems(secret.items ?? [], `${path}.secret.items`));
  if (downwardAPI !== undefined) errors.push(...validateFiles(downwardAPI.items ?? [], `${path}.downwardAPI.items`));
  if (serviceAccountToken !== undefined) {
    const seconds = serviceAccountToken.expirationSeconds ?? TOKEN_SECONDS_MIN;
    if (seconds < TOKEN_SECONDS_MIN) errors.push(invalidField(`${path}.serviceAccountToken.expirationSeconds`, seconds, "may not specify a duration less than 10 minutes"));
    if (seconds > TOKEN_SECONDS_MAX) errors.push(invalidField(`${path}.serviceAccountToken.expirationSeconds`, seconds, "may not specify a duration larger than 2^32 seconds"));
    errors.push(...validateFilePath(serviceAccountToken.path, `${path}.serviceAccountToken.path`));
  }
  return errors;
}

function projectedFiles({ configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle }: VolumeProjection, path: string): (readonly [string, string])[] {
  return [
    ...(configMap?.items ?? []).map((item, index) => [item.path, `${path}.configMap.items[${index}].path`] as const),
    ...(secret?.items ?? []).map((item, index) => [item.path, `${path}.secret.items[${index}].path`] as const),
    ...(downwardAPI?.items ?? []).map((item, index) => [item.path, `${path}.downwardAPI.items[${index}].path`] as const),
    ...(serviceAccountToken === undefined ? [] : [[serviceAccountToken.path, `${path}.serviceAccountToken.path`] as const]),
    ...(clusterTrustBundle === undefined ? [] : [[clusterTrustBundle.path, `${path}.clusterTrustBundle.path`] as const]),
  ];
}

function validateItems(items: readonly KeyToPath[], path: string): FieldError[] {
  return items.flatMap((item, index) => {
    const problem = item.key === "" ? undefined : dataKeyError(item.key);
    return [
      ...required(item.key, `${path}[${index}].key`),
      ...(problem === undefined ? [] : [invalidField(`${path}[${index}].key`, item.key, problem)]),
      ...validateFilePath(item.path, `${path}[${index}].path`),
    ];
  });
}

function validateFiles(files: readonly DownwardAPIVolumeFile[], path: string): FieldError[] {
  return files.flatMap((file, index) => {
    const at = `${path}[${index}]`;
    const errors = validateFilePath(file.path, `${at}.path`);
    if (file.fieldRef !== undefined) errors.push(...validateFieldRef(file.fieldRef, `${at}.fieldRef`, "file"));
    if (file.fieldRef !== undefined && file.resourceFieldRef !== undefined) errors.push(invalidField(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"));
    else if (file.resourceFieldRef !== undefined) errors.push(...validateResourceFieldRef(file.resourceFieldRef, `${at}.resourceFieldRef`, "file"));
    else if (file.fieldRef === undefined) errors.push(requiredField(at, "one of fieldRef and resourceFieldRef is required"));
    return errors;
  });
}

/** A file inside a volume. Names that begin with ".." belong to the mechanism that swaps the volume's content. */
function validateFilePath(text: string, path: string): FieldError[] {
  if (text === "") return [requiredField(path)];
  const problems = [...localPathErrors(text), ...(text.startsWith("..") && !text.split("/").includes("..") ? ["must not start with '..'"] : [])];
  return problems.map((problem) => invalidField(path, text, problem));
}

const required = (text: string | undefined, path: string): FieldError[] => (text ? [] : [requiredField(path)]);

const backsteps = (text: string, path: string): FieldError[] => (text.split("/").includes("..") ? [invalidField(path, text, "must not contain '..'")] : []);
