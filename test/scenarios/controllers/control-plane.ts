import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { ConsistencyStore } from "../../../engine/client/consistency-store.ts";
import type { Client } from "../../../engine/client/client.ts";
import { EventRecorder } from "../../../engine/client/event-recorder.ts";
import { InformerFactory } from "../../../engine/client/informer-factory.ts";
import { createControllers } from "../../../engine/controllers/controllers.ts";
import { parsePodRanges } from "../../../engine/controllers/nodes/pod-ranges.ts";
import { DEFAULT_TIMINGS, type ControllerTimings } from "../../../engine/controllers/timings.ts";
import type { Logger } from "../../../engine/lib/log.ts";
import { MetricsRegistry } from "../../../engine/lib/metrics.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { runServices } from "../../../engine/lib/service.ts";
import { createAuthority, signAsRequested, type KeyPair } from "../../../engine/auth/certificates.ts";
import { CONTROLLER_USER } from "../../../engine/apimachinery/known-users.ts";
import { ChangingValue } from "../../../engine/lib/changing-value.ts";
import type { ResourceReference } from "../../../engine/resources/define-resource.ts";
import { eventResource } from "../../../engine/resources/core/event.ts";
import { openMemoryStorage } from "../../../engine/storage/memory-storage.ts";
import { START } from "../../kit/objects.ts";
import { startTestApi, type TestApi, type TestApiOptions } from "../../kit/test-api.ts";
import { VirtualClock } from "../../kit/virtual-clock.ts";
import { Kubelets } from "./kubelets.ts";

export interface ControlPlane extends AsyncDisposable {
  readonly clock: VirtualClock;
  readonly api: TestApi;
  /** A cluster admin. */
  readonly client: Client;
  readonly kubelets: Kubelets;
  /** Of the controllers, and of a scheduler beside them. */
  readonly metrics: MetricsRegistry;
  /** Reasons and messages of all events so far, by object name, in order. */
  stories(name: string): Promise<string[]>;
  /** Warnings that the controllers logged; who has judged them may take them out. */
  readonly warnings: string[];
  stop(): Promise<void>;
}

export interface PlaneOptions {
  /** Answers the controllers what nobody does here. */
  readonly seenThrough?: (client: Client) => Client;
  readonly startApi?: (options: TestApiOptions) => Promise<TestApi>;
  /** When virtual time begins; certificates of a real listener hold around now only. */
  readonly startMs?: number;
}

/** Tells of each object that the controllers are about to create or to update. */
export function telling(tell: (verb: "create" | "update", kind: string | undefined) => void): (client: Client) => Client {
  return (client) => ({
    ...client,
    for: <T extends KubeObject>(resource: ResourceReference<T>) => {
      const api = client.for(resource);
      const create: typeof api.create = (object, options) => (tell("create", object.kind), api.create(object, options));
      const update: typeof api.update = (object, options) => (tell("update", object.kind), api.update(object, options));
      return { ...api, create, update };
    },
  });
}

/** One authority for all tests of a process, over all of virtual time: making one takes longer than most tests. */
let authority: Promise<KeyPair> | undefined;
const signApproved = async (request: string, usages: readonly string[], seconds = 3600): Promise<string> => {
  authority ??= createAuthority("test", 0, Date.UTC(2099, 0, 1));
  return signAsRequested(await authority, request, usages, START, START + seconds * 1000);
};

/** An API over memory storage with all controllers under virtual time, with their own rights, and kubelets that only pretend. */
export async function startControlPlane(timings: Partial<ControllerTimings> = {}, { seenThrough = (client) => client, startApi = startTestApi, startMs }: PlaneOptions = {}): Promise<ControlPlane> {
  const clock = new VirtualClock(startMs);
  const random = seededRandom(1);
  const api = await startApi({ clock, random, storage: openMemoryStorage({ clock }) });
  const warnings: string[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (message, fields) => void warnings.push(`${message} ${JSON.stringify(fields)}`),
    error: (message, fields) => void warnings.push(`${message} ${JSON.stringify(fields)}`),
    with: () => logger,
  };
  const client = seenThrough(api.as(CONTROLLER_USER, [], "kube-controller-manager"));
  const informers = new InformerFactory({ client, clock, random, logger });
  const events = new EventRecorder({ client, clock, random, logger, component: "controller-manager" });
  const metrics = new MetricsRegistry();
  const context = { client, informers, events, consistency: new ConsistencyStore(), clock, random, logger, metrics, timings: { ...DEFAULT_TIMINGS, ...timings } };
  const kubelets = new Kubelets(api.client, clock);
  const tokens = api.server.parts.tokens;
  const keys = { signApproved, issueAccountToken: tokens.issueLegacy.bind(tokens) };
  const running = new AbortController();
  const ended = runServices(
    [...createControllers(context, { rootCa: new ChangingValue("test CA"), podRanges: parsePodRanges("10.42.0.0/16"), keys }), informers.asService(), kubelets.asService()],
    running.signal,
  );
  await clock.settle();
  const stop = async () => {
    running.abort();
    await ended;
    await api.stop();
  };
  return {
    clock,
    api,
    client: api.client,
    kubelets,
    metrics,
    warnings,
    async stories(name) {
      const { items } = await api.client.for(eventResource).list("");
      return items
        .filter((event) => event.involvedObject.name === name)
        .sort((a, b) => Number(a.metadata.resourceVersion) - Number(b.metadata.resourceVersion))
        .map(({ reason, message, count = 1 }) => `${reason}: ${message}${count > 1 ? ` (×${count})` : ""}`);
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
