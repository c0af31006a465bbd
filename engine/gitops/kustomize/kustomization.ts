import type { Schema } from "../../apimachinery/schema.ts";
import { conform } from "../../apimachinery/structural-schema.ts";
import { parseYamlDocuments, YamlError, type YamlDocument } from "../../apimachinery/yaml/yaml.ts";
import { plainMessage, unknownFieldMessage } from "../manifests/explain-error.ts";
import { explainYaml } from "../manifests/explain-yaml.ts";
import { structuralPathOf } from "../../apimachinery/field-path.ts";
import type { Problem } from "../manifests/problem.ts";
import type { ImageChange } from "./image-name.ts";
import { isMap, type Steps } from "./json-value.ts";
import type { KeyValueSources } from "./key-values.ts";
import { KustomizeError, type Place } from "./kustomize-error.ts";
import { KUSTOMIZATION_SCHEMA } from "./kustomization-schema.ts";
import type { PatchOptions } from "./patches.ts";
import type { Replacement } from "./replacements.ts";
import type { Selector } from "./resource-map.ts";
import type { Variable } from "./variables.ts";

/** The names that make a folder a kustomization. */
export const KUSTOMIZATION_FILES: readonly string[] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

export interface FieldSpecSource {
  readonly group?: string;
  readonly version?: string;
  readonly kind?: string;
  readonly path: string;
  readonly create?: boolean;
}

export interface GeneratorOptions {
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly disableNameSuffixHash?: boolean;
  readonly immutable?: boolean;
}

export interface GeneratorArgs extends KeyValueSources {
  readonly name?: string;
  readonly namespace?: string;
  readonly behavior?: string;
  readonly options?: GeneratorOptions;
  /** Secrets only. */
  readonly type?: string;
}

export interface LabelRow {
  readonly pairs?: Readonly<Record<string, string>>;
  readonly includeSelectors?: boolean;
  readonly includeTemplates?: boolean;
  readonly includeVolumeClaimTemplates?: boolean;
  readonly fields?: readonly FieldSpecSource[];
}

export interface PatchRow {
  readonly path?: string;
  readonly patch?: string;
  readonly target?: Selector;
  readonly options?: PatchOptions;
}

export interface HelmChartRow {
  readonly name?: string;
  readonly version?: string;
  readonly repo?: string;
  readonly releaseName?: string;
  readonly namespace?: string;
  readonly valuesFile?: string;
  readonly additionalValuesFiles?: readonly string[];
  readonly valuesInline?: Readonly<Record<string, unknown>>;
  readonly valuesMerge?: string;
  readonly includeCRDs?: boolean;
  readonly skipHooks?: boolean;
  readonly skipTests?: boolean;
  readonly apiVersions?: readonly string[];
  readonly kubeVersion?: string;
  readonly nameTemplate?: string;
}

export interface SortOptions {
  readonly order?: string;
  readonly legacySortOptions?: { readonly orderFirst?: readonly string[]; readonly orderLast?: readonly string[] };
}

/** kustomization.yaml as it is written, with deprecated fields moved to where they belong now. */
export interface Kustomization {
  readonly kind: "Kustomization" | "Component";
  readonly resources: readonly string[];
  readonly components: readonly string[];
  readonly crds: readonly string[];
  readonly configurations: readonly string[];
  readonly generators: readonly string[];
  readonly transformers: readonly string[];
  readonly validators: readonly string[];
  readonly namespace: string;
  readonly namePrefix: string;
  readonly nameSuffix: string;
  readonly commonLabels: Readonly<Record<string, string>>;
  readonly commonAnnotations: Readonly<Record<string, string>>;
  readonly labels: readonly LabelRow[];
  readonly patches: readonly PatchRow[];
  readonly patchesStrategicMerge: readonly string[];
  readonly patchesJson6902: readonly PatchRow[];
  readonly images: readonly ImageChange[];
  readonly replicas: readonly { readonly name: string; readonly count: number }[];
  readonly replacements: readonly (Replacement & { readonly path?: string })[];
  readonly vars: readonly Variable[];
  readonly configMapGenerator: readonly GeneratorArgs[];
  readonly secretGenerator: readonly GeneratorArgs[];
  readonly generatorOptions: GeneratorOptions | undefined;
  readonly helmCharts: readonly HelmChartRow[];
  readonly helmGlobals: { readonly chartHome?: string; readonly configHome?: string } | undefined;
  readonly openapi: Readonly<Record<string, string>>;
  readonly buildMetadata: readonly string[];
  readonly sortOptions: SortOptions | undefined;
}

/** A kustomization file, and the way back to its lines. */
export interface KustomizationFile extends Place {
  readonly kustomization: Kustomization;
  placeOf(steps: Steps): Place;
}

/** A list whose items are all commented out is none, as in upstream: nothing is to be pruned because of it. */
const EMPTY = "the kustomization is empty; name resources in it, or write `resources: []` if it is to have none";

/** Reads a kustomization file. Throws a KustomizeError that names everything wrong with it. */
export function parseKustomization(content: Buffer, file: string): KustomizationFile {
  const document = onlyDocument(content, file);
  const problems: Problem[] = [];
  const report = (field: string, message: string) => void problems.push({ file, line: document.lineOf(structuralPathOf(field)), field, message });
  const source = withKnownNames(KUSTOMIZATION_SCHEMA, document.value);
  const value = isMap(source) ? source : {};
  const checked = conform(KUSTOMIZATION_SCHEMA, source, { defaults: false, prune: false });
  for (const field of checked.unknown) report(field, unknownFieldMessage(field, KUSTOMIZATION_SCHEMA));
  for (const error of checked.errors) report(error.field, plainMessage(error.message, error.field));
  const kind = value["kind"] ?? "Kustomization";
  const wanted = kind === "Component" ? "kustomize.config.k8s.io/v1alpha1" : "kustomize.config.k8s.io/v1beta1";
  if (kind !== "Kustomization" && kind !== "Component") report("kind", "must be Kustomization or Component");
  else if (value["apiVersion"] !== undefined && value["apiVersion"] !== wanted) report("apiVersion", `must be ${wanted} for a ${kind}`);
  if (Object.entries(value).every(([key, said]) => key === "apiVersion" || key === "kind" || said === null || said === ""))
    problems.push({ file, line: document.line, message: EMPTY });
  if (problems.length > 0) throw new KustomizeError(problems);
  // The schema was just found to hold, and states exactly these fields.
  return {
    file,
    line: document.line,
    kustomization: normalised(checked.value as Partial<Kustomization> & Deprecated),
    placeOf: (steps) => ({ file, line: document.lineOf(steps) }),
  };
}

/** Upstream's reader takes field names in any case, and `fieldpath` is often written so. */
export function withKnownNames(schema: Schema, value: unknown): unknown {
  if (Array.isArray(value)) return value.map((item: unknown) => (schema.items === undefined ? item : withKnownNames(schema.items, item)));
  if (!isMap(value) || schema.properties === undefined) return value;
  const { properties } = schema;
  const byLowerCase = new Map(Object.keys(properties).map((name) => [name.toLowerCase(), name]));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      const known = Object.hasOwn(properties, key) ? key : byLowerCase.get(key.toLowerCase());
      const own = known === undefined || (known !== key && Object.hasOwn(value, known)) ? undefined : properties[known];
      return own === undefined || known === undefined ? [key, item] : [known, withKnownNames(own, item)];
    }),
  );
}

function onlyDocument(content: Buffer, file: string): YamlDocument {
  try {
    const [document, ...more] = parseYamlDocuments(content.toString("utf8"));
    if (document === undefined) throw new KustomizeError([{ file, line: 1, message: EMPTY }]);
    if (more.length > 0) throw new KustomizeError([{ file, line: more[0]?.line ?? 1, message: "the file must hold one document" }]);
    return document;
  } catch (error) {
    if (error instanceof YamlError) throw new KustomizeError([{ file, ...explainYaml(error, content.toString("utf8")) }]);
    throw error;
  }
}

interface Deprecated {
  readonly bases?: readonly string[];
  readonly imageTags?: readonly ImageChange[];
  readonly helmChartInflationGenerator?: readonly {
    readonly chartName?: string;
    readonly chartVersion?: string;
    readonly chartRepoUrl?: string;
    readonly chartHome?: string;
    readonly values?: string;
    readonly valuesLocal?: Readonly<Record<string, unknown>>;
    readonly valuesMerge?: string;
    readonly releaseName?: string;
    readonly releaseNamespace?: string;
  }[];
}

function normalised(source: Partial<Kustomization> & Deprecated): Kustomization {
  const old = source.helmChartInflationGenerator ?? [];
  const chartHome = old.find((chart) => chart.chartHome !== undefined)?.chartHome;
  return {
    kind: source.kind ?? "Kustomization",
    resources: [...(source.resources ?? []), ...(source.bases ?? [])],
    components: source.components ?? [],
    crds: source.crds ?? [],
    configurations: source.configurations ?? [],
    generators: source.generators ?? [],
    transformers: source.transformers ?? [],
    validators: source.validators ?? [],
    namespace: source.namespace ?? "",
    namePrefix: source.namePrefix ?? "",
    nameSuffix: source.nameSuffix ?? "",
    commonLabels: source.commonLabels ?? {},
    commonAnnotations: source.commonAnnotations ?? {},
    labels: source.labels ?? [],
    patches: source.patches ?? [],
    patchesStrategicMerge: source.patchesStrategicMerge ?? [],
    patchesJson6902: source.patchesJson6902 ?? [],
    images: [...(source.images ?? []), ...(source.imageTags ?? [])],
    replicas: source.replicas ?? [],
    replacements: source.replacements ?? [],
    vars: source.vars ?? [],
    configMapGenerator: source.configMapGenerator ?? [],
    secretGenerator: source.secretGenerator ?? [],
    generatorOptions: source.generatorOptions,
    helmCharts: [...(source.helmCharts ?? []), ...old.map(chartOf)],
    helmGlobals: source.helmGlobals ?? (chartHome === undefined ? undefined : { chartHome }),
    openapi: source.openapi ?? {},
    buildMetadata: source.buildMetadata ?? [],
    sortOptions: source.sortOptions,
  };
}

function chartOf(old: NonNullable<Deprecated["helmChartInflationGenerator"]>[number]): HelmChartRow {
  const row = {
    name: old.chartName,
    version: old.chartVersion,
    repo: old.chartRepoUrl,
    valuesFile: old.values,
    valuesInline: old.valuesLocal,
    valuesMerge: old.valuesMerge,
    releaseName: old.releaseName,
    namespace: old.releaseNamespace,
  };
  // What is not stated is left out, so that it counts as absent.
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== undefined)) as HelmChartRow;
}
