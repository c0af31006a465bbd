import { setImmediate } from "node:timers/promises";
import { Turns } from "../../lib/turns.ts";
import type { KustomizationFile, SortOptions } from "./kustomization.ts";
import type { RenderChart } from "./chart-generator.ts";
import { KUSTOMIZATION_FILES, parseKustomization } from "./kustomization.ts";
import { at, BuildFault, fail, KustomizeError, type Place } from "./kustomize-error.ts";
import { TreeFault } from "../manifests/tree-walk.ts";
import type { Problem } from "../manifests/problem.ts";
import { readCustomSchemas } from "./custom-schemas.ts";
import { refuseLfsPointer } from "./lfs-pointer.ts";
import { fixNameReferences } from "./name-references.ts";
import { writeOriginNotes } from "./origin-notes.ts";
import type { SchemaLookup } from "./patches.ts";
import { Resource } from "./resource.ts";
import { ResourceMap } from "./resource-map.ts";
import { isRemote, RecordedFiles, resolvePath, type FileDependencies, type RepositoryFiles } from "./repository-files.ts";
import { sortResources } from "./sort-order.ts";
import { EMPTY_CONFIG, mergeConfigs, type TransformerConfig } from "./transformer-config.ts";
import { addHashes, setEntries } from "./transformers.ts";
import { TargetSteps } from "./target-steps.ts";
import { bindVariables, resolveVariables, type DeclaredVariable } from "./variables.ts";
import { decodeUtf8 } from "./key-values.ts";
import { annotationsAsText, eachResource, readDocuments } from "./yaml-documents.ts";

export interface BuildOptions {
  readonly files: RepositoryFiles;
  /** Merge keys of the kinds that are known. */
  readonly schemas: SchemaLookup;
  /** Renders the charts of `helmCharts`; without it, charts are refused. */
  readonly renderChart?: RenderChart;
  /** Turns a file into what it stands for before anything reads it: where encrypted files are decrypted. */
  readonly transformFile?: (content: Buffer, path: string) => Promise<Buffer>;
}

export interface BuildResult {
  /** In the order of application. */
  readonly resources: readonly Resource[];
  readonly dependencies: FileDependencies;
  /** The folder is a component, which is nothing by itself. */
  readonly isComponent: boolean;
  /** Values of one file may be in any object: by replacements, variables, charts or functions. */
  readonly isMixed: boolean;
}

/** What a kustomization and those below it have gathered so far. */
export interface Accumulator {
  readonly map: ResourceMap;
  config: TransformerConfig;
  variables: DeclaredVariable[];
}

/** One kustomization on the way of a build. */
export interface Target {
  readonly folder: string;
  readonly file: KustomizationFile;
  /** Path from the outermost kustomization, for `buildMetadata`. */
  readonly originPath: string;
  /** The namespace that charts get which state none. */
  readonly chartNamespace: string;
  /** Folders of the kustomizations above, outermost first. */
  readonly above: readonly string[];
}

const DEPTH_MAX = 64;
/** A few folders that name each other's every part are a build without end. */
const FOLDERS_MAX = 5_000;
/** After so many, whatever else the server has to do comes first. */
const FOLDERS_PER_TURN = 50;
/** What is taken out of a file before everything else in the process has its turn. */
const OBJECTS_PER_TURN = 64;
/** What `managedByLabel` says in a kustomize that is part of another program, such as kubectl. */
const VERSION_LABEL = "kustomize-(devel)";

/** Why a build failed, with what it had looked at: a later commit may mend it by changing any of that. */
export interface BuildFailure {
  readonly error: unknown;
  readonly dependencies: FileDependencies;
}

/**
 * Builds a kustomization folder as `kubectl kustomize` does, out of the files of one commit and nothing else.
 * A failure comes back as a value, because what was looked at until then matters as well; its error is a KustomizeError when the repository is at fault.
 */
export async function buildKustomization(folder: string, options: BuildOptions): Promise<BuildResult | BuildFailure> {
  const build = new KustomizationBuild(options);
  try {
    const { resources, isComponent } = await build.run(folder);
    return { resources, isComponent, isMixed: build.isMixed, dependencies: build.files.dependencies };
  } catch (thrown) {
    // Whatever the input's fault is, it has a place: at worst the kustomization as a whole.
    const error =
      thrown instanceof BuildFault
        ? new KustomizeError([{ file: `${folder === "" ? "" : `${folder}/`}kustomization.yaml`, line: 1, message: thrown.message }])
        : thrown;
    return { error, dependencies: build.files.dependencies };
  }
}

/** Whether a folder has a kustomization file; its name when it has exactly one. */
async function findKustomization(files: Pick<RecordedFiles, "look">, folder: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const name of KUSTOMIZATION_FILES) {
    const path = folder === "" ? name : `${folder}/${name}`;
    if ((await files.look(path))?.is === "file") found.push(path);
  }
  return found;
}

export class KustomizationBuild {
  readonly files: RecordedFiles;
  readonly options: BuildOptions;
  /** Merge keys: those of known kinds, then those that the outermost kustomization with a schema of its own brings. */
  readonly schemas: SchemaLookup;
  readonly #steps: TargetSteps;
  #customSchemas: SchemaLookup | undefined;
  #loaded = 0;
  #isMixed = false;

  constructor(options: BuildOptions) {
    this.options = options;
    this.files = new RecordedFiles(options.files);
    this.schemas = (apiVersion, kind) => options.schemas(apiVersion, kind) ?? this.#customSchemas?.(apiVersion, kind);
    this.#steps = new TargetSteps(this);
  }

  /** See BuildResult; known once it has run. */
  get isMixed(): boolean {
    return this.#isMixed;
  }

  async run(folder: string): Promise<{ readonly resources: readonly Resource[]; readonly isComponent: boolean }> {
    const target = await this.#load(folder, { file: folder, line: 1 }, { originPath: "", chartNamespace: "", above: [] });
    const { kustomization } = target.file;
    const gathered = newAccumulator();
    await this.#accumulate(target, gathered);
    const { map, config, variables } = gathered;
    at(target.file, () => {
      addHashes(map);
      fixNameReferences(map, config.nameReference);
      resolveVariables(map, variables, config.varReference);
      // Objects for the build's own use, such as sources of replacements.
      map.keep((resource) => ["false", undefined].includes(resource.annotations["config.kubernetes.io/local-config"]));
    });
    at(target.file.placeOf(["sortOptions"]), () => sortResources(map, kustomization.sortOptions satisfies SortOptions | undefined));
    if (kustomization.buildMetadata.includes("managedByLabel"))
      setEntries({ "app.kubernetes.io/managed-by": VERSION_LABEL }, [{ group: "", version: "", kind: "", path: "metadata/labels", create: true }])(
        map,
        target.file.placeOf(["buildMetadata"]),
      );
    for (const resource of map.resources) writeOriginNotes(resource, kustomization.buildMetadata);
    return { resources: map.resources, isComponent: kustomization.kind === "Component" };
  }

  /** Objects of files and kustomizations, in the order in which they are named. What is wrong with one of them keeps no other from being looked at. */
  async accumulatePaths(target: Target, paths: readonly string[], gathered: Accumulator, field: string): Promise<void> {
    const problems: Problem[] = [];
    for (const [index, path] of paths.entries()) {
      try {
        await this.#accumulatePath(target, path, target.file.placeOf([field, index]), gathered);
      } catch (error) {
        if (!(error instanceof KustomizeError) || error.isTransient) throw error;
        problems.push(...error.problems);
      }
    }
    if (problems.length > 0) throw new KustomizeError(problems);
  }

  async #accumulatePath(target: Target, path: string, place: Place, gathered: Accumulator): Promise<void> {
    const full = isRemote(path) ? undefined : resolvePath(target.folder, path, place);
    const entry = full === undefined ? undefined : await this.files.look(full);
    if (full === undefined || entry === undefined) {
      if (isRemote(path))
        fail(
          place,
          `${path} lies outside the repository and is not fetched: what is deployed must be in the commit. Copy it in, for example with kustomize localize`,
        );
      fail(place, (await this.files.whyAbsent(full ?? path)) ?? `there is no ${full ?? path}`);
    }
    if (entry.is === "directory") await this.#accumulateFolder(target, full, path, place, gathered, false);
    else await this.#appendFile(target, path, full, await this.readFile(full, place), place, gathered);
  }

  async accumulateComponents(target: Target, gathered: Accumulator): Promise<void> {
    for (const [index, path] of target.file.kustomization.components.entries()) {
      const place = target.file.placeOf(["components", index]);
      if (isRemote(path)) fail(place, `${path} lies outside the repository and is not fetched: what is deployed must be in the commit. Copy it in`);
      await this.#accumulateFolder(target, resolvePath(target.folder, path, place), path, place, gathered, true);
    }
  }

  /** A file named by a kustomization, as it counts after decryption. */
  async readFile(path: string, place: Place): Promise<Buffer> {
    const content = await this.files.read(path);
    if (content === undefined) return fail(place, (await this.files.whyAbsent(path)) ?? `there is no file ${path}`);
    refuseLfsPointer(content, path);
    return this.options.transformFile === undefined ? content : this.options.transformFile(content, path);
  }

  async #appendFile(target: Target, path: string, full: string, content: Buffer, place: Place, gathered: Accumulator): Promise<void> {
    const text = decodeUtf8(content);
    if (text === undefined) return fail(place, `${full} is not text`);
    const turns = new Turns(OBJECTS_PER_TURN);
    for (const read of eachResource(await readDocuments(text, full))) {
      await turns.next();
      const resource = annotationsAsText(read);
      resource.origin = { path: joinPath(target.originPath, path) };
      at(resource.place, () => gathered.map.append(resource));
    }
  }

  async #accumulateFolder(parent: Target, folder: string, path: string, place: Place, gathered: Accumulator, isComponent: boolean): Promise<void> {
    if ([...parent.above, parent.folder].includes(folder))
      fail(place, `${path} leads back to a kustomization that leads here: ${[...parent.above, parent.folder, folder].join(" → ")}`);
    const { kustomization } = parent.file;
    const target = await this.#load(folder, place, {
      originPath: joinPath(parent.originPath, path),
      chartNamespace: kustomization.namespace || parent.chartNamespace,
      above: [...parent.above, parent.folder],
    });
    const isKind = target.file.kustomization.kind === "Component";
    if (isKind !== isComponent)
      fail(place, isComponent ? `${folder} is no Component; list it below resources` : `${folder} is a Component; list it below components`);
    // A component sees, and changes, what its parent has gathered so far.
    if (isComponent) return this.#accumulate(target, gathered);
    const own = newAccumulator();
    await this.#accumulate(target, own);
    at(place, () => {
      gathered.map.appendAll(own.map.resources);
      gathered.config = mergeConfigs(gathered.config, own.config);
      mergeVariables(gathered, own.variables);
    });
  }

  async #accumulate(target: Target, gathered: Accumulator): Promise<void> {
    const { kustomization, placeOf } = target.file;
    await this.accumulatePaths(target, kustomization.resources, gathered, "resources");
    gathered.config = mergeConfigs(gathered.config, await this.#steps.configuration(target));
    await this.#steps.runGenerators(target, gathered);
    await this.accumulateComponents(target, gathered);
    await this.#steps.runTransformers(target, gathered);
    const variables = kustomization.vars.map((variable, index) => ({ ...variable, place: placeOf(["vars", index]) }));
    bindVariables(gathered.map, variables);
    mergeVariables(gathered, variables);
  }

  async #load(folder: string, place: Place, rest: Pick<Target, "originPath" | "chartNamespace" | "above">): Promise<Target> {
    // Not among the problems of one path, beside which the others are looked at.
    if (++this.#loaded > FOLDERS_MAX) throw new TreeFault(`${place.file}: the build goes through more than ${FOLDERS_MAX} kustomizations`);
    if (this.#loaded % FOLDERS_PER_TURN === 0) await setImmediate();
    if (rest.above.length > DEPTH_MAX) fail(place, `kustomizations lie more than ${DEPTH_MAX} deep in each other`);
    const entry = await this.files.look(folder);
    if (folder !== "" && entry?.is !== "directory") fail(place, (await this.files.whyAbsent(folder)) ?? `there is no folder ${folder}`);
    const [file, ...more] = await findKustomization(this.files, folder);
    if (file === undefined) return fail(place, `${folder === "" ? "." : folder} has no kustomization.yaml`);
    if (more.length > 0) fail({ file, line: 1 }, `the folder has several kustomization files: ${[file, ...more].join(", ")}; keep one`);
    const target: Target = { folder, file: parseKustomization((await this.files.read(file)) ?? Buffer.alloc(0), file), ...rest };
    const { replacements, vars, helmCharts, transformers, generators } = target.file.kustomization;
    if ([replacements, vars, helmCharts, transformers, generators].some((rows) => rows.length > 0)) this.#isMixed = true;
    await this.#loadSchemas(target);
    return target;
  }

  async #loadSchemas({ folder, file }: Target): Promise<void> {
    const { path } = file.kustomization.openapi;
    if (path === undefined || this.#customSchemas !== undefined) return;
    const place = file.placeOf(["openapi", "path"]);
    const full = resolvePath(folder, path, place);
    const [document] = await readDocuments((await this.readFile(full, place)).toString("utf8"), full);
    this.#customSchemas = at({ file: full, line: 1 }, () => readCustomSchemas(document?.value));
  }
}

export function newAccumulator(): Accumulator {
  return { map: new ResourceMap(), config: EMPTY_CONFIG, variables: [] };
}

function mergeVariables(gathered: Accumulator, more: readonly DeclaredVariable[]): void {
  for (const variable of more) {
    if (gathered.variables.some((known) => known.name === variable.name)) fail(variable.place, `var ${variable.name} is declared twice`);
    gathered.variables.push(variable);
  }
}

/** Joins as a path is shown: `..` steps stay where nothing is left to go up from. */
function joinPath(base: string, path: string): string {
  const parts: string[] = [];
  for (const part of `${base}/${path}`.split("/")) {
    if (part === "" || part === ".") continue;
    if (part === ".." && parts.length > 0 && parts.at(-1) !== "..") parts.pop();
    else parts.push(part);
  }
  return parts.join("/");
}
