import { readdirSync, readFileSync, statSync, watch, type FSWatcher } from "node:fs";
import path from "node:path";
import { describeObject } from "../../engine/apimachinery/object-meta.ts";
import { Bell } from "../../engine/lib/bell.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import type { Pod } from "../../engine/resources/types.ts";

export interface ManifestFolderOptions {
  /** A folder of files with a pod each, or one such file. */
  readonly place: string;
  /** The pod of a file's text. Throws what is wrong with it. */
  readonly read: (text: string, file: string) => Pod;
  /** Told of all pods whenever the files are not what they were. */
  readonly onPods: (pods: readonly Pod[]) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How often the files are looked at though no change was reported. */
  readonly lookMs: number;
}

const BYTES_MAX = 10 << 20;
/** Who writes a file does so in several steps. */
const SETTLE_MS = 50;

interface KnownFile {
  readonly text: string;
  readonly pod: Pod | undefined;
  /** Whether the text is no pod; then it may still be what it was before. */
  readonly isBroken: boolean;
  /** Why it could not be read the last time. */
  readonly trouble?: string;
}

/** The pods that the files of a folder say. Its first look is made at once, before anything that ends pods which nobody knows. */
export class ManifestFolder {
  readonly #options: ManifestFolderOptions;
  #files: ReadonlyMap<string, KnownFile> = new Map();

  constructor(options: ManifestFolderOptions) {
    this.#options = options;
    this.#look(false);
  }

  asService(): Service {
    const { clock, lookMs, place, logger } = this.#options;
    return service("static-pods", async (signal) => {
      const bell = new Bell(clock);
      let watcher: FSWatcher | undefined;
      while (!signal.aborted) {
        watcher ??= follow(
          place,
          () => bell.ring(),
          () => (watcher = undefined),
        );
        const isTold = await bell.wait(lookMs, signal);
        if (isTold) await new Bell(clock).wait(SETTLE_MS, signal);
        if (signal.aborted) break;
        bell.take();
        try {
          this.#look(isTold);
        } catch (error) {
          logger.warn("static pods not read, will retry", { place, error: describeError(error) });
        }
      }
      watcher?.close();
    });
  }

  /** With `keepsBroken`, a file that can no longer be read as a pod counts as what it was: its writer may not be done. */
  #look(keepsBroken: boolean): void {
    const { place, onPods } = this.#options;
    const before = this.#files;
    const now = new Map(manifestFiles(place).map((file) => [file, this.#readFile(file, before.get(file), keepsBroken)] as const));
    this.#files = now;
    if (now.size === before.size && [...now].every(([file, { pod }]) => before.get(file)?.pod === pod)) return;
    // Of two files with one name the later counts.
    const byName = new Map(
      [...now.values()].flatMap(({ pod }) => (pod === undefined ? [] : [[`${pod.metadata.namespace}/${pod.metadata.name}`, pod] as const])),
    );
    onPods(this.#withoutNamesakes([...byName.values()]));
  }

  /** What a pod has on the machine is named by its uid, so of several with one uid only the first can run. */
  #withoutNamesakes(pods: readonly Pod[]): readonly Pod[] {
    const first = new Map<string | undefined, Pod>();
    for (const pod of pods) {
      const other = first.get(pod.metadata.uid);
      if (other === undefined) first.set(pod.metadata.uid, pod);
      else
        this.#options.logger.warn("not a static pod: another one has its uid", {
          pod: describeObject(pod),
          other: describeObject(other),
          uid: pod.metadata.uid ?? "",
        });
    }
    return [...first.values()];
  }

  /** A file that is there and cannot be read counts as what it was: nobody has said anything else. */
  #readFile(file: string, before: KnownFile | undefined, keepsBroken: boolean): KnownFile {
    const { read, logger } = this.#options;
    let text = "";
    try {
      const isTooLarge = statSync(file).size > BYTES_MAX;
      if (!isTooLarge) text = readFileSync(file, "utf8");
      if (before?.text === text && before.trouble === undefined) return before.isBroken && !keepsBroken ? { ...before, pod: undefined } : before;
      try {
        if (isTooLarge) throw new Error(`the file is larger than ${BYTES_MAX} bytes`);
        return { text, pod: read(text, file), isBroken: false };
      } catch (error) {
        logger.warn("not a static pod", { file, error: describeError(error) });
        return { text, pod: keepsBroken ? before?.pod : undefined, isBroken: true };
      }
    } catch (error) {
      const trouble = describeError(error);
      if (before?.trouble !== trouble) logger.warn("static pod not read, will retry", { file, error: trouble });
      return { text: "", pod: undefined, isBroken: true, ...before, trouble };
    }
  }
}

/** All files but those with a dot before their name, in the order of their names; none when there is nothing yet. */
function manifestFiles(place: string): readonly string[] {
  const stats = statSync(place, { throwIfNoEntry: false });
  if (stats === undefined) return [];
  if (stats.isFile()) return [place];
  return readdirSync(place)
    .filter((name) => !name.startsWith("."))
    .sort()
    .map((name) => path.join(place, name))
    .filter(mayBeFile);
}

/** Also what cannot be looked at, such as a link to itself: whoever reads it says why. */
function mayBeFile(place: string): boolean {
  try {
    return statSync(place, { throwIfNoEntry: false })?.isFile() === true;
  } catch {
    return true;
  }
}

/** Undefined where there is nothing to be watched yet. */
function follow(place: string, changed: () => void, lost: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(place, changed);
    watcher.on("error", () => {
      watcher.close();
      lost();
    });
    // What came between the last look and now was told to nobody.
    changed();
    return watcher;
  } catch {
    return undefined;
  }
}
