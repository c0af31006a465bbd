import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../../engine/apimachinery/object-meta.ts";
import { planFile } from "../../../../engine/gitops/plan/branch-planner.ts";
import { chooseProposals, isOwnProposal } from "../../../../engine/gitops/git/choose-proposals.ts";
import type { DesiredState } from "../../../../engine/gitops/manifests/desired-state.ts";
import { computeFieldChanges } from "../../../../engine/gitops/plan/field-diff.ts";
import { podLines, renderPlanPage, type PlanPageFacts } from "../../../../engine/gitops/plan/plan-page.ts";
import type { Action, SyncPlan } from "../../../../engine/gitops/plan/plan-sync.ts";
import { computeQuotaAfter, formatQuota, type QuotaObject } from "../../../../engine/gitops/plan/plan-quota.ts";
import { planPods } from "../../../../engine/gitops/plan/plan-workloads.ts";
import type { Pod } from "../../../../engine/resources/types.ts";
import { desired, stored } from "../objects.ts";

const spec = (replicas: number, image = "web:1") => ({
  spec: { replicas, selector: { matchLabels: { app: "web" } }, template: { metadata: { labels: { app: "web" } }, spec: { containers: [{ name: "web", image }] } } },
});
const plan = (...actions: Action[]): SyncPlan => ({
  waves: [{ rank: 0, actions }],
  refusals: [],
  unknown: [],
  problems: [],
  forget: [],
  leaving: [],
  kept: [],
  waiting: new Map(),
  blocked: new Map(),
  held: [],
  left: [],
  unchanged: 4,
});
const created = (replicas: number): Action => {
  const object = desired("Deployment", "web", spec(replicas));
  return { do: "create", desired: object, candidate: { desired: object, cause: "commit", outcome: { is: "create", result: stored(object) } } };
};
function updated(from: ReturnType<typeof spec>, to: ReturnType<typeof spec>): Action {
  const [before, after] = [desired("Deployment", "web", from), desired("Deployment", "web", to)];
  const [live, result] = [stored(before), stored(after)];
  return {
    do: "update",
    desired: after,
    live,
    intent: after.object,
    force: false,
    changes: computeFieldChanges(live, result),
    candidate: { desired: after, cause: "commit", outcome: { is: "update", live, result, intent: after.object, force: false, leftToOthers: [] } },
  };
}
const pruned = (live: KubeObject): Action => ({ do: "prune", live, entry: { unit: "web", identity: "x", entry: { version: "v1", kind: live.kind, name: live.metadata.name ?? "" }, live } }) as Action;
const state = (more: Partial<DesiredState> = {}): DesiredState => ({
  commit: { id: "9f8e7d6c5b4a", tree: "t", parents: [], message: "Scale web\n\nbody", author: "Ada", time: 0 },
  config: {} as DesiredState["config"],
  units: [],
  objects: new Map(),
  problems: [],
  notices: [],
  substitutions: new Map(),
  encrypted: new Map(),
  ...more,
});
const page = (facts: Partial<PlanPageFacts>) =>
  renderPlanPage({ cluster: "home", branch: "feature/x", base: "a1b2c3d4e5f6", state: state(), plan: plan(), problems: [], planned: [], pods: [], quotas: [], ...facts });

describe("the pods that a plan brings", () => {
  test("a new workload brings all of them, a larger one the difference, a smaller one none", () => {
    expect(planPods(plan(created(3)))).toMatchObject({ planned: [{ workload: "Deployment web/web", count: 3, rollout: "at once" }], leaving: [] });
    expect(planPods(plan(updated(spec(2), spec(5)))).planned).toMatchObject([{ count: 3 }]);
    expect(planPods(plan(updated(spec(5), spec(2)))).planned).toEqual([]);
  });

  test("asks for what its pods will ask for: the limits of containers, and of the pod as a whole, where nothing else is said", () => {
    const limited = desired("Deployment", "web", {
      spec: { ...spec(1).spec, template: { spec: { resources: { limits: { cpu: "4", memory: "8Gi" } }, containers: [{ name: "web", image: "web:1", resources: { limits: { memory: "1Gi" } } }] } } },
    });
    const { planned } = planPods(plan({ do: "create", desired: limited, candidate: { desired: limited, cause: "commit", outcome: { is: "create", result: stored(limited) } } }));
    expect(planned).toMatchObject([{ pod: { spec: { resources: { requests: { cpu: "4", memory: "1Gi" } }, containers: [{ resources: { requests: { memory: "1Gi" } } }] } } }]);
  });

  test("another template replaces every pod, and the old ones leave", () => {
    const { planned, leaving } = planPods(plan(updated(spec(2), spec(2, "web:2"))));
    expect(planned).toMatchObject([{ count: 2, rollout: "one after the other" }]);
    expect(leaving).toEqual([{ namespace: "web", selector: { matchLabels: { app: "web" } } }]);
  });

  test("what is deleted leaves; what has no selector never makes room", () => {
    expect(planPods(plan(pruned(stored(desired("Deployment", "web", spec(1)))))).leaving).toHaveLength(1);
    expect(planPods(plan(pruned(stored(desired("ConfigMap", "c"))))).leaving).toEqual([]);
  });
});

describe("which refs are proposals", () => {
  const names = (...refs: string[]) => chooseProposals(new Map(refs.map((ref) => [ref, "c"])), "main").map((proposal) => proposal.name);

  test("branches, but not the desired one and not the status", () => expect(names("refs/heads/main", "refs/heads/feature/x", "refs/heads/status/home", "refs/tags/v1")).toEqual(["feature/x"]));

  test("a branch called like a request is not taken for it", () =>
    expect(names("refs/heads/pr-7", "refs/heads/mr-7", "refs/heads/pr-7-fix", "refs/pull/7/head")).toEqual(["heads/pr-7", "heads/mr-7", "pr-7-fix", "pr-7"]));

  test("no two have one name, however branches are called", () => expect(names("refs/heads/pr-7", "refs/heads/heads/pr-7")).toEqual(["heads/pr-7", "heads/heads/pr-7"]));

  test("requests where Bitbucket and Azure DevOps keep them, which has no more than what a merge would make", () => {
    expect(names("refs/pull-requests/1/from", "refs/pull-requests/2/from", "refs/pull-requests/2/merge")).toEqual(["pr-2"]);
    expect(names("refs/pull-requests/1/from", "refs/pull-requests/2/from")).toEqual(["pr-2", "pr-1"]);
    expect(chooseProposals(new Map([["refs/pull/3/merge", "c"]]), "main")).toMatchObject([{ name: "pr-3", ref: "refs/pull/3/merge", head: "c" }]);
    expect(names(...Array.from({ length: 30 }, (_, index) => `refs/pull/${index}/merge`))).toEqual(Array.from({ length: 20 }, (_, index) => `pr-${29 - index}`));
  });

  test("only who may write to the repository brings a branch, or a request whose head is on one", () => {
    const refs = new Map([
      ["refs/heads/fix", "a"],
      ["refs/pull/1/head", "a"],
      ["refs/pull/2/head", "b"],
      ["refs/pull/3/head", "b"],
      ["refs/merge-requests/4/head", "c"],
    ]);
    expect([...refs].filter(([ref, head]) => isOwnProposal({ ref, head }, refs)).map(([ref]) => ref)).toEqual(["refs/heads/fix", "refs/pull/1/head"]);
  });

  test("requests that are open, as far as the forge tells", () => {
    expect(names("refs/pull/1/head", "refs/pull/2/head", "refs/pull/2/merge", "refs/merge-requests/7/head")).toEqual(["pr-2", "mr-7"]);
  });

  test("the newest requests of a forge that does not tell", () => {
    const many = names(...Array.from({ length: 30 }, (_, index) => `refs/pull/${index + 1}/head`));
    expect(many).toHaveLength(20);
    expect(many[0]).toBe("pr-30");
  });
});

describe("quotas after a plan", () => {
  const quota = (hard: Record<string, string>, used: Record<string, string> = {}, more: object = {}): QuotaObject => ({
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "compute", namespace: "web" },
    spec: { hard, ...more },
    status: { used },
  });
  const pod = (memory: string): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "web" },
    spec: { containers: [{ name: "c", image: "i", resources: { requests: { memory, cpu: "250m" }, limits: { memory } } }] },
  });

  test("count the pods that come and go, and objects, and say what would not fit", () => {
    const planned = [{ workload: "Deployment web/web", count: 3, pod: pod("256Mi"), rollout: "at once" }];
    const lines = computeQuotaAfter(
      [quota({ "requests.memory": "1Gi", cpu: "2", "limits.memory": "512Mi", pods: "10", "count/deployments.apps": "5", secrets: "3" }, { "requests.memory": "512Mi", cpu: "500m", pods: "2" })],
      plan(created(3)),
      planned,
      [pod("256Mi")],
    ).map(formatQuota);
    expect(lines).toEqual([
      "✓ quota web/compute: requests.memory 512Mi → 1Gi of 1Gi",
      "✓ quota web/compute: cpu 500m → 1 of 2",
      "✓ quota web/compute: limits.memory 0 → 512Mi of 512Mi",
      "✓ quota web/compute: pods 2 → 4 of 10",
      "✓ quota web/compute: count/deployments.apps 0 → 1 of 5",
    ]);
    expect(computeQuotaAfter([quota({ pods: "2" })], plan(), planned, []).map(formatQuota)).toEqual(["! quota web/compute: pods 0 → 3 of 2, so some pods or objects would be refused"]);
  });

  test("leave out other namespaces, and quotas of some pods only", () => {
    const planned = [{ workload: "w", count: 1, pod: pod("1Mi"), rollout: "at once" }];
    expect(computeQuotaAfter([{ ...quota({ pods: "1" }), metadata: { name: "q", namespace: "other" } }, quota({ pods: "1" }, {}, { scopes: ["BestEffort"] })], plan(), planned, [])).toEqual([]);
  });
});

describe("the page of a plan", () => {
  test("says what would change, field by field, and how the pods fare", () => {
    const text = page({
      plan: plan(updated(spec(2), spec(4, "web:2"))),
      planned: [{ workload: "Deployment web/web", count: 4, pod: { apiVersion: "v1", kind: "Pod", metadata: {}, spec: { containers: [] } }, rollout: "rolling, surge 1, unavailable 0" }],
      pods: [{ workload: "Deployment web/web", count: 4, fits: 3, reasons: ["n2 lacks 212Mi of memory"], pulls: [{ image: "web:2", nodes: ["n1", "n2"] }] }],
    });
    expect(text).toContain("# Plan for feature/x on home: 1 change, 4 unchanged\n\nhead `9f8e7d6c5b` Scale web · base `a1b2c3d4e5`");
    expect(text).toContain("🟥 Deployment web/web: 3 of 4 pods fit: n2 lacks 212Mi of memory");
    expect(text).toContain("web:2 is not on n1, n2 yet and will be pulled");
    expect(text).toMatch(/<details><summary>~ Deployment web\/web: replicas 2→4, image 1→2<\/summary>\n\n```diff\n! replicas 2→4\n! image 1→2\n```/);
  });

  test("warns of what is deleted and replaced", () => {
    expect(page({ plan: plan(pruned(stored(desired("ConfigMap", "old")))) })).toContain("- ⚠️ ConfigMap old is deleted");
  });

  test("a commit that would be refused shows why, and nothing else", () => {
    const text = page({ problems: [{ file: "apps/web/d.yaml", line: 6, field: "spec.replicas", message: "must be a non-negative integer" }] });
    expect(text).toContain("would be refused: 1 problem");
    expect(text).toContain("`apps/web/d.yaml:6 spec.replicas: must be a non-negative integer`");
  });

  test("of very many problems and notes the first are shown, and how many more there are", () => {
    const problems = Array.from({ length: 203 }, (_, index) => ({ file: "a.yaml", line: index + 1, message: "wrong" }));
    const refused = page({ problems });
    expect(refused).toContain("`a.yaml:200 wrong`\n- … and 3 more\n");
    expect(refused).not.toContain("a.yaml:201");
    const notices = Array.from({ length: 21 }, (_, index) => `note ${index + 1}`);
    expect(page({ state: state({ notices }) })).toMatch(/note 20\n- … and 1 more\n$/);
    expect(page({ problems: problems.slice(0, 200) })).not.toContain("more");
  });

  test("variables are shown where they changed something, and text of the repository has no power over the page", () => {
    const action = created(1);
    const file = action.do === "create" ? action.desired.file : "";
    const text = page({
      plan: plan(action),
      state: state({
        substitutions: new Map([
          [
            "web",
            [
              { file, line: 6, name: "count", value: 1 },
              { file: "other.yaml", line: 1, name: "x", value: 1 },
            ],
          ],
        ]),
        commit: { ...state().commit, message: "<script> @all | `x`" },
      }),
    });
    expect(text).toContain(`\`${file}:6 \${count} is 1\``);
    expect(text).not.toContain("other.yaml");
    expect(text).toContain("&lt;script&gt; @\u200ball \\| \\`x\\`");
  });

  test("nothing to change is said in one sentence", () => expect(page({})).toContain("Nothing changes in the cluster."));

  test("a pod that fits says how it comes", () => {
    expect(podLines({ planned: [], quotas: [], pods: [{ workload: "Pod a/b", count: 1, fits: 1, reasons: [], pulls: [] }] })).toEqual(["✓ Pod a/b: 1 pod fits (at once)"]);
  });

  test("every branch has a file of its own", () =>
    expect([planFile("a"), planFile("a/b"), planFile("a.md/b"), planFile("a.md_/b")]).toEqual(["plans/a.md", "plans/a/b.md", "plans/a.md_/b.md", "plans/a.md__/b.md"]));
});
