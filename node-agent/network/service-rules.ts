import type { IpFamily } from "../../engine/lib/ip-address.ts";
import { forgetUdpFlows, listUdpFlows } from "./conntrack.ts";
import { ensureJumps, listOwnChains, restoreRules } from "./iptables.ts";
import { computeChains, planRestore, type ChainTable, type NetworkRanges } from "./iptables-rules.ts";
import type { ServicePort } from "./service-map.ts";
import { computeStaleFlows, udpFingerprint } from "./stale-flows.ts";

type Applied = { readonly [T in keyof ChainTable]: ReadonlyMap<string, readonly string[] | undefined> };

/** The machine's rules of one family for Services: what was applied last, and the smallest change to what shall be. */
export class ServiceRules {
  readonly family: IpFamily;
  #applied: Applied | undefined;
  #udpFacts = "";

  constructor(family: IpFamily) {
    this.family = family;
  }

  /** Makes the rules so; the bytes that this took. */
  async apply(ports: readonly ServicePort[], ranges: Omit<NetworkRanges, "family">): Promise<number> {
    const desired = computeChains(ports, { family: this.family, ...ranges });
    const text = planRestore(this.#applied ?? (await this.#leftovers()), desired);
    if (text !== undefined) await restoreRules(this.family, text);
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
