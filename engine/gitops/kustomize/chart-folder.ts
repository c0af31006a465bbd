import { KustomizationBuild, type BuildFailure, type BuildOptions, type BuildResult } from "./build.ts";
import type { ChartValues } from "./chart-generator.ts";
import { KustomizeError, type Place } from "./kustomize-error.ts";
import { readDocuments, resourcesOf } from "./yaml-documents.ts";

/** A chart that is an application by itself, without a kustomization around it. */
export interface ChartFolder {
  readonly folder: string;
  readonly releaseName: string;
  readonly namespace: string;
  /** Files of values from the repository's root, the last one winning. */
  readonly values: readonly string[];
  /** What asks for it, where failures are reported. */
  readonly place: Place;
}

/** The objects of a chart, each placed at the template it comes from, as helm says in a comment above it. */
export async function buildChart(request: ChartFolder, options: BuildOptions): Promise<BuildResult | BuildFailure> {
  const build = new KustomizationBuild(options);
  const { folder, releaseName, namespace, place } = request;
  try {
    if (options.renderChart === undefined) throw new KustomizeError([{ ...place, message: "charts cannot be rendered here" }]);
    const values: ChartValues[] = [];
    for (const path of request.values) values.push({ is: "file", path, content: await build.readFile(path, place) });
    const text = await options.renderChart(
      { folder, releaseName, namespace, values, includeCrds: true, skipHooks: false, skipTests: true, apiVersions: [], kubeVersion: undefined },
      build,
      place,
    );
    const sources = templatesOf(text);
    const resources = resourcesOf(
      (await readDocuments(text, `${folder}/Chart.yaml`)).map((document) => {
        const template = sources.findLast((source) => source.line <= document.line)?.file;
        // A template has other lines than what came of it, so only the file is known.
        const at = { file: template === undefined ? `${folder}/Chart.yaml` : `${folder}/${template}`, line: 1 };
        return { ...document, ...at, lineOf: () => 1 };
      }),
    );
    return { resources, isComponent: false, isMixed: true, dependencies: build.files.dependencies };
  } catch (error) {
    return { error, dependencies: build.files.dependencies };
  }
}

/** `# Source: name/templates/file.yaml` stands above each document. */
function templatesOf(text: string): readonly { readonly line: number; readonly file: string }[] {
  return text.split("\n").flatMap((line, index) => {
    const file = /^# Source: [^/]+\/(.+)$/.exec(line)?.[1];
    return file === undefined ? [] : [{ line: index + 1, file }];
  });
}
