import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { mutatingWebhookConfigurationResource } from "../../resources/admissionregistration/mutating-webhook-configuration.ts";
import { validatingWebhookConfigurationResource } from "../../resources/admissionregistration/validating-webhook-configuration.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { MutatingWebhook, MutatingWebhookConfiguration, ValidatingWebhook, ValidatingWebhookConfiguration } from "../../resources/types.ts";
import type { ObjectStore } from "../../storage/object-store.ts";

export type Webhook = ValidatingWebhook | MutatingWebhook;

/** A webhook with where it is configured. */
export interface Hook<W extends Webhook = Webhook> {
  /** The same as long as the configuration holds it, and no other's. */
  readonly id: string;
  readonly configuration: string;
  readonly webhook: W;
}

/** All webhooks of one sort in the order in which they are asked: configurations by name, and within each as it lists them. */
export class WebhookList<W extends Webhook> {
  readonly #configurations = new Map<string, readonly Hook<W>[]>();
  #hooks: readonly Hook<W>[] | undefined;

  get hooks(): readonly Hook<W>[] {
    this.#hooks ??= [...this.#configurations].sort(([left], [right]) => (left < right ? -1 : 1)).flatMap(([, hooks]) => hooks);
    return this.#hooks;
  }

  set({ metadata: { name = "" }, webhooks = [] }: { readonly metadata: KubeObject["metadata"]; readonly webhooks?: readonly W[] }): void {
    this.#hooks = undefined;
    this.#configurations.set(
      name,
      webhooks.map((webhook, index) => ({
        id: `${name}/${webhook.name}/${webhooks.slice(0, index).filter((other) => other.name === webhook.name).length}`,
        configuration: name,
        webhook,
      })),
    );
  }

  delete({ metadata: { name = "" } }: { readonly metadata: KubeObject["metadata"] }): void {
    this.#hooks = undefined;
    this.#configurations.delete(name);
  }

  clear(): void {
    this.#hooks = undefined;
    this.#configurations.clear();
  }
}

export interface WebhookIndex {
  readonly mutating: WebhookList<MutatingWebhook>;
  readonly validating: WebhookList<ValidatingWebhook>;
}

/** The configured webhooks, always as new as the store's cache. */
export function followWebhooks(store: Pick<ObjectStore, "follow">): WebhookIndex {
  const index: WebhookIndex = { mutating: new WebhookList(), validating: new WebhookList() };
  const follow = <T extends KubeObject>(definition: ResourceDefinition<T>, list: { set(object: T): void; delete(object: T): void; clear(): void }) =>
    store.follow(definition, {
      replaced: (objects) => (list.clear(), objects.forEach((object) => list.set(object))),
      changed: (object, wasDeleted) => (wasDeleted ? list.delete(object) : list.set(object)),
    });
  follow<MutatingWebhookConfiguration & KubeObject>(mutatingWebhookConfigurationResource, index.mutating);
  follow<ValidatingWebhookConfiguration & KubeObject>(validatingWebhookConfigurationResource, index.validating);
  return index;
}
