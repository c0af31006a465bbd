import { spawn } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { formatYaml } from "../../apimachinery/yaml/yaml.ts";
import type { ChartRequest, ChartValues, RenderChart } from "../kustomize/chart-generator.ts";
import { KustomizeError, type Place } from "../kustomize/kustomize-error.ts";
import { inheritedEnvironment } from "../git/native-git.ts";
import { explainHelm } from "./explain-helm.ts";
import type { Problem } from "./problem.ts";

/** A chart that takes longer does something a template should not. */
const TIMEOUT_MS = 60_000;
const OUTPUT_BYTES_MAX = 32 << 20;
const NAME = /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/;

/**
 * Renders charts with the program `helm` of the machine. The chart's files go to a folder of their own, which is gone afterwards;
 * helm gets no cluster, no repositories and no home. A failure says what helm said, at the line that asks for the chart.
 */
export function createChartRenderer(program = "helm"): RenderChart {
  return async (request, build, place) => {
    // A name that begins with a dash would be an option of helm, and some of its options run programs.
    for (const name of [request.releaseName, request.namespace])
      if (!NAME.test(name))
        throw new KustomizeError([
          { ...place, message: `${JSON.stringify(name)} cannot be the name of a release or namespace; use lower-case letters, digits, - and .` },
        ]);
    const work = await mkdtemp(path.join(os.tmpdir(), "mainstay-chart-"));
    try {
      const chart = path.join(work, "chart");
      const own: ChartValues[] = [];
      for (const [file, id] of await build.files.list(request.folder)) {
        const target = path.join(chart, file);
        await mkdir(path.dirname(target), { recursive: true });
        const content = await build.files.readId(id, `${request.folder}/${file}`, build);
        if (file === "values.yaml") own.push({ is: "file", path: `${request.folder}/${file}`, content });
        await writeFile(target, content);
      }
      const values: string[] = [];
      for (const [index, source] of request.values.entries()) {
        const file = path.join(work, `values-${index}.yaml`);
        await writeFile(file, source.is === "file" ? source.content : formatYaml(source.values), { mode: 0o600 });
        values.push("-f", file);
      }
      return await run(program, [...chartArgs(request, chart), ...values], work, (errors) => explainHelm(errors, [...own, ...request.values], place), place);
    } finally {
      await rm(work, { recursive: true, force: true });
    }
  };
}

function chartArgs(request: ChartRequest, chart: string): readonly string[] {
  return [
    "template",
    ...(request.nameTemplate === undefined ? [request.releaseName, chart] : [chart, `--name-template=${request.nameTemplate}`]),
    "--namespace",
    request.namespace,
    ...(request.includeCrds ? ["--include-crds"] : []),
    ...(request.skipHooks ? ["--no-hooks"] : []),
    // A chart's tests are for people to run; deployed, they would run at every sync.
    "--skip-tests",
    ...request.apiVersions.map((version) => `--api-versions=${version}`),
    ...(request.kubeVersion === undefined ? [] : [`--kube-version=${request.kubeVersion}`]),
  ];
}

function run(program: string, args: readonly string[], work: string, explain: (errors: string) => readonly Problem[], place: Place): Promise<string> {
  // What a machine lacks or is too slow for may be there the next time.
  const failed = (message: string) => new KustomizeError([{ ...place, message }], true);
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: work,
      timeout: TIMEOUT_MS,
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...inheritedEnvironment(), HOME: work, HELM_CONFIG_HOME: work, HELM_CACHE_HOME: work, HELM_DATA_HOME: work, KUBECONFIG: path.join(work, "none") },
    });
    const out: Buffer[] = [];
    let [bytes, errors] = [0, ""];
    child.stdout.on("data", (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > OUTPUT_BYTES_MAX) child.kill("SIGKILL");
      else out.push(chunk);
    });
    child.stderr.on("data", (chunk: Buffer) => void (errors = `${errors}${chunk.toString("utf8")}`.slice(-4000)));
    child.on("error", (error: NodeJS.ErrnoException) =>
      reject(
        error.code === "ENOENT"
          ? failed(
              `this is a Helm chart, and the program ${program} is not installed on the machine of the engine; install it, or commit what helm template makes of the chart`,
            )
          : failed(`run ${program}: ${error.message}`),
      ),
    );
    child.on("close", (code, signal) => {
      if (code === 0) resolve(Buffer.concat(out).toString("utf8"));
      else if (signal !== null)
        reject(failed(`${program} was stopped: it took more than ${TIMEOUT_MS / 1000} s or wrote more than ${OUTPUT_BYTES_MAX >> 20} MiB`));
      else reject(new KustomizeError(explain(errors.replaceAll(`${work}/`, ""))));
    });
  });
}
