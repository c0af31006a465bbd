import type { IpFamily } from "../../engine/lib/net/ip-address.ts";
import { forgetUdpFlows, listUdpFlows } from "./conntrack.ts";
import { ensureJumps, listOwnChains } from "./iptables.ts";
import { computeChains, isStaticChain, planRestore, type ChainTable, type NetworkRanges } from "./iptables-rules.ts";
import { RefusedRules, type RuleOwner } from "./refused-rules.ts";
import type { ServicePort } from "./service-map.ts";
import { computeStaleFlows, udpFingerprint } from "./stale-flows.ts";

type Applied = { readonly [T in keyof ChainTable]: ReadonlyMap<string, readonly string[] | undefined> };

/** The machine's rules of one family for Services: what was applied last, and the smallest change to what shall be. */
export class ServiceRules {
  readonly family: IpFamily;
  readonly #refused: RefusedRules;
  #applied: Applied | undefined;
  #udpFacts = "";
  #owners: readonly RuleOwner[] = [];

  constructor(family: IpFamily) {
    this.family = family;
    // Without its rule a Service is not reached at this machine, or is not refused there.
    this.#refused = new RefusedRules(family, (chain) => (isStaticChain(chain) ? "nothing" : "rule"));
  }

  /** Makes the rules so; the bytes that this took. */
  async apply(ports: readonly ServicePort[], ranges: Omit<NetworkRanges, "family">): Promise<number> {
    const wanted = computeChains(ports, { family: this.family, ...ranges });
    const desired = { nat: this.#refused.without(wanted.nat), filter: this.#refused.without(wanted.filter) };
    this.#owners = this.#refused.ownersIn([wanted.nat, wanted.filter], () =>
      ports.flatMap((port) => {
        const { nat, filter } = computeChains([port], { family: this.family, ...ranges });
        const rules = [...this.#refused.in(nat), ...this.#refused.in(filter)];
        return rules.length === 0 ? [] : [[port.id, rules] as const];
      }),
    );
    const text = planRestore(this.#applied ?? (await this.#leftovers()), desired);
    if (text !== undefined) await this.#refused.restore(text, desired);
    if (this.#applied === undefined) await ensureJumps(this.family);
    this.#applied = desired;
    const udpFacts = udpFingerprint(ports);
    if (udpFacts !== this.#udpFacts) {
      // New rules are in place by now, so that what a client sends after this goes to where it should.
      await forgetUdpFlows(this.family, computeStaleFlows(await listUdpFlows(this.family), ports));
      this.#udpFacts = udpFacts;
    }
    return text?.length ?? 0;
  }

  /** The ids of the ports with rules that this machine cannot express, and those rules, as of the last `apply`. */
  get refused(): readonly RuleOwner[] {
    return this.#owners;
  }

  /** Looks whether this machine can express by now what it could not. */
  reconsiderRefused(): Promise<void> {
    return this.#refused.reconsider();
  }

  /** What the kernel holds is unknown from now on. */
  forget(): void {
    this.#applied = undefined;
    this.#udpFacts = "";
  }

  async #leftovers(): Promise<Applied> {
    const unknown = async (table: "nat" | "filter") => new Map((await listOwnChains(this.family, table)).map((chain) => [chain, undefined]));
    return { nat: await unknown("nat"), filter: await unknown("filter") };
  }
}
