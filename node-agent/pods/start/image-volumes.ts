import path from "node:path";
import { describeError } from "../../../engine/lib/log.ts";
import type { Container, Pod } from "../../../engine/resources/types.ts";
import { volumeFolder } from "../../volumes/volume-plugin.ts";
import { normaliseImage } from "../../images/image-name.ts";
import { containerFieldPath } from "../container-place.ts";
import { ensureImage } from "./ensure-image.ts";
import type { PodContext } from "../pod-context.ts";
import { StartError } from "./start-error.ts";

/**
 * The places of a pod's volumes, with those that are images and that this container mounts: they are pulled and mounted when the first container
 * needs them, and an image that is missing holds up no other container, as upstream has it. Throws a StartError, and an AbortError when the signal
 * fires while one is pulled. What is being mounted is waited for: made after the pod's mounts were taken away, it would stay.
 */
export async function withImageVolumes(
  context: PodContext,
  pod: Pod,
  container: Container,
  volumes: ReadonlyMap<string, string>,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const places = new Map(volumes);
  const { uid = "" } = pod.metadata;
  for (const { name, image } of pod.spec.volumes ?? []) {
    if (image === undefined || container.volumeMounts?.some((mount) => mount.name === name) !== true) continue;
    const { imageVolumesRequested, imageVolumesMounted, imageVolumeErrors } = context.metrics;
    imageVolumesRequested.add();
    if (!image.reference) throw new StartError("InvalidImageName", `volume "${name}" names no image`);
    const { name: reference } = await ensureImage(context, pod, { image: image.reference, pullPolicy: image.pullPolicy }, signal);
    const place = volumeFolder(path.join(context.podsDir, uid), "image", name);
    try {
      await context.images.mount(reference, uid, name, place);
    } catch (error) {
      imageVolumeErrors.add();
      const message = `volume "${name}": ${describeError(error)}`;
      context.events.record(pod, { type: "Warning", reason: "Failed", message: `Error: ${message}`, fieldPath: containerFieldPath(pod.spec, container.name) });
      throw new StartError("CreateContainerError", message, { cause: error });
    }
    imageVolumesMounted.add();
    places.set(name, place);
  }
  return places;
}

/** The images that are volumes of a pod, by their full names. */
export function imagesOfVolumes({ spec }: Pod): readonly string[] {
  return (spec.volumes ?? []).flatMap(({ image }) => (image?.reference ? [normaliseImage(image.reference)] : []));
}
