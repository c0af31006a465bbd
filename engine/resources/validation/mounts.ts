import {
  fieldNotFound,
  forbiddenField,
  invalidField,
  invalidFields,
  requiredField,
  unsupportedValue,
  type FieldError,
} from "../../apimachinery/field-error.ts";
import type { Container, Volume, VolumeDevice, VolumeMount } from "../types.ts";

/** Mounts and devices name volumes of the pod, each of the kind that can be used so, and do not lie over each other. */
export function validateMounts(container: Container, path: string, volumes: ReadonlyMap<string, Volume>): FieldError[] {
  const { volumeMounts: mounts = [], volumeDevices: devices = [] } = container;
  return [...mountErrors(mounts, devices, container, `${path}.volumeMounts`, volumes), ...deviceErrors(devices, mounts, `${path}.volumeDevices`, volumes)];
}

/** Why a path inside a volume is not acceptable, in upstream's words. */
export function localPathErrors(text: string): string[] {
  return [...(text.startsWith("/") ? ["must be a relative path"] : []), ...(text.split("/").includes("..") ? ["must not contain '..'"] : [])];
}

/** Of some fields, upstream names the list and not the mount. */
function mountErrors(
  mounts: readonly VolumeMount[],
  devices: readonly VolumeDevice[],
  container: Container,
  path: string,
  volumes: ReadonlyMap<string, Volume>,
): FieldError[] {
  const places = new Set<string>();
  return mounts.flatMap((mount, index) => {
    const at = `${path}[${index}]`;
    const { name, mountPath, subPath = "", subPathExpr = "" } = mount;
    const errors: FieldError[] = [];
    if (name === "") errors.push(requiredField(`${at}.name`));
    if (!volumes.has(name)) errors.push(fieldNotFound(`${at}.name`, name));
    if (mountPath === "") errors.push(requiredField(`${at}.mountPath`));
    if (places.has(mountPath)) errors.push(invalidField(`${at}.mountPath`, mountPath, "must be unique"));
    places.add(mountPath);
    if (devices.some((device) => device.name === name)) errors.push(invalidField(`${at}.name`, name, "must not already exist in volumeDevices"));
    if (devices.some((device) => device.devicePath === mountPath))
      errors.push(invalidField(`${at}.mountPath`, mountPath, "must not already exist as a path in volumeDevices"));
    errors.push(...invalidFields(`${path}.subPath`, subPath, localPathErrors(subPath)));
    if (subPath !== "" && subPathExpr !== "") errors.push(invalidField(`${at}.subPathExpr`, subPathExpr, "subPathExpr and subPath are mutually exclusive"));
    errors.push(...invalidFields(`${path}.subPathExpr`, subPathExpr, localPathErrors(subPathExpr)));
    if (mount.mountPropagation === "Bidirectional" && container.securityContext?.privileged !== true) {
      errors.push(forbiddenField(`${path}.mountPropagation`, "Bidirectional mount propagation is available only to privileged containers"));
    }
    return [...errors, ...recursionErrors(mount, `${path}.recursiveReadOnly`)];
  });
}

const RECURSIONS = ["Disabled", "Enabled", "IfPossible"];

function recursionErrors({ recursiveReadOnly, readOnly, mountPropagation }: VolumeMount, at: string): FieldError[] {
  if (recursiveReadOnly === undefined || recursiveReadOnly === "Disabled") return [];
  if (!RECURSIONS.includes(recursiveReadOnly)) return [unsupportedValue(at, recursiveReadOnly, RECURSIONS)];
  return [
    ...(readOnly === true ? [] : [forbiddenField(at, "may only be specified when readOnly is true")]),
    ...(mountPropagation === undefined || mountPropagation === "None"
      ? []
      : [forbiddenField(at, "may only be specified when mountPropagation is None or not specified")]),
  ];
}

function deviceErrors(devices: readonly VolumeDevice[], mounts: readonly VolumeMount[], path: string, volumes: ReadonlyMap<string, Volume>): FieldError[] {
  const [names, places] = [new Set<string>(), new Set<string>()];
  return devices.flatMap(({ name, devicePath }, index) => {
    const at = `${path}[${index}]`;
    const volume = volumes.get(name);
    const isClaimed = volume?.persistentVolumeClaim !== undefined || volume?.ephemeral !== undefined;
    const errors: FieldError[] = [];
    if (name === "") errors.push(requiredField(`${at}.name`));
    if (names.has(name)) errors.push(invalidField(`${at}.name`, name, "must be unique"));
    if (volume !== undefined && !isClaimed)
      errors.push(invalidField(`${at}.name`, name, "can only use volume source type of PersistentVolumeClaim or Ephemeral for block mode"));
    if (volume === undefined) errors.push(fieldNotFound(`${at}.name`, name));
    if (devicePath === "") errors.push(requiredField(`${at}.devicePath`));
    if (places.has(devicePath)) errors.push(invalidField(`${at}.devicePath`, devicePath, "must be unique"));
    if (devicePath.split("/").includes("..")) errors.push(invalidField(`${at}.devicePath`, devicePath, "can not contain backsteps ('..')"));
    else places.add(devicePath);
    if (mounts.some((mount) => mount.name === name)) errors.push(invalidField(`${at}.name`, name, "must not already exist in volumeMounts"));
    if (mounts.some((mount) => mount.mountPath === devicePath))
      errors.push(invalidField(`${at}.devicePath`, devicePath, "must not already exist as a path in volumeMounts"));
    if (name !== "") names.add(name);
    return errors;
  });
}
