import { mkdirSync } from "node:fs";
import path from "node:path";
import type { ApiHandler } from "../../engine/apimachinery/api-request.ts";
import { EventRecorder } from "../../engine/client/event-recorder.ts";
import { InformerFactory } from "../../engine/client/informer-factory.ts";
import { createLocalClient } from "../../engine/client/local-client.ts";
import { describeError } from "../../engine/lib/log.ts";
import { ServiceScope } from "../../engine/lib/service-scope.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import type { Node } from "../../engine/resources/types.ts";
import { createNodeLease } from "../../node-agent/node/node-lease.ts";
import { DEFAULT_EVICTION_HARD, parseThresholds } from "../../node-agent/resources/thresholds.ts";
import { createNodeReporter } from "../../node-agent/node/node-status.ts";
import { refusePod } from "../../node-agent/pods/admission/admit-pod.ts";
import { Limiter } from "../../node-agent/pods/start/limiter.ts";
import { createAgentMetrics } from "../../node-agent/stats/agent-metrics.ts";
import type { DriverVolumes } from "../../node-agent/volumes/volume-plugin.ts";
import type { PodContext } from "../../node-agent/pods/pod-context.ts";
import { NodePods } from "../../node-agent/pods/node-pods.ts";
import { PodManager } from "../../node-agent/pods/pod-manager.ts";
import { FakeRuntime } from "../kit/fake-runtime.ts";
import { anImageAccess, nodeSettings } from "../kit/pod-context.ts";
import { Link } from "./link.ts";
import type { SimParts } from "./sim-engine.ts";

export interface SimNodeOptions extends Pick<SimParts, "clock" | "random" | "logger"> {
  readonly name: string;
  readonly index: number;
  readonly images: readonly string[];
  readonly registry: readonly string[];
  /** Where the machine keeps its files. */
  readonly folder: string;
  readonly api: () => ApiHandler | undefined;
}

/** A machine: a runtime that outlives agents, the agent's own pod management over it, and a network that can be cut. */
export class SimNode {
  readonly name: string;
  readonly runtime: FakeRuntime;
  readonly link: Link;
  /** Why agents ended that should have gone on. */
  readonly failures: string[] = [];
  readonly #options: SimNodeOptions;
  #scope: ServiceScope | undefined;

  constructor(options: SimNodeOptions) {
    this.#options = options;
    this.name = options.name;
    this.link = new Link(options.api);
    this.runtime = new FakeRuntime({ clock: options.clock, images: options.images, registry: options.registry, subnet: `10.42.${options.index + 100}` });
  }

  get isRunning(): boolean {
    return this.#scope !== undefined;
  }

  startAgent(): void {
    const { clock, random, logger, name, index, folder } = this.#options;
    const client = createLocalClient(this.link, { username: `system:node:${name}`, groups: ["system:nodes", "system:authenticated"] }, "mainstay-agent");
    const informers = new InformerFactory({ client, clock, random, logger });
    const pods = informers.informer(podResource, { fieldSelector: `spec.nodeName=${name}` });
    const podsDir = path.join(folder, name, "pods");
    const logsDir = path.join(folder, name, "logs");
    for (const directory of [podsDir, logsDir]) mkdirSync(directory, { recursive: true });
    const hostIp = `192.0.2.${index + 10}`;
    let node: Node | undefined;
    const here = new NodePods();
    const context: PodContext = {
      runtime: this.runtime,
      client,
      events: new EventRecorder({ client, clock, random, logger, component: "kubelet", host: name }),
      clock,
      random,
      logger,
      metrics: createAgentMetrics(name),
      imageAccess: anImageAccess(path.join(folder, name), clock, this.runtime),
      images: { mount: none, release: async () => {}, releaseOthers: async () => {} },
      settings: nodeSettings(folder, {
        nodeName: name,
        hostIps: [hostIp],
        clusterDns: ["10.43.0.10"],
        logsDir,
        cgroupRoot: "/mainstay/simulation",
        memoryBytes: 8 * 2 ** 30,
      }),
      podsDir,
      devices: { prepare: async () => {}, unprepare: async () => {}, cdiDevices: () => [], held: () => [] },
      csi: noDrivers,
      starts: new Limiter(6),
      pulls: new Limiter(6),
      syncMs: 60_000,
      restartMaxMs: 300_000,
      mirrorOf: () => undefined,
      sources: (podIps) => ({
        configMap: none,
        secret: none,
        token: none,
        claim: none,
        persistentVolume: none,
        volumesDir: `${folder}/volumes`,
        nodeName: name,
        services: () => [],
        podIps,
        hostIps: [hostIp],
        allocatable: node?.status?.allocatable ?? {},
        nowMs: () => clock.now(),
        csi: noDrivers,
        expand: none,
        takeExclusively: () => true,
      }),
      servicesKnown: async () => {},
      runtimeHandler: async () => "",
      limitPod: () => {},
      refuse: (pod) => (node === undefined ? "not known yet" : refusePod(pod, here.claimants(), node.status?.allocatable ?? {})),
      refusePlace: async () => undefined,
      refuseForever: (pod) => refusePod(pod, [], node?.status?.allocatable ?? {}),
      makeRoom: async () => false,
    };
    const manager = new PodManager({ context, pods, here });
    const onNode = (seen: Node) => {
      const isFirst = node === undefined;
      node = seen;
      if (isFirst) here.nodeSeen();
    };
    const scope = new ServiceScope(new AbortController().signal);
    scope.ended.catch((error: unknown) => this.failures.push(`the agent of ${name} ended: ${describeError(error)}`));
    this.#scope = scope;
    scope.start(
      informers.asService(),
      createNodeReporter({
        client,
        runtime: this.runtime,
        clock,
        logger,
        events: context.events,
        dataDir: folder,
        volumesDir: `${folder}/volumes`,
        pressures: () => new Set(),
        reserved: { processes: {}, hard: parseThresholds(DEFAULT_EVICTION_HARD) },
        registration: { labels: {}, taints: [], makesNode: true },
        podsMax: 110,
        // That a node was looked at is said again and again; here nothing is to be written any more at the end.
        reportMs: Infinity,
        volumesInUse: () => [],
        onChange: () => () => {},
        identity: { name, ips: [hostIp], port: 10250, version: "v1.36.0" },
        onNode,
      }),
      createNodeLease({ client, clock, logger, nodeName: name }),
      ...manager.services(),
    );
  }

  async stopAgent(): Promise<void> {
    this.link.drop();
    await this.#scope?.end();
    this.#scope = undefined;
  }
}

/** Drivers are programs of others, of which the simulation has none. */
const noDrivers: DriverVolumes = { mount: none, follows: () => false, unmountPod: async () => {} };

/** Pods of the simulation have neither volumes nor configuration from elsewhere: files are the real part's business. */
function none(): Promise<never> {
  return Promise.reject(new Error("not in a simulation"));
}
