import { describeObject } from "../../engine/apimachinery/object-meta.ts";
import { hasReason } from "../../engine/apimachinery/status-error.ts";
import type { Client } from "../../engine/client/client.ts";
import type { Informer } from "../../engine/client/informer.ts";
import { Bell } from "../../engine/lib/bell.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { podResource } from "../../engine/resources/core/pod.ts";
import type { Node, Pod } from "../../engine/resources/types.ts";
import { planMirrors, type MirrorAction } from "./mirror-plan.ts";
import { isMirror } from "./static-pod.ts";

export interface MirrorPodsOptions {
  readonly client: Client;
  /** All pods of this node that the API has. */
  readonly pods: Informer<Pod>;
  readonly statics: () => { readonly statics: readonly Pod[]; readonly ending: readonly Pod[] };
  readonly node: () => Node | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

const RETRY_MS = 5_000;
const LOOK_MS = 60_000;

/** Shows static pods in the API. */
export class MirrorPods {
  readonly #options: MirrorPodsOptions;
  readonly #bell: Bell;

  constructor(options: MirrorPodsOptions) {
    this.#options = options;
    this.#bell = new Bell(options.clock);
  }

  /** Something of what is to be shown, or of what is shown, may have changed. */
  look(): void {
    this.#bell.ring();
  }

  asService(): Service {
    return service("mirror-pods", async (signal) => {
      const { pods, logger } = this.#options;
      await pods.waitForSync(signal);
      while (!signal.aborted) {
        this.#bell.take();
        let hasFailed = false;
        for (const action of planMirrors({ ...this.#options.statics(), mirrors: pods.list().filter(isMirror), node: this.#options.node() })) {
          await this.#execute(action).catch((error: unknown) => {
            hasFailed = true;
            logger.warn("mirror pod not brought up to date, will retry", { pod: describeObject(action.pod), what: action.do, error: describeError(error) });
          });
        }
        // Before there is a Node there is nobody to own them.
        await this.#bell.wait(hasFailed || this.#options.node() === undefined ? RETRY_MS : LOOK_MS, signal);
      }
    });
  }

  async #execute({ do: what, pod }: MirrorAction): Promise<void> {
    const api = this.#options.client.for(podResource);
    const { namespace = "", name = "", uid } = pod.metadata;
    if (what === "delete") {
      await api.delete(namespace, name, { gracePeriodSeconds: 0, ...(uid === undefined ? {} : { preconditions: { uid } }) }).catch((error: unknown) => {
        if (!hasReason(error, "NotFound", "Conflict")) throw error;
      });
      return;
    }
    await api.create(pod).catch((error: unknown) => {
      // The last look was made before it was seen.
      if (!hasReason(error, "AlreadyExists")) throw error;
    });
  }
}
