import type { Schema } from "../../apimachinery/schema.ts";

/** The shape of kustomization.yaml (sigs.k8s.io/kustomize/api/types), strict: an unknown field is a spelling mistake. */

const text: Schema = { type: "string" };
const flag: Schema = { type: "boolean" };
const texts: Schema = { type: "array", items: text };
const textMap: Schema = { type: "object", additionalProperties: text };
const anything: Schema = { type: "object", "x-kubernetes-preserve-unknown-fields": true };
const object = (properties: Readonly<Record<string, Schema>>, required: readonly string[] = []): Schema => ({ type: "object", properties, required });
const list = (items: Schema): Schema => ({ type: "array", items });
const fields = (names: string, schema: Schema = text): Readonly<Record<string, Schema>> => Object.fromEntries(names.split(" ").map((name) => [name, schema]));

const selector = object(fields("group version kind name namespace labelSelector annotationSelector"));
const fieldSpec = object({ ...fields("group version kind path"), create: flag });
const patch = object({ path: text, patch: text, target: selector, options: object(fields("allowNameChange allowKindChange", flag)) });
const generatorOptions = object({ labels: textMap, annotations: textMap, disableNameSuffixHash: flag, immutable: flag });
const generator = object({ ...fields("name namespace behavior env type"), literals: texts, files: texts, envs: texts, options: generatorOptions });
const image = object(fields("name newName newTag tagSuffix digest"));
const fieldOptions = object({ delimiter: text, index: { type: "integer" }, encoding: text, create: flag });
const replacement = object({
  path: text,
  sourceValue: text,
  source: object({ ...fields("group version kind name namespace fieldPath"), options: fieldOptions }),
  targets: list(object({ select: selector, reject: list(selector), fieldPaths: texts, options: fieldOptions })),
});
const chart = object({
  ...fields("name version repo releaseName namespace valuesFile valuesMerge kubeVersion nameTemplate"),
  ...fields("includeCRDs skipHooks skipTests debug devel", flag),
  ...fields("additionalValuesFiles apiVersions", texts),
  valuesInline: anything,
});
const oldChart = object({
  ...fields("chartName chartVersion chartRepoUrl chartHome chartRepoName helmBin helmHome values valuesMerge releaseName releaseNamespace"),
  valuesLocal: anything,
  extraArgs: texts,
});

export const REPLACEMENT_SCHEMA: Schema = replacement;

export const KUSTOMIZATION_SCHEMA: Schema = object({
  ...fields("apiVersion kind namePrefix nameSuffix namespace"),
  ...fields("resources components crds bases configurations generators transformers validators buildMetadata patchesStrategicMerge", texts),
  ...fields("openapi commonLabels commonAnnotations", textMap),
  metadata: anything,
  labels: list(object({ pairs: textMap, ...fields("includeSelectors includeTemplates includeVolumeClaimTemplates", flag), fields: list(fieldSpec) })),
  patches: list(patch),
  patchesJson6902: list(patch),
  images: list(image),
  imageTags: list(image),
  replacements: list(replacement),
  replicas: list(object({ name: text, count: { type: "integer" } })),
  vars: list(
    object({ name: text, objref: object(fields("apiVersion group version kind name namespace")), fieldref: object({ fieldPath: text }) }, ["name", "objref"]),
  ),
  sortOptions: object({ order: text, legacySortOptions: object(fields("orderFirst orderLast", texts)) }),
  configMapGenerator: list(generator),
  secretGenerator: list(generator),
  generatorOptions,
  helmGlobals: object(fields("chartHome configHome")),
  helmCharts: list(chart),
  helmChartInflationGenerator: list(oldChart),
});
