import type { KustomizationBuild, Target } from "./build.ts";
import { chartResources } from "./chart-generator.ts";
import { toFieldSpec } from "./custom-fields.ts";
import type { FieldSpec } from "./field-spec.ts";
import { readKeyValues } from "./generator-sources.ts";
import { generate } from "./generators.ts";
import type { ImageChange } from "./image-name.ts";
import type { FieldSpecSource, GeneratorArgs, GeneratorOptions, HelmChartRow, Kustomization, PatchRow, SortOptions } from "./kustomization.ts";
import { isMap, stringMap, textOf } from "./json-value.ts";
import { fail } from "./kustomize-error.ts";
import { mergeIntoNamed, readPatch, type PatchOptions } from "./patches.ts";
import type { PatchReader } from "./patch-reader.ts";
import { readReplacements } from "./replacement-reader.ts";
import { replace } from "./replacements.ts";
import type { Resource } from "./resource.ts";
import { sortResources } from "./sort-order.ts";
import { addAffix, addHashes, setEntries, setImage, setNamespace, setReplicas, type NamespaceOptions, type Transformer } from "./transformers.ts";
import { parseDocuments } from "./yaml-documents.ts";

/** The fields of any built-in's configuration; which of them count depends on the kind. */
interface PluginConfig extends Omit<PatchRow, "options">, Pick<GeneratorArgs, "literals" | "files" | "envs" | "env" | "behavior" | "type"> {
  readonly options?: PatchOptions & GeneratorOptions;
  readonly fieldSpecs?: readonly FieldSpecSource[];
  readonly prefix?: string;
  readonly suffix?: string;
  readonly unsetOnly?: boolean;
  readonly setRoleBindingSubjects?: NamespaceOptions["setRoleBindingSubjects"];
  readonly imageTag?: ImageChange;
  readonly replica?: { readonly name?: string; readonly count?: number };
  readonly paths?: readonly string[];
  readonly patches?: string;
  readonly jsonOp?: string;
  readonly replacements?: Kustomization["replacements"];
  readonly sortOptions?: SortOptions;
}

/** What an object of `generators` makes. */
export async function configureGenerator(build: KustomizationBuild, target: Target, config: Resource): Promise<readonly Resource[]> {
  const { place } = config;
  assertBuiltIn(config);
  const args: PluginConfig & { name?: string; namespace?: string } = config.value;
  const named = { ...args, name: args.name ?? config.name, namespace: args.namespace ?? config.namespace };
  if (config.kind === "ConfigMapGenerator" || config.kind === "SecretGenerator") {
    const pairs = await readKeyValues(build, target, args, place);
    return [
      generate(
        config.kind === "SecretGenerator" ? "Secret" : "ConfigMap",
        named,
        pairs,
        config.documents[0] ?? { ...place, value: {}, lineOf: () => place.line },
      ),
    ];
  }
  if (config.kind === "HelmChartInflationGenerator")
    return chartResources(build, target, config.value as HelmChartRow, textOf(config.value["chartHome"]) || "charts", place);
  return fail(place, `${config.kind} is none of the built-in generators ConfigMapGenerator, SecretGenerator and HelmChartInflationGenerator`);
}

/** What an object of `transformers` does. */
export async function configureTransformers(build: KustomizationBuild, reader: PatchReader, target: Target, config: Resource): Promise<readonly Transformer[]> {
  const { place } = config;
  assertBuiltIn(config);
  const args: PluginConfig = config.value;
  const fieldSpecs: readonly FieldSpec[] = (args.fieldSpecs ?? []).map(toFieldSpec);
  const here = { ...target, file: { ...target.file, placeOf: () => place } };
  switch (config.kind) {
    case "PrefixTransformer":
    case "SuffixTransformer":
      if (args.fieldSpecs === undefined) return fail(place, `${config.kind} needs fieldSpecs`);
      return [config.kind === "PrefixTransformer" ? addAffix("prefix", args.prefix ?? "", fieldSpecs) : addAffix("suffix", args.suffix ?? "", fieldSpecs)];
    case "LabelTransformer":
      return [setEntries(stringMap(config.value["labels"]), fieldSpecs)];
    case "AnnotationsTransformer":
      return [setEntries(stringMap(config.value["annotations"]), fieldSpecs)];
    case "NamespaceTransformer":
      return [
        setNamespace({
          namespace: config.namespace,
          fieldSpecs,
          unsetOnly: args.unsetOnly === true,
          ...(args.setRoleBindingSubjects === undefined ? {} : { setRoleBindingSubjects: args.setRoleBindingSubjects }),
        }),
      ];
    case "ImageTagTransformer":
      return [setImage(args.imageTag ?? {}, fieldSpecs)];
    case "ReplicaCountTransformer":
      return [setReplicas(args.replica?.name ?? "", args.replica?.count ?? 0, fieldSpecs)];
    case "PatchTransformer":
      return [await reader.patch(here, args, place, [], build.schemas)];
    case "PatchJson6902Transformer":
      return [await reader.jsonPatch(here, { ...args, ...(args.jsonOp === undefined ? {} : { patch: args.jsonOp }) }, place, [])];
    case "PatchStrategicMergeTransformer":
      return [...(await reader.mergePatches(here, args.paths ?? [], build.schemas)), ...inlinePatches(args.patches, config, build)];
    case "ReplacementTransformer":
      return (await readReplacements(reader, here, args.replacements ?? [])).map(({ replacement }) => replace(replacement));
    case "HashTransformer":
      return [addHashes];
    case "SortOrderTransformer":
      return [(map) => sortResources(map, args.sortOptions ?? { order: "fifo" })];
    default:
      return fail(place, `${config.kind} is none of kustomize's built-in transformers`);
  }
}

function inlinePatches(text: string | undefined, config: Resource, build: KustomizationBuild): readonly Transformer[] {
  if (text === undefined || text.trim() === "") return [];
  const patch = readPatch(parseDocuments(text, config.place.file, config.place.line), config.place);
  return patch.is === "merge" ? [mergeIntoNamed(patch.patches, {}, build.schemas)] : [];
}

/** Programs that a repository brings are never run. */
function assertBuiltIn(config: Resource): void {
  if (config.value["apiVersion"] !== "builtin" || !isMap(config.value))
    fail(config.place, `${config.kind} would run a program; only kustomize's built-in generators and transformers (apiVersion: builtin) are possible`);
}
