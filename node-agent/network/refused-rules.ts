import { describeObject, type KubeObject } from "../../engine/apimachinery/object-meta.ts";
import type { EventRecorder } from "../../engine/client/event-recorder.ts";
import type { IpFamily } from "../../engine/lib/net/ip-address.ts";
import type { Logger } from "../../engine/lib/log.ts";
import { acceptsRules, RestoreError, restoreRules, type Table } from "./iptables.ts";

type Chains = ReadonlyMap<string, readonly string[]>;

/** Refused rules that are remembered; beyond that all are tried again. */
const REFUSED_MAX = 10_000;

/** What may go of a chain when the machine refuses one of its rules: that rule, everything in the chain, or nothing. */
export type LeaveOut = (chain: string) => "rule" | "chain" | "nothing";

/**
 * The rules that one machine cannot express, such as ports of SCTP with a kernel that has no match for it. A table is taken or refused as a
 * whole, so one of them would keep away all others: they are found, and left out.
 */
export class RefusedRules {
  readonly #family: IpFamily;
  readonly #leaveOut: LeaveOut;
  /** The refused rules with their tables; who has not been asked about for longest is first. */
  readonly #refused = new Map<string, Table>();
  /** Those that no chain has had since they were reconsidered last. */
  #unused = new Set<string>();
  #places = "";
  #owners: readonly RuleOwner[] = [];

  /** `leaveOut` says where a rule may be missing without more being let through than should be. */
  constructor(family: IpFamily, leaveOut: LeaveOut) {
    this.#family = family;
    this.#leaveOut = leaveOut;
  }

  /** The same chains without what is known to be refused. */
  without(chains: Chains): Chains {
    if (this.#refused.size === 0) return chains;
    return new Map([...chains].map(([chain, rules]) => [chain, this.#remaining(chain, rules)]));
  }

  /** Applies the change that leads to these chains. Throws as the machine did; what of them it refused is known to the next try. */
  async restore(text: string, chains: { readonly [T in Table]?: Chains }): Promise<void> {
    try {
      await restoreRules(this.#family, text);
    } catch (error) {
      if (error instanceof RestoreError && error.isRefusal)
        for (const table of ["nat", "filter", "mangle"] as const) await this.learn(table, chains[table] ?? new Map());
      throw error;
    }
  }

  /** Looks which rules of these chains are refused, each by itself, and may be left out. */
  async learn(table: Table, chains: Chains): Promise<void> {
    const removable = [...chains].filter(([chain]) => this.#leaveOut(chain) !== "nothing").flatMap(([, rules]) => rules);
    const accepts = (rules: readonly string[]) => acceptsRules(this.#family, table, rules);
    const found = await findRefused(
      [...new Set(removable)].filter((rule) => !this.#refused.has(rule)),
      accepts,
    );
    if (this.#refused.size + found.length > REFUSED_MAX) this.#refused.clear();
    for (const rule of found) this.#refused.set(rule, table);
  }

  /**
   * Forgets what nothing has asked for since the last time, and asks the machine about one of the other refused rules, about another each time. If it
   * takes that by now, as when a module has been loaded or a package installed, nothing counts as refused any more, and the next try tells.
   */
  async reconsider(): Promise<void> {
    for (const rule of this.#unused) this.#refused.delete(rule);
    this.#unused = new Set(this.#refused.keys());
    const [first] = this.#refused;
    if (first === undefined) return;
    const [rule, table] = first;
    const isAccepted = await acceptsRules(this.#family, table, [rule]);
    this.#refused.delete(rule);
    if (isAccepted) this.#refused.clear();
    else this.#refused.set(rule, table);
  }

  /** The refused rules among these chains. */
  in(chains: Chains): readonly string[] {
    return this.#refused.size === 0 ? [] : [...new Set([...chains.values()].flat())].filter((rule) => this.#refused.has(rule));
  }

  /**
   * Whose rules the refused ones among these chains are, as `find` says. It computes what each object asks for by itself, and is asked only when they
   * stand in other places than last time: a chain is named after its object, or its rules name theirs.
   */
  ownersIn(tables: readonly Chains[], find: () => readonly RuleOwner[]): readonly RuleOwner[] {
    const places = this.#refused.size === 0 ? "" : tables.flatMap((chains) => this.#placesIn(chains)).join("\n");
    if (places !== this.#places) this.#owners = places === "" ? [] : find();
    this.#places = places;
    return this.#owners;
  }

  #placesIn(chains: Chains): readonly string[] {
    return [...chains].flatMap(([chain, rules]) => rules.filter((rule) => this.#refused.has(rule)).map((rule) => `${chain} ${rule}`));
  }

  #remaining(chain: string, rules: readonly string[]): readonly string[] {
    const remaining = rules.filter((rule) => !this.#refused.has(rule));
    if (remaining.length === rules.length || this.#leaveOut(chain) === "nothing") return rules;
    for (const rule of rules) this.#unused.delete(rule);
    return this.#leaveOut(chain) === "rule" ? remaining : [];
  }
}

/** An object's name, in words of its own, and rules of it. */
export type RuleOwner = readonly [name: string, rules: readonly string[]];

export interface RefusalNoticesOptions {
  readonly events: Pick<EventRecorder, "record">;
  readonly logger: Logger;
  readonly nodeName: string;
}

/** Says of each object whose rules are not all in force on this machine that it is so, once for each rule as long as that holds. */
export class RefusalNotices {
  readonly #options: RefusalNoticesOptions;
  #told: ReadonlySet<string> = new Set();

  constructor(options: RefusalNoticesOptions) {
    this.#options = options;
  }

  /** All objects with such rules, in every family. */
  tell(objects: Iterable<readonly [object: KubeObject, rules: readonly string[]]>): void {
    const { events, logger, nodeName } = this.#options;
    const now = new Set<string>();
    for (const [object, rules] of objects)
      for (const rule of rules) {
        const key = `${object.metadata.uid ?? ""} ${rule}`;
        if (now.has(key)) continue;
        now.add(key);
        if (this.#told.has(key)) continue;
        events.record(object, {
          type: "Warning",
          reason: "RuleNotSupported",
          message: `Node ${nodeName} cannot express a rule of it, and does without: ${rule}`,
        });
        logger.warn("a rule that this machine cannot express is left out", { object: describeObject(object), rule });
      }
    this.#told = now;
  }
}

/** Those of the rules that are not accepted alone, found by halves: as many questions as there are such rules, times the logarithm of all. */
export async function findRefused(rules: readonly string[], accepts: (rules: readonly string[]) => Promise<boolean>): Promise<readonly string[]> {
  if (rules.length === 0 || (await accepts(rules))) return [];
  if (rules.length === 1) return rules;
  const half = rules.length >> 1;
  return [...(await findRefused(rules.slice(0, half), accepts)), ...(await findRefused(rules.slice(half), accepts))];
}
