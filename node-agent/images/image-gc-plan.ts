import type { ImageInfo } from "../cri/runtime.ts";

/** What is remembered of an image; lost with the agent, whereupon every image counts as new. */
export interface ImageHistory {
  readonly detectedMs: number;
  readonly lastUsedMs: number;
}

export interface ImageGcSettings {
  /** Of the disk, in percent: above the one it begins, down to the other it goes. */
  readonly highPercent: number;
  readonly lowPercent: number;
  /** Nothing younger is deleted: it may have been pulled for a pod that is about to start. */
  readonly minAgeMs: number;
  /** What was not used for longer is deleted whatever room there is; 0 for never. */
  readonly maxAgeMs: number;
}

export const DEFAULT_IMAGE_GC: ImageGcSettings = { highPercent: 85, lowPercent: 80, minAgeMs: 2 * 60_000, maxAgeMs: 0 };

/** Images of our own making: they are nowhere to be pulled from again. */
const LOCAL_PREFIX = "mainstay.local/";

/** The history with what is seen now. Pure. */
export function noteImages(
  images: readonly ImageInfo[],
  used: ReadonlySet<string>,
  history: ReadonlyMap<string, ImageHistory>,
  nowMs: number,
): ReadonlyMap<string, ImageHistory> {
  return new Map(
    images.map((image) => {
      const known = history.get(image.id);
      return [image.id, { detectedMs: known?.detectedMs ?? nowMs, lastUsedMs: isUsed(image, used) ? nowMs : (known?.lastUsedMs ?? 0) }] as const;
    }),
  );
}

/** How many bytes must go so that the disk is at the low mark again; 0 below the high one. */
export function bytesToFree(
  { available, capacity }: { readonly available: number; readonly capacity: number },
  { highPercent, lowPercent }: ImageGcSettings,
): number {
  const usedPercent = capacity === 0 ? 0 : 100 - Math.floor((available * 100) / capacity);
  return usedPercent < highPercent ? 0 : Math.max(0, Math.floor((capacity * (100 - lowPercent)) / 100) - available);
}

/** The images to delete for so many bytes: unused ones, the longest unused first. With Infinity, all that may go. Pure. */
export function chooseImages(
  images: readonly ImageInfo[],
  used: ReadonlySet<string>,
  history: ReadonlyMap<string, ImageHistory>,
  bytes: number,
  nowMs: number,
  minAgeMs: number,
): readonly ImageInfo[] {
  const age = (image: ImageInfo) => history.get(image.id) ?? { detectedMs: nowMs, lastUsedMs: nowMs };
  const candidates = images
    .filter((image) => !isUsed(image, used) && !image.names.some((name) => name.startsWith(LOCAL_PREFIX)) && nowMs - age(image).detectedMs >= minAgeMs)
    .sort((a, b) => age(a).lastUsedMs - age(b).lastUsedMs || age(a).detectedMs - age(b).detectedMs);
  const chosen: ImageInfo[] = [];
  for (let freed = 0; freed < bytes && chosen.length < candidates.length; freed += chosen.at(-1)?.bytes ?? 0) chosen.push(candidates[chosen.length]!); // within bounds
  return chosen;
}

/** The images that nothing used for longer than this; none before we have looked for as long. Pure. */
export function chooseOldImages(
  images: readonly ImageInfo[],
  used: ReadonlySet<string>,
  history: ReadonlyMap<string, ImageHistory>,
  sinceMs: number,
  nowMs: number,
  { minAgeMs, maxAgeMs }: Pick<ImageGcSettings, "minAgeMs" | "maxAgeMs">,
): readonly ImageInfo[] {
  if (maxAgeMs === 0 || nowMs - sinceMs <= maxAgeMs) return [];
  return chooseImages(images, used, history, Infinity, nowMs, minAgeMs).filter(({ id }) => nowMs - (history.get(id)?.lastUsedMs ?? nowMs) > maxAgeMs);
}

/** By the names and ids that containers give for their images. */
function isUsed({ id, names }: ImageInfo, used: ReadonlySet<string>): boolean {
  return used.has(id) || names.some((name) => used.has(name));
}
