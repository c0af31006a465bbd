import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { describe, expect, test } from "vitest";
import { silentLogger } from "../../../engine/lib/log.ts";
import type { Node, Pod } from "../../../engine/resources/types.ts";
import { parseSchedulerConfig } from "../../../engine/scheduler/config/parse-scheduler-config.ts";
import { forecastPods } from "../../../engine/scheduler/forecast-pods.ts";
import { nodeInfo, podInfo, type NodeInfo } from "../../../engine/scheduler/node-info.ts";
import { createProfile } from "../../../engine/scheduler/profile.ts";
import { FilterCache, schedulePod } from "../../../engine/scheduler/schedule-pod.ts";
import { DEFAULT_ARGS, DEFAULT_PROFILE, DEFAULT_SETTINGS } from "../../../engine/scheduler/scheduler-settings.ts";
import { setUpScheduling } from "../../../engine/setup/scheduler-setup.ts";

const HEAD = "apiVersion: kubescheduler.config.k8s.io/v1\nkind: KubeSchedulerConfiguration\n";
const parse = (text: string) => parseSchedulerConfig(HEAD + text, "s.yaml");
const settingsOf = (text: string) => parse(text).settings;
/** The settings of one profile with these plugins. */
const profileWith = (plugins: string) => settingsOf(`profiles:\n- plugins: ${plugins}\n`).profiles[0];
const argsWith = (name: string, args: string) => settingsOf(`profiles:\n- pluginConfig: [{name: ${name}, args: ${args}}]\n`).profiles[0]?.args;
const refusalOf = (text: string, head = HEAD) => {
  try {
    return parseSchedulerConfig(head + text, "s.yaml");
  } catch (error) {
    return error instanceof Error ? error.message.split("\n") : error;
  }
};

describe("a KubeSchedulerConfiguration", () => {
  test("that says nothing is what the scheduler does anyway", () => {
    expect(settingsOf("")).toEqual(DEFAULT_SETTINGS);
    expect(settingsOf("profiles: [{}]\n")).toEqual(DEFAULT_SETTINGS);
    expect(settingsOf("profiles: [{plugins: {multiPoint: {enabled: [{name: NodePorts}]}}}]\n").profiles).toEqual([DEFAULT_PROFILE]);
  });

  test("has profiles, shares of nodes and backoffs", () => {
    const settings = settingsOf(
      "percentageOfNodesToScore: 30\npodInitialBackoffSeconds: 2\npodMaxBackoffSeconds: 60\nprofiles: [{schedulerName: default-scheduler}, {schedulerName: batch, percentageOfNodesToScore: 5}]\n",
    );
    expect([settings.initialBackoffMs, settings.maxBackoffMs, settings.profiles.map(({ schedulerName, percentageOfNodes }) => [schedulerName, percentageOfNodes])]).toEqual([
      2_000,
      60_000,
      [
        ["default-scheduler", 30],
        ["batch", 5],
      ],
    ]);
  });

  test.each<[string, (profile: NonNullable<ReturnType<typeof profileWith>>) => unknown, unknown]>([
    ["{score: {disabled: [{name: ImageLocality}]}}", ({ scores }) => scores.has("ImageLocality"), false],
    ["{score: {enabled: [{name: ImageLocality, weight: 7}]}}", ({ scores }) => [scores.get("ImageLocality"), scores.get("TaintToleration"), scores.size], [7, 3, 8]],
    ["{multiPoint: {enabled: [{name: InterPodAffinity, weight: 5}]}}", ({ scores }) => scores.get("InterPodAffinity"), 5],
    ["{multiPoint: {enabled: [{name: InterPodAffinity, weight: 5}]}, score: {enabled: [{name: InterPodAffinity, weight: 6}]}}", ({ scores }) => scores.get("InterPodAffinity"), 6],
    ["{multiPoint: {disabled: [{name: NodePorts}]}}", ({ filters }) => [filters.has("NodePorts"), filters.size], [false, 12]],
    ["{filter: {disabled: [{name: NodePorts}]}, preFilter: {disabled: [{name: NodePorts}]}}", ({ filters }) => filters.has("NodePorts"), false],
    [
      '{score: {disabled: [{name: "*"}], enabled: [{name: NodeResourcesFit}]}, preScore: {disabled: [{name: "*"}], enabled: [{name: NodeResourcesFit}]}}',
      ({ scores }) => [...scores],
      [["NodeResourcesFit", 1]],
    ],
    ["{postFilter: {disabled: [{name: DefaultPreemption}]}, preEnqueue: {disabled: [{name: DefaultPreemption}]}}", ({ preempts, filters }) => [preempts, filters.size], [false, 13]],
    [
      '{multiPoint: {disabled: [{name: "*"}], enabled: [{name: SchedulingGates}, {name: PrioritySort}, {name: NodeResourcesFit, weight: 4}, {name: DefaultBinder}]}}',
      ({ filters, scores, preempts }) => [[...filters], [...scores], preempts],
      [["NodeResourcesFit"], [["NodeResourcesFit", 4]], false],
    ],
  ])("chooses plugins: %s", (plugins, look, expected) => {
    const profile = profileWith(plugins);
    expect(profile && look(profile)).toEqual(expected);
  });

  test("tells plugins what they are to do", () => {
    expect(
      argsWith(
        "NodeResourcesFit",
        "{ignoredResources: [example.com/a], ignoredResourceGroups: [acme.com], scoringStrategy: {type: RequestedToCapacityRatio, resources: [{name: cpu, weight: 3}, {name: memory}], requestedToCapacityRatio: {shape: [{utilization: 0, score: 0}, {utilization: 100, score: 10}]}}}",
      )?.fit,
    ).toEqual({
      ignored: ["example.com/a"],
      ignoredGroups: ["acme.com"],
      strategy: {
        type: "RequestedToCapacityRatio",
        resources: [
          { name: "cpu", weight: 3 },
          { name: "memory", weight: 1 },
        ],
        shape: [
          { utilization: 0, score: 0 },
          { utilization: 100, score: 10 },
        ],
      },
    });
    expect(
      argsWith("NodeResourcesBalancedAllocation", "{apiVersion: kubescheduler.config.k8s.io/v1, kind: NodeResourcesBalancedAllocationArgs, resources: [{name: cpu}, {name: example.com/gpu}]}")
        ?.balanced,
    ).toEqual(["cpu", "example.com/gpu"]);
    expect(argsWith("PodTopologySpread", "{defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}")?.spread).toEqual([
      { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" },
    ]);
    expect(argsWith("InterPodAffinity", "{hardPodAffinityWeight: 0, ignorePreferredTermsOfExistingPods: true}")?.affinity).toEqual({ hardWeight: 0, ignoresWishesOfOthers: true });
    expect(
      argsWith("NodeAffinity", "{addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: Exists}]}]}}}")?.addedAffinity,
    ).toEqual({ requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: "disk", operator: "Exists" }] }] } });
    expect(argsWith("DefaultPreemption", "{minCandidateNodesPercentage: 20, minCandidateNodesAbsolute: 3}")?.preemption).toEqual({ nodesPercent: 20, nodesMin: 3 });
    expect([argsWith("VolumeBinding", "{bindTimeoutSeconds: 30}")?.volumesMs, argsWith("DynamicResources", "{bindingTimeout: 10m}")]).toEqual([30_000, DEFAULT_ARGS]);
  });

  test.each<[string, readonly string[]]>([
    [
      "percentageOfNodesToScore: 101\npodInitialBackoffSeconds: 0\n",
      ["s.yaml:3 percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]", "s.yaml:4 podInitialBackoffSeconds: Invalid value: 0: must be greater than 0"],
    ],
    ["podInitialBackoffSeconds: 20\n", ["s.yaml:1 podMaxBackoffSeconds: Invalid value: 10: must be greater than or equal to PodInitialBackoffSeconds"]],
    [
      "profiles:\n- schedulerName: a\n- schedulerName: a\n- {}\n",
      ["s.yaml:6 profiles[2].schedulerName: Required value", 's.yaml:5 profiles[1].schedulerName: Duplicate value: "profiles[0].schedulerName"'],
    ],
    ["profile: []\n", ["s.yaml:3 profile: is not known"]],
    ["profiles:\n- plugins:\n    filter:\n      enable: []\n", ["s.yaml:6 profiles[0].plugins.filter.enable: is not known"]],
    ["profiles:\n- percentageOfNodesToScore: some\n", ["s.yaml:4 profiles[0].percentageOfNodesToScore: must be a whole number"]],
    [
      "percentageOfNodesToScore: 101\nprofiles:\n- schedulerName: 5\n",
      ["s.yaml:3 percentageOfNodesToScore: Invalid value: 101: not in valid range [0-100]", "s.yaml:5 profiles[0].schedulerName: must be a text"],
    ],
    ["profiles:\n- plugins: {filter: {enabled: [{name: Mine}]}}\n", ['s.yaml:4 profiles[0].plugins.filter.enabled[0]: Invalid value: "Mine": FilterPlugin "Mine" does not exist']],
    [
      "profiles:\n- plugins: {score: {enabled: [{name: NodePorts}]}}\n",
      ['s.yaml:4 profiles[0].plugins.score.enabled[0]: Invalid value: "NodePorts": plugin "NodePorts" does not extend ScorePlugin plugin'],
    ],
    [
      "profiles:\n- plugins: {multiPoint: {enabled: [{name: EBSLimits}]}}\n",
      [
        's.yaml:4 profiles[0].plugins.multiPoint.enabled[0]: Invalid value: "EBSLimits": was invalid in version "kubescheduler.config.k8s.io/v1" (KubeSchedulerConfiguration is version "kubescheduler.config.k8s.io/v1")',
      ],
    ],
    [
      "profiles:\n- plugins: {score: {enabled: [{name: ImageLocality}, {name: ImageLocality}]}}\n",
      ['s.yaml:4 profiles[0].plugins.score: Invalid value: "ImageLocality": plugin "ImageLocality" already registered as "ScorePlugin"'],
    ],
    [
      "profiles:\n- plugins: {filter: {disabled: [{name: NodePorts}]}}\n",
      ['s.yaml:4 profiles[0].plugins.filter: Invalid value: "NodePorts": what it does at preFilter and at filter belongs together: enable or disable it at both, or with multiPoint'],
    ],
    [
      'profiles:\n- plugins: {queueSort: {disabled: [{name: "*"}]}, bind: {disabled: [{name: DefaultBinder}]}}\n',
      [
        's.yaml:4 profiles[0].plugins.queueSort: Invalid value: []: only one queue sort plugin required for profile with scheduler name "default-scheduler", but got 0',
        's.yaml:4 profiles[0].plugins.bind: Invalid value: []: at least one bind plugin is needed for profile with scheduler name "default-scheduler"',
      ],
    ],
    [
      "profiles:\n- plugins: {preEnqueue: {disabled: [{name: SchedulingGates}]}}\n",
      ['s.yaml:4 profiles[0].plugins.preEnqueue: Invalid value: "SchedulingGates": pods with scheduling gates always wait: it cannot be disabled'],
    ],
    ["extenders:\n- urlPrefix: http://x\n", ["s.yaml:3 extenders: Invalid value: 1: cannot be asked: a decision waits for nobody over the network"]],
    [
      "profiles:\n- pluginConfig:\n  - name: NodePorts\n  - name: Mine\n  - name: Mine\n",
      [
        's.yaml:5 profiles[0].pluginConfig[0]: Invalid value: "NodePorts": takes no arguments',
        's.yaml:6 profiles[0].pluginConfig[1]: Invalid value: "Mine": does not exist',
        's.yaml:7 profiles[0].pluginConfig[2]: Duplicate value: "Mine"',
        's.yaml:7 profiles[0].pluginConfig[2]: Invalid value: "Mine": does not exist',
      ],
    ],
  ])("that cannot be is refused with file and line: %j", (text, expected) => {
    expect(refusalOf(text)).toEqual(expected);
  });

  test.each<[string, string, readonly string[]]>([
    [
      "NodeResourcesFit",
      "{scoringStrategy: {type: Best, resources: [{name: cpu, weight: 101}]}, ignoredResourceGroups: [a/b]}",
      [
        "ignoredResourceGroups[0]: Invalid value: \"a/b\": resource group name can't contain '/'",
        'scoringStrategy.type: Unsupported value: "Best": supported values: "LeastAllocated", "MostAllocated", "RequestedToCapacityRatio"',
        "scoringStrategy.resources[0].weight: Invalid value: 101: resource weight of cpu not in valid range (0, 100]",
      ],
    ],
    ["NodeResourcesFit", "{scoringStrategy: {type: RequestedToCapacityRatio}}", ["scoringStrategy.requestedToCapacityRatio: Required value: must be specified when type is RequestedToCapacityRatio"]],
    [
      "NodeResourcesFit",
      "{scoringStrategy: {type: MostAllocated, requestedToCapacityRatio: {shape: []}}}",
      ["scoringStrategy.requestedToCapacityRatio: Forbidden: must be nil when type is not RequestedToCapacityRatio"],
    ],
    [
      "NodeResourcesFit",
      "{scoringStrategy: {type: RequestedToCapacityRatio, requestedToCapacityRatio: {shape: [{utilization: 50, score: 11}, {utilization: 40, score: 1}]}}}",
      [
        "scoringStrategy.requestedToCapacityRatio.shape[1].utilization: Invalid value: 40: values must be sorted in increasing order",
        "scoringStrategy.requestedToCapacityRatio.shape[0].score: Invalid value: 11: not in valid range [0, 10]",
      ],
    ],
    ["NodeResourcesBalancedAllocation", "{resources: [{name: cpu, weight: 2}, {name: cpu}]}", ["resources[0].weight: Invalid value: 2: must be 1", 'resources[1].name: Duplicate value: "cpu"']],
    [
      "PodTopologySpread",
      "{defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}",
      ['defaultingType: Invalid value: "System": when .defaultConstraints are not empty'],
    ],
    [
      "PodTopologySpread",
      "{defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: Later, labelSelector: {}}]}",
      [
        'defaultConstraints[0].whenUnsatisfiable: Unsupported value: "Later": supported values: "DoNotSchedule", "ScheduleAnyway"',
        "defaultConstraints[0].labelSelector: Forbidden: constraint must not define a selector, as they deduced for each pod",
      ],
    ],
    ["PodTopologySpread", "{defaultingType: List, defaultConstraints: [{maxSkew: 1, topologiKey: zone}]}", ["defaultConstraints[0].topologiKey: is not known"]],
    ["InterPodAffinity", "{hardPodAffinityWeight: 101}", ["hardPodAffinityWeight: Invalid value: 101: not in valid range [0, 100]"]],
    [
      "DefaultPreemption",
      "{minCandidateNodesPercentage: 0, minCandidateNodesAbsolute: 0}",
      [
        "minCandidateNodesPercentage: Invalid value: 0: cannot be zero at the same time as minCandidateNodesAbsolute",
        "minCandidateNodesAbsolute: Invalid value: 0: cannot be zero at the same time as minCandidateNodesPercentage",
      ],
    ],
    ["VolumeBinding", "{bindTimeoutSeconds: -1}", ["bindTimeoutSeconds: Invalid value: -1: invalid BindTimeoutSeconds, should not be a negative value"]],
    ["DynamicResources", "{filterTimeout: 3s}", ['filterTimeout: Invalid value: "3s": must be 10s: it cannot be chosen here']],
    [
      "NodeAffinity",
      "{addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [{matchExpressions: [{key: disk, operator: Near}]}]}}}",
      [
        'addedAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].operator: Unsupported value: "Near": supported values: "In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"',
      ],
    ],
  ])("tells %s nothing that it cannot do: %s", (name, args, expected) => {
    expect(refusalOf(`profiles:\n- pluginConfig: [{name: ${name}, args: ${args}}]\n`)).toEqual(expected.map((line) => `s.yaml:4 profiles[0].pluginConfig[0].args.${line}`));
  });

  test("must be one, of that kind", () => {
    expect(refusalOf("", "kind: KubeSchedulerConfiguration\napiVersion: kubescheduler.config.k8s.io/v1beta3\n")).toEqual([
      "s.yaml:1 must be a KubeSchedulerConfiguration of kubescheduler.config.k8s.io/v1",
    ]);
    expect(refusalOf("a: 1\na: 2\n")).toEqual(["s.yaml:4 duplicated mapping key"]);
  });

  test("may say what changes nothing, which is told; what is wrong names the option", () => {
    expect(parse("parallelism: 4\nleaderElection: {leaderElect: false}\n").notices).toEqual([
      "s.yaml:3 parallelism changes nothing: one pod is decided about at a time, and its nodes one after the other",
      "s.yaml:4 leaderElection changes nothing: the scheduler runs where the controllers do, see --controllers",
    ]);
    const folder = mkdtempSync(path.join(os.tmpdir(), "scheduler-"));
    const file = path.join(folder, "s.yaml");
    writeFileSync(file, `${HEAD}podMaxBackoffSeconds: 30\n`);
    expect(setUpScheduling({ schedulerConfig: file }, silentLogger)?.maxBackoffMs).toBe(30_000);
    writeFileSync(file, `${HEAD}nosuch: 30\n`);
    expect(() => setUpScheduling({ schedulerConfig: file }, silentLogger)).toThrow(`--scheduler-config: ${file}:3 nosuch: is not known`);
    rmSync(folder, { recursive: true });
  });
});

describe("a profile", () => {
  const node = (name: string, allocatable: Record<string, string> = {}, labels: Record<string, string> = {}): NodeInfo =>
    nodeInfo({
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels: { "kubernetes.io/hostname": name, ...labels } },
      spec: {},
      status: { allocatable: { cpu: "4", memory: "8Gi", pods: "110", ...allocatable } },
    } as Node);
  const onNode = (info: NodeInfo, ...pods: readonly Pod[]): NodeInfo => nodeInfo(info.node, pods.map(podInfo));
  const pod = (name: string, requests: Record<string, string>, more: Partial<Pod["spec"]> = {}, metadata: Partial<Pod["metadata"]> = {}): Pod => ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name, namespace: "default", ...metadata },
    spec: { containers: [{ name: "c", image: "i", resources: { requests } }], ...more },
  });
  const decide = (text: string, wanted: Pod, nodes: readonly NodeInfo[]) => {
    const decision = schedulePod(podInfo(wanted), nodes, createProfile(settingsOf(text).profiles[0]), 0, new FilterCache());
    return decision.is === "fits" ? decision.nodeName : decision.message;
  };
  const only = (name: string, args = "{}") =>
    `profiles:\n- plugins: {preScore: {disabled: [{name: "*"}], enabled: [{name: ${name}}]}, score: {disabled: [{name: "*"}], enabled: [{name: ${name}}]}}\n  pluginConfig: [{name: ${name}, args: ${args}}]\n`;
  const full = onNode(node("full"), pod("a", { cpu: "2", memory: "4Gi" }));
  const empty = node("empty");

  test.each([
    ["LeastAllocated", "empty"],
    ["MostAllocated", "full"],
  ])("with %s prefers the %s node", (type, expected) => {
    expect(decide(only("NodeResourcesFit", `{scoringStrategy: {type: ${type}}}`), pod("p", { cpu: "1", memory: "1Gi" }), [empty, full])).toBe(expected);
    expect(decide(only("NodeResourcesFit", `{scoringStrategy: {type: ${type}}}`), pod("p", { cpu: "1", memory: "1Gi" }), [full, empty])).toBe(expected);
  });

  test.each([
    // A quarter is in use on the empty node with the pod, three quarters on the full one.
    ["[{utilization: 0, score: 0}, {utilization: 100, score: 10}]", "full"],
    ["[{utilization: 0, score: 10}, {utilization: 100, score: 0}]", "empty"],
    ["[{utilization: 20, score: 0}, {utilization: 30, score: 10}, {utilization: 70, score: 0}]", "empty"],
  ])("scores by a line: %s", (shape, expected) => {
    const text = only("NodeResourcesFit", `{scoringStrategy: {type: RequestedToCapacityRatio, resources: [{name: cpu}], requestedToCapacityRatio: {shape: ${shape}}}}`);
    expect(
      [
        [empty, full],
        [full, empty],
      ].map((nodes) => decide(text, pod("p", { cpu: "1" }), nodes)),
    ).toEqual([expected, expected]);
  });

  test("may weigh other resources, which count for those that ask for them", () => {
    const gpus = [node("two", { "example.com/gpu": "2" }), node("eight", { "example.com/gpu": "8" })];
    const text = only("NodeResourcesFit", "{scoringStrategy: {type: MostAllocated, resources: [{name: example.com/gpu, weight: 5}]}}");
    expect([gpus, [...gpus].reverse()].map((nodes) => decide(text, pod("p", { "example.com/gpu": "1" }), nodes))).toEqual(["two", "two"]);
    expect([gpus, [...gpus].reverse()].map((nodes) => decide(text, pod("p", { cpu: "1" }), nodes))).toEqual(["two", "eight"]);
  });

  test("leaves resources to others that it is told to ignore", () => {
    const wanted = pod("p", { "example.com/gpu": "1" });
    expect(decide("", wanted, [empty])).toBe("0/1 nodes are available: 1 Insufficient example.com/gpu.");
    expect(decide("profiles:\n- pluginConfig: [{name: NodeResourcesFit, args: {ignoredResources: [example.com/gpu]}}]\n", wanted, [empty])).toBe("empty");
    expect(decide("profiles:\n- pluginConfig: [{name: NodeResourcesFit, args: {ignoredResourceGroups: [example.com, cpu]}}]\n", wanted, [empty])).toBe("empty");
    expect(decide("profiles:\n- pluginConfig: [{name: NodeResourcesFit, args: {ignoredResources: [cpu]}}]\n", pod("p", { cpu: "9" }), [empty])).toBe("0/1 nodes are available: 1 Insufficient cpu.");
  });

  test("balances what it is told to", () => {
    // With three processors of four, and a device of one or of four.
    const nodes = [node("even", { "example.com/gpu": "4" }), node("odd", { "example.com/gpu": "100" })];
    const text = only("NodeResourcesBalancedAllocation", "{resources: [{name: cpu}, {name: example.com/gpu}]}");
    expect([nodes, [...nodes].reverse()].map((all) => decide(text, pod("p", { cpu: "3", "example.com/gpu": "3" }), all))).toEqual(["even", "even"]);
  });

  test("finds no balance better than another for pods that ask for nothing, and counts nothing that nobody asked for", () => {
    const crowd = onNode(node("crowd", { memory: "1Gi" }), ...[1, 2, 3].map((index) => pod(`idle-${index}`, {})));
    const nodes = [crowd, node("lone", { memory: "1Gi" })];
    const text = only("NodeResourcesBalancedAllocation", "{}");
    for (const wanted of [pod("p", {}), pod("p", { cpu: "1" })]) expect([nodes, [...nodes].reverse()].map((all) => decide(text, wanted, all))).toEqual(["crowd", "lone"]);
  });

  test("asks nodes for more than the pods do, and prefers some", () => {
    const nodes = [node("hdd"), node("ssd", {}, { disk: "ssd" })];
    const term = "{matchExpressions: [{key: disk, operator: In, values: [ssd]}]}";
    expect(
      decide(
        `profiles:\n- pluginConfig: [{name: NodeAffinity, args: {addedAffinity: {requiredDuringSchedulingIgnoredDuringExecution: {nodeSelectorTerms: [${term}]}}}}]\n`,
        pod("p", {}),
        nodes.slice(0, 1),
      ),
    ).toBe("0/1 nodes are available: 1 node(s) didn't match scheduler-enforced node affinity.");
    expect(decide(only("NodeAffinity", `{addedAffinity: {preferredDuringSchedulingIgnoredDuringExecution: [{weight: 1, preference: ${term}}]}}`), pod("p", {}), nodes)).toBe("ssd");
  });

  test("spreads pods that do not say themselves, as strictly as it is told", () => {
    const owned = { labels: { app: "web" }, ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "web", uid: "u" }] };
    const taken = onNode(node("a", {}, { zone: "z1" }), pod("web-1", {}, {}, owned));
    const text = "profiles:\n- pluginConfig: [{name: PodTopologySpread, args: {defaultingType: List, defaultConstraints: [{maxSkew: 1, topologyKey: zone, whenUnsatisfiable: DoNotSchedule}]}}]\n";
    const nodes = [taken, node("none")];
    expect(decide(text, pod("web-2", {}, {}, owned), nodes)).toBe("a");
    expect(decide(text, pod("web-2", { cpu: "1" }, {}, owned), [onNode(taken, ...taken.pods.map((info) => info.pod), pod("web-3", {}, {}, owned)), node("b", { cpu: "0" }, { zone: "z2" })])).toMatch(
      /didn't match pod topology spread constraints/,
    );
    expect(decide("profiles:\n- pluginConfig: [{name: PodTopologySpread, args: {defaultingType: List}}]\n", pod("web-2", {}, {}, owned), [taken])).toBe("a");
  });

  test("counts the company that placed pods require as much as it is told", () => {
    const sociable = pod(
      "sociable",
      {},
      { affinity: { podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "web" } } }] } } },
    );
    const shy = pod(
      "shy",
      {},
      {
        affinity: {
          podAntiAffinity: {
            preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: { topologyKey: "kubernetes.io/hostname", labelSelector: { matchLabels: { app: "web" } } } }],
          },
        },
      },
    );
    const nodes = [node("empty"), onNode(node("company"), sociable)];
    const web = pod("web", {}, {}, { labels: { app: "web" } });
    expect([1, 0].map((weight) => decide(only("InterPodAffinity", `{hardPodAffinityWeight: ${weight}}`), web, nodes))).toEqual(["company", "empty"]);
    const avoided = [onNode(node("shy"), shy), node("empty")];
    expect([false, true].map((ignores) => decide(only("InterPodAffinity", `{ignorePreferredTermsOfExistingPods: ${ignores}}`), web, avoided))).toEqual(["empty", "shy"]);
  });

  test("without a filter does not look at what that would refuse", () => {
    const port = { containers: [{ name: "c", image: "i", ports: [{ containerPort: 80, hostPort: 80 }] }] };
    const nodes = [onNode(node("taken"), pod("a", {}, port))];
    expect([decide("", pod("p", {}, port), nodes), decide("profiles:\n- plugins: {multiPoint: {disabled: [{name: NodePorts}]}}\n", pod("p", {}, port), nodes)]).toEqual([
      "0/1 nodes are available: 1 node(s) didn't have free ports for the requested pod ports.",
      "taken",
    ]);
  });

  test("is what plans foretell by, for the pods that name it", () => {
    const settings = settingsOf(`profiles:\n- {schedulerName: default-scheduler}\n- schedulerName: packing\n  pluginConfig: [{name: NodeResourcesFit, args: {ignoredResources: [example.com/gpu]}}]\n`);
    const planned = (schedulerName?: string) => [{ workload: "w", count: 1, pod: pod("p", { "example.com/gpu": "1" }, schedulerName === undefined ? {} : { schedulerName }) }];
    expect([undefined, "packing"].map((name) => forecastPods([empty.node], [], planned(name), [], undefined, settings)[0]?.fits)).toEqual([0, 1]);
  });
});
