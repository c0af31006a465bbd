import { fn, traversal, type Library } from "../functions.ts";
import { STRING } from "../types.ts";

/** A key as a part of a JSON Pointer (RFC 6901). */
export const jsonPatchLibrary: Library = [
  fn<readonly [string]>("jsonpatch.escapeKey", [STRING], STRING, ([key]) => key.replaceAll("~", "~0").replaceAll("/", "~1"), traversal()),
];
