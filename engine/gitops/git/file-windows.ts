import { promises as fs } from "node:fs";
import { BoundedCache } from "../../lib/bounded-cache.ts";

const WINDOW_BYTES = 256 << 10;
/** Together with the length of one: what is kept of files that may have any length. */
const WINDOWS_KEPT = 64;

/** Parts of files that do not change, of which those that were read last are kept. */
export class FileWindows {
  readonly #windows = new BoundedCache<Promise<Buffer>>(WINDOWS_KEPT);

  /** So many bytes of a file, or as many as there are from there to its end. Rejects with node's own error. */
  async read(path: string, at: number, bytes: number): Promise<Buffer> {
    const first = Math.floor(at / WINDOW_BYTES);
    const last = Math.floor((at + bytes - 1) / WINDOW_BYTES);
    if (last > first + 1) return readPart(path, at, bytes);
    const begin = at - first * WINDOW_BYTES;
    const window = await this.#window(path, first);
    if (last === first || window.length < WINDOW_BYTES) return window.subarray(begin, begin + bytes);
    const next = await this.#window(path, last);
    return Buffer.concat([window.subarray(begin), next.subarray(0, begin + bytes - WINDOW_BYTES)]);
  }

  #window(path: string, index: number): Promise<Buffer> {
    const key = `${index} ${path}`;
    const known = this.#windows.get(key);
    if (known !== undefined) return known;
    const window = readPart(path, index * WINDOW_BYTES, WINDOW_BYTES);
    this.#windows.set(key, window);
    window.catch(() => this.#windows.delete(key));
    return window;
  }
}

/** A part of a file, or as much of it as there is. */
export async function readPart(path: string, at: number, bytes: number): Promise<Buffer> {
  const file = await fs.open(path);
  try {
    const length = Math.max(0, Math.min(bytes, (await file.stat()).size - at));
    const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(length), 0, length, at);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}
