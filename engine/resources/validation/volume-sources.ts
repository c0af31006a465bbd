import { invalidField, invalidFields, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelProblems } from "../../apimachinery/names.ts";
import type {
  AWSElasticBlockStoreVolumeSource,
  AzureDiskVolumeSource,
  FCVolumeSource,
  FlockerVolumeSource,
  GCEPersistentDiskVolumeSource,
  HostPathVolumeSource,
  ISCSIVolumeSource,
  NFSVolumeSource,
  QuobyteVolumeSource,
} from "../types.ts";

/** Rules for the sources that pods' volumes and PersistentVolumes have in common. */

export const requiredText = (text: string | undefined, at: string, detail = ""): FieldError[] => (text ? [] : [requiredField(at, detail)]);

/** A field of `source` for each name, which must not be empty. */
function requiredTexts<K extends string>(source: { readonly [key in K]?: string }, at: string, ...fields: readonly K[]): FieldError[] {
  return fields.flatMap((field) => requiredText(source[field], `${at}.${field}`));
}

type Monitored = { readonly monitors: readonly string[] };

const monitorErrors = ({ monitors }: Monitored, at: string): FieldError[] => (monitors.length === 0 ? [requiredField(`${at}.monitors`)] : []);

/** Sources that only name what they need, in the same words for pods and for PersistentVolumes. */
export const PLAIN_SOURCES = {
  rbd: (source: Monitored & { readonly image: string }, at: string): FieldError[] => [
    ...monitorErrors(source, at),
    ...requiredText(source.image, `${at}.image`),
  ],
  cephfs: monitorErrors,
  vsphereVolume: ({ volumePath }: { readonly volumePath: string }, at: string): FieldError[] => requiredText(volumePath, `${at}.volumePath`),
  photonPersistentDisk: ({ pdID }: { readonly pdID: string }, at: string): FieldError[] => requiredText(pdID, `${at}.pdID`),
  portworxVolume: ({ volumeID }: { readonly volumeID: string }, at: string): FieldError[] => requiredText(volumeID, `${at}.volumeID`),
  scaleIO: (source: { readonly gateway: string; readonly system: string; readonly volumeName?: string }, at: string): FieldError[] =>
    requiredTexts(source, at, "gateway", "system", "volumeName"),
};

/** What its endpoints are called, and where they are. */
export const glusterErrors = (source: { readonly endpoints: string; readonly path: string }, at: string): FieldError[] =>
  requiredTexts(source, at, "endpoints", "path");

export const azureFileErrors = (share: { readonly secretName: string; readonly shareName: string }, at: string): FieldError[] =>
  requiredTexts(share, at, "secretName", "shareName");

const backsteps = (text: string, at: string): FieldError[] => (text.split("/").includes("..") ? [invalidField(at, text, "must not contain '..'")] : []);

export function hostPathErrors({ path }: Pick<HostPathVolumeSource, "path">, at: string): FieldError[] {
  return path === "" ? [requiredField(`${at}.path`)] : backsteps(path, `${at}.path`);
}

export function nfsErrors({ server, path }: NFSVolumeSource, at: string): FieldError[] {
  return [
    ...requiredTexts({ server, path }, at, "server", "path"),
    ...(path.startsWith("/") ? [] : [invalidField(`${at}.path`, path, "must be an absolute path")]),
  ];
}

const BYTE = "must be between 0 and 255, inclusive";
const PARTITION = "must be between 1 and 255, inclusive";
const isByte = (value: number) => value >= 0 && value <= 255;

/** Disks that clouds attach: a name of theirs, and perhaps a partition. */
export function cloudDiskErrors(
  disk: Partial<GCEPersistentDiskVolumeSource & AWSElasticBlockStoreVolumeSource>,
  at: string,
  name: "pdName" | "volumeID",
): FieldError[] {
  const { partition = 0 } = disk;
  return [...requiredText(disk[name], `${at}.${name}`), ...(isByte(partition) ? [] : [invalidField(`${at}.partition`, partition, PARTITION)])];
}

const ISCSI_NAMES = [
  ["iqn", /iqn\.\d{4}-\d{2}\.[A-Za-z0-9.-]+:[^,;*&$|\s]+$/],
  ["eui", /^eui.[A-Za-z0-9]{16}$/],
  ["naa", /^naa.[A-Za-z0-9]{32}$/],
] as const;

/** `strange` is said of a name of none of the three kinds. */
function iscsiNameErrors(name: string, at: string, strange: string): FieldError[] {
  const known = ISCSI_NAMES.find(([prefix]) => name.startsWith(prefix));
  if (known === undefined) return [invalidField(at, name, strange)];
  return known[1].test(name) ? [] : [invalidField(at, name, "must be valid format")];
}

/** `owner` is the volume's name, which becomes part of an interface's, told of at `ownerField`. */
export function iscsiErrors(disk: ISCSIVolumeSource, at: string, owner: { readonly name: string; readonly isPersistent: boolean }): FieldError[] {
  const { targetPortal, iqn, lun, initiatorName } = disk;
  const strange = owner.isPersistent ? "must be valid format" : "must be valid format starting with iqn, eui, or naa";
  const isTooLong = owner.isPersistent && initiatorName !== undefined && `${owner.name}:${targetPortal}`.length > INTERFACE_LENGTH_MAX;
  return [
    ...requiredText(targetPortal, `${at}.targetPortal`),
    ...(isTooLong ? [invalidField(`${at}.targetportal`, targetPortal, INTERFACE_TOO_LONG)] : []),
    ...(iqn === "" ? [requiredField(`${at}.iqn`)] : iscsiNameErrors(iqn, `${at}.iqn`, strange)),
    ...(isByte(lun) ? [] : [invalidField(`${at}.lun`, lun, BYTE)]),
    ...((disk.chapAuthDiscovery === true || disk.chapAuthSession === true) && disk.secretRef === undefined ? [requiredField(`${at}.secretRef`)] : []),
    ...(owner.isPersistent && disk.secretRef !== undefined ? requiredText(disk.secretRef.name, `${at}.secretRef.name`) : []),
    ...(initiatorName === undefined ? [] : iscsiNameErrors(initiatorName, `${at}.initiatorname`, strange)),
  ];
}

export const INTERFACE_LENGTH_MAX = 64;
export const INTERFACE_TOO_LONG = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";

export function fcErrors({ targetWWNs = [], wwids = [], lun }: FCVolumeSource, at: string): FieldError[] {
  const errors: FieldError[] = [];
  if (targetWWNs.length === 0 && wwids.length === 0) errors.push(requiredField(`${at}.targetWWNs`, "must specify either targetWWNs or wwids, but not both"));
  if (targetWWNs.length > 0 && wwids.length > 0)
    errors.push(invalidField(`${at}.targetWWNs`, targetWWNs, "targetWWNs and wwids can not be specified simultaneously"));
  if (targetWWNs.length > 0 && lun === undefined) errors.push(requiredField(`${at}.lun`, "lun is required if targetWWNs is specified"));
  if (targetWWNs.length > 0 && lun !== undefined && !isByte(lun)) errors.push(invalidField(`${at}.lun`, lun, BYTE));
  return errors;
}

export function flockerErrors({ datasetName = "", datasetUUID = "" }: FlockerVolumeSource, at: string): FieldError[] {
  return [
    ...(datasetName === "" && datasetUUID === "" ? [requiredField(at, "one of datasetName and datasetUUID is required")] : []),
    ...(datasetName !== "" && datasetUUID !== "" ? [invalidField(at, "resource", "datasetName and datasetUUID can not be specified simultaneously")] : []),
    ...(datasetName.includes("/") ? [invalidField(`${at}.datasetName`, datasetName, "must not contain '/'")] : []),
  ];
}

const TENANT_LENGTH_MAX = 64;
const PAIRS = "must be a host:port pair or multiple pairs separated by commas";

export function quobyteErrors({ registry, tenant = "", volume }: QuobyteVolumeSource, at: string): FieldError[] {
  const registryErrors =
    registry === ""
      ? [requiredField(`${at}.registry`, PAIRS)]
      : tenant.length > TENANT_LENGTH_MAX
        ? [requiredField(`${at}.tenant`, "must be a UUID and may not exceed a length of 64 characters")]
        : registry
            .split(",")
            .filter((pair) => !/^([^:[\]]*|\[[^[\]]*\]):[^:[\]]*$/.test(pair))
            .map(() => invalidField(`${at}.registry`, registry, PAIRS));
  return [...registryErrors, ...requiredText(volume, `${at}.volume`)];
}

/** Drivers' options must not be taken for the system's own. */
export function flexErrors(
  { driver, options = {} }: { readonly driver: string; readonly options?: Readonly<Record<string, string>> },
  at: string,
): FieldError[] {
  const reserved = Object.keys(options).filter((key) =>
    /\.(kubernetes|k8s)\.io$/.test(`.${(key.includes("/") ? key.slice(0, key.indexOf("/")) : key).toLowerCase()}`),
  );
  return [
    ...requiredText(driver, `${at}.driver`),
    ...reserved.map((key) => invalidField(`${at}.options[${key}]`, key, "kubernetes.io and k8s.io namespaces are reserved")),
  ];
}

export function azureDiskErrors({ diskName, diskURI, kind }: AzureDiskVolumeSource, at: string): FieldError[] {
  const errors = requiredTexts({ diskName, diskURI }, at, "diskName", "diskURI");
  if (kind === "Managed" && !diskURI.startsWith("/subscriptions/"))
    errors.push(
      unsupportedValue(`${at}.diskURI`, diskURI, ["/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"]),
    );
  if ((kind === "Shared" || kind === "Dedicated") && !diskURI.startsWith("https://"))
    errors.push(unsupportedValue(`${at}.diskURI`, diskURI, ["https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"]));
  return errors;
}

interface StorageOsSource {
  readonly volumeName?: string;
  readonly volumeNamespace?: string;
  readonly secretRef?: { readonly name?: string; readonly namespace?: string };
}

/** Of a PersistentVolume, references to Secrets name their namespace. */
export function storageOsErrors({ volumeName, volumeNamespace, secretRef }: StorageOsSource, at: string, isPersistent: boolean): FieldError[] {
  return [
    ...(volumeName ? invalidFields(`${at}.volumeName`, volumeName, dnsLabelProblems(volumeName)) : [requiredField(`${at}.volumeName`)]),
    ...(volumeNamespace ? invalidFields(`${at}.volumeNamespace`, volumeNamespace, dnsLabelProblems(volumeNamespace)) : []),
    ...secretErrors(secretRef, `${at}.secretRef`, isPersistent),
  ];
}

export function secretErrors(secret: { readonly name?: string; readonly namespace?: string } | undefined, at: string, isPersistent: boolean): FieldError[] {
  if (secret === undefined) return [];
  return [...requiredText(secret.name, `${at}.name`), ...(isPersistent ? requiredText(secret.namespace, `${at}.namespace`) : [])];
}
