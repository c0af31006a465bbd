import type { Client } from "../../engine/client/client.ts";
import type { Informer } from "../../engine/client/informer.ts";
import type { InformerFactory, Selection } from "../../engine/client/informer-factory.ts";
import { hasReason, StatusError } from "../../engine/apimachinery/status-error.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { configMapResource } from "../../engine/resources/core/config-map.ts";
import { secretResource } from "../../engine/resources/core/secret.ts";
import { references } from "../../engine/resources/pod-references.ts";
import type { ConfigMap, Pod, Secret } from "../../engine/resources/types.ts";

type Content = ConfigMap | Secret;

/** What the API said of one: also that there is none, which a pod may do without. */
type Answer<T> = { readonly content: T } | { readonly missing: unknown };

interface ContentName {
  readonly kind: "ConfigMap" | "Secret";
  readonly namespace: string;
  readonly name: string;
}

/** `fresh` is as the API has it now; `followed` is as the last news of it say, if it is followed: nobody is asked then. */
export type ContentAge = "fresh" | "followed";

/** How long an answer is waited for where an earlier one will do. */
const PATIENCE_MS = 5_000;
/** How long after one that did not come: a pod may want many, and a server that is back answers within this. */
const PATIENCE_LEFT_MS = 100;

interface FollowedContentOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly informers: InformerFactory;
  /** The pods of this node. */
  readonly pods: () => readonly Pod[];
  readonly onChange: (content: Content) => void;
}

interface Followed extends ContentName {
  readonly informer: Informer<ConfigMap> | Informer<Secret>;
  /** The newest that was read: news may be late, and what a volume shows does not go back. */
  revision: number;
}

/**
 * ConfigMaps and Secrets that pods take things from: followed for as long as a pod of this node shows them in a volume, so that volumes are kept
 * up to date without a request for each, or pulls images with them. A node may not watch what none of its pods needs: such a watch would be refused,
 * and tried again for as long as the agent runs. What is needed for variables alone is kept as it was read last. So containers begin again also
 * while no server answers.
 */
export class FollowedContent {
  readonly #options: FollowedContentOptions;
  readonly #followed = new Map<string, Followed>();
  /** What is not followed, as it was read last. */
  readonly #read = new Map<string, ContentName & { readonly answer: Answer<Content> }>();
  /** An answer was waited for in vain, and none has come since. */
  #isSilent = false;

  constructor(options: FollowedContentOptions) {
    this.#options = options;
  }

  /** Rejects with NotFound where there is none. */
  configMap(namespace: string, name: string, age: ContentAge): Promise<ConfigMap> {
    return this.#provide({ kind: "ConfigMap", namespace, name }, age, () => this.#options.client.for(configMapResource).get(namespace, name));
  }

  secret(namespace: string, name: string, age: ContentAge): Promise<Secret> {
    return this.#provide({ kind: "Secret", namespace, name }, age, () => this.#options.client.for(secretResource).get(namespace, name));
  }

  async #provide<T extends Content>(name: ContentName, age: ContentAge, get: () => Promise<T>): Promise<T> {
    const known = this.#followed.get(keyOf(name));
    const told = known?.informer.get(name.namespace, name.name) as T | undefined; // followed by its kind
    const isNewest = known !== undefined && told !== undefined && revisionOf(told) >= known.revision;
    if (age === "followed" && isNewest) return told;
    const last = isNewest ? { content: told } : (this.#read.get(keyOf(name))?.answer as Answer<T> | undefined); // read by its kind
    const answer = await this.#ask(get, name, last);
    if (answer !== last) this.#keep(name, answer);
    if ("missing" in answer) throw answer.missing;
    return answer.content;
  }

  #keep(name: ContentName, answer: Answer<Content>): void {
    const followed = "missing" in answer ? this.#followed.get(keyOf(name)) : this.#follow(name);
    if (followed !== undefined && "content" in answer) followed.revision = Math.max(followed.revision, revisionOf(answer.content));
    if (followed === undefined && this.#isReferenced(name)) this.#read.set(keyOf(name), { ...name, answer });
    else this.#read.delete(keyOf(name));
  }

  /** What the API has now, or, where that cannot be had, what it had the last time. */
  async #ask<T extends Content>(get: () => Promise<T>, name: ContentName, last: Answer<T> | undefined): Promise<Answer<T>> {
    const asked = get().then(
      (content) => {
        this.#isSilent = false;
        return { content };
      },
      (error: unknown) => {
        if (!isUnavailable(error)) this.#isSilent = false;
        if (!hasReason(error, "NotFound")) throw error;
        return { missing: error };
      },
    );
    if (last === undefined) return asked;
    const { clock, logger } = this.#options;
    const answered = new AbortController();
    const patienceMs = this.#isSilent ? PATIENCE_LEFT_MS : PATIENCE_MS;
    const silence = sleep(clock, patienceMs, answered.signal).then(() => {
      this.#isSilent = true;
      throw new StatusError("Timeout", `no answer for ${patienceMs / 1000} s`);
    });
    try {
      return await Promise.race([asked, silence]);
    } catch (error) {
      if (!isUnavailable(error)) throw error;
      logger.warn("content of pods is taken as it was known last", { ...name, error: describeError(error) });
      return last;
    } finally {
      answered.abort();
    }
  }

  /** A pod has ended: what only it needed is followed no more. */
  podEnded(): void {
    for (const [key, known] of this.#read) if (!this.#isReferenced(known)) this.#read.delete(key);
    for (const [key, content] of this.#followed) {
      if (this.#isNeeded(content)) continue;
      this.#followed.delete(key);
      this.#options.informers.release(content.kind === "ConfigMap" ? configMapResource : secretResource, selectionOf(content));
    }
  }

  #follow(content: ContentName): Followed | undefined {
    const key = keyOf(content);
    const known = this.#followed.get(key);
    if (known !== undefined || !this.#isNeeded(content)) return known;
    const { informers, onChange } = this.#options;
    const handler = { add: onChange, update: (_old: Content, changed: Content) => onChange(changed) };
    const follow = <T extends Content>(informer: Informer<T>): Informer<T> => {
      informer.addHandler(handler);
      return informer;
    };
    const selection = selectionOf(content);
    const informer =
      content.kind === "ConfigMap" ? follow(informers.informer(configMapResource, selection)) : follow(informers.informer(secretResource, selection));
    const followed = { ...content, informer, revision: 0 };
    this.#followed.set(key, followed);
    return followed;
  }

  #isReferenced({ kind, namespace, name }: ContentName): boolean {
    const resource = kind === "ConfigMap" ? "configmaps" : "secrets";
    return this.#options.pods().some((pod) => pod.metadata.namespace === namespace && references(pod.spec, resource, name));
  }

  #isNeeded({ kind, namespace, name }: ContentName): boolean {
    return this.#options.pods().some((pod) => pod.metadata.namespace === namespace && (showsContent(pod, kind, name) || pullsWith(pod, kind, name)));
  }
}

/** Whether the API says nothing of what was asked. */
function isUnavailable(error: unknown): boolean {
  return hasReason(error, "ServiceUnavailable", "Timeout", "ServerTimeout", "InternalError", "TooManyRequests");
}

/** Whether a volume of the pod shows what that ConfigMap or Secret of its namespace holds. */
export function showsContent(pod: Pod, kind: ContentName["kind"], name: string): boolean {
  return (pod.spec.volumes ?? []).some(({ configMap, secret, projected }) =>
    kind === "ConfigMap"
      ? configMap?.name === name || projected?.sources?.some((part) => part.configMap?.name === name) === true
      : secret?.secretName === name || projected?.sources?.some((part) => part.secret?.name === name) === true,
  );
}

function pullsWith({ spec }: Pod, kind: ContentName["kind"], name: string): boolean {
  return kind === "Secret" && (spec.imagePullSecrets ?? []).some((secret) => secret.name === name);
}

function selectionOf({ namespace, name }: ContentName): Selection {
  return { namespace, fieldSelector: `metadata.name=${name}` };
}

function keyOf({ kind, namespace, name }: ContentName): string {
  return `${kind}/${namespace}/${name}`;
}

function revisionOf({ metadata }: Content): number {
  return Number(metadata.resourceVersion ?? 0);
}
