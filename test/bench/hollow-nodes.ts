import type { Client } from "../../engine/client/client.ts";
import { createHttpClient } from "../../engine/client/http-client.ts";
import { Informer } from "../../engine/client/informer.ts";
import type { Connection } from "../../engine/client/kubeconfig.ts";
import { formatMicroTime, formatTime, systemClock } from "../../engine/lib/clock.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { systemRandom } from "../../engine/lib/random.ts";
import { leaseResource } from "../../engine/resources/coordination/lease.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { eventResource } from "../../engine/resources/core/event.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import { serviceAccountResource } from "../../engine/resources/core/service-account.ts";
import type { Pod } from "../../engine/resources/types.ts";

const LEASE_NAMESPACE = "kube-node-lease";
const RENEW_MS = 10_000;
const REGISTERING_AT_ONCE = 20;
const RETRY_MS = 500;
const ATTEMPTS_MAX = 20;
const CAPACITY = { cpu: "16", memory: "64Gi", pods: "200", "ephemeral-storage": "100Gi" };

/** A line of a `--token-auth-file` for each node. */
export function hollowTokens(count: number): string {
  return Array.from({ length: count }, (_, index) => `${tokenOf(index)},system:node:${nameOf(index)},${nameOf(index)},"system:nodes"\n`).join("");
}

/**
 * Kubelets without containers, each as its own user over a connection of its own: they register a node, renew its lease, and say to the API
 * what a kubelet says about the pods bound to it, and nothing else. Pods are ready as soon as all that is said.
 */
export class HollowNodes implements Disposable {
  readonly #end = new AbortController();

  static async start(connection: Connection, count: number): Promise<HollowNodes> {
    const nodes = new HollowNodes();
    for (let at = 0; at < count; at += REGISTERING_AT_ONCE) await Promise.all(Array.from({ length: Math.min(REGISTERING_AT_ONCE, count - at) }, (_, index) => nodes.#add(connection, at + index)));
    return nodes;
  }

  [Symbol.dispose](): void {
    this.#end.abort();
  }

  async #add({ server, ca }: Connection, index: number): Promise<void> {
    const client = createHttpClient({ server, ...(ca === undefined ? {} : { ca }), token: tokenOf(index) }, "kubelet");
    const name = nameOf(index);
    const now = formatTime(Date.now());
    const conditions = [{ type: "Ready", status: "True", reason: "KubeletReady", message: "hollow", lastHeartbeatTime: now, lastTransitionTime: now }];
    const addresses = [{ type: "InternalIP", address: `10.1.${index >> 8}.${index & 255}` }];
    await client.for(nodeResource).create({ apiVersion: "v1", kind: "Node", metadata: { name, labels: { "kubernetes.io/hostname": name } } });
    await client.for(nodeResource).patch("", name, "strategic", { status: { conditions, addresses, capacity: CAPACITY, allocatable: CAPACITY } }, { subresource: "status" });
    await this.#renewLease(client, name);
    const options = { client, clock: systemClock, random: systemRandom, logger: silentLogger, fieldSelector: `spec.nodeName=${name}` };
    const pods = new Informer(podResource, options);
    const node = new HollowNode(client, name, index);
    pods.addHandler({ add: (pod) => node.look(pod), update: (_old, pod) => node.look(pod), delete: (pod) => node.forget(pod) });
    void pods.run(this.#end.signal);
    await pods.waitForSync(this.#end.signal);
  }

  async #renewLease(client: Client, name: string): Promise<void> {
    const leases = client.for(leaseResource);
    const spec = () => ({ holderIdentity: name, leaseDurationSeconds: 40, renewTime: formatMicroTime(Date.now()) });
    let lease = await leases.create({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { namespace: LEASE_NAMESPACE, name }, spec: spec() });
    const timer = setInterval(() => {
      leases.update({ ...lease, spec: spec() }).then(
        (renewed) => (lease = renewed),
        () => {}, // the server has ended
      );
    }, RENEW_MS);
    this.#end.signal.addEventListener("abort", () => clearInterval(timer));
  }
}

class HollowNode {
  readonly #client: Client;
  readonly #name: string;
  readonly #index: number;
  readonly #known = new Map<string, "starts" | "ends">();
  #addresses = 0;

  constructor(client: Client, name: string, index: number) {
    this.#client = client;
    this.#name = name;
    this.#index = index;
  }

  look(pod: Pod): void {
    const { uid = "", deletionTimestamp } = pod.metadata;
    const wanted = deletionTimestamp === undefined ? "starts" : "ends";
    const known = this.#known.get(uid);
    if (known === wanted || known === "ends") return;
    this.#known.set(uid, wanted);
    void this.#insist(uid, wanted, () => (wanted === "starts" ? this.#begin(pod) : this.#stop(pod)));
  }

  forget({ metadata: { uid = "" } }: Pod): void {
    this.#known.delete(uid);
  }

  /** What a new namespace has in it comes a moment after it. What has become something else meanwhile is left to that. */
  async #insist(uid: string, wanted: "starts" | "ends", work: () => Promise<void>): Promise<void> {
    for (let attempt = 0; attempt < ATTEMPTS_MAX && this.#known.get(uid) === wanted; attempt++) {
      try {
        return await work();
      } catch {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  async #begin(pod: Pod): Promise<void> {
    const { namespace = "", name = "", uid = "" } = pod.metadata;
    const boundObjectRef = { kind: "Pod", apiVersion: "v1", name, uid };
    const request = { apiVersion: "authentication.k8s.io/v1", kind: "TokenRequest", metadata: {}, spec: { audiences: [], boundObjectRef } };
    await this.#client.for(serviceAccountResource).createSubresource(namespace, pod.spec.serviceAccountName ?? "default", "token", request);
    await this.#client.for(configMapResource).get(namespace, "kube-root-ca.crt");
    const podIP = `10.42.${this.#index}.${++this.#addresses % 250}`;
    await this.#report(pod, "Pending", { waiting: { reason: "ContainerCreating" } });
    for (const reason of ["Pulled", "Created", "Started"]) await this.#tell(pod, reason);
    await this.#report(pod, "Running", { running: { startedAt: formatTime(Date.now()) } }, podIP);
  }

  async #stop(pod: Pod): Promise<void> {
    const { namespace = "", name = "", uid = "" } = pod.metadata;
    await this.#tell(pod, "Killing");
    await this.#report(pod, "Succeeded", { terminated: { exitCode: 0, reason: "Completed", finishedAt: formatTime(Date.now()) } });
    await this.#client.for(podResource).delete(namespace, name, { gracePeriodSeconds: 0, preconditions: { uid } });
  }

  async #report({ metadata: { namespace = "", name = "", uid }, spec }: Pod, phase: string, state: object, podIP?: string): Promise<void> {
    const ready = podIP !== undefined;
    const conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"].map((type) => ({
      type,
      status: ready || type === "PodScheduled" ? "True" : "False",
      lastTransitionTime: formatTime(Date.now()),
    }));
    const containerStatuses = spec.containers.map(({ name, image = "" }) => ({ name, image, imageID: "", ready, restartCount: 0, started: ready, state }));
    const addresses = podIP === undefined ? {} : { podIP, podIPs: [{ ip: podIP }] };
    const status = { phase, startTime: formatTime(Date.now()), conditions, containerStatuses, ...addresses };
    await this.#client.for(podResource).patch(namespace, name, "strategic", { metadata: { uid }, status }, { subresource: "status" });
  }

  async #tell({ metadata: { namespace = "", name = "", uid = "" } }: Pod, reason: string): Promise<void> {
    const now = formatTime(Date.now());
    await this.#client.for(eventResource).create({
      apiVersion: "v1",
      kind: "Event",
      metadata: { namespace, generateName: `${name}.` },
      involvedObject: { apiVersion: "v1", kind: "Pod", namespace, name, uid },
      reason,
      message: `${reason} container`,
      type: "Normal",
      source: { component: "kubelet", host: this.#name },
      firstTimestamp: now,
      lastTimestamp: now,
      count: 1,
    });
  }
}

function nameOf(index: number): string {
  return `hollow-${index}`;
}

function tokenOf(index: number): string {
  return `token-of-${nameOf(index)}`;
}
