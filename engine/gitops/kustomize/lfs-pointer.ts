import { fail } from "./kustomize-error.ts";

const BEGINNING = Buffer.from("version https://git-lfs.github.com/spec/v1");
/** As Git LFS bounds them. */
const POINTER_BYTES_MAX = 1024;

/**
 * Git LFS commits a pointer in the place of a file's content, which nobody fetches here. Taken for the file, it would be deployed as
 * content, or be no manifest any more, and what the manifest has made would be deleted. Fails at the file.
 */
export function refuseLfsPointer(content: Buffer, path: string): void {
  if (content.byteLength <= POINTER_BYTES_MAX && content.subarray(0, BEGINNING.byteLength).equals(BEGINNING))
    fail(
      { file: path, line: 1 },
      "is a pointer of Git LFS, whose content is not in the commit and is not fetched; commit the file itself: git lfs untrack, then git add --renormalize",
    );
}
