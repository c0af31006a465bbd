import { hasReason, unlessGone } from "../../apimachinery/status-error.ts";
import type { Client } from "../../client/client.ts";
import { listPages } from "../../client/list-pages.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { applicationResource } from "../../resources/mainstay/application.ts";
import type { Application, ApplicationSpec, ApplicationStatus } from "../../resources/types.ts";
import { FIELD_MANAGER, PREVIEW_LABEL, REPOSITORY_LABEL } from "../manifests/desired-state.ts";

/** A write that raced another one is tried again on the newer object this often. */
const TRIES_MAX = 3;

/**
 * The Application objects, one per unit: the inventory and what became of the unit. This process is their only writer, so the copy here
 * is what the store has; a write that finds otherwise reads again. Those of a preview are apart from all others: neither sees the other's.
 */
export class ApplicationStore {
  readonly #client: Client;
  readonly #labels: Readonly<Record<string, string>>;
  readonly #known = new Map<string, Application>();

  /** Whose Applications these are: those of a preview (its namespace), of a further repository (its name), or of the cluster's own. */
  constructor(client: Client, { preview, repository }: { readonly preview?: string | undefined; readonly repository?: string | undefined } = {}) {
    this.#client = client;
    this.#labels = { ...(preview === undefined ? {} : { [PREVIEW_LABEL]: preview }), ...(repository === undefined ? {} : { [REPOSITORY_LABEL]: repository }) };
  }

  async load(): Promise<void> {
    const resource = this.#client.for(applicationResource);
    this.#known.clear();
    const labelSelector = [PREVIEW_LABEL, REPOSITORY_LABEL]
      .map((label) => (this.#labels[label] === undefined ? `!${label}` : `${label}=${this.#labels[label]}`))
      .join(",");
    for await (const { items } of listPages(resource, "", { limit: 500, labelSelector }))
      for (const application of items) this.#known.set(application.metadata.name ?? "", application);
  }

  /** Takes over an Application that nobody else writes any more, as it is now. */
  async adopt(name: string): Promise<void> {
    if (this.#known.has(name)) return;
    const application = await unlessGone(this.#client.for(applicationResource).get("", name));
    if (application !== undefined) this.#remember(application);
  }

  /** Leaves an Application to somebody else. */
  release(name: string): void {
    this.#known.delete(name);
  }

  all(): readonly Application[] {
    return [...this.#known.values()];
  }

  get(name: string): Application | undefined {
    return this.#known.get(name);
  }

  /** Makes sure that the Application exists with this spec; writes nothing when it does. */
  async ensure(name: string, spec: ApplicationSpec): Promise<Application> {
    const known = this.#known.get(name);
    const { holds: _holds, ...before } = known?.spec ?? {};
    if (known !== undefined && jsonEqual(before, spec)) return known;
    const intent: Application = {
      apiVersion: "mainstay.dev/v1alpha1",
      kind: "Application",
      metadata: { name, ...(Object.keys(this.#labels).length === 0 ? {} : { labels: this.#labels }) },
      spec,
    };
    return this.#remember(await this.#client.for(applicationResource).apply(intent, { fieldManager: FIELD_MANAGER, force: true }));
  }

  /** Replaces the status; writes nothing when it is the same but for `commit`, which alone is not worth a write per unit and push. */
  async writeStatus(name: string, status: ApplicationStatus): Promise<boolean> {
    for (let tries = 1; ; tries++) {
      const known = this.#known.get(name);
      if (known === undefined || jsonEqual({ ...known.status, commit: "" }, { ...status, commit: "" })) return false;
      try {
        this.#remember(await this.#client.for(applicationResource).updateStatus({ ...known, status }, { fieldManager: FIELD_MANAGER }));
        return true;
      } catch (error) {
        if (hasReason(error, "NotFound")) {
          this.#known.delete(name);
          throw error;
        }
        if (!hasReason(error, "Conflict") || tries >= TRIES_MAX) throw error;
        this.#remember(await this.#client.for(applicationResource).get("", name));
      }
    }
  }

  /** A watch shows an Application. Returns whether its holds are others than before: those are set by people. */
  observe(application: Application): boolean {
    const name = application.metadata.name ?? "";
    const known = this.#known.get(name);
    if (
      known === undefined ||
      known.metadata.uid !== application.metadata.uid ||
      Number(known.metadata.resourceVersion) >= Number(application.metadata.resourceVersion)
    )
      return false;
    this.#known.set(name, application);
    return !jsonEqual(known.spec?.holds ?? [], application.spec?.holds ?? []);
  }

  /** Someone else deleted it. Returns whether it was thought to be there. */
  forget(name: string, uid: string | undefined): boolean {
    return this.#known.get(name)?.metadata.uid === uid && this.#known.delete(name);
  }

  /** For a unit that is gone and holds nothing any more. */
  async remove(name: string): Promise<void> {
    try {
      await this.#client.for(applicationResource).delete("", name);
    } catch (error) {
      if (!hasReason(error, "NotFound")) throw error;
    }
    this.#known.delete(name);
  }

  #remember(application: Application): Application {
    this.#known.set(application.metadata.name ?? "", application);
    return application;
  }
}
