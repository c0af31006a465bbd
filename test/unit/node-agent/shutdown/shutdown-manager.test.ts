import { expect, test } from "vitest";
import { silentLogger } from "../../../../engine/lib/log.ts";
import type { Node, Pod } from "../../../../engine/resources/types.ts";
import { resolveAgentConfig } from "../../../../node-agent/config.ts";
import type { NodePods } from "../../../../node-agent/pods/node-pods.ts";
import { readShutdown, type LoginManager } from "../../../../node-agent/shutdown/logind.ts";
import { ShutdownManager } from "../../../../node-agent/shutdown/shutdown-manager.ts";
import { groupPods, parseShutdownPeriods, shutdownPeriods } from "../../../../node-agent/shutdown/shutdown-periods.ts";
import { aPod } from "../../../kit/objects.ts";
import { VirtualClock } from "../../../kit/virtual-clock.ts";

const OFF = { shutdownGracePeriod: 0, shutdownGracePeriodCriticalPods: 0, shutdownGracePeriodByPodPriority: [] };
const CRITICAL = 2_000_000_000;

test.each([
  ["nothing", {}, []],
  [
    "a period",
    { shutdownGracePeriod: 30_000 },
    [
      { priority: 0, seconds: 30 },
      { priority: CRITICAL, seconds: 0 },
    ],
  ],
  [
    "a part of it for critical pods",
    { shutdownGracePeriod: 30_000, shutdownGracePeriodCriticalPods: 10_000 },
    [
      { priority: 0, seconds: 20 },
      { priority: CRITICAL, seconds: 10 },
    ],
  ],
  [
    "periods by priority",
    { shutdownGracePeriodByPodPriority: parseShutdownPeriods("1000=60, -5=7") },
    [
      { priority: -5, seconds: 7 },
      { priority: 1000, seconds: 60 },
    ],
  ],
])("who says %s means these periods", (_what, settings, periods) => {
  expect(shutdownPeriods({ ...OFF, ...settings })).toEqual(periods);
});

test("what are no periods is said", () => {
  for (const text of ["10", "a=1", "1=-1", "1=2=3"]) expect(() => parseShutdownPeriods(text)).toThrow("must be a priority and seconds, such as 100000=10");
});

test.each([
  [{ shutdownGracePeriod: "500ms" }, "must be 0s, or 1s or more"],
  [{ shutdownGracePeriod: "5s", shutdownGracePeriodCriticalPods: "6s" }, "must not be longer than"],
  [{ shutdownGracePeriod: "5s", shutdownGracePeriodByPodPriority: "0=5" }, "only one of them can be given"],
])("%j is refused", (fields, problem) => {
  const told = new Map(Object.entries(fields).map(([key, text]) => [key as "shutdownGracePeriod", { text, origin: `kubelet.yaml:3 ${key}` }]));
  expect(() => resolveAgentConfig({ kubeconfig: "k" }, {}, {}, told)).toThrow(problem);
});

const withPriority = (name: string, priority?: number, graceSeconds = 30): Pod =>
  aPod(name, { spec: { terminationGracePeriodSeconds: graceSeconds, ...(priority === undefined ? {} : { priority }) } });

test("pods end with the highest period that begins at or below their priority, those below all of them with the first", () => {
  const periods = [-5, 0, 10].map((priority) => ({ priority, seconds: 1 }));
  const pods = [withPriority("a"), withPriority("b", -6), withPriority("c", -5), withPriority("d", 9), withPriority("e", 10), withPriority("f", 11)];
  const groups = groupPods(
    periods,
    pods.map((pod) => ({ pod })),
  );
  expect(groups.map(({ members }) => members.map(({ pod }) => pod.metadata.name))).toEqual([
    ["b", "c"],
    ["a", "d"],
    ["e", "f"],
  ]);
  expect(groupPods(periods, [{ pod: withPriority("e", 10) }])).toHaveLength(1);
});

test.each([
  ['{"type":"signal","path":"/org/freedesktop/login1","member":"PrepareForShutdown","payload":{"type":"b","data":[true]}}', true],
  ['{"type":"signal","path":"/org/freedesktop/login1","member":"PrepareForShutdown","payload":{"type":"b","data":[false]}}', false],
  ['{"type":"signal","member":"PrepareForSleep","payload":{"type":"b","data":[true]}}', undefined],
  ["Monitoring bus message stream.", undefined],
])("%s says of a shutdown: %s", (line, begins) => expect(readShutdown(line)).toBe(begins));

/** A machine whose login manager says what it is told to, with pods that take so many seconds to end, and their volumes one more. */
function aMachine(seconds: Readonly<Record<string, number>>, pods: readonly Pod[], isBroken = false) {
  const clock = new VirtualClock();
  const log: string[] = [];
  const say = (text: string) => void log.push(`${clock.monotonic() / 1000} ${text}`);
  const wait = (s: number) => new Promise<void>((resolve) => void clock.after(s * 1000, resolve));
  const bus = { tell: (_begins: boolean) => {}, isBroken };
  const login: LoginManager = {
    allowDelay: async (s) => {
      if (bus.isBroken) throw new Error("there is no bus");
      say(`may be held up for ${s}`);
    },
    holdUp: async () => {
      say("held up");
      return { release: () => say("released") };
    },
    async *shutdowns(signal) {
      while (!signal.aborted) {
        const { promise, resolve } = Promise.withResolvers<boolean | undefined>();
        bus.tell = resolve;
        signal.addEventListener("abort", () => resolve(undefined));
        const begins = await promise;
        if (begins !== undefined) yield begins;
      }
    },
  };
  const workers = pods.map((pod) => ({
    pod,
    hasReleasedVolumes: false,
    async shutDown(graceSeconds: number) {
      say(`${pod.metadata.name} has ${graceSeconds}`);
      await wait(seconds[pod.metadata.name ?? ""] ?? 0);
      say(`${pod.metadata.name} ended`);
      void wait(1).then(() => (this.hasReleasedVolumes = true));
    },
  }));
  const manager = new ShutdownManager({
    periods: [
      { priority: 0, seconds: 20 },
      { priority: CRITICAL, seconds: 10 },
    ],
    login,
    pods: { workers: () => workers, get: (uid: string) => workers.find(({ pod }) => pod.metadata.uid === uid) } as unknown as NodePods, // as much of them as is asked for
    node: () => ({ apiVersion: "v1", kind: "Node", metadata: { name: "n1" } }) as Node,
    events: { record: (_node, { reason, message }) => say(`${reason}: ${message}`) },
    clock,
    logger: silentLogger,
  });
  const running = new AbortController();
  const [service] = manager.services();
  const ended = service?.run(running.signal);
  const stop = async () => {
    running.abort();
    await clock.advance(10_000);
    await ended;
  };
  return { clock, log, bus, manager, stop };
}

test("before the machine shuts down pods end within their time and no longer than they asked for, critical ones last, and then it goes on", async () => {
  const pods = [withPriority("web"), withPriority("quick", 0, 5), withPriority("network", CRITICAL), { ...withPriority("over"), status: { phase: "Succeeded" } }];
  const { clock, log, bus, manager, stop } = aMachine({ web: 7, quick: 3, network: 2 }, pods);
  let changes = 0;
  manager.onChange(() => changes++);
  await clock.advance(1_000);
  expect([manager.problem, manager.refuse()]).toEqual([undefined, undefined]);
  bus.tell(true);
  await clock.advance(1);
  expect([manager.problem, manager.refuse()?.reason, changes]).toEqual(["node is shutting down", "NodeShutdown", 1]);
  await clock.advance(30_000);
  expect(log).toEqual([
    "0 may be held up for 30",
    "0 held up",
    "1 NodeShutdown: Shutdown manager detected shutdown event",
    "1 web has 20",
    "1 quick has 5",
    "4 quick ended",
    "8 web ended",
    "9 network has 10",
    "11 network ended",
    expect.stringMatching(/^12(\.\d+)? released$/),
  ]);
  bus.tell(false);
  await clock.advance(1);
  expect([manager.problem, manager.refuse(), log.at(-1)?.slice(-8)]).toEqual([undefined, undefined, " held up"]);
  await stop();
  expect(log.at(-1)).toContain("released");
});

test("pods that do not end in their group's time hold up neither the next group nor the machine", async () => {
  const { clock, log, bus, stop } = aMachine({ web: 1_000, network: 1_000 }, [withPriority("web"), withPriority("network", CRITICAL)]);
  await clock.advance(1_000);
  bus.tell(true);
  await clock.advance(60_000);
  expect(log.slice(3)).toEqual(["1 web has 20", "21 network has 10", "31 released"]);
  await stop();
});

test("a login manager that cannot be asked is asked again, and without periods none is asked at all", async () => {
  const { clock, log, bus, stop } = aMachine({}, [], true);
  await clock.advance(12_000);
  expect(log).toEqual([]);
  bus.isBroken = false;
  await clock.advance(5_000);
  expect(log).toEqual(["15 may be held up for 30", "15 held up"]);
  await stop();
  expect(new ShutdownManager({ periods: [] } as never).services()).toEqual([]); // nothing else of them is looked at
});
