import type { KustomizationBuild, Target } from "./build.ts";
import type { HelmChartRow } from "./kustomization.ts";
import { fail, type Place } from "./kustomize-error.ts";
import { resolvePath } from "./repository-files.ts";
import type { Resource } from "./resource.ts";
import { readDocuments, resourcesOf } from "./yaml-documents.ts";

/** A chart to be rendered: its folder in the repository, values files in the order of precedence, the last one winning. */
export interface ChartRequest {
  readonly folder: string;
  readonly releaseName: string;
  /** A template for the release's name, in place of it. */
  readonly nameTemplate?: string;
  readonly namespace: string;
  readonly values: readonly ChartValues[];
  readonly includeCrds: boolean;
  readonly skipHooks: boolean;
  readonly skipTests: boolean;
  readonly apiVersions: readonly string[];
  readonly kubeVersion: string | undefined;
}

export type ChartValues =
  { readonly is: "file"; readonly path: string; readonly content: Buffer } | { readonly is: "inline"; readonly values: Readonly<Record<string, unknown>> };

/** Renders a chart to manifests. `readFile` gives the files of the chart's folder and records them. Throws a KustomizeError at `place`. */
export type RenderChart = (request: ChartRequest, build: Pick<KustomizationBuild, "files" | "readFile" | "options">, place: Place) => Promise<string>;

/** The objects of a chart that lies in the repository. */
export async function chartResources(
  build: KustomizationBuild,
  target: Target,
  chart: HelmChartRow,
  chartHome: string,
  place: Place,
): Promise<readonly Resource[]> {
  const { renderChart } = build.options;
  if (chart.name === undefined || chart.name === "") return fail(place, "a chart needs a name");
  // A chart that kustomize has pulled lies in a folder named after its version.
  const pulled =
    chart.version !== undefined && chart.repo !== undefined
      ? [resolvePath(target.folder, `${chartHome}/${chart.name}-${chart.version}/${chart.name}`, place)]
      : [];
  const candidates = [...pulled, resolvePath(target.folder, `${chartHome}/${chart.name}`, place)];
  let folder: string | undefined;
  for (const candidate of candidates) if (folder === undefined && (await build.files.look(`${candidate}/Chart.yaml`))?.is === "file") folder = candidate;
  if (folder === undefined)
    return fail(
      place,
      chart.repo === undefined
        ? `there is no chart in ${candidates.at(-1) ?? chartHome}`
        : `chart ${chart.name} of ${chart.repo} is not in the repository, and charts are not fetched: what is deployed must be in the commit. Run helm pull --untar --untardir ${chartHome} and commit it`,
    );
  if (renderChart === undefined) return fail(place, "charts cannot be rendered here");
  const text = await renderChart(await chartRequest(build, target, chart, folder, place), build, place);
  return resourcesOf((await readDocuments(text, place.file, place.line)).map((document) => ({ ...document, ...place, lineOf: () => place.line })));
}

async function chartRequest(build: KustomizationBuild, target: Target, chart: HelmChartRow, folder: string, place: Place): Promise<ChartRequest> {
  const values: ChartValues[] = [];
  const paths = [chart.valuesFile === undefined || chart.valuesFile === "" ? undefined : chart.valuesFile, ...(chart.additionalValuesFiles ?? [])].filter(
    (path) => path !== undefined,
  );
  for (const path of paths) {
    const full = resolvePath(target.folder, path, place);
    values.push({ is: "file", path: full, content: await build.readFile(full, place) });
  }
  const inline = chart.valuesInline ?? {};
  if (Object.keys(inline).length > 0) {
    const mode = chart.valuesMerge ?? "override";
    if (mode === "override") values.push({ is: "inline", values: inline });
    else if (mode === "merge") values.unshift({ is: "inline", values: inline });
    else if (mode === "replace") values.splice(0, values.length, { is: "inline", values: inline });
    else fail(place, "valuesMerge must be merge, override or replace");
  }
  return {
    folder,
    values,
    releaseName: chart.releaseName ?? chart.name ?? "release",
    ...(chart.nameTemplate === undefined ? {} : { nameTemplate: chart.nameTemplate }),
    namespace: chart.namespace ?? "default",
    includeCrds: chart.includeCRDs ?? false,
    skipHooks: chart.skipHooks ?? false,
    skipTests: chart.skipTests ?? false,
    apiVersions: chart.apiVersions ?? [],
    kubeVersion: chart.kubeVersion,
  };
}
