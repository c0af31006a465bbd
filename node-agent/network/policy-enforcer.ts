import { describeObject, type KubeObject } from "../../engine/apimachinery/object-meta.ts";
import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import type { Informer } from "../../engine/client/informer.ts";
import type { InformerFactory } from "../../engine/client/informer-factory.ts";
import type { Clock } from "../../engine/lib/clock.ts";
import { jsonEqual } from "../../engine/lib/freeze.ts";
import type { IpFamily } from "../../engine/lib/net/ip-address.ts";
import type { Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { namespaceResource } from "../../engine/resources/core/namespace.ts";
import { podAddressResource } from "../../engine/resources/mainstay/pod-address.ts";
import { networkPolicyResource } from "../../engine/resources/networking/network-policy.ts";
import type { Namespace, NetworkPolicy, PodAddress } from "../../engine/resources/types.ts";
import { familiesIn, type FamilyRanges } from "./families.ts";
import { ensureJumps, listOwnChains, restoreJumps } from "./iptables.ts";
import { planTable } from "./iptables-rules.ts";
import { RuleKeeper } from "./keep-rules.ts";
import { computePolicyChains, leaveOutOfPolicy, POLICY_JUMPS, type PolicyInput } from "./policy-rules.ts";
import { RefusalNotices, RefusedRules, type RuleOwner } from "./refused-rules.ts";

export interface PolicyEnforcerOptions {
  readonly informers: InformerFactory;
  readonly nodeName: string;
  /** The families that pods have. */
  readonly clusterCidrs: FamilyRanges;
  readonly events: Pick<EventRecorder, "record">;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Keeps the machine's rules equal to the cluster's NetworkPolicies, for this node's pods. */
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
  readonly #policies: Informer<NetworkPolicy>;
  readonly #keeper: RuleKeeper;
  readonly #cleanups: (() => void)[] = [];
  #world: World | undefined;
  readonly #families: readonly IpFamily[];
  readonly #refused: ReadonlyMap<IpFamily, RefusedRules>;
  readonly #notices: RefusalNotices;
  /** The chains of each family as they were written last. */
  readonly #applied = new Map<IpFamily, ReadonlyMap<string, readonly string[]>>();

  constructor(options: PolicyEnforcerOptions) {
    this.#options = options;
    this.#families = familiesIn(options.clusterCidrs);
    this.#refused = new Map(this.#families.map((family) => [family, new RefusedRules(family, leaveOutOfPolicy)]));
    this.#notices = new RefusalNotices(options);
    this.#policies = options.informers.informer(networkPolicyResource);
    const rules = {
      name: "network policy rules",
      sync: (signal: AbortSignal) => this.#sync(this.#policies.list(), signal),
      forget: () => this.#applied.clear(),
      restoreJumps: () => restoreJumps(this.#families, POLICY_JUMPS),
      reconsiderRefused: async () => {
        for (const rules of this.#refused.values()) await rules.reconsider();
      },
    };
    this.#keeper = new RuleKeeper(rules, options);
  }

  async run(signal: AbortSignal): Promise<void> {
    try {
      await this.#follow(this.#policies).waitForSync(signal);
      await this.#keeper.run(signal);
    } finally {
      for (const cleanup of this.#cleanups) cleanup();
    }
  }

  async #sync(policies: readonly NetworkPolicy[], signal: AbortSignal): Promise<void> {
    const { nodeName, logger } = this.#options;
    const { pods, namespaces } = policies.length === 0 ? NOBODY : await this.#look(signal);
    const refused: [NetworkPolicy, readonly string[]][] = [];
    for (const [family, rules] of this.#refused) {
      const input = { family, policies, pods, namespaces, nodeName };
      const wanted = computePolicyChains(input);
      const desired = rules.without(wanted);
      const applied = this.#applied.get(family);
      const text = planTable("mangle", applied ?? new Map((await listOwnChains(family, "mangle")).map((chain) => [chain, undefined])), desired);
      if (text !== "") {
        await rules.restore(text, { mangle: desired });
        logger.debug("network policies applied", { family, policies: policies.length, bytes: text.length });
      }
      if (applied === undefined) await ensureJumps(family, POLICY_JUMPS);
      this.#applied.set(family, desired);
      for (const [name, left] of rules.ownersIn([wanted], () => refusedPolicies(input, rules))) {
        const owner = policies.find((policy) => describeObject(policy) === name);
        if (owner !== undefined) refused.push([owner, left]);
      }
    }
    this.#notices.tell(refused);
  }

  /** Other nodes' pods are followed only once there is a policy that may ask for them. */
  async #look(signal: AbortSignal): Promise<{ readonly pods: readonly PodAddress[]; readonly namespaces: readonly Namespace[] }> {
    const { informers } = this.#options;
    this.#world ??= {
      pods: this.#follow(informers.informer(podAddressResource), isSamePlace),
      namespaces: this.#follow(informers.informer(namespaceResource)),
    };
    const { pods, namespaces } = this.#world;
    // Half of the pods would cut the connections of the other half.
    await Promise.all([pods.waitForSync(signal), namespaces.waitForSync(signal)]);
    return { pods: pods.list(), namespaces: namespaces.list() };
  }

  #follow<T extends KubeObject>(informer: Informer<T>, isSame: (old: T, now: T) => boolean = () => false): Informer<T> {
    const onChange = () => this.#keeper.requestSync();
    this.#cleanups.push(informer.addHandler({ add: onChange, update: (old, now) => void (isSame(old, now) || onChange()), delete: onChange }));
    return informer;
  }
}

/** The policies of which rules are left out, with those rules. */
function refusedPolicies(input: PolicyInput, rules: RefusedRules): readonly RuleOwner[] {
  return input.policies
    .map((policy): RuleOwner => [describeObject(policy), rules.in(computePolicyChains({ ...input, policies: [policy] }))])
    .filter(([, left]) => left.length > 0);
}

/** Most changes of a pod change nothing here. */
function isSamePlace(old: PodAddress, now: PodAddress): boolean {
  return (
    jsonEqual(old.addresses, now.addresses) &&
    old.nodeName === now.nodeName &&
    jsonEqual(old.metadata.labels, now.metadata.labels) &&
    jsonEqual(old.ports, now.ports)
  );
}

const NOBODY = { pods: [], namespaces: [] };
