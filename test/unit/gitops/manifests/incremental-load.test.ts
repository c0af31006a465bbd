import { expect, test } from "vitest";
import type { DesiredState } from "../../../../engine/gitops/manifests/desired-state.ts";
import { ManifestLoader } from "../../../../engine/gitops/manifests/load-manifests.ts";
import { changedUnits, objectsByUnit } from "../../../../engine/gitops/manifests/objects-by-unit.ts";
import { PersistentMap } from "../../../../engine/lib/persistent-map.ts";
import { randomInteger, seededRandom } from "../../../../engine/lib/random.ts";
import { catalog } from "../../../../engine/resources/catalog.ts";
import { configMapYaml } from "../../../kit/git.ts";
import { MemoryGit } from "../../../kit/memory-git.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const newLoader = () => new ManifestLoader({ catalog, cluster: "local", basePath: "." });
const told = (state: DesiredState) => ({
  objects: [...state.objects.values()].map(({ identity, unit, file, line, digest }) => `${identity} ${unit} ${file}:${line} ${digest}`).sort(),
  units: state.units,
  problems: state.problems,
  notices: state.notices,
  lists: [...objectsByUnit(state.objects)].flatMap(([unit, list]) => list.map(({ identity }) => `${unit} ${identity}`)).sort(),
});

test("a commit is read the same whatever was read before it", async () => {
  for (let seed = 1; seed <= 8; seed++) {
    const random = seededRandom(seed);
    const pick = <T>(from: readonly T[]): T => from[randomInteger(random, from.length)] as T;
    const git = new MemoryGit(new VirtualClock());
    const { objects } = git.source(() => {}).store;
    const loader = newLoader();
    let files: Record<string, string> = {};
    for (let turn = 0; turn < 25; turn++) {
      const folder = pick(["apps/a", "apps/b", "apps/c", "infra/d"]);
      const name = pick(["one", "two", "three"]);
      const changes: readonly (readonly [string, string | undefined])[] = [
        [`${folder}/${name}.yaml`, configMapYaml(`${pick(["a", "b", "c", "d"])}-${name}`, { value: String(turn) })],
        [`${folder}/${name}.yaml`, configMapYaml(`${folder.slice(-1)}-${name}`).replace("metadata:", `metadata:\n  annotations: {mainstay.dev/depends-on: ConfigMap/${pick(["a", "b"])}-one}`)],
        [`${folder}/${name}.yaml`, undefined],
        [`${folder}/kustomization.yaml`, pick([undefined, `resources: [${name}.yaml]\n`, "resources: [../a/one.yaml]\nnamePrefix: x-\n"])],
        [".mainstayignore", pick([undefined, "three.yaml\n"])],
        [
          "mainstay.yaml",
          pick([
            undefined,
            "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits:\n- {path: infra/*}\n- {path: apps/*, dependsOn: [infra/*], bounds: {kinds: [ConfigMap]}}\n",
            'apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits:\n- {path: apps/*, namespace: "{dir}", variables: {x: y}}\n',
          ]),
        ],
      ];
      const [path, content] = pick(changes);
      const { [path]: _old, ...rest } = files;
      files = content === undefined ? rest : { ...rest, [path]: content };
      const commit = await objects.commit(await git.commit({ README: String(turn), ...files }, "change"));
      const state = await loader.load(objects, commit);
      expect(told(state), `seed ${seed}, turn ${turn}`).toEqual(told(await newLoader().load(objects, commit)));
    }
  }
});

test("units that a commit leaves alone keep their very objects", async () => {
  const git = new MemoryGit(new VirtualClock());
  const { objects } = git.source(() => {}).store;
  const loader = newLoader();
  const load = async (files: Record<string, string>) => (await loader.load(objects, await objects.commit(await git.commit(files, "x")))).objects;
  const files = { "apps/a/one.yaml": configMapYaml("a-one"), "apps/a/two.yaml": configMapYaml("a-two"), "apps/b/one.yaml": configMapYaml("b-one") };
  const before = await load(files);
  const after = await load({ ...files, "apps/a/two.yaml": configMapYaml("a-two", { key: "changed" }) });
  expect(changedUnits(objectsByUnit(before), objectsByUnit(after))).toEqual(new Set(["a"]));
  expect(
    [...after]
      .filter(([identity, desired]) => before.get(identity) === desired)
      .map(([identity]) => identity)
      .sort(),
  ).toEqual(["/ConfigMap/default/a-one", "/ConfigMap/default/b-one"]);
});

test("a persistent map is a map, and stays as it was", () => {
  const random = seededRandom(3);
  const plain = new Map<string, number>();
  let map = PersistentMap.empty<number>();
  const versions: (readonly [PersistentMap<number>, ReadonlyMap<string, number>])[] = [];
  for (let turn = 0; turn < 300; turn++) {
    const changes = Array.from({ length: randomInteger(random, 4) }, () => [`key ${randomInteger(random, 60)}`, randomInteger(random, 3) === 0 ? undefined : turn] as const);
    map = map.with(changes);
    for (const [key, value] of changes) value === undefined ? plain.delete(key) : plain.set(key, value);
    versions.push([map, new Map(plain)]);
  }
  for (const [version, expected] of versions) {
    expect(new Map(version)).toEqual(expected);
    expect(version.size).toBe(expected.size);
    for (const key of expected.keys()) expect([version.has(key), version.get(key)]).toEqual([true, expected.get(key)]);
  }
});
