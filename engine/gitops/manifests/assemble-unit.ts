import { Turns } from "../../lib/turns.ts";
import { isLeftOut, isProblem, toDesiredObject, type DesiredObject } from "./desired-state.ts";
import type { FileTransform } from "./file-transform.ts";
import { findUnheededHooks } from "./hook-policies.ts";
import { nameHooks } from "./name-hooks.ts";
import type { ChartFolder } from "../kustomize/chart-folder.ts";
import { KUSTOMIZATION_FILES } from "../kustomize/kustomization.ts";
import type { FileDependencies } from "../kustomize/repository-files.ts";
import type { FileRef, FolderListing } from "./list-folder.ts";
import type { ParsedFile, ParsedObject } from "./parse-manifests.ts";
import type { Problem } from "./problem.ts";
import type { RenderedFolder } from "./render-folder.ts";
import type { HelmSettings } from "./repository-config.ts";
import type { Unit } from "./resolve-units.ts";
import type { Substitution } from "./substitute-variables.ts";
import { findUndeclaredVariables } from "./undeclared-variables.ts";

/** What is put together before everything else in the process has its turn. */
const OBJECTS_PER_TURN = 50;

/** An encrypted file that a unit was made from. */
export interface EncryptedInput {
  readonly file: string;
  /** The folder that could not be built without opening it, by all that was looked at for it. */
  readonly unbuilt?: FileDependencies;
}

/** A unit before its plain files are parsed. */
export interface UnitDraft {
  readonly unit: Unit;
  readonly listing: FolderListing;
  readonly rendered: readonly RenderedFolder[];
  readonly files: readonly FileRef[];
  readonly transform: FileTransform;
  /** Equal for equal content. */
  readonly key: string;
}

/** Everything a unit's folder holds, kept by the tree's id. */
export interface UnitContent {
  readonly objects: readonly DesiredObject[];
  readonly problems: readonly Problem[];
  readonly notices: readonly string[];
  readonly substitutions: readonly Substitution[];
  readonly encrypted: readonly EncryptedInput[];
}

/** Kustomizations that no other one of the unit uses: bases and components are not deployed by themselves. */
export function outermost(folders: readonly string[], all: readonly RenderedFolder[]): readonly RenderedFolder[] {
  return all.filter((rendered, index) => {
    const folder = folders[index] ?? "";
    const isUsed = all.some(
      (other) =>
        other !== rendered &&
        KUSTOMIZATION_FILES.some((name) => !["none", undefined].includes(other.dependencies.get(folder === "" ? name : `${folder}/${name}`))),
    );
    return !isUsed && !rendered.isComponent;
  });
}

export function parsedKey(file: FileRef, transform: FileTransform): string {
  return `${transform.variant} ${file.blob}`;
}

/** A folder that is a chart: its release is called after the application, unless mainstay.yaml says otherwise. */
export function chartFolder(unit: Unit, folder: string, helm: HelmSettings): ChartFolder {
  return {
    folder,
    releaseName: helm.releaseName ?? unit.name.slice(unit.source === undefined ? 0 : unit.source.length + 1),
    namespace: unit.namespace ?? "default",
    values: helm.values,
    place: { file: `${folder === "" ? "" : `${folder}/`}Chart.yaml`, line: 1 },
  };
}

/** A unit of its parsed and rendered files. One may hold many thousand objects, so everything else in the process has its turn meanwhile. */
export async function assembleUnit({ unit, listing, rendered, files, transform }: UnitDraft, parsed: ReadonlyMap<string, ParsedFile>): Promise<UnitContent> {
  const turns = new Turns(OBJECTS_PER_TURN);
  const objects: DesiredObject[] = [];
  const problems: Problem[] = [...listing.problems];
  const notices: string[] = [
    ...listing.notices,
    ...(unit.helm === undefined ? listing.charts : []).map(
      (folder) => `${folder === "" ? "" : `${folder}/`}Chart.yaml: a Helm chart, left out; to render it, give its unit in mainstay.yaml a field helm`,
    ),
  ];
  const encrypted: EncryptedInput[] = rendered.flatMap(({ confidential, dependencies, isSealed }) =>
    [...confidential].map((file) => ({ file, ...(isSealed ? { unbuilt: dependencies } : {}) })),
  );
  const substitutions: Substitution[] = rendered.flatMap((folder) => folder.substitutions);
  const add = (desired: ReturnType<typeof toDesiredObject>) =>
    void (isLeftOut(desired) ? notices.push(desired.leftOut) : isProblem(desired) ? problems.push(desired) : objects.push(desired));
  for (const { path, blob } of files) {
    const file = parsed.get(parsedKey({ path, blob }, transform));
    if (file?.isConfidential === true) encrypted.push({ file: path });
    for (const use of file?.substitutions ?? []) substitutions.push({ ...use, file: path });
    for (const problem of file?.problems ?? []) problems.push({ ...problem, file: path });
    for (const notice of file?.notices ?? []) notices.push(`${path}: ${notice}`);
    for (const parsedObject of file?.objects ?? []) {
      await turns.next();
      add(desiredFrom(parsedObject, unit, path, blob));
    }
  }
  for (const folder of rendered) {
    for (const problem of folder.problems) problems.push(problem);
    for (const object of folder.objects) {
      await turns.next();
      add(toDesiredObject(object, unit, object.file, ""));
    }
  }
  return {
    objects: nameHooks(objects),
    problems,
    notices: [...notices, ...findUnheededHooks(objects), ...findUndeclaredVariables(objects, unit.variables ?? {})],
    substitutions,
    encrypted,
  };
}

/** What became of an object of a file the last time: where one file of a unit changes, the others' objects stay the same values. */
const made = new WeakMap<ParsedObject, { readonly unit: Unit; readonly path: string; readonly desired: ReturnType<typeof toDesiredObject> }>();

function desiredFrom(object: ParsedObject, unit: Unit, path: string, blob: string): ReturnType<typeof toDesiredObject> {
  const known = made.get(object);
  if (known?.unit === unit && known.path === path) return known.desired;
  const desired = toDesiredObject(placedIn(path, object), unit, path, blob);
  made.set(object, { unit, path, desired });
  return desired;
}

/** Files are parsed by content, so an object learns here which of the equal files it is of. */
function placedIn(path: string, object: ParsedObject): ParsedObject {
  const { locate } = object;
  return locate === undefined ? object : { ...object, locate: (steps) => ({ ...locate(steps), file: path }) };
}

/** One object described twice: in one file, in one unit, or by two units that would take it from each other for ever. */
export function findDuplicates(objects: readonly DesiredObject[]): readonly Problem[] {
  const first = new Map<string, DesiredObject>();
  const problems: Problem[] = [];
  for (const object of objects) {
    const earlier = first.get(object.identity);
    if (earlier === undefined) first.set(object.identity, object);
    else {
      const { kind, metadata } = object.object;
      const name = `${kind} ${metadata.namespace === undefined ? "" : `${metadata.namespace}/`}${metadata.name ?? ""}`;
      const where = `${earlier.file}:${earlier.line}`;
      const message =
        earlier.unit === object.unit
          ? `${name} is already described in ${where}; keep one of them`
          : `${name} of application ${object.unit} is already described by application ${earlier.unit} in ${where}; keep one of them, or name only one of their folders in units of mainstay.yaml`;
      problems.push({ file: object.file, line: object.line, message });
    }
  }
  return problems;
}
