import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { CustomResourceDefinition } from "../../resources/types.ts";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import { Lock } from "../../lib/lock.ts";
import { Turns } from "../../lib/turns.ts";
import { assembleUnit, chartFolder, outermost, parsedKey, type UnitContent, type UnitDraft } from "./assemble-unit.ts";
import { definitionsIn } from "./definitions.ts";
import type { DesiredState } from "./desired-state.ts";
import { emptyState } from "./empty-state.ts";
import { combineUnits, type CombinedUnits } from "./combine-units.ts";
import { createFileTransform, createSealedTransform, type FileTransform } from "./file-transform.ts";
import type { CommitInfo, GitObjects, TreeEntry } from "../git/git-source.ts";
import { OversizedObject } from "../git/stored-object.ts";
import { parseIgnorePatterns, type IgnoreRule } from "./ignore-patterns.ts";
import type { RenderChart } from "../kustomize/chart-generator.ts";
import type { RepositoryFiles } from "../kustomize/repository-files.ts";
import { LeftOutFolders } from "./left-out-folders.ts";
import { findLinkedFolders, type LinkedEntry } from "./linked-folders.ts";
import { DEPTH_MAX, listFolder, type FileRef, type FolderListing } from "./list-folder.ts";
import { findLooseFiles, isBesideApplications } from "./loose-files.ts";
import { findOutOfBounds, findOutOfSource } from "./check-bounds.ts";
import { findOrderProblems, hasDependencies } from "./order-graph.ts";
import { parseTransformed, unreadFile, type ParsedFile } from "./parse-manifests.ts";
import { sortProblems, type Problem } from "./problem.ts";
import { CONFIG_FILE, defaultRepositoryConfig, normalisePath, parseRepositoryConfig, type RepositoryConfig } from "./repository-config.ts";
import { readBlobs } from "./read-blobs.ts";
import { FolderRenderer, type RenderedFolder } from "./render-folder.ts";
import { DEFAULT_PARENTS, resolveUnits, type ResolvedUnits, type Unit } from "./resolve-units.ts";
import { adaptToSource, type SourceRule } from "./source-rules.ts";
import { ServedKinds } from "./served-kinds.ts";
import { treeFiles } from "./tree-files.ts";
import { boundedWalk, TreeFault } from "./tree-walk.ts";

const IGNORE_FILE = ".mainstayignore";
const TREES_KEPT = 20_000;
const FILES_KEPT = 100_000;
const UNITS_KEPT = 5_000;
const LISTINGS_KEPT = 5_000;
const CONFIGS_KEPT = 100;
/** What is worked on before everything else in the process has its turn. */
const UNITS_PER_TURN = 8;
const FILES_PER_TURN = 16;

export interface ManifestLoaderOptions {
  readonly catalog: readonly ResourceDefinition[];
  readonly cluster: string;
  /** Folder of the repository to use; "." is all of it. */
  readonly basePath: string;
  /** The age keys that encrypted files may be opened with, as they are now. */
  readonly ageKeys?: () => Promise<readonly string[]>;
  /** Opens nothing that is encrypted: what is read may come from strangers. */
  readonly isSealed?: boolean;
  /** Resolves once the kinds that the cluster defines are known. */
  readonly kindsKnown?: () => Promise<void>;
  /** Renders Helm charts; without it they are refused where they are asked for. */
  readonly renderChart?: RenderChart;
  /** The further repository that is read; without it, the cluster's own. */
  readonly source?: SourceRule;
}

/** Which of a commit's units are read, and what is made of them: previews take some, under names and in a namespace of their own. */
export type AdaptUnits = (units: readonly Unit[]) => readonly Unit[];

/** What loading has cost so far; a commit that changes one file reads one blob and the trees above it. */
export interface LoadCounters {
  treesRead: number;
  blobsRead: number;
  filesParsed: number;
  foldersRendered: number;
}

/** What the units of one commit are made from. */
interface UnitsRequest {
  readonly objects: GitObjects;
  /** Reads the trees of the units' folders. */
  readonly walk: (id: string) => Promise<readonly TreeEntry[]>;
  readonly units: readonly Unit[];
  readonly treeOf: (unit: Unit) => string;
  readonly prefix: string;
  readonly isIgnored: IgnoreRule;
  readonly ignoreId: string;
  /** All files of the commit: a kustomization may use any of them. */
  readonly files: RepositoryFiles;
  readonly transformOf: (unit: Unit) => FileTransform;
}

interface CurrentUnit {
  readonly unit: Unit;
  readonly content: UnitContent;
  /** It is made from its own folder alone. */
  readonly isWhole: boolean;
  readonly tree: string;
  readonly ignoreId: string;
  readonly variant: string;
  readonly generation: number;
}

/** Reads commits into desired state. Equal trees and blobs are read and parsed once, whichever commit they come from. */
export class ManifestLoader {
  readonly counters: LoadCounters = { treesRead: 0, blobsRead: 0, filesParsed: 0, foldersRendered: 0 };
  readonly kinds: ServedKinds;
  readonly #options: ManifestLoaderOptions;
  readonly #trees = new BoundedCache<readonly TreeEntry[]>(TREES_KEPT);
  readonly #files = new BoundedCache<ParsedFile>(FILES_KEPT);
  readonly #units = new BoundedCache<UnitContent>(UNITS_KEPT);
  readonly #listings = new BoundedCache<FolderListing>(LISTINGS_KEPT);
  readonly #leftOut = new LeftOutFolders();
  readonly #renderer: FolderRenderer;
  readonly #turns = new Lock();
  readonly #configs = new BoundedCache<ReturnType<typeof parseRepositoryConfig>>(CONFIGS_KEPT);
  readonly #fallback: RepositoryConfig;
  #resolved: { readonly config: RepositoryConfig; readonly folders: readonly string[]; readonly resolved: ResolvedUnits } | undefined;
  /** Units of the commit read last, by name, with what they were read from. */
  #current: ReadonlyMap<string, CurrentUnit> = new Map();
  #combined: CombinedUnits | undefined;

  constructor(options: ManifestLoaderOptions) {
    this.#options = options;
    this.kinds = new ServedKinds(options.catalog);
    this.#renderer = new FolderRenderer(this.kinds, options.renderChart);
    this.#fallback = defaultRepositoryConfig(options.cluster);
  }

  /** Of every path, when only a folder of the repository is used. */
  get prefix(): string {
    const base = normalisePath(this.#options.basePath);
    return base === "" ? "" : `${base}/`;
  }

  /** What counts as long as nothing has been pushed. */
  get defaultConfig(): RepositoryConfig {
    return this.#fallback;
  }

  /** The files of a commit by path. */
  filesOf(objects: GitObjects, commit: CommitInfo): RepositoryFiles {
    return treeFiles(commit.tree, { tree: (id) => this.#tree(objects, id), blob: (id) => this.#blob(objects, id) });
  }

  /**
   * Never rejects for what the commit holds: that is in `problems`. Rejects when objects cannot be read. The kinds that it brings are known
   * from here on, in place of those of the commit before.
   */
  async load(objects: GitObjects, commit: CommitInfo, adaptUnits?: AdaptUnits): Promise<DesiredState> {
    await this.#options.kindsKnown?.();
    return this.#guarded(commit, () => this.#loadWithKinds(objects, commit, adaptUnits));
  }

  async #guarded(commit: CommitInfo, load: () => Promise<DesiredState>): Promise<DesiredState> {
    try {
      return await load();
    } catch (error) {
      if (error instanceof TreeFault || error instanceof OversizedObject) return emptyState(commit, this.#options.cluster, error.message);
      throw error;
    }
  }

  /**
   * The same of a commit that may never run. Kinds that it brings, or makes anew, are known to `apart` alone: what is deployed here is not
   * held against them, and objects that leave are not looked for under their names.
   */
  async loadProposal(objects: GitObjects, commit: CommitInfo, apart: ManifestLoader, adaptUnits?: AdaptUnits): Promise<DesiredState> {
    await this.#options.kindsKnown?.();
    const state = await this.#guarded(commit, () => this.#load(objects, commit, adaptUnits));
    const definitions = [...definitionsIn(state)];
    if (!definitions.some((definition) => this.kinds.isNews(definition))) return state;
    return apart.#guarded(commit, () => apart.#loadWithKinds(objects, commit, adaptUnits, definitions));
  }

  /** A commit that was read as a proposal is what runs from here on. */
  adopt(state: DesiredState): void {
    this.kinds.declare(definitionsIn(state));
  }

  /** Commits one after the other, since each is read with kinds of its own; `expected` are those that it is known to bring. */
  #loadWithKinds(
    objects: GitObjects,
    commit: CommitInfo,
    adaptUnits: AdaptUnits | undefined,
    expected?: Iterable<CustomResourceDefinition>,
  ): Promise<DesiredState> {
    return this.#turns.run(async () => {
      if (expected !== undefined) this.kinds.declare(expected);
      const state = await this.#load(objects, commit, adaptUnits);
      // Kinds that the commit brings may be used in it.
      const before = this.kinds.generation;
      this.adopt(state);
      return this.kinds.generation === before ? state : this.#load(objects, commit, adaptUnits);
    });
  }

  async #load(objects: GitObjects, commit: CommitInfo, adaptUnits: AdaptUnits | undefined): Promise<DesiredState> {
    const base = normalisePath(this.#options.basePath);
    const root = await this.#folder(objects, commit.tree, base);
    if (root === undefined) return emptyState(commit, this.#options.cluster, `the repository has no folder ${base}`);
    const prefix = base === "" ? "" : `${base}/`;
    const entries = await this.#tree(objects, root);
    const { config, problems, notices } = await this.#config(objects, entries, prefix);
    const ignoreEntry = entries.find((entry) => entry.name === IGNORE_FILE && entry.is === "file");
    const isIgnored = ignoreEntry === undefined ? () => false : parseIgnorePatterns((await this.#blob(objects, ignoreEntry.id)).toString("utf8"));
    const walk = boundedWalk((id) => this.#tree(objects, id));
    const patterns = config.units?.map((unit) => unit.path) ?? DEFAULT_PARENTS.map((parent) => `${parent}/*`);
    const { folders, links } = await this.#folders(walk, root, patterns, isIgnored);
    const all = this.#resolve(config, [...folders.keys()], `${prefix}${CONFIG_FILE}`);
    const resolved = adaptUnits === undefined ? all : { ...all, units: adaptUnits(all.units) };
    const keys = this.#options.isSealed === true ? undefined : ((await this.#options.ageKeys?.()) ?? []);
    const transforms = new Map<Unit["variables"], FileTransform>();
    const request: UnitsRequest = {
      objects,
      prefix,
      isIgnored,
      walk,
      units: resolved.units,
      treeOf: (unit) => (unit.path === "" ? root : folders.get(unit.path)) ?? root,
      ignoreId: ignoreEntry?.id ?? "",
      transformOf: ({ variables }) => {
        const made = transforms.get(variables) ?? (keys === undefined ? createSealedTransform(variables ?? {}) : createFileTransform(keys, variables ?? {}));
        transforms.set(variables, made);
        return made;
      },
      files: this.filesOf(objects, commit),
    };
    const { contents, taken } = await this.#contents(request);
    const combined = combineUnits(
      new Map(resolved.units.map((unit, index) => [unit.name, contents[index]?.objects ?? []])),
      adaptUnits === undefined ? this.#combined : undefined,
    );
    if (adaptUnits === undefined) this.#combined = combined;
    const desired = combined.objects;
    return {
      commit,
      config,
      units: resolved.units,
      objects: desired,
      problems: sortProblems([
        ...problems,
        ...(await findLinkedFolders(links, { ...request, units: all.units, root, patterns, blob: (id) => this.#blob(objects, id) })),
        ...resolved.problems,
        ...contents.flatMap((content) => content.problems),
        ...combined.duplicates,
        ...findOutOfBounds(resolved.units, combined.lists),
        ...findOutOfSource(this.#options.source, config, resolved.units, combined.lists, `${prefix}${CONFIG_FILE}`),
        ...(resolved.problems.length > 0 || !hasDependencies(desired) ? [] : findOrderProblems(resolved.units, desired)),
      ]),
      substitutions: new Map(
        resolved.units.map((unit, index) => [unit.name, contents[index]?.substitutions ?? []] as const).filter(([, uses]) => uses.length > 0),
      ),
      encrypted: new Map(resolved.units.map((unit, index) => [unit.name, contents[index]?.encrypted ?? []] as const).filter(([, inputs]) => inputs.length > 0)),
      notices: [
        ...notices,
        ...resolved.notices,
        ...(await findLooseFiles({ tree: (id) => this.#tree(objects, id), entries, units: resolved.units, prefix, isIgnored })),
        ...(adaptUnits === undefined
          ? await this.#leftOut.find({
              objects,
              tree: (id) => this.#tree(objects, id),
              root,
              units: resolved.units.map(({ path }) => path),
              taken,
              isTold: isBesideApplications(resolved.units),
              isIgnored,
              prefix,
            })
          : []),
        ...contents.flatMap((content) => content.notices),
      ],
    };
  }

  /** The same units for the same folders and rules: what is kept of a unit is found by it. */
  #resolve(config: RepositoryConfig, folders: readonly string[], file: string): ResolvedUnits {
    const known = this.#resolved;
    if (known?.config === config && known.folders.length === folders.length && known.folders.every((folder, index) => folder === folders[index]))
      return known.resolved;
    const { source } = this.#options;
    const named = resolveUnits(config, folders, file);
    const resolved = source === undefined ? named : { ...named, units: adaptToSource(named.units, source) };
    this.#resolved = { config, folders, resolved };
    return resolved;
  }

  async #config(
    objects: GitObjects,
    entries: readonly TreeEntry[],
    prefix: string,
  ): Promise<{ config: RepositoryConfig; problems: readonly Problem[]; notices: readonly string[] }> {
    const fallback = this.#fallback;
    const entry = entries.find(({ name }) => name === CONFIG_FILE);
    if (entry === undefined) return { config: fallback, problems: [], notices: [] };
    const file = `${prefix}${CONFIG_FILE}`;
    if (entry.is !== "file") return { config: fallback, problems: [{ file, line: 1, message: `is a ${entry.is}; it must be a file` }], notices: [] };
    const known = this.#configs.get(entry.id) ?? parseRepositoryConfig(await this.#blob(objects, entry.id), this.#options.cluster, file);
    this.#configs.set(entry.id, known);
    const { config, problems } = known;
    const meant = config.source?.cluster ?? "";
    if (meant !== "" && meant !== this.#options.cluster)
      return { config: fallback, problems, notices: [`${file} is for cluster ${meant}; this is ${this.#options.cluster}, so its settings are left out`] };
    return { config, problems, notices: [] };
  }

  /** The folders that rules may mean, with their trees, and what is there in a folder's place; no deeper than the deepest rule looks. */
  async #folders(
    treeOf: UnitsRequest["walk"],
    root: string,
    patterns: readonly string[],
    isIgnored: IgnoreRule,
  ): Promise<{ readonly folders: ReadonlyMap<string, string>; readonly links: readonly LinkedEntry[] }> {
    const depth = patterns.some((pattern) => pattern.includes("**"))
      ? DEPTH_MAX
      : Math.max(0, ...patterns.map((pattern) => (pattern === "" ? 0 : pattern.split("/").length)));
    const heads = new Set(patterns.map((pattern) => pattern.split("/")[0] ?? ""));
    const mayMatch = (name: string) => [...heads].some((head) => /[*?[]/.test(head) || head === name);
    const found = new Map<string, string>();
    const links: LinkedEntry[] = [];
    const walk = async (tree: string, path: string, level: number): Promise<void> => {
      if (level >= depth) return;
      for (const entry of await treeOf(tree)) {
        const child = path === "" ? entry.name : `${path}/${entry.name}`;
        if (entry.name.startsWith(".")) continue;
        if (entry.is === "symlink" || entry.is === "submodule") links.push({ path: child, entry });
        if (entry.is !== "directory" || isIgnored(child, true) || (level === 0 && !mayMatch(entry.name))) continue;
        found.set(child, entry.id);
        if (level + 1 < depth) await walk(entry.id, child, level + 1);
      }
    };
    await walk(root, "", 0);
    return { folders: found, links };
  }

  /** Renders and lists what is new, reads all new blobs together, then puts units together out of parsed files. */
  async #contents(request: UnitsRequest): Promise<{ readonly contents: readonly UnitContent[]; readonly taken: ReadonlySet<string> }> {
    const current = new Map<string, CurrentUnit>();
    const drafts = new Map<string, UnitDraft>();
    const turns = new Turns(UNITS_PER_TURN);
    for (const unit of request.units) {
      const known = this.#current.get(unit.name);
      if (known !== undefined && this.#isStill(known, unit, request)) current.set(unit.name, known);
      else {
        await turns.next();
        drafts.set(unit.name, await this.#draft(unit, request));
      }
    }
    const missing = [...drafts.values()].filter((draft) => this.#units.get(draft.key) === undefined);
    const parsed = await this.#parseBlobs(request.objects, missing);
    for (const draft of missing) {
      await turns.next();
      this.#units.set(draft.key, await assembleUnit(draft, parsed));
    }
    const contentOf = async (unit: Unit): Promise<UnitContent> => {
      const known = current.get(unit.name);
      if (known !== undefined) return known.content;
      const draft = drafts.get(unit.name);
      if (draft === undefined) throw new Error(`invariant broken: unit ${unit.name} was not read`);
      // A repository with more units than are kept still gets all of them.
      const content = this.#units.get(draft.key) ?? (await assembleUnit(draft, parsed));
      const isWhole = isWithin(draft, `${request.prefix}${unit.path}`) && content.problems.length === 0;
      current.set(unit.name, {
        unit,
        content,
        isWhole,
        tree: request.treeOf(unit),
        ignoreId: request.ignoreId,
        variant: draft.transform.variant,
        generation: this.kinds.generation,
      });
      return content;
    };
    const contents: UnitContent[] = [];
    for (const unit of request.units) contents.push(await contentOf(unit));
    this.#current = current;
    const taken = new Set(
      [...drafts.values()].flatMap(({ rendered }) =>
        rendered.flatMap(({ dependencies }) => [...dependencies].filter(([, id]) => id !== "none").map(([path]) => path)),
      ),
    );
    return { contents, taken };
  }

  /** Whether nothing that a unit was made from can have changed, seen without looking at any of its files. */
  #isStill(known: CurrentUnit, unit: Unit, { treeOf, ignoreId, transformOf }: UnitsRequest): boolean {
    return (
      known.isWhole &&
      known.unit === unit &&
      known.tree === treeOf(unit) &&
      known.ignoreId === ignoreId &&
      known.generation === this.kinds.generation &&
      known.variant === transformOf(unit).variant
    );
  }

  async #draft(unit: Unit, request: UnitsRequest): Promise<UnitDraft> {
    const { prefix, isIgnored, walk, files, ignoreId, treeOf } = request;
    const tree = treeOf(unit);
    const place = [tree, prefix, ignoreId, unit.path].join(" ");
    let listing = this.#listings.get(place);
    if (listing === undefined) this.#listings.set(place, (listing = await listFolder({ prefix, isIgnored, tree: walk }, tree, unit.path)));
    const transform = request.transformOf(unit);
    const key = [place, unit.name, unit.namespace ?? "", unit.drift ?? "", transform.variant, this.kinds.generation].join(" ");
    const all: RenderedFolder[] = [];
    for (const folder of listing.kustomizations) all.push(await this.#renderer.render(files, folder, transform));
    const rendered = [...outermost(listing.kustomizations, all)];
    const { helm } = unit;
    if (helm !== undefined)
      for (const folder of listing.charts) rendered.push(await this.#renderer.renderChart(files, chartFolder(unit, folder, helm), transform));
    this.counters.foldersRendered = this.#renderer.rendered;
    // A file that a kustomization has taken is not applied by itself as well.
    const taken = new Set(rendered.flatMap((folder) => [...folder.dependencies.keys()]));
    return {
      unit,
      listing,
      rendered,
      transform,
      key: `${key} ${rendered.map((folder) => folder.serial).join(" ")}`,
      files: listing.files.filter((file) => !taken.has(file.path)),
    };
  }

  /** Parsed files by `variant blob`: the same blob may stand for different things in different units. */
  async #parseBlobs(objects: GitObjects, drafts: readonly UnitDraft[]): Promise<ReadonlyMap<string, ParsedFile>> {
    const parsed = new Map<string, ParsedFile>();
    const missing = new Map<string, { readonly file: FileRef; readonly transform: FileTransform }>();
    for (const { files, transform } of drafts) {
      for (const file of files) {
        const key = parsedKey(file, transform);
        const known = this.#files.get(key) ?? this.#files.get(`${key} ${this.kinds.generation}`);
        if (known === undefined) missing.set(key, { file, transform });
        else parsed.set(key, known);
      }
    }
    const turns = new Turns(FILES_PER_TURN);
    const files = [...missing].map(([key, { file, transform }]) => ({ ...file, key, transform }));
    for await (const [{ key, path, transform }, content] of readBlobs(objects, files)) {
      await turns.next();
      const { openLookups, generation } = this.kinds;
      const result = content instanceof OversizedObject ? unreadFile(content) : await parseTransformed(content, path, transform, this.kinds);
      this.counters.blobsRead++;
      this.counters.filesParsed++;
      this.#files.set(this.kinds.openLookups === openLookups ? key : `${key} ${generation}`, result);
      parsed.set(key, result);
    }
    return parsed;
  }

  async #folder(objects: GitObjects, tree: string, path: string): Promise<string | undefined> {
    let current = tree;
    for (const name of path === "" ? [] : path.split("/")) {
      const entry = (await this.#tree(objects, current)).find((child) => child.name === name && child.is === "directory");
      if (entry === undefined) return undefined;
      current = entry.id;
    }
    return current;
  }

  async #tree(objects: GitObjects, id: string): Promise<readonly TreeEntry[]> {
    const known = this.#trees.get(id);
    if (known !== undefined) return known;
    const entries = await objects.tree(id);
    this.counters.treesRead++;
    this.#trees.set(id, entries);
    return entries;
  }

  async #blob(objects: GitObjects, id: string): Promise<Buffer> {
    this.counters.blobsRead++;
    return objects.blob(id);
  }
}

/** Whether everything that its renderings have looked at lies below the unit's folder. */
function isWithin({ rendered }: UnitDraft, folder: string): boolean {
  return folder === "" || rendered.every(({ dependencies }) => [...dependencies.keys()].every((path) => path.startsWith(`${folder}/`)));
}
