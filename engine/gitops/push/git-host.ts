import { promises as fs } from "node:fs";
import path from "node:path";
import type { Client } from "../../client/client.ts";
import { aborted } from "../../lib/abort.ts";
import type { Following } from "../../lib/changing-value.ts";
import { hostAndPort } from "../../lib/net/ip-address.ts";
import { Lock } from "../../lib/lock.ts";
import type { Logger } from "../../lib/log.ts";
import { isLoopback } from "../../lib/net/loopback.ts";
import type { Random } from "../../lib/random.ts";
import type { PageStore } from "../pages/find-page.ts";
import { Pages, type PageSource } from "../pages/pages.ts";
import { createGitAccess } from "./git-access.ts";
import { startGitServer, type GitServer, type KeyPair } from "./git-server.ts";
import { installHooks, runHookServer } from "./hook-server.ts";
import type { PushGate } from "./push-gate.ts";

export interface GitHostOptions {
  /** Folder of all hosted repositories, each as `<name>.git`. */
  readonly root: string;
  readonly address: string;
  readonly port: number;
  /** How others reach the address, where it is not one itself: 0.0.0.0 is all of them. */
  readonly publicAddress?: string;
  /** Whether whoever reaches the loopback need not say who he is. Elsewhere everyone must. */
  readonly allowsAnonymous: boolean;
  /** For HTTPS, which is served wherever the address is not the loopback's. */
  readonly certificate?: Following<KeyPair>;
  readonly client: Client;
  readonly random: Random;
  readonly logger: Logger;
}

interface Hosted {
  /** Name of its Repository object, on which roles give rights. */
  readonly repository: string;
  readonly store: PageStore;
  gate: PushGate | undefined;
}

/** The repositories that this cluster serves itself: one server, one socket for their hooks, each with a gate of its own. */
export class GitHost {
  readonly #options: GitHostOptions;
  readonly #hosted = new Map<string, Hosted>();
  readonly #opened = Promise.withResolvers<GitServer>();
  #server: GitServer | undefined;
  readonly #opening = new Lock();

  constructor(options: GitHostOptions) {
    this.#options = options;
  }

  /** Listens, if it does not yet. Rejects when the port is taken. */
  async open(): Promise<void> {
    await this.#opening.run(async () => {
      if (this.#server !== undefined) return;
      const { root, address, port, certificate, allowsAnonymous, client, random, logger } = this.#options;
      const isOpen = isLoopback(address);
      if (!isOpen && certificate === undefined) throw new Error(`serve Git on ${address}: there is no certificate for HTTPS`);
      await fs.mkdir(root, { recursive: true, mode: 0o700 });
      const pages = new Pages(() => this.#sources(), logger);
      this.#server = await startGitServer({
        root,
        address,
        port,
        logger,
        access: { users: createGitAccess(client, isOpen && allowsAnonymous), random },
        repositoryOf: (folder) => this.#hosted.get(folder)?.repository,
        pages: (request) => pages.answer(request),
        ...(isOpen || certificate === undefined ? {} : { certificate }),
      });
      this.#opened.resolve(this.#server);
    });
  }

  gitDir(name: string): string {
    return path.join(this.#options.root, `${name}.git`);
  }

  /** Where to clone from; known once it listens. */
  url(name: string): string {
    const { address, publicAddress = address } = this.#options;
    return `${isLoopback(address) ? "http" : "https"}://${hostAndPort(publicAddress, this.#server?.port ?? this.#options.port)}/${name}.git`;
  }

  /**
   * Serves the folder `<name>.git`, which is there already, under the rights on a Repository object; pages are read from its store. Pushes are
   * refused until it has a gate.
   */
  async serve(name: string, repository: string, store: PageStore): Promise<void> {
    await installHooks(this.gitDir(name), this.#socketPath);
    this.#hosted.set(`${name}.git`, { repository, store, gate: undefined });
  }

  setGate(name: string, gate: PushGate): void {
    const hosted = this.#hosted.get(`${name}.git`);
    if (hosted !== undefined) hosted.gate = gate;
  }

  /** The folder stays, and comes back with all it has. */
  withdraw(name: string): void {
    this.#hosted.delete(`${name}.git`);
  }

  /** Answers hooks and requests until the signal fires. */
  async run(signal: AbortSignal): Promise<void> {
    const { logger } = this.#options;
    const server = await Promise.race([this.#opened.promise, aborted(signal).then(() => undefined)]);
    if (server === undefined) return;
    const hooks = runHookServer(
      { socketPath: this.#socketPath, gateOf: (folder) => this.#hosted.get(folder)?.gate, identityOf: (push) => server.identityOf(push), logger },
      signal,
    );
    await Promise.all([server.run(signal), hooks]);
  }

  #sources(): readonly PageSource[] {
    return [...this.#hosted].map(([folder, { repository, store }]) => ({ name: folder.replace(/\.git$/, ""), repository, store }));
  }

  get #socketPath(): string {
    return path.join(this.#options.root, "hooks.sock");
  }
}
