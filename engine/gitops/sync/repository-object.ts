import { unlessGone } from "../../apimachinery/status-error.ts";
import type { Client } from "../../client/client.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { Lock } from "../../lib/lock.ts";
import { repositoryResource, type RepositoryObject } from "../../resources/mainstay/repository.ts";
import type { RepositoryObserved } from "../../resources/types.ts";
import type { SignatureBase } from "./signature-policy.ts";
import { FIELD_MANAGER, REPOSITORY_LABEL } from "../manifests/desired-state.ts";
import { DEFAULT_SIGNERS_FILE, type RepositoryConfig, type TeamRule } from "../manifests/repository-config.ts";

const WITHOUT_SETTINGS: RepositoryObject = { apiVersion: "mainstay.dev/v1alpha1", kind: "Repository", metadata: {} };

/** The Repository object of the cluster: mainstay.yaml as it counts now, and what was made of the newest commit. */
export class RepositoryRecord {
  readonly #client: Client;
  readonly #name: string;
  readonly #labels: Readonly<Record<string, string>> | undefined;
  readonly #writes = new Lock();
  #known: RepositoryObject | undefined;
  /** Since this start; what was said of it before counts no longer. */
  #forge: string | undefined;

  /** `isSource`: it is one of several, and not the cluster's own. */
  constructor(client: Client, name: string, isSource = false) {
    this.#client = client;
    this.#name = name;
    this.#labels = isSource ? { [REPOSITORY_LABEL]: name } : undefined;
  }

  /** For a repository that is followed no longer. */
  remove(): Promise<void> {
    return this.#writes.run(async () => {
      this.#known = undefined;
      await unlessGone(this.#client.for(repositoryResource).delete("", this.#name));
    });
  }

  /** The commit that was admitted last, also before a restart. */
  async lastAdmitted(): Promise<string | undefined> {
    this.#known = (await unlessGone(this.#client.for(repositoryResource).get("", this.#name))) ?? this.#known;
    return this.#known?.observed?.commit;
  }

  /** The commit that was admitted before that one: what was said since may not have been done yet. */
  async admittedBefore(): Promise<string | undefined> {
    await this.lastAdmitted();
    return this.#known?.observed?.previous;
  }

  /** The rules of the commit that was admitted last, which the next one is held against. */
  async admissionBase(): Promise<(SignatureBase & { readonly teams: readonly TeamRule[]; readonly plans: Partial<RepositoryConfig["plans"]> }) | undefined> {
    const commit = await this.lastAdmitted();
    return commit === undefined
      ? undefined
      : {
          commit,
          rule: { require: this.#known?.signatures?.require ?? false, keys: this.#known?.signatures?.keys ?? DEFAULT_SIGNERS_FILE },
          teams: this.#known?.teams ?? [],
          plans: (this.#known?.plans ?? {}) as Partial<RepositoryConfig["plans"]>,
        }; // the schema admits its three words only
  }

  /** Writes only when something other than the time differs. Without a `config`, nothing was admitted since the start: what was before, and its rules, stay. */
  write(config: RepositoryConfig | undefined, seen: RepositoryObserved): Promise<void> {
    return this.#writes.run(() => this.#write(config, seen));
  }

  /** Why the forge cannot be told; undefined when it can. Before anything else was seen of the repository, it is kept until then. */
  setForgeTrouble(forge: string | undefined): Promise<void> {
    this.#forge = forge;
    return this.#writes.run(async () => {
      await this.lastAdmitted();
      const { observed, metadata: _metadata, ...settings } = this.#known ?? WITHOUT_SETTINGS;
      if (observed !== undefined && observed.forge !== this.#forge) await this.#apply(settings, this.#withForge(observed));
    });
  }

  async #write(config: RepositoryConfig | undefined, seen: RepositoryObserved): Promise<void> {
    const last = config === undefined ? await this.lastAdmitted() : undefined;
    const { observed: before, metadata: _metadata, ...settings } = this.#known ?? WITHOUT_SETTINGS;
    const current: RepositoryObserved = last === undefined ? seen : { ...seen, commit: last };
    const previous = before?.commit === current.commit ? before?.previous : before?.commit;
    const observed = this.#withForge(previous === undefined ? current : { ...current, previous });
    const { metadata: _unused, ...source } = config === undefined ? { ...settings, metadata: {} } : (config.source ?? WITHOUT_SETTINGS);
    if (this.#known !== undefined && jsonEqual(settings, source) && jsonEqual({ ...before, time: "" }, { ...observed, time: "" })) return;
    await this.#apply(source, observed);
  }

  #withForge({ forge: _before, ...observed }: RepositoryObserved): RepositoryObserved {
    return this.#forge === undefined ? observed : { ...observed, forge: this.#forge };
  }

  async #apply(settings: Omit<RepositoryObject, "metadata" | "observed">, observed: RepositoryObserved): Promise<void> {
    const intent: RepositoryObject = {
      ...settings,
      apiVersion: "mainstay.dev/v1alpha1",
      kind: "Repository",
      metadata: { name: this.#name, ...(this.#labels === undefined ? {} : { labels: this.#labels }) },
      observed,
    };
    this.#known = await this.#client.for(repositoryResource).apply(intent, { fieldManager: FIELD_MANAGER, force: true });
  }
}
