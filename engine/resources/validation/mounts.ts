import { fieldNotFound, forbiddenField, invalidField, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import type { Container, Volume, VolumeMount } from "../types.ts";

/** Mounts and devices name volumes of the pod, each of the kind that can be used so, and do not lie over each other. */
export function validateMounts(container: Container, path: string, volumes: ReadonlyMap<string, Volume>): FieldError[] {
  const errors: FieldError[] = [];
  const places = new Set<string>();
  const devices = new Set((container.volumeDevices ?? []).flatMap((device) => [device.name, device.devicePath]));
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const at = `${path}.volumeMounts[${index}]`;
    errors.push(...validateMount(mount, at, volumes));
    if (places.has(mount.mountPath)) errors.push(invalidField(`${at}.mountPath`, mount.mountPath, "must be unique"));
    places.add(mount.mountPath);
    if (devices.has(mount.name)) errors.push(invalidField(`${at}.name`, mount.name, "must not already exist in volumeDevices"));
    if (devices.has(mount.mountPath)) errors.push(invalidField(`${at}.mountPath`, mount.mountPath, "must not already exist as a path in volumeDevices"));
    if (mount.mountPropagation === "Bidirectional" && container.securityContext?.privileged !== true) {
      errors.push(forbiddenField(`${at}.mountPropagation`, "Bidirectional mount propagation is available only to privileged containers"));
    }
  }
  const devicePaths = new Set<string>();
  for (const [index, device] of (container.volumeDevices ?? []).entries()) {
    const at = `${path}.volumeDevices[${index}]`;
    if (device.name === "") errors.push(requiredField(`${at}.name`));
    else if (!volumes.has(device.name)) errors.push(fieldNotFound(`${at}.name`, device.name));
    if (device.devicePath === "") errors.push(requiredField(`${at}.devicePath`));
    if (devicePaths.has(device.devicePath)) errors.push(invalidField(`${at}.devicePath`, device.devicePath, "must be unique"));
    devicePaths.add(device.devicePath);
    if (device.devicePath.split("/").includes("..")) errors.push(invalidField(`${at}.devicePath`, device.devicePath, "can not contain backsteps ('..')"));
  }
  return errors;
}

/** Why a path inside a volume is not acceptable, in upstream's words. */
export function localPathErrors(text: string): string[] {
  return [...(text.startsWith("/") ? ["must be a relative path"] : []), ...(text.split("/").includes("..") ? ["must not contain '..'"] : [])];
}

function validateMount(mount: VolumeMount, path: string, volumes: ReadonlyMap<string, Volume>): FieldError[] {
  const errors: FieldError[] = [];
  if (mount.name === "") errors.push(requiredField(`${path}.name`));
  else if (!volumes.has(mount.name)) errors.push(fieldNotFound(`${path}.name`, mount.name));
  if (mount.mountPath === "") errors.push(requiredField(`${path}.mountPath`));
  if (mount.subPath) errors.push(...localPathErrors(mount.subPath).map((problem) => invalidField(`${path}.subPath`, mount.subPath, problem)));
  if (mount.subPathExpr) {
    if (mount.subPath) errors.push(invalidField(`${path}.subPathExpr`, mount.subPathExpr, "subPathExpr and subPath are mutually exclusive"));
    errors.push(...localPathErrors(mount.subPathExpr).map((problem) => invalidField(`${path}.subPathExpr`, mount.subPathExpr, problem)));
  }
  if (mount.recursiveReadOnly !== undefined && mount.recursiveReadOnly !== "Disabled") {
    if (mount.readOnly !== true) errors.push(forbiddenField(`${path}.recursiveReadOnly`, "may only be specified when readOnly is true"));
    if (mount.mountPropagation !== undefined && mount.mountPropagation !== "None") {
      errors.push(forbiddenField(`${path}.recursiveReadOnly`, "may only be specified when mountPropagation is None or not specified"));
    }
  }
  return errors;
}
