import { BoundedCache } from "../../lib/bounded-cache.ts";
import { Turns } from "../../lib/turns.ts";
import { checkManifest } from "./check-manifest.ts";
import { withoutValues } from "./explain-error.ts";
import type { FileTransform } from "./file-transform.ts";
import { buildKustomization, type BuildOptions } from "../kustomize/build.ts";
import { buildChart, type ChartFolder } from "../kustomize/chart-folder.ts";
import type { RenderChart } from "../kustomize/chart-generator.ts";
import { locateField } from "../kustomize/field-origin.ts";
import { KustomizeError } from "../kustomize/kustomize-error.ts";
import { stillHolds, type FileDependencies, type RepositoryFiles } from "../kustomize/repository-files.ts";
import type { Resource } from "../kustomize/resource.ts";
import type { ParsedObject } from "./parse-manifests.ts";
import type { Problem } from "./problem.ts";
import { SealedFileError } from "./sealed-file.ts";
import type { ServedKinds } from "./served-kinds.ts";
import type { Substitution } from "./substitute-variables.ts";

/** Builds kept; a folder has few that are current: one for each branch that is planned. */
const BUILDS_KEPT = 5_000;
const BUILDS_PER_FOLDER = 8;
/** What is held against its kind before everything else in the process has its turn. */
const OBJECTS_PER_TURN = 32;

/** A built object, with the file it was first written in. */
export interface RenderedObject extends ParsedObject {
  readonly file: string;
}

/** What a kustomization folder is, as long as the files hold that it was made from. */
export interface RenderedFolder {
  /** Tells this result from every other one. */
  readonly serial: number;
  readonly objects: readonly RenderedObject[];
  readonly problems: readonly Problem[];
  readonly dependencies: FileDependencies;
  /** It changes others, and is nothing by itself. */
  readonly isComponent: boolean;
  readonly substitutions: readonly Substitution[];
  /** The encrypted files that were read. */
  readonly confidential: ReadonlySet<string>;
  /** Encrypted files that are not opened kept it from being built. */
  readonly isSealed: boolean;
}

/** What reading a folder's files showed beside their content. */
interface ReadNotes {
  readonly confidential: Set<string>;
  /** A file that is not opened was needed. */
  isSealed: boolean;
  readonly substitutions: Substitution[];
}

/** Renders kustomization folders, each again only when a file changes that it was made from. */
export class FolderRenderer {
  readonly #kinds: ServedKinds;
  readonly #renderChart: RenderChart | undefined;
  readonly #builds = new BoundedCache<readonly RenderedFolder[]>(BUILDS_KEPT);
  #rendered = 0;

  constructor(kinds: ServedKinds, renderChart?: RenderChart) {
    this.#kinds = kinds;
    this.#renderChart = renderChart;
  }

  /** How often a folder was really rendered. */
  get rendered(): number {
    return this.#rendered;
  }

  /** A kustomization. Rejects only when files cannot be read. */
  render(files: RepositoryFiles, folder: string, transform: FileTransform): Promise<RenderedFolder> {
    return this.#render(files, `${transform.variant} ${folder}`, transform, (options) => buildKustomization(folder, options));
  }

  /** A folder that is a Helm chart. */
  renderChart(files: RepositoryFiles, request: ChartFolder, transform: FileTransform): Promise<RenderedFolder> {
    return this.#render(files, `${transform.variant} ${JSON.stringify(request)}`, transform, (options) => buildChart(request, options));
  }

  async #render(
    files: RepositoryFiles,
    key: string,
    transform: FileTransform,
    run: (options: BuildOptions) => ReturnType<typeof buildKustomization>,
  ): Promise<RenderedFolder> {
    const { openLookups, generation } = this.#kinds;
    const ofGeneration = `${key} ${generation}`;
    const known = this.#builds.get(key) ?? [];
    for (const build of [...known, ...(this.#builds.get(ofGeneration) ?? [])]) if (await stillHolds(files, build.dependencies)) return build;
    const notes: ReadNotes = { confidential: new Set(), isSealed: false, substitutions: [] };
    const result = await run({
      files,
      schemas: (apiVersion, kind) => this.#kinds.find(apiVersion, kind)?.schema,
      transformFile: async (content, path) => {
        const transformed = await transform.apply(content, path).catch((error: unknown) => {
          if (error instanceof SealedFileError) {
            notes.confidential.add(path);
            notes.isSealed = true;
          }
          throw error;
        });
        if (transformed.isConfidential) notes.confidential.add(path);
        notes.substitutions.push(...transformed.substitutions);
        return transformed.content;
      },
      ...(this.#renderChart === undefined ? {} : { renderChart: this.#renderChart }),
    });
    const rendered = await this.#take(result, notes, transform.isSealed === true);
    const isTransient = "error" in result && result.error instanceof KustomizeError && result.error.isTransient;
    // What was asked of kinds that are not built in may be answered otherwise when these change.
    const place = this.#kinds.openLookups === openLookups ? key : ofGeneration;
    if (!isTransient) this.#builds.set(place, [rendered, ...(this.#builds.get(place) ?? [])].slice(0, BUILDS_PER_FOLDER));
    return rendered;
  }

  async #take(result: Awaited<ReturnType<typeof buildKustomization>>, notes: ReadNotes, isOutlined: boolean): Promise<RenderedFolder> {
    const serial = ++this.#rendered;
    const { dependencies } = result;
    const { substitutions, confidential, isSealed } = notes;
    if ("error" in result) {
      if (!(result.error instanceof KustomizeError)) throw result.error;
      const shown = result.error.problems.map((problem) =>
        confidential.has(problem.file) || (problem.mayQuote === true && confidential.size > 0)
          ? {
              ...problem,
              message: problem.unquoted === undefined ? withoutValues(problem.message) : `${problem.unquoted} (the rest is not shown: a file is encrypted)`,
            }
          : problem,
      );
      return { serial, dependencies, substitutions, confidential, isSealed, isComponent: false, objects: [], problems: isSealed ? [] : shown };
    }
    const objects: RenderedObject[] = [];
    const problems: Problem[] = [];
    const turns = new Turns(OBJECTS_PER_TURN);
    for (const resource of result.resources) {
      await turns.next();
      this.#check(resource, { files: confidential, isMixed: result.isMixed, isOutlined }, objects, problems);
    }
    return { serial, dependencies, substitutions, confidential, isSealed, isComponent: result.isComponent, objects, problems };
  }

  #check(
    resource: Resource,
    confidential: { readonly files: ReadonlySet<string>; readonly isMixed: boolean; readonly isOutlined: boolean },
    objects: RenderedObject[],
    problems: Problem[],
  ): void {
    // Only what finding lines needs is kept; the build itself goes.
    const { documents, touches, place } = resource;
    const value = this.#withoutNeedlessNamespace(resource);
    const origin = { value, documents, touches, place };
    const check = checkManifest(withoutNulls(value), this.#kinds);
    // A generated ConfigMap may hold any file that was read; and any object may, where values are copied.
    const isConfidential =
      [...documents, ...touches].some(({ file }) => confidential.files.has(file)) ||
      (confidential.files.size > 0 && (confidential.isMixed || resource.kind === "ConfigMap"));
    if (check.is === "object")
      objects.push({
        object: check.object,
        resource: check.resource,
        file: place.file,
        line: place.line,
        place: { document: 0, prefix: [] },
        locate: (steps) => locateField(origin, steps),
        isConfidential,
      });
    // An outline lacks what its kind may require.
    else if (confidential.isOutlined && isConfidential) return;
    else if (check.is === "faulty")
      problems.push(
        ...check.faults.map(({ steps, field, message }) => ({
          ...(steps.length === 0 ? place : locateField(origin, steps)),
          ...(field === undefined ? {} : { field }),
          message: isConfidential ? withoutValues(message) : message,
        })),
      );
    else problems.push({ ...place, message: check.what });
  }

  /** Kustomize puts a namespace on kinds that it does not know to have none; the catalog knows. */
  #withoutNeedlessNamespace(resource: Resource): Resource["value"] {
    const { apiVersion, kind } = resource.value;
    const definition = typeof apiVersion === "string" && typeof kind === "string" ? this.#kinds.find(apiVersion, kind) : undefined;
    if (definition === undefined || definition.namespaced || resource.previous.length === 0) return resource.value;
    resource.setMetadata("namespace", undefined);
    return resource.value;
  }
}

/** A null says "nothing" in a manifest, which is what absence says too. */
function withoutNulls(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNulls);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, item]) => item !== null)
      .map(([key, item]) => [key, withoutNulls(item)]),
  );
}
