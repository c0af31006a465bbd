import type { Accumulator, KustomizationBuild, Target } from "./build.ts";
import { newAccumulator } from "./build.ts";
import { readConfiguration, readCrdDefinitions, toFieldSpec } from "./custom-fields.ts";
import { mergeFieldSpecs, type FieldSpec } from "./field-spec.ts";
import { readKeyValues } from "./generator-sources.ts";
import { generate, mergeOptions } from "./generators.ts";
import type { GeneratorArgs, LabelRow } from "./kustomization.ts";
import type { Steps } from "./json-value.ts";
import { at, fail, type Place } from "./kustomize-error.ts";
import { PatchReader } from "./patch-reader.ts";
import { configureGenerator, configureTransformers } from "./plugins.ts";
import { readReplacements } from "./replacement-reader.ts";
import { replace } from "./replacements.ts";
import type { Resource, SourceDocument } from "./resource.ts";
import { DEFAULT_CONFIG, mergeConfigs, type TransformerConfig } from "./transformer-config.ts";
import { addAffix, setEntries, setImage, setNamespace, setReplicas, type Transformer } from "./transformers.ts";
import { parseDocuments, resourcesOf } from "./yaml-documents.ts";
import { chartResources } from "./chart-generator.ts";

/** A transformer that is ready to run, and what asked for it. */
export interface PreparedTransformer {
  readonly plugin: string;
  readonly run: Transformer;
  readonly at: Place;
  /** The file of a transformer that was configured by an object of its own. */
  readonly configured?: Resource;
}

/** The steps of one kustomization, in upstream's order; each may read files. */
export class TargetSteps {
  readonly #build: KustomizationBuild;
  readonly #patches: PatchReader;

  constructor(build: KustomizationBuild) {
    this.#build = build;
    this.#patches = new PatchReader(build);
  }

  /** Which fields this kustomization's transformers work on, beyond what those below it have added. */
  async configuration(target: Target): Promise<TransformerConfig> {
    const { kustomization, placeOf } = target.file;
    let config = DEFAULT_CONFIG;
    for (const [field, paths, read] of [
      ["configurations", kustomization.configurations, readConfiguration],
      ["crds", kustomization.crds, readCrdDefinitions],
    ] as const) {
      for (const [index, path] of paths.entries()) {
        const place = placeOf([field, index]);
        const { documents } = await this.#patches.documents(target, path, place);
        for (const document of documents) config = at(document, () => mergeConfigs(config, read(document.value)));
      }
    }
    return config;
  }

  async runGenerators(target: Target, gathered: Accumulator): Promise<void> {
    const { kustomization, placeOf } = target.file;
    for (const [kind, field] of [
      ["ConfigMap", "configMapGenerator"],
      ["Secret", "secretGenerator"],
    ] as const) {
      for (const [index, args] of kustomization[field].entries()) {
        const made = await this.#generate(target, kind, { ...args, ...optionsOf(mergeOptions(args.options, kustomization.generatorOptions)) }, [field, index]);
        made.origin = generatorOrigin(target, `${kind}Generator`);
        at(placeOf([field, index]), () => gathered.map.absorb(made));
      }
    }
    for (const [index, chart] of kustomization.helmCharts.entries()) {
      const place = placeOf(["helmCharts", index]);
      const namespace = chart.namespace || kustomization.namespace || target.chartNamespace;
      const made = await chartResources(
        this.#build,
        target,
        { ...chart, ...(namespace === "" ? {} : { namespace }) },
        kustomization.helmGlobals?.chartHome ?? "charts",
        place,
      );
      absorbAll(gathered, made, generatorOrigin(target, "HelmChartInflationGenerator"), place);
    }
    for (const { config } of await this.#configurations(target, "generators")) {
      const made = await configureGenerator(this.#build, target, config);
      absorbAll(gathered, made, customOrigin(config), config.place);
    }
  }

  async runTransformers(target: Target, gathered: Accumulator): Promise<void> {
    const prepared = [...(await this.#builtIn(target, gathered.config)), ...(await this.#configured(target, "transformers"))];
    for (const transformer of prepared) {
      at(transformer.at, () => transformer.run(gathered.map, transformer.at));
      const note = transformer.configured === undefined ? generatorOrigin(target, transformer.plugin) : customOrigin(transformer.configured);
      for (const resource of gathered.map.resources) {
        if (resource.origin === undefined) resource.origin = note;
        else resource.transformations = [...resource.transformations, note];
      }
      gathered.map.dropDeleted();
    }
    for (const validator of await this.#configured(target, "validators")) {
      const before = JSON.stringify(gathered.map.resources.map((resource) => resource.value));
      at(validator.at, () => validator.run(gathered.map, validator.at));
      if (JSON.stringify(gathered.map.resources.map((resource) => resource.value)) !== before) fail(validator.at, "a validator must not change anything");
    }
  }

  async #builtIn(target: Target, config: TransformerConfig): Promise<readonly PreparedTransformer[]> {
    const { kustomization, placeOf } = target.file;
    const { namespace, namePrefix, nameSuffix, commonLabels, commonAnnotations } = kustomization;
    const { schemas } = this.#build;
    const list: PreparedTransformer[] = [];
    const add = (plugin: string, steps: Steps, run: Transformer) => void list.push({ plugin, run, at: placeOf(steps) });
    if (kustomization.patchesStrategicMerge.length > 0)
      add(
        "PatchStrategicMergeTransformer",
        ["patchesStrategicMerge"],
        inTurn(await this.#patches.mergePatches(target, kustomization.patchesStrategicMerge, schemas)),
      );
    for (const [index, row] of kustomization.patches.entries())
      add("PatchTransformer", ["patches", index], await this.#patches.patch(target, row, placeOf(["patches", index]), ["patches", index], schemas));
    if (namespace !== "") add("NamespaceTransformer", ["namespace"], setNamespace({ namespace, fieldSpecs: config.namespace }));
    if (namePrefix !== "") add("PrefixTransformer", ["namePrefix"], addAffix("prefix", namePrefix, config.namePrefix));
    if (nameSuffix !== "") add("SuffixTransformer", ["nameSuffix"], addAffix("suffix", nameSuffix, config.nameSuffix));
    for (const [index, row] of kustomization.labels.entries()) {
      const specs = at(placeOf(["labels", index]), () => labelSpecs(row, config));
      add("LabelTransformer", ["labels", index], setEntries(row.pairs ?? {}, specs));
    }
    if (kustomization.labels.length > 0 || Object.keys(commonLabels).length > 0)
      add("LabelTransformer", ["commonLabels"], setEntries(commonLabels, config.commonLabels));
    if (Object.keys(commonAnnotations).length > 0)
      add("AnnotationsTransformer", ["commonAnnotations"], setEntries(commonAnnotations, config.commonAnnotations));
    for (const [index, row] of kustomization.patchesJson6902.entries())
      add(
        "PatchJson6902Transformer",
        ["patchesJson6902", index],
        await this.#patches.jsonPatch(target, row, placeOf(["patchesJson6902", index]), ["patchesJson6902", index]),
      );
    for (const [index, { name, count }] of kustomization.replicas.entries())
      add("ReplicaCountTransformer", ["replicas", index], setReplicas(name, count, config.replicas));
    for (const [index, image] of kustomization.images.entries())
      add(
        "ImageTagTransformer",
        ["images", index],
        at(placeOf(["images", index]), () => setImage(image, config.images)),
      );
    if (kustomization.replacements.length > 0)
      add(
        "ReplacementTransformer",
        ["replacements"],
        inTurn(
          (await readReplacements(this.#patches, target, kustomization.replacements)).map(
            ({ replacement, place }) =>
              (map) =>
                at(place, () => replace(replacement)(map, place)),
          ),
        ),
      );
    return list;
  }

  async #configured(target: Target, field: "transformers" | "validators"): Promise<readonly PreparedTransformer[]> {
    const list: PreparedTransformer[] = [];
    for (const { config } of await this.#configurations(target, field))
      list.push({
        plugin: config.kind,
        run: inTurn(await configureTransformers(this.#build, this.#patches, target, config)),
        at: config.place,
        configured: config,
      });
    return list;
  }

  /** Objects that configure generators or transformers: inline, in files, or built by a kustomization. */
  async #configurations(target: Target, field: "generators" | "transformers" | "validators"): Promise<readonly { readonly config: Resource }[]> {
    const gathered = newAccumulator();
    const paths: [number, string][] = [];
    for (const [index, entry] of target.file.kustomization[field].entries()) {
      const inline = isInline(entry) ? inlineDocuments(target, entry, [field, index]) : undefined;
      if (inline === undefined) paths.push([index, entry]);
      else for (const resource of resourcesOf(inline)) gathered.map.append(withOrigin(resource, target));
    }
    for (const [index, path] of paths)
      await this.#build.accumulatePaths({ ...target, file: { ...target.file, placeOf: () => target.file.placeOf([field, index]) } }, [path], gathered, field);
    return gathered.map.resources.map((config) => ({ config }));
  }

  async #generate(target: Target, kind: "ConfigMap" | "Secret", args: GeneratorArgs, steps: Steps): Promise<Resource> {
    const place = target.file.placeOf(steps);
    const pairs = await readKeyValues(this.#build, target, args, place);
    const document: SourceDocument = { ...place, value: args, lineOf: (inner) => target.file.placeOf([...steps, ...sourceSteps(args, inner)]).line };
    const made = at(place, () => generate(kind, args, pairs, document));
    // What it says is what it was made to be, so its fields can be found in it.
    made.documents = [{ ...document, value: structuredClone(made.value) }];
    return made;
  }
}

/** Where in a generator's row the content of a key comes from. */
function sourceSteps(args: GeneratorArgs, inner: Steps): Steps {
  const key = inner[0] === "data" || inner[0] === "binaryData" ? inner[1] : undefined;
  if (key === undefined) return inner;
  const literal = (args.literals ?? []).findIndex((text) => text.startsWith(`${key}=`));
  if (literal >= 0) return ["literals", literal];
  const file = (args.files ?? []).findIndex((text) => text === key || text.startsWith(`${key}=`) || text.endsWith(`/${key}`));
  return file >= 0 ? ["files", file] : [];
}

function optionsOf(options: GeneratorArgs["options"]): Pick<GeneratorArgs, "options"> {
  return options === undefined ? {} : { options };
}

function labelSpecs(row: LabelRow, config: TransformerConfig): readonly FieldSpec[] {
  let specs = mergeFieldSpecs((row.fields ?? []).map(toFieldSpec), config.labels);
  if (row.includeSelectors === true) return mergeFieldSpecs(specs, config.commonLabels);
  if (row.includeTemplates === true) specs = mergeFieldSpecs(specs, config.templateLabels);
  if (row.includeVolumeClaimTemplates === true) specs = mergeFieldSpecs(specs, config.volumeClaimTemplateLabels);
  return mergeFieldSpecs(specs, [{ group: "", version: "", kind: "", path: "metadata/labels", create: true }]);
}

function inTurn(transformers: readonly Transformer[]): Transformer {
  return (map, place) => transformers.forEach((transformer) => transformer(map, place));
}

function absorbAll(gathered: Accumulator, made: readonly Resource[], note: ReturnType<typeof generatorOrigin>, place: Place): void {
  for (const resource of made) {
    resource.origin ??= note;
    at(place, () => gathered.map.absorb(resource));
  }
}

function generatorOrigin(target: Target, plugin: string) {
  const base = target.file.file.slice(target.file.file.lastIndexOf("/") + 1);
  return { configuredIn: target.originPath === "" ? base : `${target.originPath}/${base}`, configuredBy: { apiVersion: "builtin", kind: plugin } };
}

function customOrigin(config: Resource) {
  return {
    configuredIn: config.origin?.path ?? "",
    configuredBy: { apiVersion: String(config.value["apiVersion"]), kind: config.kind, name: config.name, namespace: config.namespace },
  };
}

function withOrigin(resource: Resource, target: Target): Resource {
  resource.origin = { path: generatorOrigin(target, "").configuredIn };
  return resource;
}

/** Whether an entry is the object itself rather than the path of one. */
export function isInline(entry: string): boolean {
  return entry.includes("\n") || /^\s*[{[]/.test(entry) || /^\s*\w+:\s/.test(entry);
}

/** The documents of text inside a kustomization, with lines of that file. */
export function inlineDocuments(target: Target, text: string, steps: Steps): readonly SourceDocument[] {
  // A block's text begins on the line after its field.
  const { file, line } = target.file.placeOf(steps);
  return parseDocuments(text, file, text.includes("\n") ? line + 1 : line);
}
