import { duplicateField, forbiddenField, invalidField, invalidFields, requiredField, requiredName, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelProblems, dnsSubdomainProblems } from "../../apimachinery/names.ts";
import { parseQuantity } from "../../apimachinery/quantity.ts";
import type { CSIVolumeSource, PersistentVolumeClaimTemplate, Volume } from "../types.ts";
import { validateClaimSpec } from "./claim.ts";
import { driverNameErrors } from "./driver-name.ts";
import { localPathErrors } from "./mounts.ts";
import { downwardFileErrors, itemErrors, modeErrors, projectedErrors } from "./projected-volume.ts";
import { templateMetadataErrors } from "./template-metadata.ts";
import {
  azureDiskErrors,
  azureFileErrors,
  cloudDiskErrors,
  fcErrors,
  flexErrors,
  flockerErrors,
  glusterErrors,
  hostPathErrors,
  INTERFACE_LENGTH_MAX,
  INTERFACE_TOO_LONG,
  iscsiErrors,
  nfsErrors,
  PLAIN_SOURCES,
  quobyteErrors,
  requiredText,
  secretErrors,
  storageOsErrors,
} from "./volume-sources.ts";

/** What is known of the pod; a template's has no name yet. */
export interface VolumeOwner {
  readonly podName?: string | undefined;
}

type Source = Exclude<keyof Volume, "name">;
type SourceRules = { readonly [key in Source]: (source: NonNullable<Volume[key]>, at: string, volume: Volume, owner: VolumeOwner) => FieldError[] };

/** In upstream's order: of several sources, the first is judged and the others are too many. */
const SOURCES: SourceRules = {
  emptyDir: ({ sizeLimit }, at) =>
    sizeLimit !== undefined && parseQuantity(sizeLimit) < 0 ? [forbiddenField(`${at}.sizeLimit`, "SizeLimit field must be a valid resource quantity")] : [],
  hostPath: hostPathErrors,
  gitRepo: ({ repository, directory = "" }, at) => [
    ...requiredText(repository, `${at}.repository`),
    ...invalidFields(`${at}.directory`, directory, localPathErrors(directory)),
  ],
  gcePersistentDisk: (disk, at) => cloudDiskErrors(disk, at.replace(/gcePersistentDisk$/, "persistentDisk"), "pdName"),
  awsElasticBlockStore: (disk, at) => cloudDiskErrors(disk, at, "volumeID"),
  secret: ({ secretName, defaultMode, items = [] }, at) => [
    ...requiredText(secretName, `${at}.secretName`),
    ...modeErrors(defaultMode, `${at}.defaultMode`),
    ...itemErrors(items, `${at}.items`),
  ],
  nfs: nfsErrors,
  iscsi: (disk, at, volume) => iscsiErrors(disk, at, { name: volume.name, isPersistent: false }),
  glusterfs: glusterErrors,
  flocker: flockerErrors,
  persistentVolumeClaim: ({ claimName }, at) => requiredText(claimName, `${at}.claimName`),
  rbd: PLAIN_SOURCES.rbd,
  cinder: ({ volumeID, secretRef }, at) => [...requiredText(volumeID, `${at}.volumeID`), ...secretErrors(secretRef, `${at}.secretRef`, false)],
  cephfs: PLAIN_SOURCES.cephfs,
  quobyte: quobyteErrors,
  downwardAPI: ({ defaultMode, items = [] }, at) => [...modeErrors(defaultMode, `${at}.defaultMode`), ...downwardFileErrors(items, at)],
  fc: fcErrors,
  flexVolume: flexErrors,
  configMap: ({ name, defaultMode, items = [] }, at) => [
    ...requiredText(name, `${at}.name`),
    ...modeErrors(defaultMode, `${at}.defaultMode`),
    ...itemErrors(items, `${at}.items`),
  ],
  azureFile: azureFileErrors,
  vsphereVolume: PLAIN_SOURCES.vsphereVolume,
  photonPersistentDisk: PLAIN_SOURCES.photonPersistentDisk,
  portworxVolume: PLAIN_SOURCES.portworxVolume,
  azureDisk: azureDiskErrors,
  storageos: (source, at) => storageOsErrors(source, at, false),
  projected: projectedErrors,
  scaleIO: PLAIN_SOURCES.scaleIO,
  csi: csiErrors,
  ephemeral: ({ volumeClaimTemplate: template }, at, volume, owner) => [
    ...(template === undefined ? [requiredField(`${at}.volumeClaimTemplate`)] : claimTemplateErrors(template, `${at}.volumeClaimTemplate`)),
    ...claimNameErrors(volume.name, at.replace(/\.ephemeral$/, ".name"), owner),
  ],
  image: ({ reference }, at, _volume, { podName }) => (podName === undefined ? [] : requiredText(reference, `${at}.reference`)),
};

/** What upstream calls a source that is one too many. */
const TOLD_AS: Readonly<Partial<Record<Source, string>>> = { cephfs: "cephFS", downwardAPI: "downwarAPI" };

/** A pod's volumes, and those of them that may be used: what is wrong with the others is told once. */
export interface JudgedVolumes {
  readonly good: ReadonlyMap<string, Volume>;
  readonly errors: readonly FieldError[];
}

/** Rules for a pod's volumes beyond their schema: good names, exactly one source each, and what each source needs. */
export function judgeVolumes(volumes: readonly Volume[], path: string, owner: VolumeOwner): JudgedVolumes {
  const good = new Map<string, Volume>();
  const errors: FieldError[] = [];
  const made = new Set(
    owner.podName === undefined ? [] : volumes.filter(({ ephemeral }) => ephemeral !== undefined).map(({ name }) => `${owner.podName}-${name}`),
  );
  for (const [index, volume] of volumes.entries()) {
    const { name, persistentVolumeClaim } = volume;
    const at = `${path}[${index}]`;
    const own = [...sourceErrors(volume, at, owner), ...requiredName(`${at}.name`, name, dnsLabelProblems)];
    if (good.has(name)) own.push(duplicateField(`${at}.name`, name));
    if (own.length === 0) good.set(name, volume);
    errors.push(...own);
    if (persistentVolumeClaim !== undefined && made.has(persistentVolumeClaim.claimName)) {
      errors.push(
        invalidField(
          `${at}.persistentVolumeClaim.claimName`,
          persistentVolumeClaim.claimName,
          "must not reference a PVC that gets created for an ephemeral volume",
        ),
      );
    }
  }
  return { good, errors };
}

function sourceErrors(volume: Volume, at: string, owner: VolumeOwner): FieldError[] {
  const [first, ...others] = (Object.keys(SOURCES) as Source[]).filter((source) => volume[source] !== undefined); // exactly the keys of the table
  if (first === undefined) return [requiredField(at, "must specify a volume type")];
  const judge = SOURCES[first] as (source: Volume[Source], at: string, volume: Volume, owner: VolumeOwner) => FieldError[]; // the rule of this very source
  const { iscsi, name } = volume;
  const isTooLong = iscsi?.initiatorName !== undefined && `${name}:${iscsi.targetPortal}`.length > INTERFACE_LENGTH_MAX;
  return [
    ...judge(volume[first], `${at}.${first}`, volume, owner),
    ...(isTooLong ? [invalidField(`${at}.name`, name, INTERFACE_TOO_LONG)] : []),
    ...others.map((source) => forbiddenField(`${at}.${TOLD_AS[source] ?? source}`, "may not specify more than 1 volume type")),
  ];
}

function csiErrors({ driver, nodePublishSecretRef: secret }: CSIVolumeSource, at: string): FieldError[] {
  const errors = driverNameErrors(driver, `${at}.driver`);
  if (secret === undefined) return errors;
  return [
    ...errors,
    ...(secret.name ? invalidFields(`${at}.name`, secret.name, dnsSubdomainProblems(secret.name)) : [requiredField(`${at}.nodePublishSecretRef.name`)]),
  ];
}

function claimTemplateErrors({ metadata, spec }: PersistentVolumeClaimTemplate, at: string): FieldError[] {
  return [...templateMetadataErrors(metadata, `${at}.metadata`), ...validateClaimSpec(spec, `${at}.spec`)];
}

/** The claim is called after the pod and the volume together. */
function claimNameErrors(name: string, at: string, { podName }: VolumeOwner): FieldError[] {
  if (!podName || name === "") return [];
  const claim = `${podName}-${name}`;
  return invalidFields(
    at,
    name,
    dnsSubdomainProblems(claim).map((problem) => `PVC name ${JSON.stringify(claim)}: ${problem}`),
  );
}
