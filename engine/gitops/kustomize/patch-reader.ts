import type { KustomizationBuild, Target } from "./build.ts";
import type { PatchRow } from "./kustomization.ts";
import type { Steps } from "./json-value.ts";
import { fail, type Place } from "./kustomize-error.ts";
import { decodeUtf8 } from "./key-values.ts";
import { mergeIntoNamed, mergeIntoSelected, patchSelected, readPatch, type SchemaLookup } from "./patches.ts";
import { resolvePath } from "./repository-files.ts";
import type { SourceDocument } from "./resource.ts";
import { inlineDocuments, isInline } from "./target-steps.ts";
import type { Transformer } from "./transformers.ts";
import { readDocuments } from "./yaml-documents.ts";

/** Reads patches, from files or from the kustomization itself, and makes transformers of them. */
export class PatchReader {
  readonly #build: KustomizationBuild;

  constructor(build: KustomizationBuild) {
    this.#build = build;
  }

  /** The documents of a file that a kustomization names. */
  async documents(target: Target, path: string, place: Place): Promise<{ readonly documents: readonly SourceDocument[]; readonly path: string }> {
    const full = resolvePath(target.folder, path, place);
    const text = decodeUtf8(await this.#build.readFile(full, place));
    if (text === undefined) return fail(place, `${full} is not text`);
    return { documents: await readDocuments(text, full), path: full };
  }

  /** A row of `patches`, in any of its forms. */
  async patch(target: Target, row: PatchRow, place: Place, steps: Steps, schemas: SchemaLookup): Promise<Transformer> {
    const patch = readPatch(await this.#source(target, row.path, row.patch, place, [...steps, "patch"]), place);
    if (patch.is === "json") {
      if (row.target === undefined) return fail(place, "a JSON patch needs a target");
      return patchSelected(patch.operations, row.target, true);
    }
    return row.target === undefined
      ? mergeIntoNamed(patch.patches, row.options ?? {}, schemas)
      : mergeIntoSelected(patch.patches, row.target, row.options ?? {}, schemas);
  }

  /** A row of `patchesJson6902`. */
  async jsonPatch(target: Target, row: PatchRow, place: Place, steps: Steps): Promise<Transformer> {
    if (row.target?.name === undefined || row.target.name === "") return fail(place, "the target needs a name");
    const patch = readPatch(await this.#source(target, row.path, row.patch, place, [...steps, "patch"]), place);
    return patch.is === "json" ? patchSelected(patch.operations, row.target, false) : fail(place, "is no list of JSON patch operations");
  }

  /** Entries of `patchesStrategicMerge`: each a path, or the patch itself. */
  async mergePatches(target: Target, entries: readonly string[], schemas: SchemaLookup): Promise<readonly Transformer[]> {
    const transformers: Transformer[] = [];
    for (const [index, entry] of entries.entries()) {
      const place = target.file.placeOf(["patchesStrategicMerge", index]);
      const patch = readPatch(
        isInline(entry) ? inlineDocuments(target, entry, ["patchesStrategicMerge", index]) : (await this.documents(target, entry, place)).documents,
        place,
      );
      if (patch.is === "json") return fail(place, "a JSON patch belongs below patches");
      transformers.push(mergeIntoNamed(patch.patches, {}, schemas));
    }
    return transformers;
  }

  async #source(target: Target, path: string | undefined, text: string | undefined, place: Place, steps: Steps): Promise<readonly SourceDocument[]> {
    const inline = text?.trim() ?? "";
    if ((inline === "") === (path === undefined || path === "")) return fail(place, "a patch has either path or patch");
    return inline === "" ? (await this.documents(target, path ?? "", place)).documents : inlineDocuments(target, text ?? "", steps);
  }
}
