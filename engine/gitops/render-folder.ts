import { BoundedCache } from "./bounded-cache.ts";
import { checkManifest } from "./check-manifest.ts";
import { buildKustomization, type BuildOptions } from "./kustomize/build.ts";
import { locateField } from "./kustomize/field-origin.ts";
import { KustomizeError } from "./kustomize/kustomize-error.ts";
import { stillHolds, type FileDependencies, type RepositoryFiles } from "./kustomize/repository-files.ts";
import type { Resource } from "./kustomize/resource.ts";
import type { ParsedObject } from "./parse-manifests.ts";
import type { Problem } from "./problem.ts";
import type { ServedKinds } from "./served-kinds.ts";

/** Builds kept; a folder has few that are current: one for each branch that is planned. */
const BUILDS_KEPT = 5_000;
const BUILDS_PER_FOLDER = 8;

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
}

/** Renders kustomization folders, each again only when a file changes that it was made from. */
export class FolderRenderer {
  readonly #kinds: ServedKinds;
  readonly #builds = new BoundedCache<readonly RenderedFolder[]>(BUILDS_KEPT);
  #rendered = 0;

  constructor(kinds: ServedKinds) {
    this.#kinds = kinds;
  }

  /** How often a folder was really rendered. */
  get rendered(): number {
    return this.#rendered;
  }

  /** `variant` tells apart what the options change about a folder beyond its files. Rejects only when files cannot be read. */
  async render(files: RepositoryFiles, folder: string, variant: string, options: Pick<BuildOptions, "renderChart" | "transformFile"> = {}): Promise<RenderedFolder> {
    const key = `${variant} ${folder}`;
    const known = this.#builds.get(key) ?? [];
    for (const build of known) if (await stillHolds(files, build.dependencies)) return build;
    const result = await buildKustomization(folder, { files, schemas: (apiVersion, kind) => this.#kinds.find(apiVersion, kind)?.schema, ...options });
    const rendered = this.#take(result);
    this.#builds.set(key, [rendered, ...known].slice(0, BUILDS_PER_FOLDER));
    return rendered;
  }

  #take(result: Awaited<ReturnType<typeof buildKustomization>>): RenderedFolder {
    const serial = ++this.#rendered;
    const { dependencies } = result;
    if ("error" in result) {
      if (!(result.error instanceof KustomizeError)) throw result.error;
      return { serial, dependencies, isComponent: false, objects: [], problems: result.error.problems };
    }
    const objects: RenderedObject[] = [];
    const problems: Problem[] = [];
    for (const resource of result.resources) this.#check(resource, objects, problems);
    return { serial, dependencies, isComponent: result.isComponent, objects, problems };
  }

  #check(resource: Resource, objects: RenderedObject[], problems: Problem[]): void {
    // Only what finding lines needs is kept; the build itself goes.
    const { documents, touches, place } = resource;
    const value = this.#withoutNeedlessNamespace(resource);
    const origin = { value, documents, touches, place };
    const check = checkManifest(withoutNulls(value), this.#kinds);
    if (check.is === "object") objects.push({ object: check.object, resource: check.resource, file: place.file, line: place.line, place: { document: 0, prefix: [] }, locate: (steps) => locateField(origin, steps) });
    else if (check.is === "faulty") problems.push(...check.faults.map(({ steps, field, message }) => ({ ...(steps.length === 0 ? place : locateField(origin, steps)), ...(field === undefined ? {} : { field }), message })));
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
  return Object.fromEntries(Object.entries(value).filter(([, item]) => item !== null).map(([key, item]) => [key, withoutNulls(item)]));
}
