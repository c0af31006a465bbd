import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import type { Node } from "../../engine/resources/types.ts";
import type { ImageInfo, Runtime } from "../cri/runtime.ts";
import type { ImageAccess } from "./image-access.ts";
import { bytesToFree, chooseImages, chooseOldImages, DEFAULT_IMAGE_GC, noteImages, type ImageGcSettings, type ImageHistory } from "./image-gc-plan.ts";
import { measureDisk } from "../resources/measure-node.ts";

export interface ImageGarbageOptions {
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly events: EventRecorder;
  readonly node: () => Node | undefined;
  /** What is known of images that were pulled, to be forgotten with them. */
  readonly access: Pick<ImageAccess, "now" | "keepOnly">;
  /** Images that no container runs from and that are in use all the same. */
  readonly mounted: () => readonly string[];
  readonly imageDir: string;
  readonly settings?: ImageGcSettings;
}

const LOOK_MS = 5 * 60_000;
/** How often it is noted which images are in use. */
const NOTE_MS = 60_000;

/** The images that there are, and the names and digests of those that are used. */
interface SeenImages {
  readonly images: readonly ImageInfo[];
  readonly used: ReadonlySet<string>;
}

/** Deletes images that no container uses: when the disk is rather full, or when eviction asks for all there are. */
export class ImageGarbage {
  readonly #options: ImageGarbageOptions;
  readonly #sinceMs: number;
  #history: ReadonlyMap<string, ImageHistory> = new Map();

  constructor(options: ImageGarbageOptions) {
    this.#options = options;
    this.#sinceMs = options.clock.now();
  }

  asService(): Service {
    return service("image-garbage", async (signal) => {
      const { clock, logger } = this.#options;
      for (let lookedMs = -Infinity; !signal.aborted;) {
        try {
          const seen = await this.#look();
          if (clock.monotonic() - lookedMs >= LOOK_MS) {
            lookedMs = clock.monotonic();
            await this.#collect(seen);
          }
        } catch (error) {
          if (!signal.aborted) logger.warn("images not collected, will retry", { error: describeError(error) });
        }
        await sleep(clock, NOTE_MS, signal).catch(() => {});
      }
    });
  }

  /** Deletes every unused image; gives how many bytes they had. */
  async freeAll(): Promise<number> {
    return this.#deleteUnused(Infinity, 0);
  }

  async #collect({ images, used }: SeenImages): Promise<void> {
    const { imageDir, events, node, clock, settings = DEFAULT_IMAGE_GC } = this.#options;
    await this.#delete(chooseOldImages(images, used, this.#history, this.#sinceMs, clock.now(), settings));
    const disk = await measureDisk(imageDir);
    const wanted = disk === undefined ? 0 : bytesToFree(disk.bytes, settings);
    if (wanted === 0) return;
    const freed = await this.#deleteUnused(wanted, settings.minAgeMs);
    const about = node();
    if (freed < wanted && about !== undefined) {
      const message = `Failed to garbage collect required amount of images. Attempted to free ${wanted} bytes, but only found ${freed} bytes eligible to free.`;
      events.record(about, { type: "Warning", reason: "FreeDiskSpaceFailed", message });
    }
  }

  async #look(): Promise<SeenImages> {
    const { runtime, clock, mounted, access } = this.#options;
    const since = access.now();
    // Images first: one that is pulled in between is then not among them.
    const images = await runtime.listImages();
    access.keepOnly(
      images.map(({ id }) => id),
      since,
    );
    const used = new Set(
      (await runtime.glance()).containers
        .flatMap(({ image, imageId }) => [image, imageId])
        .concat(mounted())
        .filter((name) => name !== ""),
    );
    this.#history = noteImages(images, used, this.#history, clock.now());
    return { images, used };
  }

  async #deleteUnused(bytes: number, minAgeMs: number): Promise<number> {
    const { images, used } = await this.#look();
    return this.#delete(chooseImages(images, used, this.#history, bytes, this.#options.clock.now(), minAgeMs));
  }

  async #delete(images: readonly ImageInfo[]): Promise<number> {
    const { runtime, logger } = this.#options;
    let freed = 0;
    for (const image of images) {
      try {
        await runtime.removeImage(image.id);
        freed += image.bytes;
        logger.info("unused image deleted", { image: image.names[0] ?? image.id, bytes: image.bytes });
      } catch (error) {
        logger.warn("image not deleted", { image: image.names[0] ?? image.id, error: describeError(error) });
      }
    }
    return freed;
  }
}
