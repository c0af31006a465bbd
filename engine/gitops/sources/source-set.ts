import { createHash } from "node:crypto";
import { promises as fs } from "node:fs";
import path from "node:path";
import { abortError, isAbort } from "../../lib/abort.ts";
import { backoffMs } from "../../lib/backoff.ts";
import { Bell } from "../../lib/bell.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { describeError } from "../../lib/log.ts";
import { runServices } from "../../lib/service.ts";
import { repositoryResource } from "../../resources/mainstay/repository.ts";
import type { GitSource } from "../git/git-source.ts";
import { openGitStore } from "../git/git-store.ts";
import { ensureHostedRepository, openHostedSource } from "../git/hosted-repository.ts";
import { readAgeKeys } from "../manifests/age-keys.ts";
import { REPOSITORY_LABEL, type DesiredState } from "../manifests/desired-state.ts";
import type { Problem } from "../manifests/problem.ts";
import { CONFIG_FILE } from "../manifests/repository-config.ts";
import type { SourceRule } from "../manifests/source-rules.ts";
import type { GitHost } from "../push/git-host.ts";
import type { ComposedFacts, RepositoryFacts } from "../status/status-facts.ts";
import type { FurtherSources } from "../sync/source-follower.ts";
import type { Synchroniser } from "../sync/synchroniser.ts";
import { accessOf, openRemote } from "./open-source.ts";
import { createPipeline, type PipelineParts, type RepositoryPipeline } from "./repository-pipeline.ts";

export interface SourceSetOptions {
  readonly parts: PipelineParts;
  /** Undefined where nothing can be hosted, since another server may follow the repository next. */
  readonly host: GitHost | undefined;
  /** Folder of the mirrors. */
  readonly mirrors: string;
  /** Called when something of a source may have changed that a report shows. */
  readonly onChange: () => void;
}

interface Running {
  readonly rule: SourceRule;
  readonly pipeline: RepositoryPipeline;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

const RETRY = { initialMs: 1_000, maxMs: 60_000 };

/** The further repositories of a cluster: each is followed by a pipeline of its own, as long as the cluster's own repository names it. */
export class SourceSet implements FurtherSources {
  readonly #options: SourceSetOptions;
  readonly #running = new Map<string, Running>();
  readonly #faults = new Map<string, string>();
  #wanted: readonly SourceRule[] = [];
  /** The rules of the last start. */
  #told: readonly SourceRule[] | undefined;
  #opening: Promise<void> = Promise.resolve();
  #failure: { readonly error: unknown } | undefined;
  readonly #bell: Bell;

  constructor(options: SourceSetOptions) {
    this.#options = options;
    this.#bell = new Bell(options.parts.clock);
  }

  check({ config }: DesiredState): readonly Problem[] {
    if (this.#options.host !== undefined) return [];
    return config.sources
      .filter(({ url }) => url === undefined)
      .map(({ name }) => ({
        file: CONFIG_FILE,
        line: 1,
        field: "sources",
        message: `source ${name} has no url, and a cluster of several servers that follows a repository elsewhere hosts none; give it one`,
      }));
  }

  async retain(rules: readonly SourceRule[]): Promise<void> {
    this.#wanted = this.#wanted.filter((rule) => rules.some((other) => jsonEqual(rule, other)));
    await this.#opening;
    await Promise.all([...this.#running.values()].filter(({ rule }) => !rules.some((other) => jsonEqual(rule, other))).map((running) => this.#end(running)));
  }

  start(rules: readonly SourceRule[]): void {
    if (this.#told !== undefined && jsonEqual(this.#told, rules)) return;
    this.#told = rules;
    this.#wanted = rules;
    this.#bell.ring();
  }

  /** Whoever may know of a push to a source. Undefined: there is no such source. */
  webhookOf(name: string): { readonly secret: () => Promise<string | undefined>; readonly onPush: () => void } | undefined {
    const running = this.#running.get(name);
    if (running === undefined) return undefined;
    const access = accessOf(this.#options.parts.client, running.rule.secret);
    return { secret: async () => (await access()).webhookSecret, onPush: () => running.pipeline.trigger() };
  }

  /** Where a field is written that one of them states, as `source//file:line`. */
  async placeOf(...about: Parameters<Synchroniser["placeOf"]>): Promise<string | undefined> {
    for (const [name, { pipeline }] of this.#running) {
      const place = await pipeline.synchroniser.placeOf(...about);
      if (place !== undefined) return `${name}//${place}`;
    }
    return undefined;
  }

  /** How the sources fare, for the report of the cluster's own repository. */
  readonly composed = (): ComposedFacts => {
    const all = this.#wanted.map((rule) => ({ rule, facts: this.#running.get(rule.name)?.pipeline.reporter.facts() }));
    return {
      applications: all.flatMap(({ facts }) => facts?.applications ?? []),
      repositories: all.map(({ rule, facts }): RepositoryFacts => {
        const fault = this.#faults.get(rule.name);
        const message = fault ?? facts?.sync.problems?.join("; ") ?? facts?.sync.message;
        return {
          name: rule.name,
          url: facts?.repository.url ?? rule.url ?? "",
          branch: rule.revision,
          state: fault === undefined ? (facts?.sync.state ?? "syncing") : "unreachable",
          ...(message === undefined ? {} : { message }),
          ...(facts?.commit === undefined ? {} : { commit: facts.commit }),
          applications: facts?.applications.length ?? 0,
          healthy: facts?.applications.filter(({ health }) => health === "Healthy").length ?? 0,
        };
      }),
    };
  };

  async run(signal: AbortSignal): Promise<void> {
    try {
      for (let failures = 0, hasStrangers = false; !signal.aborted;) {
        if (this.#failure !== undefined) throw this.#failure.error;
        if (this.#bell.take()) hasStrangers = true;
        const isComplete = await this.#openMissing();
        if (hasStrangers) hasStrangers = !(await this.#forgetOthers());
        failures = isComplete && !hasStrangers ? 0 : failures + 1;
        await this.#bell.wait(failures > 0 ? backoffMs(RETRY, failures) : Infinity, signal);
      }
    } finally {
      await Promise.all([...this.#running.values()].map((running) => this.#end(running)));
    }
  }

  /** Returns false when something must be tried again. */
  async #openMissing(): Promise<boolean> {
    const { logger } = this.#options.parts;
    let isComplete = true;
    for (const rule of this.#wanted) {
      if (this.#running.has(rule.name) || !this.#wanted.includes(rule)) continue;
      const opening = this.#open(rule).then(
        () => void this.#faults.delete(rule.name),
        (error: unknown) => {
          isComplete = false;
          this.#faults.set(rule.name, describeError(error));
          logger.warn("source not followed, will retry", { source: rule.name, error: describeError(error) });
        },
      );
      this.#opening = opening;
      await opening;
      this.#options.onChange();
    }
    for (const name of this.#faults.keys()) if (!this.#wanted.some((rule) => rule.name === name)) this.#faults.delete(name);
    return isComplete;
  }

  async #open(rule: SourceRule): Promise<void> {
    const { parts, host, onChange } = this.#options;
    const { client } = parts;
    const access = accessOf(client, rule.secret);
    const hosted = rule.url === undefined && host !== undefined ? { host, gitDir: host.gitDir(rule.name) } : undefined;
    const source = hosted === undefined ? await this.#openRemote(rule, access) : await openHosted(rule, hosted.host);
    const { secret } = rule;
    const pipeline = createPipeline(parts, {
      source,
      rule,
      access,
      path: rule.path,
      ...(hosted === undefined ? {} : { hosted }),
      ...(rule.url === undefined ? {} : { remote: rule.url }),
      // Keys of the cluster's own repository would open what someone has copied from it.
      ...(secret === undefined ? {} : { ageKeys: () => readAgeKeys(client, { file: undefined, secret }) }),
    });
    if (pipeline.gate !== undefined) host?.setGate(rule.name, pipeline.gate);
    const stop = new AbortController();
    const unsubscribe = pipeline.reporter.subscribe(onChange);
    const ended = runServices(pipeline.services, stop.signal)
      .catch((error: unknown) => {
        if (isAbort(error)) return;
        this.#failure ??= { error };
        this.#bell.ring();
      })
      .finally(unsubscribe);
    this.#running.set(rule.name, { rule, pipeline, stop, ended });
    parts.logger.info("source followed", { source: rule.name, url: source.url });
  }

  async #openRemote({ name, url = "", revision, intervalMs }: SourceRule, access: ReturnType<typeof accessOf>): Promise<GitSource> {
    const { mirrors, parts } = this.#options;
    // Of another address, nothing that was seen before is true. Names have no dots.
    const folder = `${name}.${createHash("sha256").update(url).digest("hex").slice(0, 8)}`;
    await fs.mkdir(mirrors, { recursive: true, mode: 0o700 });
    for (const other of await fs.readdir(mirrors))
      if (other.startsWith(`${name}.`) && !other.startsWith(folder)) await fs.rm(path.join(mirrors, other), { recursive: true, force: true });
    return openRemote({ url, revision, gitDir: path.join(mirrors, `${folder}.git`), access, pollIntervalMs: intervalMs, logger: parts.logger });
  }

  async #end(running: Running): Promise<void> {
    const { name } = running.rule;
    if (running.rule.url === undefined) this.#options.host?.withdraw(name);
    running.stop.abort(abortError(running.stop.signal));
    await running.ended;
    if (this.#running.get(name) === running) this.#running.delete(name);
  }

  /** Repository objects of sources that are gone, also of those that went while nobody looked. Returns false when it must be tried again. */
  async #forgetOthers(): Promise<boolean> {
    const { client, logger } = this.#options.parts;
    try {
      const { items } = await client.for(repositoryResource).list("", { labelSelector: REPOSITORY_LABEL });
      for (const { metadata } of items)
        if (!this.#wanted.some(({ name }) => name === metadata.name)) await client.for(repositoryResource).delete("", metadata.name ?? "");
      return true;
    } catch (error) {
      logger.warn("repositories that are gone not forgotten, will retry", { error: describeError(error) });
      return false;
    }
  }
}

async function openHosted({ name, revision }: SourceRule, host: GitHost): Promise<GitSource> {
  await host.open();
  const gitDir = host.gitDir(name);
  const store = openGitStore(gitDir);
  await ensureHostedRepository(gitDir, revision);
  await host.serve(name, name, store);
  return openHostedSource(gitDir, store, revision, host.url(name));
}
