import { hasReason } from "../../engine/apimachinery/status-error.ts";
import { randomInteger, seededRandom, type Random } from "../../engine/lib/random.ts";
import { deploymentResource } from "../../engine/resources/apps/deployment.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { serviceResource } from "../../engine/resources/core/service.ts";
import { applicationResource } from "../../engine/resources/mainstay/application.ts";
import { filesOf, manifestOf, NAMESPACE, unitName, wantedObjects, withoutTwins, type SimObject, type SimRepository, type SimUnit } from "./git-model.ts";
import { GitMirror } from "./git-mirror.ts";
import type { SimCluster } from "./sim-cluster.ts";

const FOLDERS = ["infra/base", "apps/api", "apps/cart", "apps/shop", "apps/web"];
const PARTS: readonly (readonly [SimObject["kind"], string])[] = [
  ["ConfigMap", "one"],
  ["ConfigMap", "two"],
  ["ConfigMap", "three"],
  ["Service", "main"],
  ["Deployment", "main"],
];
/** It belongs now to one application and now to another, and must never be made anew on the way. */
const ROAMING = "roaming";
const RESOURCES = { ConfigMap: configMapResource, Deployment: deploymentResource, Service: serviceResource } as const;
/** What makes a commit one that must not be applied, whatever else is in it. */
const MISTAKES: readonly (readonly [string, (repository: SimRepository) => Readonly<Record<string, string>>])[] = [
  ["an unknown kind", () => ({ "apps/bad/bad.yaml": "apiVersion: v1\nkind: Nothing\nmetadata: {name: x}\n" })],
  ["text that is no YAML", () => ({ "apps/bad/bad.yaml": "kind: [\n" })],
  ["a field that does not exist", () => ({ "apps/bad/bad.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x}\ndatum: {}\n" })],
  ["a number that cannot be", () => ({ "apps/bad/bad.yaml": manifestOf({ kind: "Deployment", name: "bad", value: 1 }).replace("replicas: 0", "replicas: -1") })],
  [
    "an object described twice",
    ({ units }) => ({
      "apps/bad/bad.yaml": `${manifestOf(units[0]?.objects[0] ?? { kind: "ConfigMap", name: "x", value: 1 })}---\n${manifestOf({ kind: "ConfigMap", name: "twice", value: 1 })}---\n${manifestOf({ kind: "ConfigMap", name: "twice", value: 2 })}`,
    }),
  ],
  ["a reference to nothing", () => ({ "apps/bad/bad.yaml": manifestOf({ kind: "Deployment", name: "bad", value: 1 }).replace('value: "1"', "valueFrom: {configMapKeyRef: {name: nowhere, key: x}}") })],
  ["a kustomization of a file that is missing", () => ({ "apps/bad/kustomization.yaml": "resources: [missing.yaml]\n" })],
  [
    "a circle of applications",
    () => ({
      "mainstay.yaml": "apiVersion: mainstay.dev/v1alpha1\nkind: Repository\nunits:\n- {path: apps/api, dependsOn: [infra/base]}\n- {path: infra/base, dependsOn: [apps/api]}\n",
      "apps/api/x.yaml": manifestOf({ kind: "ConfigMap", name: "x", value: 1 }),
      "infra/base/y.yaml": manifestOf({ kind: "ConfigMap", name: "y", value: 1 }),
    }),
  ],
];

/** What people and misfortune do to a repository and to the cluster that follows it. Each step has chance of its own, so that one can be left out and the others stay. */
export class GitHistory {
  readonly mirror: GitMirror;
  readonly log: string[] = [];
  readonly #cluster: SimCluster;
  readonly #seed: number;
  #random: Random;
  #repository: SimRepository;
  #serial = 0;

  constructor(cluster: SimCluster, seed: number) {
    this.#cluster = cluster;
    this.#seed = seed;
    this.#random = seededRandom(seed);
    const isOrdered = seed % 2 === 0;
    this.mirror = new GitMirror(isOrdered);
    this.#repository = { isOrdered, units: [] };
  }

  /** What the newest good commit holds. */
  get repository(): SimRepository {
    return this.#repository;
  }

  async begin(): Promise<void> {
    await this.#commit({ ...this.#repository, units: [this.#unit("infra/base"), this.#unit("apps/web")] }, "begin");
  }

  async step(index: number): Promise<void> {
    this.#random = seededRandom(this.#seed * 10_000 + index);
    const actions = this.#actions();
    let chosen = randomInteger(
      this.#random,
      actions.reduce((sum, [weight]) => sum + weight, 0),
    );
    for (const [weight, act] of actions) {
      if ((chosen -= weight) < 0) {
        await act();
        break;
      }
    }
    await this.#cluster.clock.advance(this.#pick([0, 0, 20, 200, 3_000, 20_000, 60_000]));
  }

  /** Everything is mended, and the last commit is one that nothing speaks against. */
  async heal(): Promise<void> {
    const { faults, git, clock } = this.#cluster;
    faults.mend();
    git.isReachable = true;
    if (this.#cluster.engine === undefined) this.#cluster.startEngine();
    await clock.advance(30_000);
    this.#note("everything is mended");
    await this.#commit(this.#repository, "the last word");
  }

  #actions(): readonly (readonly [number, () => Promise<void> | void])[] {
    const { git, faults, clock } = this.#cluster;
    return [
      [10, () => this.#commit(this.#changed(this.#repository), "change")],
      [3, () => this.#commit(this.#changed(this.#changed(this.#changed(this.#repository))), "change much")],
      [2, () => this.#commitPast()],
      [5, () => this.#commitMistake()],
      [
        3,
        () =>
          this.#for(
            "the store is away",
            20_000,
            () => faults.breakDown(() => "before"),
            () => faults.mend(),
          ),
      ],
      [
        3,
        () =>
          this.#for(
            "the store fails now and then",
            40_000,
            () => faults.breakDown(() => (this.#chance(0.8) ? undefined : this.#chance(0.5) ? "before" : "after")),
            () => faults.mend(),
          ),
      ],
      [
        2,
        () =>
          this.#for(
            "the repository is out of reach",
            60_000,
            () => (git.isReachable = false),
            () => (git.isReachable = true),
          ),
      ],
      [8, () => this.#crashAtWrite()],
      [8, () => this.#drift()],
      [2, () => this.#makeByHand()],
      [2, () => this.#holdOne()],
      [1, () => clock.advance(this.#between(60_000, 400_000))],
    ];
  }

  async #commit(repository: SimRepository, message: string): Promise<void> {
    this.#repository = repository;
    const id = await this.#cluster.git.commit(filesOf(repository, ++this.#serial), this.#allowing(message));
    this.mirror.pushed({ id, repository, verdict: "good" });
    this.#note(`commit ${this.mirror.commits.length - 1} ${id.slice(0, 7)}: ${message}: ${[...wantedObjects(repository)].map(([key, content]) => `${key}=${content}`).join(", ")}`);
  }

  #allowing(message: string): string {
    return `${message}\n\n${FOLDERS.map((folder) => `Allow-Delete: ${unitName({ folder, objects: [], isKustomized: false })}`).join("\n")}`;
  }

  async #commitPast(): Promise<void> {
    const past = this.mirror.commits.filter(({ verdict }) => verdict === "good");
    await this.#commit(this.#pick(past).repository, "go back");
  }

  /** The good part of such a commit must not be seen either. */
  async #commitMistake(): Promise<void> {
    const [what, files] = this.#pick(MISTAKES);
    const repository = this.#changed(this.#repository);
    const id = await this.#cluster.git.commit({ ...filesOf(repository, ++this.#serial), ...files(repository) }, this.#allowing(what));
    this.mirror.pushed({ id, repository, verdict: "bad" });
    this.#note(`commit ${this.mirror.commits.length - 1} ${id.slice(0, 7)}: ${what}`);
  }

  #changed(repository: SimRepository): SimRepository {
    return withoutTwins(this.#change(repository));
  }

  #change(repository: SimRepository): SimRepository {
    const { units } = repository;
    const some = this.#pick(units);
    const others = units.filter((unit) => unit !== some);
    const replace = (unit: SimUnit): SimRepository => ({ ...repository, units: [...others, unit].sort((a, b) => (a.folder < b.folder ? -1 : 1)) });
    const free = FOLDERS.filter((folder) => !units.some((unit) => unit.folder === folder));
    const value = this.#between(1, 900);
    switch (this.#between(0, 7)) {
      case 0:
        return free.length === 0 ? replace(this.#unit(some.folder)) : { ...repository, units: [...units, this.#unit(this.#pick(free))].sort((a, b) => (a.folder < b.folder ? -1 : 1)) };
      case 1:
        return units.length < 2 ? replace(this.#unit(some.folder)) : { ...repository, units: others };
      case 2:
        return replace({ ...some, isKustomized: !some.isKustomized });
      case 3:
        return free.length === 0 ? replace(this.#unit(some.folder)) : replace({ ...some, folder: this.#pick(free) });
      case 4:
        return this.#moved(repository, value);
      case 5:
        return some.objects.length < 2 ? replace(this.#unit(some.folder)) : replace({ ...some, objects: some.objects.slice(1) });
      default:
        return replace({ ...some, objects: some.objects.map((object) => (this.#chance(0.5) ? { ...object, value } : object)) });
    }
  }

  /** One object goes from whichever application has it to another one. */
  #moved(repository: SimRepository, value: number): SimRepository {
    const to = this.#pick(repository.units.filter(({ isKustomized }) => !isKustomized).concat(repository.units));
    const roaming: SimObject = { kind: "ConfigMap", name: ROAMING, value };
    const units = repository.units.map((unit) => {
      const rest = unit.objects.filter(({ name }) => name !== ROAMING);
      return { ...unit, objects: unit === to ? [...rest, roaming] : rest };
    });
    return { ...repository, units: units.filter(({ objects }) => objects.length > 0) };
  }

  #unit(folder: string): SimUnit {
    const late = this.#repository.isOrdered ? "-late" : "";
    const objects = PARTS.filter(() => this.#chance(0.7)).map(([kind, part]): SimObject => ({
      kind,
      name: `${folder.split("/")[1]}-${part}${part === "two" ? late : ""}`,
      value: this.#between(1, 900),
    }));
    return { folder, isKustomized: this.#chance(0.25), objects: objects.length > 0 ? objects : [{ kind: "ConfigMap", name: `${folder.split("/")[1]}-one`, value: 1 }] };
  }

  #crashAtWrite(): void {
    const { faults, engine } = this.#cluster;
    if (engine === undefined) return;
    const [writes, moment, pauseMs] = [this.#between(1, 25), this.#chance(0.5) ? ("before" as const) : ("after" as const), this.#between(0, 20_000)];
    this.#note(`the engine will die ${moment} write ${writes} from now`);
    faults.crashAt(writes, moment, () => {
      if (this.#cluster.engine !== engine) return;
      this.#note("the engine dies");
      void this.#cluster.killEngine();
      this.#cluster.clock.after(pauseMs, () => {
        if (this.#cluster.engine !== undefined) return;
        this.#note("the engine starts");
        this.#cluster.startEngine();
      });
    });
  }

  #for(what: string, maxMs: number, begin: () => void, end: () => void): void {
    const ms = this.#between(100, maxMs);
    this.#note(`${what} for ${ms} ms`);
    begin();
    this.#cluster.clock.after(ms, end);
  }

  /** Someone changes what Git says, behind its back. */
  async #drift(): Promise<void> {
    const key = this.#pick([...wantedObjects(this.#repository).keys()]);
    const [kind = "", name = ""] = key.split("/");
    const client = this.#cluster.admin.for(RESOURCES[kind as SimObject["kind"]] as typeof configMapResource); // all three have these verbs
    const changes: readonly (readonly [string, () => Promise<unknown>])[] = [
      ["deleted", () => client.delete(NAMESPACE, name, { propagationPolicy: "Background" })],
      [
        "changed",
        () => client.patch(NAMESPACE, name, "merge", kind === "ConfigMap" ? { data: { value: "drift" } } : kind === "Service" ? { spec: { selector: { value: "drift" } } } : { spec: { replicas: 2 } }),
      ],
      ["taken over", () => client.patch(NAMESPACE, name, "merge", { metadata: { labels: { "mainstay.dev/application": null } } })],
      ["annotated", () => client.patch(NAMESPACE, name, "merge", { metadata: { annotations: { note: String(++this.#serial) } } })],
    ];
    const [what, act] = this.#pick(changes);
    this.#note(`${key} is ${what} by hand`);
    const isOver = what === "annotated" ? () => {} : this.mirror.disturb(key);
    await this.#try(act);
    await this.#cluster.clock.settle();
    isOver();
  }

  /** Copies of what Git has, label and all: no inventory holds them. */
  async #makeByHand(): Promise<void> {
    const name = `by-hand-${++this.#serial}`;
    this.mirror.madeByHand(`ConfigMap/${name}`, "web 7");
    this.#note(`${name} is made by hand`);
    await this.#try(() =>
      this.#cluster.admin
        .for(configMapResource)
        .create({ apiVersion: "v1", kind: "ConfigMap", metadata: { namespace: NAMESPACE, name, labels: { "mainstay.dev/application": "web" } }, data: { value: "7" } }),
    );
  }

  /** Only where objects are compared one by one: what is held stays behind its commit on purpose. */
  async #holdOne(): Promise<void> {
    if (!this.#repository.isOrdered) return;
    const name = unitName(this.#pick(this.#repository.units));
    const until = new Date(this.#cluster.clock.now() + this.#between(5, 200) * 1_000).toISOString().replace(/\.\d+Z$/, "Z");
    this.#note(`${name} is held until ${until}`);
    await this.#try(() => this.#cluster.admin.for(applicationResource).patch("", name, "merge", { spec: { holds: [{ until, by: "ada" }] } }));
  }

  /** People's requests fail while nobody serves or the store is away, and they shrug. */
  async #try(work: () => Promise<unknown>): Promise<void> {
    if (this.#cluster.engine?.server === undefined) return;
    let isOver = false;
    const done = work()
      .catch((error: unknown) => {
        if (!hasReason(error, "NotFound", "Conflict", "ServiceUnavailable", "AlreadyExists", "InternalError", "Timeout", "ServerTimeout", "TooManyRequests")) throw error;
      })
      .finally(() => (isOver = true));
    await this.#cluster.clock.runUntil(() => isOver, 120_000, "an answer");
    await done;
  }

  #note(what: string): void {
    this.log.push(`${(this.#cluster.clock.monotonic() / 1000).toFixed(1).padStart(8)} s  ${what}`);
  }

  #chance(of: number): boolean {
    return randomInteger(this.#random, 1_000) < of * 1_000;
  }

  #between(low: number, high: number): number {
    return low + randomInteger(this.#random, high - low + 1);
  }

  #pick<T>(from: readonly T[]): T {
    const picked = from[randomInteger(this.#random, from.length)];
    if (picked === undefined) throw new Error("nothing to choose from");
    return picked;
  }
}
