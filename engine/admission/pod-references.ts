import type { PodSpec, Volume } from "../resources/types.ts";

/** The kinds of API objects, as resources, that a pod of this spec would reach. Pure. */
export function podReferences({ containers, initContainers = [], ephemeralContainers = [], volumes = [], imagePullSecrets = [] }: PodSpec): readonly string[] {
  const all = [...containers, ...initContainers, ...ephemeralContainers];
  const sources = all.flatMap(({ envFrom = [], env = [] }) => [...envFrom.map((source) => ({ secret: source.secretRef, configMap: source.configMapRef })), ...env.map(({ valueFrom }) => ({ secret: valueFrom?.secretKeyRef, configMap: valueFrom?.configMapKeyRef }))]);
  const projections = volumes.flatMap((volume) => volume.projected?.sources ?? []);
  const mounts = [...volumes, ...projections];
  const has = {
    secrets: imagePullSecrets.length > 0 || sources.some(({ secret }) => secret !== undefined) || mounts.some(({ secret }) => secret !== undefined) || volumes.some(hasDriverSecret),
    configmaps: sources.some(({ configMap }) => configMap !== undefined) || mounts.some(({ configMap }) => configMap !== undefined),
    clustertrustbundles: projections.some(({ clusterTrustBundle }) => clusterTrustBundle !== undefined),
    persistentvolumeclaims: volumes.some(({ persistentVolumeClaim, ephemeral }) => persistentVolumeClaim !== undefined || ephemeral !== undefined),
  };
  return Object.entries(has).filter(([, isNamed]) => isNamed).map(([resource]) => resource);
}

/** Whether the volume's driver logs in with a Secret. */
function hasDriverSecret({ csi, cephfs, rbd, iscsi, flexVolume, scaleIO, storageos, azureFile }: Volume): boolean {
  return [csi?.nodePublishSecretRef, cephfs?.secretRef, rbd?.secretRef, iscsi?.secretRef, flexVolume?.secretRef, scaleIO?.secretRef, storageos?.secretRef].some((reference) => reference !== undefined) || azureFile !== undefined;
}
