import { podContainers } from "../../resources/pod-containers.ts";
import type { PodSpec, Volume } from "../../resources/types.ts";

/** What of the API a pod of this spec would reach, in upstream's words: the first of it. Undefined when it reaches nothing. Pure. */
export function apiReference(spec: PodSpec): string | undefined {
  if (spec.serviceAccountName) return "serviceaccounts";
  const volumes = spec.volumes ?? [];
  const containers = [...podContainers(spec), ...(spec.ephemeralContainers ?? [])];
  const sources = containers.flatMap(({ envFrom = [], env = [] }) => [
    ...envFrom.map(({ secretRef, configMapRef }) => ({ secret: secretRef, configMap: configMapRef })),
    ...env.map(({ valueFrom }) => ({ secret: valueFrom?.secretKeyRef, configMap: valueFrom?.configMapKeyRef })),
  ]);
  const mounts = [...sources, ...volumes, ...volumes.flatMap(({ projected }) => projected?.sources ?? [])];
  if ((spec.imagePullSecrets ?? []).length > 0 || mounts.some(({ secret }) => secret !== undefined) || volumes.some(hasDriverSecret)) return "secrets";
  if (mounts.some(({ configMap }) => configMap !== undefined)) return "configmaps";
  if ((spec.resourceClaims ?? []).length > 0) return "resourceclaims";
  for (const volume of volumes) {
    const what = volumeReference(volume);
    if (what !== undefined) return what;
  }
  return undefined;
}

/** The same of a volume beside Secrets and ConfigMaps. */
function volumeReference({ csi, glusterfs, persistentVolumeClaim, ephemeral, projected }: Volume): string | undefined {
  if (csi !== undefined) return "csidrivers (via CSI volumes)";
  if (glusterfs !== undefined) return "endpoints (via glusterFS volumes)";
  if (persistentVolumeClaim !== undefined) return "persistentvolumeclaims";
  if (ephemeral !== undefined) return "persistentvolumeclaims (via ephemeral volumes)";
  for (const { serviceAccountToken, clusterTrustBundle, podCertificate } of projected?.sources ?? []) {
    if (serviceAccountToken !== undefined) return "serviceaccounts (via projected volumes)";
    if (clusterTrustBundle !== undefined) return "clustertrustbundles";
    if (podCertificate !== undefined) return "podcertificates";
  }
  return undefined;
}

/** Whether the volume's driver logs in with a Secret. */
function hasDriverSecret({ csi, cephfs, cinder, rbd, iscsi, flexVolume, scaleIO, storageos, azureFile }: Volume): boolean {
  return (
    [
      csi?.nodePublishSecretRef,
      cephfs?.secretRef,
      cinder?.secretRef,
      rbd?.secretRef,
      iscsi?.secretRef,
      flexVolume?.secretRef,
      scaleIO?.secretRef,
      storageos?.secretRef,
    ].some((reference) => reference !== undefined) || azureFile !== undefined
  );
}
