import { describeDesired, type DesiredObject } from "./desired-state.ts";
import { DEPENDS_ON_ANNOTATION, rankOf } from "./object-order.ts";
import { objectsByUnit, ofAllUnits, perUnit } from "./objects-by-unit.ts";
import type { Problem } from "./problem.ts";
import type { Unit } from "./resolve-units.ts";

/** How an object that others wait for stands. `failed` still counts as not ready; what it blocks depends on what it is. */
export type Readiness = "ready" | "on its way" | "failed";

interface Node {
  readonly label: string;
  readonly after: string[];
  readonly desired?: DesiredObject;
}

/** The objects of a unit that name others. */
const dependentsOf = perUnit((objects) => objects.filter(({ order }) => order.dependsOn.length > 0));

/** Whether any object names others that must be ready first. */
export function hasDependencies(objects: ReadonlyMap<string, DesiredObject>): boolean {
  return [...objectsByUnit(objects).values()].some((list) => dependentsOf(list).length > 0);
}

/**
 * Everything that must be ready before something else as one graph: waves within units, `dependsOn` between units, `depends-on` between
 * objects. Only objects that name others can close a circle that units alone have not, so without them there is nothing to look for.
 * Names what does not exist, and every cycle with its path, so that a commit which could never be applied is refused at once.
 */
export function findOrderProblems(units: readonly Unit[], objects: ReadonlyMap<string, DesiredObject>): readonly Problem[] {
  const problems: Problem[] = [];
  const graph = new Map<string, Node>();
  const unitsByName = new Map(units.map((unit) => [unit.name, unit]));
  const found = ofAllUnits(objects, dependentsOf).flatMap((desired) =>
    desired.order.dependsOn.map((wanted) => ({ desired, wanted, target: findNamed(objects, fullName(wanted, desired)) })),
  );
  // Of a unit of which nothing names others, and nothing is named, it is enough to know as a whole.
  const entangled = new Set(found.flatMap(({ desired, target }) => [desired.unit, target?.unit ?? desired.unit]));
  for (const [name, members] of objectsByUnit(objects)) addUnit(graph, name, entangled.has(name) ? members : [], unitsByName.get(name)?.dependsOn ?? []);
  for (const { desired, wanted, target } of found) {
    if (target === undefined) problems.push({ ...place(desired), message: `${DEPENDS_ON_ANNOTATION}: ${wanted} is not in the repository` });
    else graph.get(desired.identity)?.after.push(target.identity);
  }
  const cycle = findCycle(graph);
  if (cycle !== undefined) {
    const first = cycle.map((id) => graph.get(id)?.desired).find((desired) => desired !== undefined);
    const labels = cycle.map((id) => graph.get(id)?.label ?? id).filter((label, index, all) => label !== all[index - 1]);
    problems.push({ file: first?.file ?? "mainstay.yaml", line: first?.line ?? 1, message: `objects wait for each other: ${labels.join(" → ")}` });
  }
  return problems;
}

/** One node per object, and one per wave: an object waits for the wave before its own, a wave for its objects and the wave before it. */
function addUnit(graph: Map<string, Node>, unit: string, members: readonly DesiredObject[], dependsOn: readonly string[]): void {
  const waves = [...Map.groupBy(members, (desired) => rankOf(desired.order))].sort(([a], [b]) => a - b);
  let before = dependsOn.map((name) => `unit ${name}`);
  for (const [rank, inWave] of waves) {
    const id = `wave ${unit} ${rank}`;
    for (const desired of inWave) graph.set(desired.identity, { label: describeDesired(desired), after: [...before], desired });
    graph.set(id, { label: `wave ${inWave[0]?.order.wave ?? 0} of ${unit}`, after: [...before, ...inWave.map((desired) => desired.identity)] });
    before = [id];
  }
  graph.set(`unit ${unit}`, { label: unit, after: before });
}

/** A path of nodes that ends where it began. Iterative: a repository may hold a chain of any length. */
function findCycle(graph: ReadonlyMap<string, Node>): readonly string[] | undefined {
  const finished = new Set<string>();
  for (const start of graph.keys()) {
    const trail: { readonly id: string; next: number }[] = [{ id: start, next: 0 }];
    const onTrail = new Set([start]);
    if (finished.has(start)) continue;
    for (let top = trail.at(-1); top !== undefined; top = trail.at(-1)) {
      const after = graph.get(top.id)?.after[top.next++];
      if (after === undefined) {
        finished.add(top.id);
        onTrail.delete(top.id);
        trail.pop();
      } else if (onTrail.has(after)) return [...trail.slice(trail.findIndex((step) => step.id === after)).map((step) => step.id), after];
      else if (!finished.has(after) && graph.has(after)) {
        trail.push({ id: after, next: 0 });
        onTrail.add(after);
      }
    }
  }
  return undefined;
}

/**
 * Which changing objects have to wait, and for what. What must be ready first is what this commit changes or has changed, and hooks
 * that come before; something else that is not well does not hold a commit back, for the commit may be what mends it.
 */
export function computeBlocked(
  objects: ReadonlyMap<string, DesiredObject>,
  changing: ReadonlySet<string>,
  readinessOf: (desired: DesiredObject) => Readiness,
  isRolling: (identity: string) => boolean,
): ReadonlyMap<string, string> {
  const blocked = new Map<string, string>();
  const holdsBack = (desired: DesiredObject): boolean => {
    if (changing.has(desired.identity)) return true;
    const readiness = readinessOf(desired);
    if (readiness === "ready") return false;
    return readiness === "on its way" || isRolling(desired.identity) || desired.order.phase === "before";
  };
  const lists = objectsByUnit(objects);
  for (const unit of new Set([...changing].map((identity) => objects.get(identity)?.unit ?? ""))) {
    const waves = wavesOf(lists.get(unit) ?? []);
    let blocker: DesiredObject | undefined;
    for (const [, inWave] of waves) {
      const [before] = blocker === undefined ? [] : [blocker];
      for (const desired of inWave) {
        if (!changing.has(desired.identity)) continue;
        const own = desired.order.dependsOn
          .map((name) => findNamed(objects, fullName(name, desired)))
          .find((target) => target !== undefined && holdsBack(target));
        const cause = before ?? own;
        if (cause !== undefined) blocked.set(desired.identity, describeDesired(cause));
      }
      // Looking at health is only worth it when there is a wave to hold back.
      if (waves.length > 1) blocker ??= inWave.find(holdsBack);
    }
  }
  return blocked;
}

const wavesOf = perUnit((objects) => [...Map.groupBy(objects, (desired) => rankOf(desired.order))].sort(([a], [b]) => a - b));

/** Objects by the name under which others may name them. */
const namesOf = perUnit(
  (objects) =>
    new Map(
      objects.map((desired) => [
        `${desired.object.kind}/${desired.object.metadata.namespace ?? ""}/${desired.hookName ?? desired.object.metadata.name ?? ""}`,
        desired,
      ]),
    ),
);

function findNamed(objects: ReadonlyMap<string, DesiredObject>, name: string): DesiredObject | undefined {
  for (const list of objectsByUnit(objects).values()) {
    const found = namesOf(list).get(name);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Objects of the whole cluster are found by their name alone. */
function fullName(wanted: string, from: DesiredObject): string {
  const [kind = "", first = "", second] = wanted.split("/");
  if (second !== undefined) return `${kind}/${first}/${second}`;
  const isClusterWide = [
    "Namespace",
    "CustomResourceDefinition",
    "ClusterRole",
    "ClusterRoleBinding",
    "PersistentVolume",
    "StorageClass",
    "PriorityClass",
    "IngressClass",
    "RuntimeClass",
  ].includes(kind);
  return `${kind}/${isClusterWide ? "" : (from.object.metadata.namespace ?? "")}/${first}`;
}

function place(desired: DesiredObject): { readonly file: string; readonly line: number } {
  return { file: desired.file, line: desired.line };
}
