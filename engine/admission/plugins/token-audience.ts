import { joinProblems } from "../../apimachinery/status-error.ts";
import { persistentVolumeClaimResource } from "../../resources/core/persistent-volume-claim.ts";
import { persistentVolumeResource } from "../../resources/core/persistent-volume.ts";
import { csiDriverResource } from "../../resources/storage/csi-driver.ts";
import type { Pod, Volume } from "../../resources/types.ts";
import type { AdmissionReader } from "../admission.ts";

export type AudienceSearch = { readonly is: "found" } | { readonly is: "absent" } | { readonly is: "error"; readonly problem: string };

/** Whether a pod's volumes show tokens to this audience: those that are projected, or those that a driver of one of them asks for. */
export async function findTokenAudience({ metadata, spec }: Pod, audience: string, reader: AdmissionReader): Promise<AudienceSearch> {
  const problems: string[] = [];
  for (const volume of spec.volumes ?? []) {
    if (
      volume.projected?.sources?.some(({ serviceAccountToken }) => serviceAccountToken !== undefined && (serviceAccountToken.audience ?? "") === audience) ===
      true
    )
      return { is: "found" };
    const driver = await driverOf(volume, metadata.namespace ?? "", metadata.name ?? "", reader);
    if (driver === undefined) continue;
    if ("problem" in driver) {
      problems.push(driver.problem);
      continue;
    }
    const known = await reader.get(csiDriverResource, "", driver.name, { fresh: true });
    if (known === undefined) problems.push(`csidriver.storage.k8s.io ${JSON.stringify(driver.name)} not found`);
    else if (known.spec.tokenRequests?.some((request) => request.audience === audience) === true) return { is: "found" };
  }
  return problems.length === 0 ? { is: "absent" } : { is: "error", problem: joinProblems(problems) };
}

/** The CSI driver behind a volume; undefined where there is none. */
async function driverOf(
  volume: Volume,
  namespace: string,
  podName: string,
  reader: AdmissionReader,
): Promise<{ readonly name: string } | { readonly problem: string } | undefined> {
  if (volume.csi !== undefined) return { name: volume.csi.driver };
  const claimName = volume.persistentVolumeClaim?.claimName ?? (volume.ephemeral?.volumeClaimTemplate === undefined ? undefined : `${podName}-${volume.name}`);
  if (claimName === undefined) return undefined;
  const claim = await reader.get(persistentVolumeClaimResource, namespace, claimName, { fresh: true });
  if (claim === undefined) return { problem: `persistentvolumeclaim ${JSON.stringify(claimName)} not found` };
  const volumeName = claim.spec?.volumeName ?? "";
  const bound = volumeName === "" ? undefined : await reader.get(persistentVolumeResource, "", volumeName, { fresh: true });
  if (bound === undefined) return { problem: `persistentvolume ${JSON.stringify(volumeName)} not found` };
  return bound.spec?.csi === undefined ? undefined : { name: bound.spec.csi.driver };
}
