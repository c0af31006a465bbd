import { closeSync, fsyncSync, openSync, renameSync, writeFileSync } from "node:fs";

/** Writes a file whole: whatever ends the process or the machine meanwhile, the file is what it was before, or all of this. */
export function writeWholeFile(file: string, text: string, mode = 0o600): void {
  const fresh = `${file}.new`;
  const descriptor = openSync(fresh, "w", mode);
  try {
    writeFileSync(descriptor, text);
    // A file system may put the new name on the disk before what it names.
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(fresh, file);
}
