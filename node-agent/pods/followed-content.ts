import type { Client } from "../../engine/client/client.ts";
import type { InformerFactory, Selection } from "../../engine/client/informer-factory.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { secretResource } from "../../engine/resources/core/secret.ts";
import type { ConfigMap, Pod, Secret } from "../../engine/resources/types.ts";

type Content = ConfigMap | Secret;

interface ContentName {
  readonly kind: "ConfigMap" | "Secret";
  readonly namespace: string;
  readonly name: string;
}

interface FollowedContentOptions {
  readonly client: Client;
  readonly informers: InformerFactory;
  /** The pods of this node. */
  readonly pods: () => readonly Pod[];
  readonly onChange: (content: Content) => void;
}

/**
 * ConfigMaps and Secrets that pods take things from: always read fresh, and followed for as long as a pod of this node shows them in a volume.
 * A node may not watch what none of its pods needs: such a watch would be refused, and tried again for as long as the agent runs.
 */
export class FollowedContent {
  readonly #options: FollowedContentOptions;
  readonly #followed = new Map<string, ContentName>();

  constructor(options: FollowedContentOptions) {
    this.#options = options;
  }

  async configMap(namespace: string, name: string): Promise<ConfigMap> {
    const content = await this.#options.client.for(configMapResource).get(namespace, name);
    this.#follow({ kind: "ConfigMap", namespace, name });
    return content;
  }

  async secret(namespace: string, name: string): Promise<Secret> {
    const content = await this.#options.client.for(secretResource).get(namespace, name);
    this.#follow({ kind: "Secret", namespace, name });
    return content;
  }

  /** A pod has ended: what only it showed is followed no more. */
  podEnded(): void {
    for (const [key, content] of this.#followed) {
      if (this.#isShown(content)) continue;
      this.#followed.delete(key);
      this.#options.informers.release(content.kind === "ConfigMap" ? configMapResource : secretResource, selectionOf(content));
    }
  }

  #follow(content: ContentName): void {
    const key = `${content.kind}/${content.namespace}/${content.name}`;
    if (this.#followed.has(key) || !this.#isShown(content)) return;
    this.#followed.set(key, content);
    const { informers, onChange } = this.#options;
    const handler = { add: onChange, update: (_old: Content, changed: Content) => onChange(changed) };
    if (content.kind === "ConfigMap") informers.informer(configMapResource, selectionOf(content)).addHandler(handler);
    else informers.informer(secretResource, selectionOf(content)).addHandler(handler);
  }

  #isShown({ kind, namespace, name }: ContentName): boolean {
    return this.#options.pods().some((pod) => pod.metadata.namespace === namespace && showsContent(pod, kind, name));
  }
}

/** Whether a volume of the pod shows what that ConfigMap or Secret of its namespace holds. */
export function showsContent(pod: Pod, kind: ContentName["kind"], name: string): boolean {
  return (pod.spec.volumes ?? []).some(({ configMap, secret, projected }) =>
    kind === "ConfigMap"
      ? configMap?.name === name || projected?.sources?.some((part) => part.configMap?.name === name) === true
      : secret?.secretName === name || projected?.sources?.some((part) => part.secret?.name === name) === true,
  );
}

function selectionOf({ namespace, name }: ContentName): Selection {
  return { namespace, fieldSelector: `metadata.name=${name}` };
}
