import { podContainers } from "./pod-containers.ts";
import type { PodSpec, Volume } from "./types.ts";

export type ReferencedResource = "configmaps" | "secrets" | "serviceaccounts";

/** Whether a pod needs this object to run. */
export function references(spec: PodSpec, resource: ReferencedResource, name: string): boolean {
  if (resource === "serviceaccounts") return (spec.serviceAccountName || "default") === name;
  if (resource === "secrets" && (spec.imagePullSecrets ?? []).some((secret) => secret.name === name)) return true;
  const containers = [...podContainers(spec), ...(spec.ephemeralContainers ?? [])];
  const inEnvironment = containers.some(
    (container) =>
      (container.envFrom ?? []).some((source) => (resource === "secrets" ? source.secretRef : source.configMapRef)?.name === name) ||
      (container.env ?? []).some(
        (variable) => (resource === "secrets" ? variable.valueFrom?.secretKeyRef : variable.valueFrom?.configMapKeyRef)?.name === name,
      ),
  );
  return inEnvironment || (spec.volumes ?? []).some((volume) => volumeReferences(volume, resource, name));
}

/** The claims that a pod's volumes use, those made for this pod alone among them. */
export function claimNames(podName: string, { volumes = [] }: PodSpec): readonly string[] {
  return volumes.flatMap((volume) => [
    ...(volume.persistentVolumeClaim === undefined ? [] : [volume.persistentVolumeClaim.claimName]),
    ...(volume.ephemeral === undefined ? [] : [`${podName}-${volume.name}`]),
  ]);
}

function volumeReferences(volume: Volume, resource: "configmaps" | "secrets", name: string): boolean {
  const projected = volume.projected?.sources ?? [];
  if (resource === "secrets")
    return volume.secret?.secretName === name || projected.some((source) => source.secret?.name === name) || driverSecrets(volume).includes(name);
  return volume.configMap?.name === name || projected.some((source) => source.configMap?.name === name);
}

/** Secrets that a volume's driver logs in with. */
function driverSecrets({ csi, cephfs, rbd, iscsi, flexVolume, scaleIO, storageos, azureFile }: Volume): readonly string[] {
  const referenced = [
    csi?.nodePublishSecretRef,
    cephfs?.secretRef,
    rbd?.secretRef,
    iscsi?.secretRef,
    flexVolume?.secretRef,
    scaleIO?.secretRef,
    storageos?.secretRef,
  ];
  return [...referenced.flatMap((reference) => (reference?.name ? [reference.name] : [])), ...(azureFile === undefined ? [] : [azureFile.secretName])];
}
