import { hasReason } from "../../engine/apimachinery/status-error.ts";
import { randomInteger, type Random } from "../../engine/lib/random.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import { serviceResource } from "../../engine/resources/core/service.ts";
import { deploymentResource } from "../../engine/resources/apps/deployment.ts";
import { statefulSetResource } from "../../engine/resources/apps/stateful-set.ts";
import type { ResourceReference } from "../../engine/resources/define-resource.ts";
import type { Deployment } from "../../engine/resources/types.ts";
import { IMAGES, PULLED_IMAGE, type SimCluster } from "./sim-cluster.ts";

/** What a commit wants of one application. */
export interface SimApp {
  readonly replicas: number;
  readonly image: string;
  readonly setting: string;
}

export type SimApps = Readonly<Record<string, SimApp>>;

const NAMESPACE = "default";
const APPS_MAX = 4;
const NAMES = ["api", "cart", "shop", "web", "mail"];
/** Applications whose pods have names of their own. */
const STATEFUL: ReadonlySet<string> = new Set(["cart", "mail"]);
/** Runs on every node, whatever the applications are. */
export const DAEMON = "agent";

/** A history: what people and misfortune do to a cluster, step by step, all chosen by the seed. */
export class SimHistory {
  readonly #cluster: SimCluster;
  readonly #random: Random;
  /** What the newest valid commit wants, and its id. */
  wanted: { readonly apps: SimApps; readonly daemonImage: string; readonly commit: string } | undefined;
  /** Valid commits so far, oldest first. */
  readonly #past: SimApps[] = [];
  /** Objects made by hand, acknowledged by the API: nobody may take them away. */
  readonly byHand: string[] = [];
  /** What happened, for the reader of a failure. */
  readonly log: string[] = [];
  #serial = 0;

  constructor(cluster: SimCluster) {
    this.#cluster = cluster;
    this.#random = cluster.random;
  }

  /** `look` is called after every step: what it rejects with ends the history. */
  async run(steps: number, look: () => Promise<void>): Promise<void> {
    await this.#commit({ web: { replicas: 2, image: IMAGES[0]!, setting: "first" } }, "begin");
    for (let step = 0; step < steps; step++) {
      await this.#step();
      await this.#cluster.clock.advance(this.#between(0, 25_000));
      await look();
    }
  }

  /** Whatever was broken is mended; the cluster is left to itself. */
  async heal(): Promise<void> {
    const { git, nodes } = this.#cluster;
    this.#note("heal everything");
    git.isReachable = true;
    if (this.#cluster.engine === undefined) this.#cluster.startEngine();
    for (const node of nodes) {
      node.link.heal();
      node.runtime.up();
      if (!node.isRunning) node.startAgent();
    }
    // The last word is a good one, so that there is something to agree on.
    const valid = this.wanted?.apps ?? {};
    await this.#commit(valid, "the last word");
  }

  async #step(): Promise<void> {
    const actions = this.#actions();
    const total = actions.reduce((sum, [weight]) => sum + weight, 0);
    let chosen = randomInteger(this.#random, total);
    for (const [weight, act] of actions) {
      if ((chosen -= weight) < 0) return void (await act());
    }
  }

  /** Each with how often it is chosen. */
  #actions(): readonly (readonly [number, () => Promise<unknown> | unknown])[] {
    const { git, nodes, clock } = this.#cluster;
    const node = nodes[randomInteger(this.#random, nodes.length)]!;
    const apps = this.wanted?.apps ?? {};
    const name = this.#pick(Object.keys(apps)) ?? "web";
    const app = apps[name];
    return [
      [6, () => app && this.#commit({ ...apps, [name]: { ...app, replicas: this.#between(0, 5) } }, `scale ${name}`)],
      [4, () => app && this.#commit({ ...apps, [name]: { ...app, image: this.#pick([...IMAGES, PULLED_IMAGE])! } }, `another image for ${name}`)],
      [3, () => app && this.#commit({ ...apps, [name]: { ...app, setting: `s${++this.#serial}` } }, `another setting for ${name}`)],
      [3, () => Object.keys(apps).length < APPS_MAX && this.#commit({ ...apps, [this.#pick(NAMES)!]: { replicas: this.#between(1, 3), image: IMAGES[0]!, setting: "new" } }, "add an application")],
      [2, () => Object.keys(apps).length > 1 && this.#commit(Object.fromEntries(Object.entries(apps).filter(([other]) => other !== name)), `remove ${name}`)],
      [2, () => this.#past.length > 0 && this.#commit(this.#pick(this.#past)!, "go back")],
      [2, () => this.#commitBroken(apps)],
      [3, () => this.#restartEngine()],
      [2, () => this.#restartAgent(node)],
      [
        2,
        () =>
          this.#for(
            `cut ${node.name} off`,
            () => node.link.cut(),
            () => node.link.heal(),
            this.#between(5_000, 120_000),
          ),
      ],
      [
        1,
        () =>
          this.#for(
            `stop the runtime of ${node.name}`,
            () => node.runtime.down(),
            () => node.runtime.up(),
            this.#between(1_000, 20_000),
          ),
      ],
      [1, () => (this.#note(`power cut at ${node.name}`), node.runtime.crash())],
      [
        1,
        () =>
          this.#for(
            "cut the repository off",
            () => (git.isReachable = false),
            () => (git.isReachable = true),
            this.#between(5_000, 60_000),
          ),
      ],
      [
        2,
        () => (
          this.#note(`failures at ${node.name}`),
          node.runtime.failNext("runSandbox", "no space for a network"),
          node.runtime.failNext("createContainer", "no space"),
          node.runtime.failNext("pullImage", "connection reset")
        ),
      ],
      [2, () => this.#crashContainer()],
      [3, () => this.#drift(name)],
      [2, () => this.#makeByHand()],
      [2, () => this.#deletePod()],
      [1, () => clock.advance(this.#between(60_000, 400_000))],
    ];
  }

  async #commit(apps: SimApps, message: string): Promise<void> {
    const files = Object.fromEntries(Object.entries(apps).map(([name, app]) => [`apps/${name}/all.yaml`, manifest(name, app)]));
    // The daemon has another image now and then, whatever else a commit is about.
    const daemonImage = IMAGES[Math.floor(this.#serial / 3) % IMAGES.length]!;
    const commit = await this.#cluster.git.commit({ "README.md": `${++this.#serial}\n`, [`apps/${DAEMON}/all.yaml`]: daemon(daemonImage), ...files }, message);
    this.wanted = { apps, daemonImage, commit };
    this.#past.push(apps);
    this.#note(
      `commit ${commit.slice(0, 7)}: ${message}: ${Object.entries(apps)
        .map(([name, { replicas, image }]) => `${name} ${replicas}×${image.slice(-1)}`)
        .join(", ")}`,
    );
  }

  async #commitBroken(apps: SimApps): Promise<void> {
    const files = Object.fromEntries(Object.entries(apps).map(([name, app]) => [`apps/${name}/all.yaml`, manifest(name, app).replace(/replicas: \d+/, "replicas: -1")]));
    await this.#cluster.git.commit({ "README.md": `${++this.#serial}\n`, "apps/none/bad.yaml": "kind: Nothing\n", ...files }, "a mistake");
    this.#note("commit a mistake");
  }

  async #restartEngine(): Promise<void> {
    if (this.#cluster.engine === undefined) return;
    this.#note("kill the engine");
    await this.#cluster.killEngine();
    await this.#cluster.clock.advance(this.#between(0, 20_000));
    this.#note("start the engine");
    this.#cluster.startEngine();
  }

  async #restartAgent(node: SimCluster["nodes"][number]): Promise<void> {
    if (!node.isRunning) return;
    this.#note(`stop the agent of ${node.name}`);
    let isOver = false;
    void node.stopAgent().then(() => (isOver = true));
    await this.#cluster.clock.runUntil(() => isOver, 600_000, "the agent to stop");
    await this.#cluster.clock.advance(this.#between(0, 30_000));
    this.#note(`start the agent of ${node.name}`);
    node.startAgent();
  }

  #for(what: string, begin: () => void, end: () => void, ms: number): void {
    this.#note(`${what} for ${Math.round(ms / 1000)} s`);
    begin();
    this.#cluster.clock.after(ms, end);
  }

  async #crashContainer(): Promise<void> {
    const node = this.#pick(this.#cluster.nodes)!;
    const containers = await node.runtime.listContainers().catch(() => []);
    const victim = this.#pick(containers.filter(({ state }) => state === "running"));
    if (victim === undefined) return;
    this.#note(`a container of ${node.name} crashes`);
    node.runtime.exit(victim.id, this.#pick([0, 1, 137])!);
  }

  /** People change what Git says, behind its back. */
  async #drift(name: string): Promise<void> {
    const kind = randomInteger(this.#random, 3);
    this.#note(`drift ${kind} at ${name}`);
    const { admin } = this.#cluster;
    const workload = workloadOf(name);
    if (kind === 0) await this.#try(() => admin.for(workload).patch(NAMESPACE, name, "merge", { spec: { replicas: 9 } }));
    else if (kind === 1) await this.#try(() => admin.for(serviceResource).delete(NAMESPACE, name));
    else await this.#try(() => admin.for(workload).delete(NAMESPACE, name, { propagationPolicy: "Background" }));
  }

  async #makeByHand(): Promise<void> {
    const name = `by-hand-${++this.#serial}`;
    if (await this.#try(() => this.#cluster.admin.for(configMapResource).create({ apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: NAMESPACE, name } }))) {
      this.byHand.push(name);
      this.#note(`make ${name}`);
    }
  }

  async #deletePod(): Promise<void> {
    await this.#try(async () => {
      const { items } = await this.#cluster.admin.for(podResource).list("");
      const pod = this.#pick(items);
      if (pod === undefined) return;
      this.#note(`delete pod ${pod.metadata.name}`);
      await this.#cluster.admin.for(podResource).delete(pod.metadata.namespace ?? "", pod.metadata.name ?? "");
    });
  }

  /** People's requests fail while no engine serves, and they shrug. */
  async #try(work: () => Promise<unknown>): Promise<boolean> {
    if (this.#cluster.engine?.server === undefined) return false;
    try {
      await work();
      return true;
    } catch (error) {
      if (!hasReason(error, "NotFound", "Conflict", "ServiceUnavailable", "AlreadyExists")) throw error;
      return false;
    }
  }

  #note(what: string): void {
    this.log.push(`${(this.#cluster.clock.monotonic() / 1000).toFixed(1).padStart(8)} s  ${what}`);
  }

  #between(low: number, high: number): number {
    return low + randomInteger(this.#random, high - low + 1);
  }

  #pick<T>(from: readonly T[]): T | undefined {
    return from.length === 0 ? undefined : from[randomInteger(this.#random, from.length)];
  }
}

/** Its kind; the parts of both that are looked at here are the same. */
export function workloadOf(name: string): ResourceReference<Deployment> {
  return STATEFUL.has(name) ? (statefulSetResource as unknown as ResourceReference<Deployment>) : deploymentResource;
}

/** Whether a pod is one of those that may run in one place only. */
export function isUnique(podName: string): boolean {
  return STATEFUL.has(podName.replace(/-\d+$/, ""));
}

function daemon(image: string): string {
  return `apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ${DAEMON}}
spec:
  selector: {matchLabels: {app: ${DAEMON}}}
  template:
    metadata: {labels: {app: ${DAEMON}}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 5
      containers: [{name: main, image: ${image}}]
`;
}

function manifest(name: string, { replicas, image, setting }: SimApp): string {
  return `apiVersion: v1
kind: ConfigMap
metadata: {name: ${name}}
data: {setting: ${setting}}
---
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec:
  selector: {app: ${name}}
  ports: [{port: 80}]
---
apiVersion: apps/v1
kind: ${workloadOf(name).kind}
metadata: {name: ${name}}
spec:
  replicas: ${replicas}
  ${STATEFUL.has(name) ? `serviceName: ${name}` : "minReadySeconds: 0"}
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 5
      containers: [{name: main, image: ${image}, env: [{name: SETTING, value: ${setting}}]}]
`;
}
