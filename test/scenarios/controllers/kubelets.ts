import { hasReason } from "../../../engine/apimachinery/status-error.ts";
import type { Client } from "../../../engine/client/client.ts";
import { InformerFactory } from "../../../engine/client/informer-factory.ts";
import type { Informer } from "../../../engine/client/informer.ts";
import { aborted } from "../../../engine/lib/abort.ts";
import { formatMicroTime, formatTime, type Clock } from "../../../engine/lib/clock.ts";
import { silentLogger } from "../../../engine/lib/log.ts";
import { seededRandom } from "../../../engine/lib/random.ts";
import { service, type Service } from "../../../engine/lib/service.ts";
import { leaseResource } from "../../../engine/resources/coordination/lease.ts";
import { nodeResource } from "../../../engine/resources/core/node.ts";
import { podResource } from "../../../engine/resources/core/pod.ts";
import { isNodeWanted } from "../../../engine/resources/node-selection.ts";
import type { Node, Pod } from "../../../engine/resources/types.ts";

const LEASE_NAMESPACE = "kube-node-lease";
const RENEW_MS = 10_000;

/**
 * The least of a scheduler and of kubelets: places pods round robin on nodes that are up and wanted, makes them ready after `startMs`,
 * ends them `stopMs` after their deletion, and renews leases; all of it only while the node is up.
 */
export class Kubelets {
  startMs = 1_000;
  stopMs = 500;
  /** Whether pods are placed as well; false where there is a scheduler. */
  places = true;
  /** Pods for which this is false never become ready. */
  becomesReady: (pod: Pod) => boolean = () => true;
  /** Nodes that get no more pods, but those that are pinned to them. */
  isCordoned: (node: string) => boolean = () => false;
  /** The exit code with which a pod ends `runMs` after it has started; undefined: it runs on. */
  exitCode: (pod: Pod) => number | undefined = () => undefined;
  runMs = 1_000;
  readonly #client: Client;
  readonly #clock: Clock & { settle?(): Promise<void> };
  readonly #pods: Informer<Pod>;
  readonly #informers: InformerFactory;
  readonly #up = new Map<string, () => void>();
  readonly #labels = new Map<string, Readonly<Record<string, string>>>();
  readonly #busy = new Set<string>();
  #turn = 0;
  #ip = 0;

  constructor(client: Client, clock: Clock & { settle?(): Promise<void> }) {
    this.#client = client;
    this.#clock = clock;
    this.#informers = new InformerFactory({ client, clock, random: seededRandom(2), logger: silentLogger });
    this.#pods = this.#informers.informer(podResource);
  }

  asService(): Service {
    const informers = this.#informers.asService();
    return service("kubelets", async (signal) => {
      const remove = this.#pods.addHandler({ add: (pod) => this.#look(pod), update: (_old, pod) => this.#look(pod) });
      await Promise.all([informers.run(signal), aborted(signal)]);
      remove();
      for (const stop of this.#up.values()) stop();
    });
  }

  /** Registers a node, or brings it back, and lets it report from now on. */
  async up(name: string, labels: Readonly<Record<string, string>> = {}): Promise<void> {
    this.#labels.set(name, labels);
    const now = () => formatTime(this.#clock.now());
    const ready = { type: "Ready", status: "True", reason: "KubeletReady", message: "up", lastHeartbeatTime: now(), lastTransitionTime: now() };
    const node: Node = { apiVersion: "v1", kind: "Node", metadata: { name, labels }, status: { conditions: [ready], capacity: { pods: "110" }, allocatable: { pods: "110" } } };
    await this.#client
      .for(nodeResource)
      .create(node)
      .catch((error: unknown) => {
        if (!hasReason(error, "AlreadyExists")) throw error;
      });
    await this.#client.for(nodeResource).patch("", name, "strategic", { status: { conditions: [ready] } }, { subresource: "status" });
    let cancel = () => {};
    const beat = () => {
      void this.#renew(name);
      cancel = this.#clock.after(RENEW_MS, beat);
    };
    beat();
    this.#up.set(name, () => cancel());
    for (const pod of this.#pods.list()) this.#look(pod);
    await this.#clock.settle?.();
  }

  /** The node falls silent, with everything on it. */
  down(name: string): void {
    this.#up.get(name)?.();
    this.#up.delete(name);
  }

  async #renew(name: string): Promise<void> {
    const leases = this.#client.for(leaseResource);
    const spec = { holderIdentity: name, leaseDurationSeconds: 40, renewTime: formatMicroTime(this.#clock.now()) };
    await leases
      .patch(LEASE_NAMESPACE, name, "merge", { spec })
      .catch(() => leases.create({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { name, namespace: LEASE_NAMESPACE }, spec }));
  }

  #look(pod: Pod): void {
    const { namespace = "", name = "", uid = "", deletionTimestamp } = pod.metadata;
    const { nodeName } = pod.spec;
    if (deletionTimestamp !== undefined) {
      if (nodeName && this.#up.has(nodeName))
        this.#later(`${uid} stop`, this.stopMs, nodeName, () => this.#client.for(podResource).delete(namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } }));
    } else if (!nodeName) {
      if (!this.places) return;
      const isPinned = pod.spec.affinity?.nodeAffinity !== undefined;
      const nodes = [...this.#up.keys()].filter(
        (name) => (isPinned || !this.isCordoned(name)) && isNodeWanted(pod.spec, { apiVersion: "v1", kind: "Node", metadata: { name, labels: this.#labels.get(name) ?? {} } }),
      );
      const target = nodes[this.#turn++ % Math.max(1, nodes.length)];
      if (target !== undefined)
        this.#later(`${uid} bind`, 0, target, () =>
          this.#client.for(podResource).createSubresource(namespace, name, "binding", { apiVersion: "v1", kind: "Binding", metadata: { name }, target: { kind: "Node", name: target } } as never),
        ); // a Binding has a target
    } else if (pod.status?.podIP === undefined && this.#up.has(nodeName) && this.becomesReady(pod)) {
      this.#later(`${uid} start`, this.startMs, nodeName, () => this.#report(pod));
    } else if (pod.status?.phase === "Running" && this.#up.has(nodeName) && this.exitCode(pod) !== undefined) {
      this.#later(`${uid} end`, this.runMs, nodeName, () => this.#end(pod, this.exitCode(pod) ?? 0));
    }
  }

  #report({ metadata: { namespace = "", name = "", uid } }: Pod): Promise<unknown> {
    const podIP = `10.42.0.${++this.#ip}`;
    const now = formatTime(this.#clock.now());
    const conditions = ["Ready", "ContainersReady", "Initialized"].map((type) => ({ type, status: "True", lastTransitionTime: now }));
    const status = { phase: "Running", podIP, podIPs: [{ ip: podIP }], startTime: now, conditions };
    return this.#client.for(podResource).patch(namespace, name, "strategic", { metadata: { uid }, status }, { subresource: "status" });
  }

  #end({ metadata: { namespace = "", name = "", uid } }: Pod, exitCode: number): Promise<unknown> {
    const finishedAt = formatTime(this.#clock.now());
    const containerStatuses = [{ name: "app", image: "app:1", imageID: "", ready: false, restartCount: 0, state: { terminated: { exitCode, finishedAt } } }];
    const conditions = [{ type: "Ready", status: "False", lastTransitionTime: finishedAt }];
    return this.#client
      .for(podResource)
      .patch(namespace, name, "strategic", { metadata: { uid }, status: { phase: exitCode === 0 ? "Succeeded" : "Failed", containerStatuses, conditions } }, { subresource: "status" });
  }

  /** Does something once, after a time, unless the node is down by then; what fails because the pod is gone is fine. */
  #later(key: string, delayMs: number, node: string, work: () => Promise<unknown>): void {
    if (this.#busy.has(key)) return;
    this.#busy.add(key);
    this.#clock.after(delayMs, () => {
      this.#busy.delete(key);
      if (!this.#up.has(node)) return;
      work().catch((error: unknown) => {
        if (!hasReason(error, "NotFound", "Conflict")) throw error;
      });
    });
  }
}
