import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Client } from "../../engine/client/client.ts";
import { createLocalClient } from "../../engine/client/local-client.ts";
import { silentLogger } from "../../engine/lib/log.ts";
import { seededRandom, type Random } from "../../engine/lib/random.ts";
import { openMemoryStorage } from "../../engine/storage/memory-storage.ts";
import type { Storage } from "../../engine/storage/storage.ts";
import { MemoryGit } from "../kit/memory-git.ts";
import { adminUser } from "../kit/test-api.ts";
import { VirtualClock } from "../kit/virtual-clock.ts";
import { FaultyStorage } from "./faulty-storage.ts";
import { SimEngine } from "./sim-engine.ts";
import { SimNode } from "./sim-node.ts";

export const IMAGES = ["mainstay.local/web:1", "mainstay.local/web:2"];
/** After a start that failed. */
const RESTART_MS = 5_000;
/** Not on the machines: it has to be pulled. */
export const PULLED_IMAGE = "registry.example.org/web:3";

/** A whole cluster – engine, store, repository, machines – in this process, under virtual time, from one seed. */
export class SimCluster implements AsyncDisposable {
  readonly clock = new VirtualClock();
  readonly random: Random;
  readonly storage: Storage;
  /** The store as engines reach it. */
  readonly faults: FaultyStorage;
  readonly git: MemoryGit;
  readonly nodes: readonly SimNode[];
  /** An administrator's access; fails while no engine serves. */
  readonly admin: Client;
  engine: SimEngine | undefined;
  readonly failures: string[] = [];
  readonly #folder = mkdtempSync(path.join(os.tmpdir(), "sim-"));
  readonly #trace = createHash("sha256");
  readonly #following = new AbortController();
  #changes = 0;

  constructor(seed: number, nodeCount = 3) {
    this.random = seededRandom(seed);
    this.storage = openMemoryStorage({ clock: this.clock });
    this.faults = new FaultyStorage(this.storage);
    this.git = new MemoryGit(this.clock);
    const handler = { handle: (request: Parameters<NonNullable<SimEngine["server"]>["handle"]>[0]) => this.#server().handle(request) };
    this.admin = createLocalClient(handler, adminUser, "kubectl");
    const { clock, random } = this;
    this.nodes = Array.from(
      { length: nodeCount },
      (_, index) => new SimNode({ name: `n${index + 1}`, index, clock, random, logger: silentLogger, images: IMAGES, registry: [PULLED_IMAGE], folder: this.#folder, api: () => this.engine?.server }),
    );
  }

  async start(): Promise<void> {
    void this.#follow();
    this.startEngine();
    for (const node of this.nodes) node.startAgent();
    await this.clock.settle();
  }

  startEngine(): void {
    const { clock, random, faults, git, failures } = this;
    const engine = SimEngine.begin({
      clock,
      random,
      storage: faults,
      git,
      failures,
      logger: silentLogger,
      onFailedStart: () => {
        if (this.engine !== engine) return;
        void this.killEngine();
        clock.after(RESTART_MS, () => this.engine === undefined && this.startEngine());
      },
    });
    this.engine = engine;
  }

  async killEngine(): Promise<void> {
    const engine = this.engine;
    this.engine = undefined;
    for (const node of this.nodes) node.link.drop();
    await engine?.die();
  }

  /** What happened, in one word: two runs of a seed must say the same. */
  get fingerprint(): string {
    return `${this.#changes} changes, ${this.#trace.copy().digest("hex").slice(0, 16)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#following.abort();
    const ends = [this.killEngine(), ...this.nodes.map((node) => node.stopAgent())];
    // What waits for time to pass, such as a container's grace period, is given it.
    let isOver = false;
    void Promise.allSettled(ends).then(() => (isOver = true));
    await this.clock.runUntil(() => isOver, 600_000, "the end of the simulation");
    await this.storage.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #server(): NonNullable<SimEngine["server"]> {
    const server = this.engine?.server;
    if (server === undefined) throw new Error("no engine serves");
    return server;
  }

  async #follow(): Promise<void> {
    for await (const { events } of this.storage.watch("/registry/", 0, this.#following.signal)) {
      for (const event of events) {
        this.#changes++;
        const [key, revision] = event.type === "put" ? [event.entry.key, event.entry.modRevision] : [event.key, event.revision];
        this.#trace.update(`${this.clock.monotonic()} ${revision} ${event.type} ${key}\n`);
      }
    }
  }
}
