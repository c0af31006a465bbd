import { compilePattern } from "./pattern.ts";

/** A row of `images`: which image, and what changes about it. */
export interface ImageChange {
  /** The image's name without tag; a pattern, as upstream takes it. */
  readonly name?: string;
  readonly newName?: string;
  readonly newTag?: string;
  readonly tagSuffix?: string;
  readonly digest?: string;
}

const TAG_AND_DIGEST = "(:[a-zA-Z0-9_.{}-]*)?(@[a-zA-Z0-9]+([.+_-][a-zA-Z0-9]+)*:[a-zA-Z0-9_.{}-]*)?$";

/** A function that changes images of the given name and leaves all others. */
export function replaceImage(change: ImageChange): (image: string) => string {
  const fits = compilePattern(`^${change.name ?? ""}${TAG_AND_DIGEST}`);
  return (image) => {
    if (!fits(image)) return image;
    const parts = splitImage(image);
    const name = change.newName || parts.name;
    let { tag, digest } = parts;
    if (change.newTag) [tag, digest] = [change.newTag, change.digest ?? ""];
    else if (change.digest) [tag, digest] = ["", change.digest];
    else if (change.tagSuffix) [tag, digest] = [tag + change.tagSuffix, ""];
    return name + (tag === "" ? "" : `:${tag}`) + (digest === "" ? "" : `@${digest}`);
  };
}

/** Name, tag and digest of an image; a colon before the last slash belongs to the registry's port. */
function splitImage(image: string): { readonly name: string; readonly tag: string; readonly digest: string } {
  const slash = image.indexOf("/");
  const from = slash > 0 ? slash : 0;
  const atSign = image.indexOf("@", from);
  const colon = image.indexOf(":", from);
  if (atSign >= 0 && (colon < 0 || atSign < colon)) return { name: image.slice(0, atSign), tag: "", digest: image.slice(atSign + 1) };
  if (colon < 0) return { name: image, tag: "", digest: "" };
  if (atSign >= 0) return { name: image.slice(0, colon), tag: image.slice(colon + 1, atSign), digest: image.slice(atSign + 1) };
  return { name: image.slice(0, colon), tag: image.slice(colon + 1), digest: "" };
}
