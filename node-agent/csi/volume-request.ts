import { createHash } from "node:crypto";
import type { CSIDriver, PersistentVolume, Pod, SecretReference, Volume } from "../../engine/resources/types.ts";
import { MountError } from "../volumes/volume-plugin.ts";
import type { NodeCapability } from "./csi-driver.ts";
import { VolumeCapability_AccessMode_Mode as Mode } from "./csi_pb.ts";

type DriverSpec = CSIDriver["spec"] | undefined;

/** A volume of a driver, whether it is a persistent one or a pod's own. */
export interface CsiVolume {
  /** Name of the persistent volume, or of the pod's volume. */
  readonly name: string;
  readonly driver: string;
  readonly handle: string;
  readonly lifecycle: "Persistent" | "Ephemeral";
  readonly readOnly: boolean;
  readonly isBlock: boolean;
  readonly fsType: string;
  readonly accessModes: readonly string[];
  readonly mountOptions: readonly string[];
  readonly attributes: Readonly<Record<string, string>>;
  readonly secrets: { readonly stage?: SecretReference; readonly publish?: SecretReference; readonly expand?: SecretReference };
}

/** A persistent volume, as a pod mounts it through its claim. Throws a MountError for one of another kind. Pure. */
export function persistentCsiVolume({ metadata, spec = {} }: PersistentVolume, readOnly: boolean): CsiVolume {
  const { csi } = spec;
  if (csi === undefined) throw new MountError(`persistentvolume "${metadata.name}" is not of a CSI driver`);
  return {
    name: metadata.name ?? "",
    driver: csi.driver,
    handle: csi.volumeHandle,
    lifecycle: "Persistent",
    readOnly,
    isBlock: spec.volumeMode === "Block",
    fsType: csi.fsType ?? "",
    accessModes: spec.accessModes ?? [],
    mountOptions: spec.mountOptions ?? [],
    attributes: csi.volumeAttributes ?? {},
    secrets: {
      ...(csi.nodeStageSecretRef === undefined ? {} : { stage: csi.nodeStageSecretRef }),
      ...(csi.nodePublishSecretRef === undefined ? {} : { publish: csi.nodePublishSecretRef }),
      ...(csi.nodeExpandSecretRef === undefined ? {} : { expand: csi.nodeExpandSecretRef }),
    },
  };
}

/** A volume that lives with its pod; its handle is made from both, as upstream makes it. Pure. */
export function ephemeralCsiVolume({ metadata }: Pod, { name, csi }: Volume): CsiVolume {
  const { namespace = "", uid = "" } = metadata;
  return {
    name,
    driver: csi?.driver ?? "",
    handle: `csi-${createHash("sha256").update(`${uid}${name}`).digest("hex")}`,
    lifecycle: "Ephemeral",
    readOnly: csi?.readOnly === true,
    isBlock: false,
    fsType: csi?.fsType ?? "",
    accessModes: ["ReadWriteOnce"],
    mountOptions: [],
    attributes: csi?.volumeAttributes ?? {},
    secrets: csi?.nodePublishSecretRef === undefined ? {} : { publish: { name: csi.nodePublishSecretRef.name ?? "", namespace } },
  };
}

/** Throws a MountError when the driver has not said that it has volumes of this life. Pure. */
export function checkLifecycle({ driver, lifecycle }: CsiVolume, spec: DriverSpec): void {
  if (spec === undefined) {
    if (lifecycle === "Persistent") return;
    throw new MountError(`volume mode "${lifecycle}" not supported by driver ${driver} (no CSIDriver object)`);
  }
  const modes = spec.volumeLifecycleModes ?? ["Persistent"];
  if (!modes.includes(lifecycle)) throw new MountError(`volume mode "${lifecycle}" not supported by driver ${driver} (only supports ${JSON.stringify(modes)})`);
}

/** How a driver is told what a volume is used for. The group is for drivers that give files to it themselves. Pure. */
export function computeCapability(
  { isBlock, fsType, accessModes, mountOptions }: CsiVolume,
  capabilities: ReadonlySet<NodeCapability>,
  group: number | undefined,
) {
  const volumeMountGroup = group !== undefined && capabilities.has("VOLUME_MOUNT_GROUP") ? String(group) : "";
  return {
    accessType: isBlock
      ? { case: "block" as const, value: {} }
      : { case: "mount" as const, value: { fsType, mountFlags: [...mountOptions], volumeMountGroup } },
    accessMode: { mode: accessModeOf(accessModes[0] ?? "ReadWriteOnce", capabilities.has("SINGLE_NODE_MULTI_WRITER")) },
  };
}

/** Drivers that know of a single writer are told whether there may be several on the node; the others are told of a single node. */
function accessModeOf(mode: string, knowsSingleWriter: boolean): (typeof Mode)[keyof typeof Mode] {
  switch (mode) {
    case "ReadWriteOnce":
      return knowsSingleWriter ? Mode.SINGLE_NODE_MULTI_WRITER : Mode.SINGLE_NODE_WRITER;
    case "ReadWriteOncePod":
      return knowsSingleWriter ? Mode.SINGLE_NODE_SINGLE_WRITER : Mode.SINGLE_NODE_WRITER;
    case "ReadOnlyMany":
      return Mode.MULTI_NODE_READER_ONLY;
    case "ReadWriteMany":
      return Mode.MULTI_NODE_MULTI_WRITER;
    default:
      return Mode.UNKNOWN;
  }
}

/** What a driver is told beside the volume's own attributes: about the pod, if it wants to know. Pure. */
export function computeContext(
  { attributes, lifecycle }: CsiVolume,
  spec: DriverSpec,
  { metadata, spec: { serviceAccountName = "" } }: Pod,
): Record<string, string> {
  if (spec?.podInfoOnMount !== true) return { ...attributes };
  return {
    ...attributes,
    "csi.storage.k8s.io/pod.name": metadata.name ?? "",
    "csi.storage.k8s.io/pod.namespace": metadata.namespace ?? "",
    "csi.storage.k8s.io/pod.uid": metadata.uid ?? "",
    "csi.storage.k8s.io/serviceAccount.name": serviceAccountName,
    "csi.storage.k8s.io/ephemeral": String(lifecycle === "Ephemeral"),
  };
}

/**
 * Whether the volume's files are given to the pod's group here: not when the driver does it, nor when its policy is against it. By the usual
 * policy only those of a file system that one node alone writes to. Pure.
 */
export function givesToGroup(
  { readOnly, fsType, accessModes, isBlock, lifecycle }: CsiVolume,
  spec: DriverSpec,
  capabilities: ReadonlySet<NodeCapability>,
): boolean {
  const policy = spec?.fsGroupPolicy ?? "ReadWriteOnceWithFSType";
  if (isBlock || readOnly || policy === "None" || capabilities.has("VOLUME_MOUNT_GROUP")) return false;
  if (policy === "File") return true;
  return fsType !== "" && (lifecycle === "Ephemeral" || accessModes.some((mode) => mode === "ReadWriteOnce" || mode === "ReadWriteOncePod"));
}
