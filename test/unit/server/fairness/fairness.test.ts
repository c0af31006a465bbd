import { describe, expect, it } from "vitest";
import type { UserInfo } from "../../../../engine/apimachinery/api-request.ts";
import { seededRandom } from "../../../../engine/lib/random.ts";
import { MetricsRegistry } from "../../../../engine/lib/metrics.ts";
import { flowSchemaResource } from "../../../../engine/resources/flowcontrol/flow-schema.ts";
import { MANDATORY_LEVELS, SUGGESTED_LEVELS, SUGGESTED_SCHEMAS } from "../../../../engine/resources/flowcontrol/suggested.ts";
import type { FlowSchema, PriorityLevelConfiguration } from "../../../../engine/resources/types.ts";
import { dumpPage } from "../../../../engine/server/fairness/dump.ts";
import { Fairness, TooManyRequests, type Ticket } from "../../../../engine/server/fairness/fairness.ts";
import { distinguish, matchesSchema, sortSchemas, type RequestDigest } from "../../../../engine/server/fairness/flow-matching.ts";
import { computeBorrowing, shareOut, type Borrower } from "../../../../engine/server/fairness/borrowing.ts";
import { computeLimits } from "../../../../engine/server/fairness/limits.ts";
import { SeatDemand } from "../../../../engine/server/fairness/seat-demand.ts";
import { listWidth } from "../../../../engine/server/fairness/list-width.ts";
import { MaxInFlight } from "../../../../engine/server/fairness/max-in-flight.ts";
import { dangling, ensureFlowControl, RecentWrites } from "../../../../engine/server/fairness/maintain-flow-control.ts";
import { dealHand, hashFlow } from "../../../../engine/server/fairness/shuffle-sharding.ts";
import { startTestApi } from "../../../kit/test-api.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const apiVersion = "flowcontrol.apiserver.k8s.io/v1";
const schemaOf = ([name, spec]: [string, FlowSchema["spec"]]): FlowSchema => ({ apiVersion, kind: "FlowSchema", metadata: { name, uid: `schema-${name}` }, ...(spec === undefined ? {} : { spec }) });
const levelOf = ([name, spec]: [string, PriorityLevelConfiguration["spec"]]): PriorityLevelConfiguration => ({
  apiVersion,
  kind: "PriorityLevelConfiguration",
  metadata: { name, uid: `level-${name}` },
  ...(spec === undefined ? {} : { spec }),
});
const schemas = Object.entries(SUGGESTED_SCHEMAS).map(schemaOf);
const levels = Object.entries({ ...MANDATORY_LEVELS, ...SUGGESTED_LEVELS }).map(levelOf);

const user = (username: string, ...groups: string[]): UserInfo => ({ username, groups: [...groups, "system:authenticated"] });
const asks = (who: UserInfo, more: object = {}): RequestDigest => ({ is: "resource", user: who, verb: "list", group: "", resource: "pods", namespace: "shop", ...more });
const schemaFor = (digest: RequestDigest) => sortSchemas(schemas).find((schema) => matchesSchema(schema, digest))?.metadata.name;

describe("a request belongs to the first schema that matches it", () => {
  it.each<[string, RequestDigest, string]>([
    ["a node's heartbeat", asks(user("system:node:n1", "system:nodes"), { verb: "update", group: "coordination.k8s.io", resource: "leases", namespace: "kube-node-lease" }), "system-node-high"],
    ["a node's status", asks(user("system:node:n1", "system:nodes"), { verb: "patch", resource: "nodes", subresource: "status", namespace: "" }), "system-node-high"],
    ["a node's pods", asks(user("system:node:n1", "system:nodes")), "system-nodes"],
    ["an election", asks(user("system:kube-scheduler"), { verb: "update", group: "coordination.k8s.io", resource: "leases", namespace: "kube-system" }), "system-leader-election"],
    ["a system's service account", asks(user("system:serviceaccount:kube-system:coredns", "system:serviceaccounts")), "kube-system-service-accounts"],
    ["any service account", asks(user("system:serviceaccount:shop:web", "system:serviceaccounts")), "service-accounts"],
    ["anybody", asks(user("ada")), "global-default"],
    ["a probe", { is: "path", user: { username: "system:anonymous", groups: ["system:unauthenticated"] }, verb: "get", path: "/readyz" }, "probes"],
    ["a part of a probe", { is: "path", user: user("ada"), verb: "get", path: "/readyz/etcd" }, "probes"],
    ["a page that is no probe", { is: "path", user: user("ada"), verb: "get", path: "/metrics" }, "global-default"],
  ])("%s", (_what, digest, expected) => {
    expect(schemaFor(digest)).toBe(expected);
  });

  it("and to the flow of its user or namespace, as the schema says", () => {
    const by = (type: string) => distinguish(schemaOf(["s", { priorityLevelConfiguration: { name: "l" }, distinguisherMethod: { type } }]), asks(user("ada")));
    expect([by("ByUser"), by("ByNamespace")]).toEqual(["ada", "shop"]);
  });
});

describe("a hand of queues", () => {
  it("has as many different ones as are dealt, the same for a flow every time", () => {
    for (const flow of ["ada", "bob", "eve"]) {
      const hand = dealHand(hashFlow("global-default", flow), 128, 6);
      expect(new Set(hand).size).toBe(6);
      expect(hand.every((queue) => queue >= 0 && queue < 128)).toBe(true);
      expect(dealHand(hashFlow("global-default", flow), 128, 6)).toEqual(hand);
    }
  });

  it("deals every card about as often as any other", () => {
    const counts = new Array<number>(16).fill(0);
    for (let flow = 0; flow < 4_000; flow++) for (const queue of dealHand(hashFlow("s", String(flow)), 16, 4)) counts[queue] = (counts[queue] ?? 0) + 1;
    expect(Math.min(...counts)).toBeGreaterThan(850);
    expect(Math.max(...counts)).toBeLessThan(1_150);
  });

  it("is never quite the same for two of a hundred flows", () => {
    const hands = Array.from({ length: 100 }, (_, flow) => [...dealHand(hashFlow("s", `user-${flow}`), 128, 6)].sort((a, b) => a - b).join());
    expect(new Set(hands).size).toBe(100);
  });
});

describe("limits", () => {
  it("are shares of all seats, of which a part may be lent", () => {
    const limits = computeLimits(new Map(Object.entries({ ...MANDATORY_LEVELS, ...SUGGESTED_LEVELS })), 600);
    expect(Object.fromEntries(limits)).toMatchObject({
      "workload-low": { nominal: 245, lower: 24, upper: 600 },
      "node-high": { nominal: 98, lower: 73 },
      "catch-all": { nominal: 13, lower: 13 },
      exempt: { nominal: 0 },
    });
  });

  const level = (name: string, high: number, more: Partial<Borrower["limits"]> & { readonly smoothed?: number; readonly isExempt?: boolean } = {}): Borrower => {
    const { smoothed = high, isExempt = false, ...limits } = more;
    return { name, isExempt, high, smoothed, limits: { nominal: 10, lower: 5, upper: 30, ...limits } };
  };
  const shared = (...levels: readonly Borrower[]) => Object.fromEntries(computeBorrowing(levels).current);
  it.each<[string, readonly Borrower[], Record<string, number>]>([
    ["go to who asked for them, but for what others never lend", [level("a", 100), level("b", 0), level("c", 0, { lower: 10 })], { a: 15, b: 5, c: 10 }],
    ["stay with who needed them", [level("a", 100), level("b", 8), level("c", 10)], { a: 12, b: 8, c: 10 }],
    ["are never more than a level may borrow", [level("a", 100, { upper: 12 }), level("b", 4), level("c", 4)], { a: 12, b: 9, c: 9 }],
    ["are shared by what levels asked for lately", [level("a", 0, { smoothed: 20 }), level("b", 0, { smoothed: 10 })], { a: 13, b: 7 }],
    ["are fewer for all when exempt requests have taken many", [level("x", 24, { isExempt: true, nominal: 10, lower: 0 }), level("a", 10), level("b", 10)], { x: 24, a: 5, b: 5 }],
    ["are what is needed as far as exempt requests leave that", [level("x", 15, { isExempt: true, nominal: 10, lower: 0 }), level("a", 10), level("b", 10)], { x: 15, a: 8, b: 8 }],
  ])("%s", (_what, levels, expected) => expect(shared(...levels)).toEqual(expected));

  it("sum up to all there is, whatever the bounds, and give equal parts where none is met", () => {
    const random = seededRandom(5);
    for (let round = 0; round < 200; round++) {
      const claims = Array.from({ length: 1 + Math.floor(random.next() * 6) }, () => {
        const lower = Math.floor(random.next() * 10);
        return { lower, upper: lower + Math.floor(random.next() * 20), target: lower + random.next() * 20 };
      });
      const [least, most] = [claims.reduce((sum, { lower }) => sum + lower, 0), claims.reduce((sum, { upper }) => sum + upper, 0)];
      const total = least + random.next() * (most - least);
      const { seats, fraction } = shareOut(total, claims);
      expect(seats.reduce((sum, each) => sum + each, 0)).toBeCloseTo(total, 6);
      for (const [index, { lower, upper, target }] of claims.entries()) expect(seats[index]).toBeCloseTo(Math.min(upper, Math.max(lower, fraction * Math.max(target, 0.001))), 6);
    }
  });

  it("follow demand by its average and its swings, forgetting slowly what it was", () => {
    const demand = new SeatDemand(0);
    demand.change(10, 0);
    demand.change(-10, 5_000);
    expect(demand.look(10_000)).toEqual({ high: 10, average: 5, deviation: 5 });
    expect(demand.smoothed).toBe(10);
    expect(demand.look(20_000)).toEqual({ high: 0, average: 0, deviation: 0 });
    expect(demand.smoothed).toBeCloseTo(9.77);
  });

  it.each([
    [50, 0, false, 1],
    [450, 0, false, 5],
    [50_000, 0, false, 10],
    [50_000, 500, false, 5],
    [50_000, 500, true, 10],
  ])("count a list among %d objects by pages of %d (selective: %s) as %d seats", (stored, limit, isSelective, expected) => {
    expect(listWidth({ stored, limit, isSelective })).toBe(expected);
  });
});

/** A server with few seats, one level of them, and who was started in which order. */
function smallServer(seats: number, queuing: object = { queues: 8, handSize: 2, queueLengthLimit: 4 }) {
  const clock = new VirtualClock();
  const metrics = new MetricsRegistry();
  const fairness = new Fairness({ clock, metrics, seats });
  const everybody = [{ subjects: [{ kind: "Group", group: { name: "*" } }], resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"] }] }];
  const configure = (queues: object = queuing) =>
    fairness.configure(
      [schemaOf(["all", { priorityLevelConfiguration: { name: "few" }, matchingPrecedence: 5, distinguisherMethod: { type: "ByUser" }, rules: everybody }])],
      [levelOf(["few", { type: "Limited", limited: { nominalConcurrencyShares: 1000, borrowingLimitPercent: 0, limitResponse: { type: "Queue", queuing: queues } } }])],
    );
  configure();
  const started: string[] = [];
  const tickets = new Map<string, Ticket>();
  const refused: string[] = [];
  const ask = (name: string, who: string, width = 1, signal = new AbortController().signal) =>
    void fairness.enter(asks(user(who)), width, signal).then(
      (ticket) => (started.push(name), tickets.set(name, ticket)),
      (error: unknown) => refused.push(`${name} ${error instanceof TooManyRequests ? error.reason : String(error)}`),
    );
  const leave = async (name: string) => {
    tickets.get(name)?.leave();
    await clock.settle();
  };
  return { fairness, clock, metrics, configure, started, refused, ask, leave };
}

describe("requests", () => {
  it("wait for a seat and are served in turn by flow, so that a greedy one does not come before everybody else", async () => {
    const { clock, ask, leave, started, refused } = smallServer(1);
    for (let i = 0; i < 8; i++) ask(`greedy-${i}`, "greedy");
    ask("modest", "modest");
    await clock.settle();
    expect(started).toEqual(["greedy-0"]);
    for (let served = 0; served < 3; served++) await leave(started[served] ?? "");
    // One of each of the two queues that the greedy one has may go before.
    expect(started).toHaveLength(4);
    expect(started).toContain("modest");
    expect(refused).toEqual([]);
  });

  it("are sent away when all queues of their flow are full, and others are not", async () => {
    const { clock, ask, started, refused, metrics } = smallServer(1);
    for (let i = 0; i < 12; i++) ask(`greedy-${i}`, "greedy");
    ask("modest", "someone else");
    await clock.settle();
    expect(started).toEqual(["greedy-0"]);
    expect(refused).toEqual(["greedy-9 queue-full", "greedy-10 queue-full", "greedy-11 queue-full"]);
    expect(metrics.render()).toContain('apiserver_flowcontrol_rejected_requests_total{flow_schema="all",priority_level="few",reason="queue-full"} 3');
  });

  it("wait for no longer than a quarter of a minute, and not for clients that have gone", async () => {
    const { clock, ask, refused, fairness } = smallServer(1);
    const gone = new AbortController();
    ask("first", "a");
    ask("second", "a");
    ask("third", "b", 1, gone.signal);
    gone.abort();
    await clock.advance(15_000);
    expect(refused).toEqual(["third cancelled", "second time-out"]);
    expect(fairness.levels.find(({ name }) => name === "few")?.queues.length).toBe(0);
  });

  it("take as many seats as they are wide, and one that is wider than its level runs alone", async () => {
    const { clock, ask, leave, started } = smallServer(4);
    ask("wide", "a", 10);
    ask("narrow", "b", 1);
    await clock.settle();
    expect(started).toEqual(["wide"]);
    await leave("wide");
    expect(started).toEqual(["wide", "narrow"]);
  });

  it("keep waiting when the queues are laid out anew", async () => {
    const { clock, ask, leave, started, configure, refused } = smallServer(1);
    for (const name of ["a", "b", "c"]) ask(name, name);
    await clock.settle();
    configure({ queues: 3, handSize: 1, queueLengthLimit: 9 });
    await leave("a");
    await leave(started[1] ?? "");
    expect([...started].sort()).toEqual(["a", "b", "c"]);
    expect(refused).toEqual([]);
  });

  it("of administrators never wait, and every answer names schema and level", async () => {
    const { fairness, ask, clock } = smallServer(1);
    ask("busy", "a");
    await clock.settle();
    const signal = new AbortController().signal;
    await fairness.enter(asks(user("root", "system:masters")), 1, signal);
    const { headers } = await fairness.enter(asks(user("root", "system:masters")), 1, signal);
    expect(headers).toEqual({ "x-kubernetes-pf-flowschema-uid": "", "x-kubernetes-pf-prioritylevel-uid": "" });
    fairness.configure(schemas, levels);
    expect((await fairness.enter(asks(user("ada")), 1, signal)).headers).toEqual({
      "x-kubernetes-pf-flowschema-uid": "schema-global-default",
      "x-kubernetes-pf-prioritylevel-uid": "level-global-default",
    });
  });

  it("are shown where somebody wants to know what waits", async () => {
    const { fairness, ask, clock } = smallServer(1);
    ask("runs", "a");
    ask("waits", "b");
    await clock.settle();
    expect(dumpPage(fairness, "dump_requests")).toMatch(/few, all, \d, 0, b, 1, /);
    expect(dumpPage(fairness, "dump_priority_levels")).toContain("few, 1, false, false, 1, 1, 1, 1, 1, ");
    expect(dumpPage(fairness, "dump_nothing")).toBeUndefined();
  });

  it("have a plain bound where fairness is off, reading and writing apart", async () => {
    const order = new MaxInFlight(1, 1);
    const first = await order.enter(asks(user("a")));
    await expect(order.enter(asks(user("b")))).rejects.toThrow("Too many requests");
    await order.enter(asks(user("b"), { verb: "create" }));
    first.leave();
    first.leave();
    await order.enter(asks(user("b")));
    await expect(order.enter(asks(user("c")))).rejects.toThrow("Too many requests");
  });
});

it("a level borrows at the next look what others do not use, and gives it back when they ask for it", async () => {
  const clock = new VirtualClock();
  const fairness = new Fairness({ clock, metrics: new MetricsRegistry(), seats: 20 });
  const of = (name: string) => ({
    priorityLevelConfiguration: { name },
    matchingPrecedence: 5,
    distinguisherMethod: { type: "ByUser" },
    rules: [{ subjects: [{ kind: "User", user: { name } }], resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"] }] }],
  });
  const limited = { type: "Limited", limited: { nominalConcurrencyShares: 1000, lendablePercent: 50, limitResponse: { type: "Queue", queuing: { queues: 1, handSize: 1, queueLengthLimit: 50 } } } };
  fairness.configure([schemaOf(["busy", of("busy")]), schemaOf(["idle", of("idle")])], [levelOf(["busy", limited]), levelOf(["idle", limited])]);
  const running = new AbortController();
  const ended = fairness.run(running.signal);
  const inUse = (name: string) => fairness.levels.find((level) => level.name === name)?.inUse;
  const limit = (name: string) => fairness.levels.find((level) => level.name === name)?.current;
  const ask = (who: string) => void fairness.enter(asks(user(who)), 1, running.signal).catch(() => {});
  for (let i = 0; i < 20; i++) ask("busy");
  await clock.settle();
  const before = inUse("busy") ?? 0;
  expect(before).toBeLessThan(14);
  await clock.advance(10_000);
  expect(inUse("busy")).toBe(15);
  for (let i = 0; i < 10; i++) ask("idle");
  await clock.settle();
  expect(inUse("idle")).toBe(5);
  await clock.advance(10_000);
  expect([inUse("idle"), limit("idle"), limit("busy")]).toEqual([10, 10, 10]);
  running.abort();
  await ended;
});

it("a level of one seat serves one request in each turn of the event loop, however little it takes: nobody waits for all of a greedy client's", async () => {
  const fairness = new Fairness({ clock: new VirtualClock(), metrics: new MetricsRegistry(), seats: 2 });
  const of = (name: string) => ({
    priorityLevelConfiguration: { name },
    matchingPrecedence: 5,
    distinguisherMethod: { type: "ByUser" },
    rules: [{ subjects: [{ kind: "User", user: { name } }], resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"] }] }],
  });
  const limited = {
    type: "Limited",
    limited: { nominalConcurrencyShares: 1000, borrowingLimitPercent: 0, limitResponse: { type: "Queue", queuing: { queues: 1, handSize: 1, queueLengthLimit: 50 } } },
  };
  fairness.configure([schemaOf(["greedy", of("greedy")]), schemaOf(["modest", of("modest")])], [levelOf(["greedy", limited]), levelOf(["modest", limited])]);
  const served = { greedy: 0, modest: 0 };
  const over = new AbortController();
  const stream = async (who: keyof typeof served) => {
    while (!over.signal.aborted) {
      const ticket = await fairness.enter(asks(user(who)), 1, over.signal);
      served[who]++;
      ticket.leave();
      await new Promise((resolve) => setImmediate(resolve)); // the client reads its answer and asks again
    }
  };
  const streams = [...Array.from({ length: 50 }, () => stream("greedy")), ...Array.from({ length: 3 }, () => stream("modest"))];
  while (served.modest < 100) await new Promise((resolve) => setImmediate(resolve));
  over.abort();
  await Promise.allSettled(streams);
  expect(served.greedy / served.modest).toBeLessThan(4);
});

describe("a schema", () => {
  it("says whether its level exists, and since when", () => {
    const schema = schemaOf(["s", { priorityLevelConfiguration: { name: "gone" } }]);
    const first = dangling(schema, false, "2030-01-01T00:00:00Z");
    expect(first).toMatchObject({ type: "Dangling", status: "True", reason: "NotFound", lastTransitionTime: "2030-01-01T00:00:00Z" });
    const judged = { ...schema, status: { conditions: first === undefined ? [] : [first] } };
    expect(dangling(judged, false, "2030-01-02T00:00:00Z")).toBeUndefined();
    expect(dangling(judged, true, "2030-01-02T00:00:00Z")).toMatchObject({ status: "False", lastTransitionTime: "2030-01-02T00:00:00Z" });
  });

  it("is not written without end where somebody else sees it another way", async () => {
    const clock = new VirtualClock();
    await using api = await startTestApi({ clock });
    const flowSchemas = api.client.for(flowSchemaResource);
    const writes = new RecentWrites(clock);
    /** Whether what somebody else says of it is set right. */
    const isAnswered = async () => {
      const found = await flowSchemas.get("", "probes");
      await flowSchemas.updateStatus({ ...found, status: { conditions: [{ type: "Dangling", status: "True", reason: "Other", message: "other" }] } });
      await ensureFlowControl(api.client, clock, writes);
      return (await flowSchemas.get("", "probes")).status?.conditions?.[0]?.status === "False";
    };
    await ensureFlowControl(api.client, clock);
    const answers: boolean[] = [];
    for (let times = 0; times < 9; times++) answers.push(await isAnswered());
    expect(answers).toEqual([true, true, true, true, true, true, false, false, false]);
    await clock.advance(60_000);
    expect(await isAnswered()).toBe(true);
  });
});
