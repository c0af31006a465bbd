import type { OriginNote, Resource } from "./resource.ts";

const ORIGIN_ANNOTATION = "config.kubernetes.io/origin";
const TRANSFORMATIONS_ANNOTATION = "alpha.config.kubernetes.io/transformations";

/** Writes what `buildMetadata` asks for onto an object. */
export function writeOriginNotes(resource: Resource, buildMetadata: readonly string[]): void {
  const notes: Record<string, string> = {};
  if (buildMetadata.includes("originAnnotations") && resource.origin !== undefined) notes[ORIGIN_ANNOTATION] = formatNote(resource.origin);
  if (buildMetadata.includes("transformerAnnotations") && resource.transformations.length > 0)
    notes[TRANSFORMATIONS_ANNOTATION] = resource.transformations.map(formatItem).join("");
  // Upstream writes all annotations anew here, which makes text of numbers and leaves no empty map behind.
  if ("metadata" in resource.value) resource.setMetadata("annotations", { ...resource.annotations, ...notes });
}

/** The note as YAML, fields in upstream's order. */
function formatNote(note: OriginNote): string {
  const { path, configuredIn, configuredBy } = note;
  const lines: string[] = [];
  if (path !== undefined && path !== "") lines.push(`path: ${path}`);
  if (configuredIn !== undefined && configuredIn !== "") lines.push(`configuredIn: ${configuredIn}`);
  if (configuredBy !== undefined) {
    lines.push("configuredBy:");
    for (const key of ["apiVersion", "kind", "name", "namespace"] as const)
      if (configuredBy[key] !== undefined && configuredBy[key] !== "") lines.push(`  ${key}: ${configuredBy[key]}`);
  }
  return lines.map((line) => `${line}\n`).join("");
}

function formatItem(note: OriginNote): string {
  return formatNote(note)
    .split("\n")
    .filter((line) => line !== "")
    .map((line, index) => `${index === 0 ? "- " : "  "}${line}\n`)
    .join("");
}
