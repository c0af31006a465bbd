import { expect, test } from "vitest";
import { planSync, type Candidate } from "../../../../engine/gitops/plan/plan-sync.ts";
import { renderPlan } from "../../../../engine/gitops/plan/plan-text.ts";
import { UnitReporter, type UnitReporterOptions } from "../../../../engine/gitops/sync/unit-reporter.ts";
import type { DesiredState } from "../../../../engine/gitops/manifests/desired-state.ts";
import { nextFieldsLeft } from "../../../../engine/gitops/sync/fields-left.ts";
import { judgeCommit } from "../../../../engine/gitops/plan/plan-commit.ts";
import { processorMs } from "../../../kit/processor-time.ts";
import { withTurns } from "../../../kit/with-turns.ts";
import { desired, stored, unit } from "../objects.ts";

const COUNT = 10_000;
const objects = Array.from({ length: COUNT }, (_, index) => desired("ConfigMap", `m${index}`, { data: { value: "2" } }));

/** Plans an update of so many of the objects, and has it reported. */
function tell(count: number) {
  let shown = 0;
  const some = objects.slice(0, count);
  const candidates = some.map((object): Candidate => {
    const live = Object.defineProperty(stored(object), "data", { enumerable: true, get: () => (shown++, { value: "1" }) });
    return { desired: object, cause: "commit", outcome: { is: "update", live, result: stored(object), intent: object.object, force: false, leftToOthers: [] } };
  });
  const plan = planSync({
    candidates,
    untouched: 0,
    stale: [],
    allowReplace: [],
    waiting: new Map(),
    deletion: { units: [unit("web")], maxPercent: 20, protectedKinds: new Set(), allowed: [], inventorySizes: new Map() },
  });
  const reporter = new UnitReporter({ applications: { get: () => undefined } } as unknown as UnitReporterOptions);
  const state = { commit: { id: "c".repeat(40) }, units: [unit("web")], objects: new Map(some.map((object) => [object.identity, object])) };
  reporter.setState(state as unknown as DesiredState, new Set());
  reporter.planned(plan, []);
  return { plan, shown: () => shown };
}

test("a commit that changes thousands of objects of one application is told in a time that grows with them, and shows no more than it says", () => {
  expect(processorMs(() => tell(COUNT)) / processorMs(() => tell(COUNT / 20))).toBeLessThan(130); // their square is four hundred times as much
  const { plan, shown } = tell(COUNT);
  expect(renderPlan(plan)).toHaveLength(61);
  expect(renderPlan(plan)[0]).toBe("~ ConfigMap web/m0: data.value 1→2");
  expect(shown()).toBeLessThan(1_000);
});

test("what a commit takes away is looked for in thousands of objects that stay, and everything else has its turn meanwhile", async () => {
  const podOf = (map: string) => ({ spec: { selector: {}, template: { spec: { containers: [{ name: "c", image: "i", envFrom: [{ configMapRef: { name: map } }] }] } } } });
  const staying = Array.from({ length: COUNT }, (_, index) => desired("Deployment", `d${index}`, podOf(`m${index}`)));
  const [going] = objects;
  if (going === undefined) throw new Error("there are objects");
  const plan = planSync({
    candidates: [],
    untouched: COUNT,
    stale: [{ unit: "web", identity: going.identity, entry: { group: "", version: "v1", kind: "ConfigMap", namespace: "web", name: "m0" }, live: stored(going) }],
    allowReplace: [],
    waiting: new Map(),
    deletion: { units: [unit("web")], maxPercent: 20, protectedKinds: new Set(), allowed: [], inventorySizes: new Map() },
  });
  const state = { config: {}, problems: [], units: [unit("web")], objects: new Map(staying.map((object) => [object.identity, object])) };
  const kinds = { ofGroupKind: (_group: string, kind: string) => (kind === "ConfigMap" ? going.resource : undefined) };
  const commit = { client: {}, kinds, state, applications: [] } as unknown as Parameters<typeof judgeCommit>[0]; // as much as is looked at
  const { result, turns } = await withTurns(() => judgeCommit(commit, { blob: async () => Buffer.from("") } as unknown as Parameters<typeof judgeCommit>[1], plan));
  expect(result.problems.map(({ file, message }) => `${file}: ${message}`)).toEqual([expect.stringMatching(/^apps\/web\/d0\.yaml: ConfigMap web\/m0 leaves the repository with this commit/)]);
  expect(turns).toBeGreaterThan(5);
});

test("fields are left to others until a plan says otherwise of their object", () => {
  const [a, b] = [objects[0]!, objects[1]!];
  const before = nextFieldsLeft(new Map(), [[a, ["spec.replicas (hpa)"]]]);
  expect([...before]).toEqual([[a.identity, ["spec.replicas (hpa)"]]]);
  expect(nextFieldsLeft(before, [[b, []]])).toBe(before);
  expect([...nextFieldsLeft(before, [[a, []]])]).toEqual([]);
});
