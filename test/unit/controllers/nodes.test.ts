import { describe, expect, test } from "vitest";
import { planNodeHealth } from "../../../engine/controllers/nodes/node-health.ts";
import { planNodeIpam } from "../../../engine/controllers/nodes/node-ipam.ts";
import { parsePodRanges } from "../../../engine/controllers/nodes/pod-ranges.ts";
import { computeNodeTaints, planNodeTaints } from "../../../engine/controllers/nodes/node-taints.ts";
import { computeZones, EvictionTurns, evictionRate, isDisrupted } from "../../../engine/controllers/nodes/node-zones.ts";
import { evictionDelayMs, planTaintEviction, TaintTimes } from "../../../engine/controllers/nodes/taint-eviction.ts";
import { DEFAULT_TIMINGS } from "../../../engine/controllers/timings.ts";
import type { Node, Taint, Toleration } from "../../../engine/resources/types.ts";
import { aNode, aPod, at, START } from "../../kit/objects.ts";

const unreachable = (effect: string, added?: number): Taint => ({ key: "node.kubernetes.io/unreachable", effect, ...(added === undefined ? {} : { timeAdded: at(added) }) });
const keys = (taints: readonly Taint[]) => taints.map(({ key, effect }) => `${key.replace("node.kubernetes.io/", "")}:${effect}`);

describe("a node's health", () => {
  const ready = aNode("n1", { ready: "True" });
  test("is not touched within the grace period", () => {
    expect(planNodeHealth({ node: ready, silentMs: 50_000, readyPods: [] }, DEFAULT_TIMINGS, START)).toEqual([{ do: "wait", forMs: 5_000 }]);
  });
  test("is told of when the node is first heard of", () => {
    expect(planNodeHealth({ node: ready, silentMs: 0, isNew: true, readyPods: [] }, DEFAULT_TIMINGS, START)).toEqual([
      { do: "wait", forMs: 5_000 },
      expect.objectContaining({ do: "event", content: { type: "Normal", reason: "RegisteredNode", message: "Node n1 event: Registered Node n1 in Controller" } }),
    ]);
  });
  test("is Unknown after it, with everything the agent reported, and its pods are not ready", () => {
    const actions = planNodeHealth({ node: ready, silentMs: 50_001, readyPods: [aPod("web", { readyAt: 1 })] }, DEFAULT_TIMINGS, START);
    expect(actions).toContainEqual(
      expect.objectContaining({
        do: "update",
        subresource: "status",
        object: expect.objectContaining({ status: { conditions: ["Ready", "MemoryPressure", "DiskPressure", "PIDPressure"].map((type) => expect.objectContaining({ type, status: "Unknown" })) } }),
      }),
    );
    expect(actions).toContainEqual(expect.objectContaining({ do: "event", content: expect.objectContaining({ reason: "NodeNotReady" }) }));
    expect(actions.at(-1)).toMatchObject({
      do: "together",
      actions: [{ do: "inOrder", actions: [{ do: "patch", subresource: "status", patch: { status: { conditions: [{ type: "Ready", status: "False" }] } } }, { do: "event" }] }],
    });
  });
  test("of a node that never reported has the longer grace of a start", () => {
    expect(planNodeHealth({ node: aNode("n1"), silentMs: 60_000, readyPods: [] }, DEFAULT_TIMINGS, START)).toHaveLength(1);
    expect(planNodeHealth({ node: aNode("n1"), silentMs: 60_001, readyPods: [] }, DEFAULT_TIMINGS, START)[1]).toMatchObject({
      do: "update",
      object: { status: { conditions: expect.arrayContaining([expect.objectContaining({ type: "Ready", reason: "NodeStatusNeverUpdated" })]) } },
    });
  });
  test("that is Unknown already is not written again", () => {
    const conditions = ["MemoryPressure", "DiskPressure", "PIDPressure"].map((type) => ({ type, status: "Unknown" }));
    const actions = planNodeHealth({ node: aNode("n1", { ready: "Unknown", conditions }), silentMs: 99_000, readyPods: [] }, DEFAULT_TIMINGS, START);
    expect(actions.filter(({ do: kind }) => kind === "update" || kind === "event")).toEqual([]);
  });
});

describe("a node's taints", () => {
  const pressure = (type: string) => ({ conditions: [{ type, status: "True" }] });
  test.each([
    ["none when it is ready", aNode("n", { ready: "True" }), "granted", []],
    ["not-ready before it ever reported, and nothing leaves", aNode("n"), "granted", ["not-ready:NoSchedule"]],
    ["not-ready when it says so", aNode("n", { ready: "False" }), "granted", ["not-ready:NoSchedule", "not-ready:NoExecute"]],
    ["unreachable when it is silent", aNode("n", { ready: "Unknown" }), "granted", ["unreachable:NoSchedule", "unreachable:NoExecute"]],
    ["only NoSchedule before its turn", aNode("n", { ready: "Unknown" }), "later", ["unreachable:NoSchedule"]],
    ["only NoSchedule when everything is down", aNode("n", { ready: "Unknown", taints: [unreachable("NoExecute", 1)] }), "lifted", ["unreachable:NoSchedule"]],
    ["one for each pressure", aNode("n", { ready: "True", ...pressure("MemoryPressure") }), "granted", ["memory-pressure:NoSchedule"]],
    ["unschedulable when it is cordoned", aNode("n", { ready: "True", spec: { unschedulable: true } }), "granted", ["unschedulable:NoSchedule"]],
    ["those of others first", aNode("n", { ready: "True", taints: [{ key: "gpu", effect: "NoSchedule" }, unreachable("NoExecute", 1)] }), "granted", ["gpu:NoSchedule"]],
  ] as const)("are %s", (_name, node, eviction, taints) => {
    expect(keys(computeNodeTaints(node, eviction, START))).toEqual(taints);
  });
  test("keep the time they began at, and nothing is written when they stay", () => {
    const node = aNode("n", { ready: "Unknown", taints: [unreachable("NoSchedule"), unreachable("NoExecute", 7)] });
    expect(planNodeTaints({ node, eviction: { is: "granted" } }, START + 60_000)).toEqual([]);
  });
  test("are looked at again when the node's turn comes", () => {
    expect(planNodeTaints({ node: aNode("n", { ready: "Unknown" }), eviction: { is: "later", afterMs: 4_000 } }, START)[0]).toEqual({ do: "wait", forMs: 4_000 });
  });
});

describe("zones", () => {
  const zone = (name: string, ready: number, down: number) => [
    ...Array.from({ length: ready }, (_u, i) => aNode(`${name}r${i}`, { ready: "True", labels: { "topology.kubernetes.io/zone": name } })),
    ...Array.from({ length: down }, (_u, i) => aNode(`${name}d${i}`, { ready: "Unknown", labels: { "topology.kubernetes.io/zone": name } })),
  ];
  test.each([
    [1, 1, "normal"],
    [0, 1, "full"],
    [5, 2, "normal"],
    [2, 3, "partial"],
    [3, 3, "normal"],
  ] as const)("with %i nodes ready and %i down are %s", (ready, down, state) => {
    expect(computeZones(zone("a", ready, down), DEFAULT_TIMINGS).get(":a")?.is).toBe(state);
  });
  test("that are all down stop everything; one of two does not", () => {
    expect(isDisrupted(computeZones([...zone("a", 0, 2), ...zone("b", 0, 1)], DEFAULT_TIMINGS))).toBe(true);
    expect(isDisrupted(computeZones([...zone("a", 0, 2), ...zone("b", 1, 0)], DEFAULT_TIMINGS))).toBe(false);
  });
  test("that are partly down evict slowly when large and not at all when small", () => {
    expect(
      [{ is: "normal", size: 5 } as const, { is: "full", size: 5 } as const, { is: "partial", size: 51 } as const, { is: "partial", size: 50 } as const].map((state) =>
        evictionRate(state, DEFAULT_TIMINGS),
      ),
    ).toEqual([0.1, 0.1, 0.01, 0]);
  });
  test("take turns one at a time", () => {
    const turns = new EvictionTurns();
    expect([turns.take("a", 0.1, 0), turns.take("a", 0.1, 4_000), turns.take("b", 0.1, 4_000), turns.take("a", 0.1, 10_000)]).toEqual([0, 6_000, 0, 0]);
  });
});

describe("eviction", () => {
  const tolerating = (...tolerations: Toleration[]) => aPod("p", { spec: { tolerations } });
  const seconds = (tolerationSeconds?: number): Toleration => ({
    key: "node.kubernetes.io/unreachable",
    operator: "Exists",
    effect: "NoExecute",
    ...(tolerationSeconds === undefined ? {} : { tolerationSeconds }),
  });
  const taints = [unreachable("NoExecute", 100)];
  test.each([
    ["at once without a toleration", tolerating(), 0],
    ["never with one without a limit", tolerating(seconds()), undefined],
    ["after its time from when the taint came", tolerating(seconds(300)), 290_000],
    ["at once when its time has passed", tolerating(seconds(5)), 0],
    ["never with a toleration of everything", tolerating({ operator: "Exists" }), undefined],
    ["at once with a toleration of another effect", tolerating({ ...seconds(300), effect: "NoSchedule" }), 0],
  ])("comes %s", (_name, pod, delay) => expect(evictionDelayMs(pod, taints, START + 110_000)).toBe(delay));
  test("of a pod that came after the taint counts from its coming", () => {
    expect(evictionDelayMs(aPod("p", { createdAt: 1_000, spec: { tolerations: [seconds(300)] } }), taints, START + 1_010_000)).toBe(290_000);
  });
  test("counts from when a taint was first seen, where nobody says when it came, and again when it comes back", () => {
    const times = new TaintTimes();
    const byHand = (value: string) => aNode("n", { taints: [{ key: "node.kubernetes.io/unreachable", value, effect: "NoExecute" }] });
    const delay = (node: Node, at: number) => evictionDelayMs(tolerating({ ...seconds(4), operator: "Exists" }), times.timed(node, START + at), START + at);
    expect([
      delay(byHand(""), 10_000),
      delay(byHand(""), 13_000),
      delay(byHand(""), 14_000),
      delay(byHand("new"), 15_000),
      delay(aNode("n", { taints: [] }), 16_000),
      delay(byHand("new"), 20_000),
    ]).toEqual([4_000, 1_000, 0, 4_000, undefined, 4_000]);
  });
  test("does not ask for taints that only keep pods away", () => {
    expect(evictionDelayMs(aPod("p"), [unreachable("NoSchedule")], START)).toBeUndefined();
  });
  test("says in the pod's status why, tells it, deletes, and comes back for the next pod", () => {
    const actions = planTaintEviction({ taints, pods: [aPod("a"), aPod("b", { spec: { tolerations: [seconds(300)] } }), aPod("c", { deletedAt: 1 })] }, START + 110_000);
    expect(actions[0]).toEqual({ do: "wait", forMs: 290_000 });
    expect(actions[1]).toMatchObject({
      do: "together",
      actions: [
        {
          actions: [
            { do: "patch", patch: { status: { conditions: [{ type: "DisruptionTarget", reason: "DeletionByTaintManager" }] } } },
            { do: "event" },
            { do: "delete", object: { metadata: { name: "a" } } },
          ],
        },
      ],
    });
  });
});

describe("a node's ranges", () => {
  const chosen = (cidrs: string, taken: readonly string[], prefixes = {}) => {
    const [action] = planNodeIpam({ nodes: [aNode("n1")], podRanges: parsePodRanges(cidrs, prefixes), taken });
    return action?.do === "patch" ? (action.patch as { readonly spec: object }).spec : action?.do;
  };
  const spec = (...podCIDRs: string[]) => ({ podCIDR: podCIDRs[0], podCIDRs });
  test.each([
    ["are the first that nobody has", "10.42.0.0/16", ["10.42.0.0/24", "10.42.2.0/24"], spec("10.42.1.0/24")],
    ["are one of each family, in the cluster's order", "10.42.0.0/16,fd00:42::/56", [], spec("10.42.0.0/24", "fd00:42::/64")],
    ["need not have the same place in both", "fd00:42::/56,10.42.0.0/16", ["fd00:42::/64", "fd00:42:0:1::/64"], spec("fd00:42:0:2::/64", "10.42.0.0/24")],
    ["keep off ranges of another size", "10.42.0.0/16", ["10.42.0.0/23", "10.42.2.128/25"], spec("10.42.3.0/24")],
    ["are none of the other family's", "10.42.0.0/23", ["fd00:42::/64"], spec("10.42.0.0/24")],
    ["end, which people are told", "10.42.0.0/16,fd00:42::/63", ["fd00:42::/64", "fd00:42:0:1::/64"], "event"],
  ])("%s", (_what, cidrs, taken, expected) => {
    expect(chosen(cidrs, taken)).toEqual(expected);
  });

  test("of several nodes are all different, and those that come when nothing is left are told so", () => {
    const actions = planNodeIpam({ nodes: ["n1", "n2", "n3"].map((name) => aNode(name)), podRanges: parsePodRanges("10.42.0.0/22"), taken: ["10.42.1.0/24", "10.42.3.0/24"] });
    expect(actions.map((action) => (action.do === "patch" ? (action.patch as { readonly spec: object }).spec : action.do))).toEqual([spec("10.42.0.0/24"), spec("10.42.2.0/24"), "event"]);
  });

  test("have the prefixes that the operator chose", () => {
    expect(chosen("10.42.0.0/16,fd00:42::/48", ["10.42.0.0/25"], { IPv4: 25, IPv6: 60 })).toEqual(spec("10.42.0.128/25", "fd00:42::/60"));
  });

  test.each([
    ["10.42.0.0/26", {}, "a node's /24 does not fit into 10.42.0.0/26"],
    ["fd00:42::/40", {}, "fd00:42::/40 has more than 2^16 parts of /64"],
    ["10.42.0.0/16,10.43.0.0/16", {}, "two of them must be of different families"],
    ["10.42.0.0", {}, "must be a range of addresses"],
  ])("cannot come from %s", (cidrs, prefixes, why) => {
    expect(() => parsePodRanges(cidrs, prefixes)).toThrow(why);
  });
});
