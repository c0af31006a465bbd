import { mkdirSync } from "node:fs";
import path from "node:path";
import { describeObject } from "../../engine/apimachinery/object-meta.ts";
import { describeError } from "../../engine/lib/log.ts";
import type { Pod } from "../../engine/resources/types.ts";
import { MountError } from "../volumes/volume-plugin.ts";
import { areProvided, hasLiveVolumes, mountVolumes, releaseVolumes, unmountVolumes } from "../volumes/volumes.ts";
import { imagesOfVolumes } from "./start/image-volumes.ts";
import type { PodContext } from "./pod-context.ts";

const MOUNT_FAILED = "MountVolume.SetUp failed";

/** The volumes of one pod: brought there, kept up to date while it lives, and taken away when it is over. */
export class PodVolumes {
  readonly #context: PodContext;
  #mounted: ReadonlyMap<string, string> | undefined;
  #mountedAtMs = 0;
  #areReleased = false;
  #blocker: string | undefined;

  constructor(context: PodContext) {
    this.#context = context;
  }

  /** Where they are, by name; none while they are not all there. */
  get places(): ReadonlyMap<string, string> {
    return this.#mounted ?? new Map();
  }

  /** Why they are not there; undefined when they are, or nobody has tried. */
  get blocker(): string | undefined {
    return this.#blocker;
  }

  get areReleased(): boolean {
    return this.#areReleased;
  }

  /** Whether some are made of what may change. */
  areLive(pod: Pod): boolean {
    return hasLiveVolumes(pod, this.#context.csi, this.#mounted);
  }

  /** What they are made of has changed: they are brought up to date when they are asked for the next time. */
  refresh(): void {
    this.#mountedAtMs = -Infinity;
  }

  /** Brings them there, or up to date when their time has come. Throws, and says it as an event, when they cannot be there. */
  async provide(pod: Pod): Promise<void> {
    const { clock, events, sources, syncMs, logger } = this.#context;
    const isFresh = this.#mounted !== undefined && (!this.areLive(pod) || clock.monotonic() - this.#mountedAtMs < syncMs);
    if (isFresh && areProvided(pod, this.places)) return;
    const folder = this.#folder(pod);
    mkdirSync(folder, { recursive: true, mode: 0o750 });
    try {
      this.#mounted = await mountVolumes(
        pod,
        folder,
        sources(
          (pod.status?.podIPs ?? []).map(({ ip }) => ip),
          this.#mounted === undefined ? "fresh" : "followed",
        ),
        this.#mounted,
      );
      this.#mountedAtMs = clock.monotonic();
      this.#blocker = undefined;
    } catch (error) {
      const message = `${MOUNT_FAILED}${error instanceof MountError ? " " : ": "}${describeError(error)}`;
      if (error instanceof MountError) events.record(pod, { type: "Warning", reason: "FailedMount", message });
      if (this.#mounted === undefined) {
        this.#blocker = message;
        throw error;
      }
      // What is mounted stays as it is until its source is back.
      logger.warn("volumes not brought up to date, will retry", { pod: describeObject(pod), error: describeError(error) });
      this.#mountedAtMs = clock.monotonic();
    }
  }

  /** Of a pod that is over and still shown: takes away what others may want, once. */
  async release(pod: Pod, isOrphan: boolean): Promise<void> {
    if (this.#areReleased) return;
    await releaseVolumes(this.#folder(pod), this.#context.csi);
    await this.#releaseImages(pod, isOrphan);
    this.#mounted = undefined;
    this.#areReleased = true;
  }

  /** Of a pod that goes: nothing of them is left. */
  async unmount(pod: Pod, isOrphan: boolean): Promise<void> {
    await unmountVolumes(this.#folder(pod), this.#context.csi);
    await this.#releaseImages(pod, isOrphan);
  }

  #folder({ metadata: { uid = "" } }: Pod): string {
    return path.join(this.#context.podsDir, uid);
  }

  async #releaseImages(pod: Pod, isOrphan: boolean): Promise<void> {
    // Of a pod that only the runtime knew, it is not known what it had.
    if (isOrphan || imagesOfVolumes(pod).length > 0) await this.#context.images.release(pod.metadata.uid ?? "");
  }
}
