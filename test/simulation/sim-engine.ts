import { hasReason } from "../../engine/apimachinery/status-error.ts";
import { createLocalClient } from "../../engine/client/local-client.ts";
import type { Client } from "../../engine/client/client.ts";
import { createControlPlane } from "../../engine/control-plane.ts";
import { parsePodRanges } from "../../engine/controllers/nodes/pod-ranges.ts";
import { GITOPS_USER } from "../../engine/apimachinery/known-users.ts";
import { generateTokenKey } from "../../engine/auth/service-account-token.ts";
import { createGitOps, type GitOps } from "../../engine/gitops/gitops.ts";
import { ChangingValue } from "../../engine/lib/changing-value.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { MetricsRegistry } from "../../engine/lib/metrics.ts";
import type { Random } from "../../engine/lib/random.ts";
import { service } from "../../engine/lib/service.ts";
import { ServiceScope } from "../../engine/lib/service-scope.ts";
import { createPodForecast } from "../../engine/pod-forecast.ts";
import { catalog } from "../../engine/resources/catalog.ts";
import type { ApiServer } from "../../engine/server/api-server.ts";
import { createApiServer } from "../../engine/server/create-api-server.ts";
import { bootstrapCluster } from "../../engine/server/bootstrap/bootstrap.ts";
import { createCompactor } from "../../engine/storage/compactor.ts";
import { ObjectStore } from "../../engine/storage/object-store.ts";
import { StorageUnavailableError, type Storage } from "../../engine/storage/storage.ts";
import type { MemoryGit } from "../kit/memory-git.ts";
import { mortalStorage } from "./mortal-storage.ts";

export interface SimParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly storage: Storage;
  readonly git: MemoryGit;
  /** Why engines ended that should have gone on. */
  readonly failures: string[];
  /** The store was away when the engine began: whoever runs it begins another one. */
  readonly onFailedStart: () => void;
}

/** Making one takes longer than a simulated hour. */
let tokenKey: string | undefined;

/** One life of the engine: API server, controllers, scheduler and Git over the cluster's store, composed as engine.ts composes them. */
export class SimEngine {
  readonly #scope = new ServiceScope(new AbortController().signal);
  readonly #storage: Storage & { die(): void };
  #isDead = false;
  #server: ApiServer | undefined;
  gitops: GitOps | undefined;

  private constructor(storage: Storage & { die(): void }) {
    this.#storage = storage;
  }

  static begin(parts: SimParts): SimEngine {
    const engine = new SimEngine(mortalStorage(parts.storage));
    engine.#scope.ended.catch((error: unknown) => engine.#isDead || parts.failures.push(`the engine ended: ${describeError(error)}`));
    // A start that dies halfway is one of the things that happen.
    engine.#assemble(parts).catch((error: unknown) => {
      if (engine.#isDead) return;
      if (!hasReason(error, "ServiceUnavailable", "Timeout") && !(error instanceof StorageUnavailableError)) throw error;
      parts.onFailedStart();
    });
    return engine;
  }

  /** What clients reach, once it serves. */
  get server(): ApiServer | undefined {
    return this.#isDead ? undefined : this.#server;
  }

  /** As `kill -9` does: nothing that it was about to do happens any more. */
  async die(): Promise<void> {
    this.#isDead = true;
    this.#storage.die();
    await this.#scope.end();
  }

  async #assemble({ clock, random, logger, git }: SimParts): Promise<void> {
    const store = new ObjectStore({ storage: this.#storage, resources: catalog, clock, logger });
    this.#scope.start(
      service("store", (signal) => store.run(signal)),
      createCompactor({ storage: this.#storage, cache: store, clock, logger }),
    );
    await store.ready(this.#scope.signal);
    tokenKey ??= generateTokenKey();
    const metrics = new MetricsRegistry();
    const server = createApiServer({ store, catalog, clock, random, logger, metrics, serviceCidr: "10.43.0.0/16", tokenKey });
    await bootstrapCluster(server, { serviceCidr: "10.43.0.0/16", apiPort: 6443 });
    const as = (username: string): Client => createLocalClient(server, { username, groups: ["system:authenticated"] }, username.replace(/^.*:/, ""));
    const source = git.source(() => {
      if (this.#isDead) throw new Error("the engine is dead");
    });
    const gitops = await createGitOps({
      client: as(GITOPS_USER),
      clock,
      random,
      logger,
      source,
      forecastPods: createPodForecast(as(GITOPS_USER)),
      config: { clusterName: "local", dataDir: "/nowhere", branch: "main", path: "." },
    });
    const keys = { signApproved: () => Promise.reject(new Error("nobody asks for certificates here")), issueAccountToken: server.parts.tokens.issueLegacy.bind(server.parts.tokens) };
    this.#server = server;
    this.gitops = gitops;
    this.#scope.start(...gitops.services, ...createControlPlane({ as, clock, random, logger, metrics, rootCa: new ChangingValue("CA"), podRanges: parsePodRanges("10.42.0.0/16"), keys }));
  }
}
