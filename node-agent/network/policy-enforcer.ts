import type { KubeObject } from "../../engine/apimachinery/object-meta.ts";
import type { Informer } from "../../engine/client/informer.ts";
import type { InformerFactory } from "../../engine/client/informer-factory.ts";
import { raceAbort } from "../../engine/lib/abort.ts";
import { backoffMs } from "../../engine/lib/backoff.ts";
import { sleep, type Clock } from "../../engine/lib/clock.ts";
import { jsonEqual } from "../../engine/lib/freeze.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { namespaceResource } from "../../engine/resources/core/namespace.ts";
import { podAddressResource } from "../../engine/resources/mainstay/pod-address.ts";
import { networkPolicyResource } from "../../engine/resources/networking/network-policy.ts";
import type { Namespace, NetworkPolicy, PodAddress } from "../../engine/resources/types.ts";
import { ensureJumps, listOwnChains, restoreRules } from "./iptables.ts";
import { planTable } from "./iptables-rules.ts";
import { computePolicyChains, POLICY_JUMPS } from "./policy-rules.ts";

export interface PolicyEnforcerOptions {
  readonly informers: InformerFactory;
  readonly nodeName: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Changes that come within this time are applied together. */
const COALESCE_MS = 20;
/** How often it is looked whether somebody removed our rules. */
const AUDIT_MS = 30_000;
const RETRY = { initialMs: 200, maxMs: 30_000 };

/** Keeps the machine's rules equal to the cluster's NetworkPolicies, for this node's pods. Level-triggered, like the service proxy. */
export function createPolicyEnforcer(options: PolicyEnforcerOptions): Service {
  const enforcer = new PolicyEnforcer(options);
  return service("network-policies", (signal) => enforcer.run(signal));
}

interface World {
  readonly pods: Informer<PodAddress>;
  readonly namespaces: Informer<Namespace>;
}

class PolicyEnforcer {
  readonly #options: PolicyEnforcerOptions;
  readonly #cleanups: (() => void)[] = [];
  #world: World | undefined;
  #applied: ReadonlyMap<string, readonly string[]> | undefined;
  #isDirty = true;
  #wake: (() => void) | undefined;

  constructor(options: PolicyEnforcerOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { informers, clock, logger } = this.#options;
    const policies = this.#follow(informers.informer(networkPolicyResource));
    try {
      await policies.waitForSync(signal);
      for (let failures = 0; !signal.aborted; ) {
        this.#isDirty = false;
        try {
          await this.#sync(policies.list(), signal);
          failures = 0;
        } catch (error) {
          if (signal.aborted) return;
          failures++;
          this.#applied = undefined; // what the kernel holds now is unknown
          logger.warn("network policies not applied, will retry", { error: describeError(error), failures });
          await sleep(clock, backoffMs(RETRY, failures), signal);
          continue;
        }
        await this.#waitForWork(signal);
      }
    } finally {
      for (const cleanup of this.#cleanups) cleanup();
    }
  }

  async #sync(policies: readonly NetworkPolicy[], signal: AbortSignal): Promise<void> {
    const { nodeName, logger } = this.#options;
    const { pods, namespaces } = policies.length === 0 ? NOBODY : await this.#look(signal);
    const desired = computePolicyChains({ policies, pods, namespaces, nodeName });
    const previous = this.#applied ?? new Map((await listOwnChains("mangle")).map((chain) => [chain, undefined]));
    const text = planTable("mangle", previous, desired);
    if (text !== "") {
      await restoreRules(text);
      logger.debug("network policies applied", { policies: policies.length, bytes: text.length });
    }
    if (this.#applied === undefined) await ensureJumps(POLICY_JUMPS);
    this.#applied = desired;
  }

  /** Other nodes' pods are followed only once there is a policy that may ask for them. */
  async #look(signal: AbortSignal): Promise<{ readonly pods: readonly PodAddress[]; readonly namespaces: readonly Namespace[] }> {
    const { informers } = this.#options;
    this.#world ??= { pods: this.#follow(informers.informer(podAddressResource), isSamePlace), namespaces: this.#follow(informers.informer(namespaceResource)) };
    const { pods, namespaces } = this.#world;
    // Half of the pods would cut the connections of the other half.
    await Promise.all([pods.waitForSync(signal), namespaces.waitForSync(signal)]);
    return { pods: pods.list(), namespaces: namespaces.list() };
  }

  #follow<T extends KubeObject>(informer: Informer<T>, isSame: (old: T, now: T) => boolean = () => false): Informer<T> {
    const onChange = () => {
      this.#isDirty = true;
      this.#wake?.();
    };
    this.#cleanups.push(informer.addHandler({ add: onChange, update: (old, now) => void (isSame(old, now) || onChange()), delete: onChange }));
    return informer;
  }

  /** Until something changed (plus a moment for what comes with it), or it is time to look whether our rules are still there. */
  async #waitForWork(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    if (!this.#isDirty) {
      const woken = new Promise<void>((resolve) => (this.#wake = resolve));
      let cancel = () => {};
      const due = new Promise<void>((resolve) => (cancel = clock.after(AUDIT_MS, resolve)));
      await raceAbort(Promise.race([woken, due]), signal).finally(cancel);
      this.#wake = undefined;
    }
    if (this.#isDirty) return sleep(clock, COALESCE_MS, signal);
    if (await ensureJumps(POLICY_JUMPS)) {
      logger.warn("the rules of network policies had been removed by someone else, writing them again");
      this.#applied = undefined;
    }
  }
}

/** Most changes of a pod change nothing here. */
function isSamePlace(old: PodAddress, now: PodAddress): boolean {
  return old.address === now.address && old.nodeName === now.nodeName && jsonEqual(old.metadata.labels, now.metadata.labels) && jsonEqual(old.ports, now.ports);
}

const NOBODY = { pods: [], namespaces: [] };
