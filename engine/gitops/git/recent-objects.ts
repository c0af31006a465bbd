import { systemClock } from "../../lib/clock.ts";
import { MissingObject, type GitObjects } from "./git-source.ts";
import { BrokenObject } from "./stored-object.ts";

/** Longer than anybody's `git prune` takes from looking which objects are led to, to removing the others. */
const KEPT_MS = 60_000;
const KEPT_MAX = 1_000;
const KEPT_BYTES_MAX = 16 << 20;

interface Written {
  readonly is: "commit" | "tree" | "blob";
  readonly atMs: number;
  readonly bytes: number;
  readonly write: () => Promise<string>;
}

/**
 * What was written last. Whoever runs `git gc --prune=now` removes objects that a ref has been moved to since he looked, and a ref without its
 * commit keeps everybody from pushing and cloning: such objects are written again.
 */
export class RecentObjects {
  readonly #written = new Map<string, Written>();
  #bytes = 0;

  /** Writes an object of about so many bytes, and returns its id. */
  async write(is: Written["is"], bytes: number, write: () => Promise<string>): Promise<string> {
    const id = await write();
    this.#forget(id);
    this.#written.set(id, { is, bytes, write, atMs: systemClock.monotonic() });
    this.#bytes += bytes;
    for (const oldest of this.#written.keys()) {
      if (this.#written.size <= KEPT_MAX && this.#bytes <= KEPT_BYTES_MAX) break;
      this.#forget(oldest);
    }
    return id;
  }

  async restore(objects: GitObjects): Promise<void> {
    for (const [id, { is, write, atMs }] of this.#written) {
      if (systemClock.monotonic() - atMs > KEPT_MS) this.#forget(id);
      else
        await objects[is](id).catch(async (error: unknown) => {
          if (!(error instanceof MissingObject || error instanceof BrokenObject)) throw error;
          await write();
        });
    }
  }

  #forget(id: string): void {
    this.#bytes -= this.#written.get(id)?.bytes ?? 0;
    this.#written.delete(id);
  }
}
