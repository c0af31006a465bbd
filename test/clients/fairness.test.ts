import { connect, type ClientHttp2Session } from "node:http2";
import { afterAll, beforeAll, expect, test } from "vitest";
import { alwaysAllowMode } from "../../engine/auth/authorize.ts";
import { systemClock } from "../../engine/lib/clock.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { flowSchemaResource } from "../../engine/resources/flowcontrol/flow-schema.ts";
import { priorityLevelConfigurationResource } from "../../engine/resources/flowcontrol/priority-level-configuration.ts";
import { ensureFlowControl } from "../../engine/server/fairness/maintain-flow-control.ts";
import { openMemoryStorage } from "../../engine/storage/memory-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { createTestNamespace } from "../kit/test-api.ts";
import { startTestListener, type TestListener } from "../kit/test-listener.ts";

interface Answer {
  readonly code: number;
  readonly headers: Readonly<Record<string, string | string[] | number | undefined>>;
  readonly text: string;
}

let api: TestListener;
const sessions: ClientHttp2Session[] = [];
const person = (name: string) => ({ username: name, groups: ["people", "system:authenticated"] });

beforeAll(async () => {
  const staticTokens = new Map(["greedy", "modest"].map((name) => [name, person(name)]));
  api = await startTestListener({ storage: slowStorage(), staticTokens, authorization: [alwaysAllowMode], requestLimits: { readingMax: 4, writingMax: 4, isFair: true } });
  await ensureFlowControl(api.client, systemClock);
  await createTestNamespace(api.client, "many");
  for (let i = 0; i < 40; i++)
    await api.client.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { name: `map-${i}`, namespace: "many" }, data: { a: "x".repeat(1_000) } });
});
afterAll(async () => {
  for (const session of sessions) session.destroy();
  await api.stop();
});

const API_VERSION = "flowcontrol.apiserver.k8s.io/v1";

/** A store that takes a moment to say which revision is the newest, as one on another machine does: only so requests are served at the same time. */
function slowStorage(): Storage {
  const storage = openMemoryStorage();
  return new Proxy(storage, {
    get(target, key) {
      if (key === "currentRevision") return () => new Promise((resolve) => setTimeout(() => resolve(storage.currentRevision()), 5));
      const value: unknown = Reflect.get(target, key);
      return typeof value === "function" ? (value.bind(target) as unknown) : value;
    },
  });
}

/** A level of the greedy user's own. */
async function confine(name: string, precedence: number, limited: object): Promise<void> {
  await api.client.for(priorityLevelConfigurationResource).create({ apiVersion: API_VERSION, kind: "PriorityLevelConfiguration", metadata: { name }, spec: { type: "Limited", limited } });
  const rules = [{ subjects: [{ kind: "User", user: { name: "greedy" } }], resourceRules: [{ verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"] }] }];
  await api.client
    .for(flowSchemaResource)
    .create({ apiVersion: API_VERSION, kind: "FlowSchema", metadata: { name }, spec: { priorityLevelConfiguration: { name }, matchingPrecedence: precedence, rules } });
  await api.store.caughtUp();
}

function open(token: string): (path: string) => Promise<Answer> {
  const session = connect(api.url, { ca: api.pki.ca });
  sessions.push(session);
  return (path) =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ":path": path, authorization: `Bearer ${token}` });
      let headers: Answer["headers"] = {};
      const chunks: Buffer[] = [];
      stream.on("response", (given) => (headers = given));
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => resolve({ code: Number(headers[":status"]), headers, text: Buffer.concat(chunks).toString("utf8") }));
      stream.on("error", reject);
    });
}

test("a greedy client is sent away at some point, and keeps nobody else from being served", async () => {
  await confine("greedy", 4, { nominalConcurrencyShares: 30, borrowingLimitPercent: 0, limitResponse: { type: "Queue", queuing: { queues: 1, handSize: 1, queueLengthLimit: 10 } } });
  const modest = open("modest");
  const codes = new Map<number, number>();
  let isOver = false;
  // Forty requests at a time on each of six connections, and the next one as soon as one is answered.
  const flood = Array.from({ length: 6 }, () => open("greedy")).flatMap((greedy) =>
    Array.from({ length: 40 }, async () => {
      while (!isOver) {
        const { code } = await greedy("/api/v1/namespaces/many/configmaps");
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }
    }),
  );
  // Whoever has to wait for a flood that never ends is never served.
  for (let i = 0; i < 5; i++) expect((await modest("/api/v1/namespaces/many/configmaps/map-1")).code).toBe(200);
  isOver = true;
  await Promise.all(flood);
  expect([...codes.keys()].sort()).toEqual([200, 429]);
});

test("answers name the schema and the level that the request was given", async () => {
  const schema = await api.client.for(flowSchemaResource).get("", "global-default");
  const level = await api.client.for(priorityLevelConfigurationResource).get("", "global-default");
  const { headers } = await open("modest")("/api/v1/namespaces/many/configmaps/map-1");
  expect(headers).toMatchObject({ "x-kubernetes-pf-flowschema-uid": schema.metadata.uid, "x-kubernetes-pf-prioritylevel-uid": level.metadata.uid });
});

test("a level without a seat or a queue sends everybody away, and says when to come back", async () => {
  await confine("closed", 3, { nominalConcurrencyShares: 0, borrowingLimitPercent: 0, limitResponse: { type: "Reject" } });
  const { code, headers, text } = await open("greedy")("/api/v1/namespaces/many/configmaps/map-1");
  expect({ code, text, retry: headers["retry-after"] }).toEqual({ code: 429, text: "Too many requests, please try again later.\n", retry: "1" });
  expect((await open("greedy")("/apis/gone.example/v1/namespaces/many/things")).code).toBe(429); // also of what is not served
  expect((await open("modest")("/api/v1/namespaces/many/configmaps/map-1")).code).toBe(200);
});

test("watches take a seat only until they have begun", async () => {
  const modest = open("modest");
  const session = sessions.at(-1);
  const watches = Array.from({ length: 30 }, () => session?.request({ ":path": "/api/v1/namespaces/many/configmaps?watch=1", authorization: "Bearer modest" }));
  await Promise.all(watches.map((stream) => new Promise((resolve) => stream?.once("response", resolve))));
  expect((await modest("/api/v1/namespaces/many/configmaps/map-1")).code).toBe(200);
  for (const stream of watches) stream?.close();
});

test("the suggested objects are there as upstream has them, each schema with a level", async () => {
  const { items } = await api.client.for(flowSchemaResource).list("");
  const suggested = items.filter(({ metadata }) => metadata.annotations?.["apf.kubernetes.io/autoupdate-spec"] === "true");
  expect(suggested.map(({ metadata }) => metadata.name)).toEqual([
    "catch-all",
    "exempt",
    "global-default",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-system-service-accounts",
    "probes",
    "service-accounts",
    "system-leader-election",
    "system-node-high",
    "system-nodes",
  ]);
  expect(suggested.map(({ status }) => status?.conditions?.[0]?.status)).toEqual(suggested.map(() => "False"));
});
