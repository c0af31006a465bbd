import { closeSync, fstatSync, openSync, readSync } from "node:fs";

/** The last bytes of a file, as text: a container may have made it as long as it likes. Throws what the file system throws. */
export function readTail(file: string, bytesMax: number): string {
  const descriptor = openSync(file, "r");
  try {
    const { size } = fstatSync(descriptor);
    const bytes = Buffer.alloc(Math.min(size, bytesMax));
    const count = readSync(descriptor, bytes, 0, bytes.length, size - bytes.length);
    return bytes.toString("utf8", 0, count);
  } finally {
    closeSync(descriptor);
  }
}
