import { forbiddenField, type FieldError } from "../../apimachinery/field-error.ts";
import { annotationErrors, labelErrors } from "../../apimachinery/object-meta-validation.ts";
import type { ObjectMeta } from "../../apimachinery/object-meta.ts";

/** Metadata of claims that are made from a template: only labels and annotations can be given to them. */
export function templateMetadataErrors(metadata: ObjectMeta | undefined, at: string): FieldError[] {
  if (metadata === undefined) return [];
  const others = Object.keys(metadata).filter((field) => field !== "labels" && field !== "annotations");
  return [
    ...annotationErrors(metadata.annotations ?? {}, `${at}.annotations`),
    ...labelErrors(metadata.labels ?? {}, `${at}.labels`),
    // Upstream makes the field's name from that in its programs.
    ...others.map((field) => forbiddenField(`${at}.${field === "uid" ? "uID" : field}`, "cannot be set")),
  ];
}
