import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { SCHEDULER_USER } from "../../../engine/apimachinery/known-users.ts";
import type { Client } from "../../../engine/client/client.ts";
import { EventRecorder } from "../../../engine/client/event-recorder.ts";
import { InformerFactory } from "../../../engine/client/informer-factory.ts";
import { formatTime } from "../../../engine/lib/clock.ts";
import { silentLogger, type Logger } from "../../../engine/lib/log.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { runServices } from "../../../engine/lib/service.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import type { Node, Pod } from "../../../engine/resources/types.ts";
import type { SchedulerSettings } from "../../../engine/scheduler/scheduler-settings.ts";
import { createScheduler } from "../../../engine/scheduler/scheduler.ts";
import { startControlPlane, type ControlPlane } from "./control-plane.ts";

export interface SchedulerShape {
  /** Stands between the scheduler and the API. */
  readonly seenThrough?: (client: Client) => Client;
  readonly logger?: Logger;
  readonly settings?: SchedulerSettings;
}

/** The real scheduler beside the plane's controllers, with its own rights. Gives the function that stops it. */
export function startScheduler({ api, clock, metrics }: ControlPlane, { seenThrough = (client) => client, logger = silentLogger, settings }: SchedulerShape = {}): () => Promise<void> {
  const client = seenThrough(api.as(SCHEDULER_USER, [], "kube-scheduler"));
  const informers = new InformerFactory({ client, clock, random: seededRandom(3), logger });
  const events = new EventRecorder({ client, clock, random: seededRandom(4), logger, component: "default-scheduler" });
  const running = new AbortController();
  const ended = runServices(
    [createScheduler({ client, informers, events, clock, random: seededRandom(5), logger, metrics, ...(settings === undefined ? {} : { settings }) }), informers.asService()],
    running.signal,
  );
  return async () => {
    running.abort();
    await ended;
  };
}

/** A node that is there by name only, and ready from the plane's present on. */
export function readyNode({ clock }: ControlPlane, metadata: KubeObject["metadata"], cpu: string): Node & KubeObject {
  const time = formatTime(clock.now());
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata,
    status: {
      conditions: [{ type: "Ready", status: "True", reason: "KubeletReady", message: "up", lastHeartbeatTime: time, lastTransitionTime: time }],
      capacity: { pods: "110", cpu },
      allocatable: { pods: "110", cpu },
    },
  };
}

export interface ScheduledPlane extends ControlPlane {
  /** Makes a pod, and has all that follows from it happen. */
  makePod(pod: Pod): Promise<void>;
  /** Of the namespace "default". */
  podNamed(name: string): Promise<Pod>;
  /** Where the pod is; "" for one without a node. */
  nodeOf(name: string): Promise<string>;
}

/** A plane with the real scheduler and with nodes that are there by name only. */
export async function startScheduledPlane(nodes: readonly { readonly metadata: KubeObject["metadata"]; readonly cpu: string }[], shape: SchedulerShape = {}): Promise<ScheduledPlane> {
  const plane = await startControlPlane();
  const stopScheduler = startScheduler(plane, shape);
  for (const { metadata, cpu } of nodes) await plane.client.for(nodeResource).create(readyNode(plane, metadata, cpu));
  await plane.clock.settle();
  const pods = plane.client.for(podResource);
  const stop = async () => {
    await stopScheduler();
    await plane.stop();
  };
  return {
    ...plane,
    async makePod(pod) {
      await pods.create(pod);
      await plane.clock.settle();
    },
    podNamed: (name) => pods.get("default", name),
    nodeOf: async (name) => (await pods.get("default", name)).spec.nodeName ?? "",
    stop,
    [Symbol.asyncDispose]: stop,
  };
}
