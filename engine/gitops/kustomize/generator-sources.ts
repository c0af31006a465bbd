import type { KustomizationBuild, Target } from "./build.ts";
import { parseEnvFile, parseFileSource, parseLiteral, type KeyValue, type KeyValueSources } from "./key-values.ts";
import { at, type Place } from "./kustomize-error.ts";
import { resolvePath } from "./repository-files.ts";

/** Everything a generator's sources hold: env files, literals, then files. */
export async function readKeyValues(build: KustomizationBuild, target: Target, sources: KeyValueSources, place: Place): Promise<readonly KeyValue[]> {
  const pairs: KeyValue[] = [];
  for (const path of [...(sources.envs ?? []), ...(sources.env === undefined || sources.env === "" ? [] : [sources.env])]) {
    const content = await build.readFile(resolvePath(target.folder, path, place), place);
    pairs.push(...at(place, () => parseEnvFile(content)));
  }
  pairs.push(...at(place, () => (sources.literals ?? []).map(parseLiteral)));
  for (const source of sources.files ?? []) {
    const { key, path } = at(place, () => parseFileSource(source));
    pairs.push([key, await build.readFile(resolvePath(target.folder, path, place), place)]);
  }
  return pairs;
}
