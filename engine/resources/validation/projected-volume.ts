import { forbiddenField, invalidField, invalidFields, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsSubdomainProblems } from "../../apimachinery/names.ts";
import type {
  ClusterTrustBundleProjection,
  DownwardAPIVolumeFile,
  KeyToPath,
  ProjectedVolumeSource,
  ServiceAccountTokenProjection,
  VolumeProjection,
} from "../types.ts";
import { validateFieldRef, validateResourceFieldRef } from "./environment.ts";
import { validateLabelSelector } from "./scheduling.ts";
import { localPathErrors } from "./mounts.ts";
import { requiredText } from "./volume-sources.ts";

const TOKEN_SECONDS_MIN = 600;
const TOKEN_SECONDS_MAX = 2 ** 32;
const MODE_MAX = 0o777;

/** Bits of access to a file. */
export function modeErrors(mode: number | undefined, at: string): FieldError[] {
  return mode !== undefined && (mode < 0 || mode > MODE_MAX) ? [invalidField(at, mode, "must be a number between 0 and 0777 (octal), both inclusive")] : [];
}

/** Keys of a ConfigMap or Secret that become files. */
export function itemErrors(items: readonly KeyToPath[], path: string): FieldError[] {
  return items.flatMap(({ key, path: file, mode }, index) => {
    const at = `${path}[${index}]`;
    return [...requiredText(key, `${at}.key`), ...requiredText(file, `${at}.path`), ...filePathErrors(file, `${at}.path`), ...modeErrors(mode, `${at}.mode`)];
  });
}

/** What a pod tells of itself. Upstream names the volume and not the file. */
export function downwardFileErrors(files: readonly DownwardAPIVolumeFile[], at: string): FieldError[] {
  return files.flatMap(({ path, fieldRef, resourceFieldRef, mode }) => {
    const errors = [...requiredText(path, `${at}.path`), ...filePathErrors(path, `${at}.path`)];
    if (fieldRef !== undefined) errors.push(...validateFieldRef(fieldRef, `${at}.fieldRef`, "file"));
    if (fieldRef !== undefined && resourceFieldRef !== undefined)
      errors.push(invalidField(at, "resource", "fieldRef and resourceFieldRef can not be specified simultaneously"));
    else if (resourceFieldRef !== undefined) errors.push(...validateResourceFieldRef(resourceFieldRef, `${at}.resourceFieldRef`, "file"));
    else if (fieldRef === undefined) errors.push(requiredField(at, "one of fieldRef and resourceFieldRef is required"));
    return [...errors, ...modeErrors(mode, `${at}.mode`)];
  });
}

/** Sources of a projected volume; no two may write the same file. */
export function projectedErrors({ sources, defaultMode }: ProjectedVolumeSource, path: string): FieldError[] {
  const files = new Set<string>();
  const errors = modeErrors(defaultMode, `${path}.defaultMode`);
  for (const [index, source] of (sources ?? []).entries()) {
    const at = `${path}.sources[${index}]`;
    errors.push(...sourceErrors(source, at, path));
    for (const [file, told] of projectedFiles(source)) {
      if (files.has(file)) errors.push(invalidField(path, told, "conflicting duplicate paths"));
      files.add(file);
    }
    if (Object.values(source).filter((part) => part !== undefined).length > 1)
      errors.push(forbiddenField(at, "may not specify more than 1 volume type per source"));
  }
  return errors;
}

function sourceErrors({ configMap, secret, downwardAPI, serviceAccountToken, clusterTrustBundle }: VolumeProjection, at: string, volume: string): FieldError[] {
  return [
    ...(secret === undefined ? [] : [...requiredText(secret.name, `${at}.secret.name`), ...itemErrors(secret.items ?? [], `${at}.secret.items`)]),
    ...(configMap === undefined
      ? []
      : [...requiredText(configMap.name, `${at}.configMap.name`), ...itemErrors(configMap.items ?? [], `${at}.configMap.items`)]),
    ...(downwardAPI === undefined ? [] : downwardFileErrors(downwardAPI.items ?? [], `${at}.downwardAPI`)),
    ...(serviceAccountToken === undefined ? [] : tokenErrors(serviceAccountToken, `${at}.serviceAccountToken`, volume)),
    ...(clusterTrustBundle === undefined ? [] : trustErrors(clusterTrustBundle, `${at}.clusterTrustBundle`)),
  ];
}

function tokenErrors({ expirationSeconds: seconds = TOKEN_SECONDS_MIN, path }: ServiceAccountTokenProjection, at: string, volume: string): FieldError[] {
  return [
    ...(seconds < TOKEN_SECONDS_MIN ? [invalidField(`${at}.expirationSeconds`, seconds, "may not specify a duration less than 10 minutes")] : []),
    ...(seconds > TOKEN_SECONDS_MAX ? [invalidField(`${at}.expirationSeconds`, seconds, "may not specify a duration larger than 2^32 seconds")] : []),
    ...(path === "" ? [requiredField(`${volume}.path`)] : filePathErrors(path, `${volume}.path`)),
  ];
}

/** Certificates of authorities, by the name of a bundle or by those who sign with them. */
function trustErrors(bundle: ClusterTrustBundleProjection, at: string): FieldError[] {
  const { name, signerName, labelSelector, path } = bundle;
  const errors: FieldError[] = [];
  if (name !== undefined && signerName !== undefined) errors.push(invalidField(at, bundle, "only one of name and signerName may be used"));
  else if (name !== undefined) {
    errors.push(
      ...requiredText(name, `${at}.name`, "must be a valid object name"),
      ...invalidFields(
        `${at}.name`,
        name,
        dnsSubdomainProblems(name.replaceAll(":", ".")).map((problem) => `not a valid clustertrustbundlename: ${problem}`),
      ),
    );
    if (labelSelector !== undefined) errors.push(invalidField(`${at}.labelSelector`, labelSelector, "labelSelector must be unset if name is specified"));
  } else if (signerName !== undefined) {
    errors.push(
      ...requiredText(signerName, `${at}.signerName`, "must be a valid signer name"),
      ...(labelSelector === undefined ? [] : validateLabelSelector(labelSelector, `${at}.labelSelector`)),
    );
  } else errors.push(requiredField(at, "either name or signerName must be specified"));
  return [...errors, ...requiredText(path, `${at}.path`), ...filePathErrors(path, `${at}.path`)];
}

/** Every file of a source, with what is told of it when another has its place. */
function projectedFiles({ configMap, secret, downwardAPI, clusterTrustBundle }: VolumeProjection): (readonly [file: string, told: string])[] {
  return [
    ...(secret?.items ?? []).map(({ path }) => [path, secret?.name ?? ""] as const),
    ...(configMap?.items ?? []).map(({ path }) => [path, configMap?.name ?? ""] as const),
    ...(downwardAPI?.items ?? []).map(({ path }) => [path, path] as const),
    ...(clusterTrustBundle === undefined ? [] : [[clusterTrustBundle.path, clusterTrustBundle.path] as const]),
  ].filter(([file]) => file !== "");
}

/** A file inside a volume. Names that begin with ".." belong to the mechanism that swaps the volume's content. */
function filePathErrors(text: string, path: string): FieldError[] {
  return invalidFields(path, text, [...localPathErrors(text), ...(text.startsWith("..") && !text.startsWith("../") ? ["must not start with '..'"] : [])]);
}
