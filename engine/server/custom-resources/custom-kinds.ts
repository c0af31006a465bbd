import { isConditionTrue } from "../../apimachinery/conditions.ts";
import type { WebhookTransport } from "../../apimachinery/webhook-call.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import type { Logger } from "../../lib/log.ts";
import type { Random } from "../../lib/random.ts";
import type { Tracer } from "../../lib/tracing/tracer.ts";
import { customKind, type CustomKind } from "../../resources/apiextensions/custom-kind.ts";
import { customResourceDefinitionResource } from "../../resources/apiextensions/custom-resource-definition.ts";
import type { CustomResourceDefinition } from "../../resources/types.ts";
import type { ObjectStore } from "../../storage/object-store.ts";
import type { CustomDefinitions, ResourceIndex } from "../resource-index.ts";
import { conversionWebhook } from "./conversion-webhook.ts";

export interface CustomKindsOptions {
  readonly store: ObjectStore;
  readonly resources: ResourceIndex;
  readonly webhooks: WebhookTransport;
  readonly tracer?: Tracer | undefined;
  readonly random: Random;
  readonly logger: Logger;
}

interface Known {
  readonly source: CustomResourceDefinition;
  readonly kind: CustomKind;
  /** Whether its objects have been read. */
  readonly isReady: boolean;
}

/**
 * Serves what CustomResourceDefinitions define, as long as they are established: within a moment of that every address is there, and
 * discovery and OpenAPI show it. A changed definition ends the watches of its kind, for its objects look different from then on.
 */
export class CustomKinds {
  readonly #options: CustomKindsOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: CustomKindsOptions) {
    this.#options = options;
  }

  /** Never ends. */
  follow(): void {
    this.#options.store.follow(customResourceDefinitionResource, {
      replaced: (definitions) => {
        const names = new Set(definitions.map(({ metadata }) => metadata.name ?? ""));
        for (const name of [...this.#known.keys()]) if (!names.has(name)) this.#remove(name);
        for (const definition of definitions) this.#put(definition);
      },
      changed: (definition, wasDeleted) => (wasDeleted ? this.#remove(definition.metadata.name ?? "") : this.#put(definition)),
    });
  }

  #put(definition: CustomResourceDefinition): void {
    const name = definition.metadata.name ?? "";
    const known = this.#known.get(name);
    if (!isConditionTrue(definition.status?.conditions, "Established")) return this.#remove(name);
    if (known !== undefined && jsonEqual(servedPart(known.source), servedPart(definition))) return;
    const { store, resources, logger } = this.#options;
    if (resources.isBuiltIn({ group: definition.spec.group, resource: definition.spec.names.plural }))
      return logger.warn("a custom kind would be stored where a built-in kind is, and is not served", { definition: name });
    const kind = customKind(definition, this.#converter(definition));
    if (known?.isReady === true) {
      this.#known.set(name, { source: definition, kind, isReady: true });
      store.interruptKind(kind.stored);
      return this.#publish();
    }
    this.#known.set(name, { source: definition, kind, isReady: false });
    if (known !== undefined) return; // its objects are being read already
    resources.arrives(store.addKind(kind.stored).then(() => this.#arrived(name)));
  }

  #arrived(name: string): void {
    const known = this.#known.get(name);
    if (known === undefined) return;
    this.#known.set(name, { ...known, isReady: true });
    this.#publish();
  }

  #remove(name: string): void {
    const known = this.#known.get(name);
    if (known === undefined) return;
    this.#known.delete(name);
    this.#publish();
    this.#options.store.interruptKind(known.kind.stored, true);
  }

  #publish(): void {
    this.#options.resources.setCustom(() => this.#ready());
  }

  /** Groups by name, versions of a kind by Kubernetes' order: discovery prefers what comes first. */
  #ready(): CustomDefinitions {
    const ready = [...this.#known.values()].filter(({ isReady }) => isReady);
    const inOrder = ready.sort((a, b) => (a.kind.stored.group < b.kind.stored.group ? -1 : a.kind.stored.group > b.kind.stored.group ? 1 : 0));
    return { served: inOrder.flatMap(({ kind }) => kind.served), stored: inOrder.map(({ kind }) => kind.stored) };
  }

  #converter({ spec, metadata }: CustomResourceDefinition): ReturnType<typeof conversionWebhook> | undefined {
    const { conversion } = spec;
    if (conversion?.strategy !== "Webhook" || conversion.webhook?.clientConfig === undefined) return undefined;
    const { webhooks, tracer, random } = this.#options;
    return conversionWebhook({
      name: metadata.name ?? "",
      webhook: conversion.webhook,
      client: conversion.webhook.clientConfig,
      transport: webhooks,
      tracer,
      random,
    });
  }
}

/** What decides how the kind is served; conditions and history do not. */
function servedPart({ spec, status, metadata }: CustomResourceDefinition): unknown {
  return { spec, names: status?.acceptedNames, uid: metadata.uid, isEnding: metadata.deletionTimestamp !== undefined };
}
