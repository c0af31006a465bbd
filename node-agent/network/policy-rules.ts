import { createHash } from "node:crypto";
import { isIP } from "node:net";
import { labelSelectorPredicate } from "../../engine/apimachinery/selectors.ts";
import { familyOf, standardBlock, type IpFamily } from "../../engine/lib/net/ip-address.ts";
import type { Namespace, NetworkPolicy, NetworkPolicyPeer, NetworkPolicyPort, PodAddress } from "../../engine/resources/types.ts";
import { singleBlock } from "./families.ts";

/**
 * Policies live in the table mangle, where nobody else's verdict comes before theirs and where marks are made: packets that are
 * forwarded are seen there after their destination has been rewritten and before their source is.
 */
export const POLICY_CHAIN = "MAINSTAY-POLICY";
export const POLICY_JUMPS = [{ table: "mangle", from: "FORWARD", rule: `-j ${POLICY_CHAIN}` }] as const;

/** Set on a packet that some rule of the direction which is judged allows. */
const ALLOWED = "0x2000";
const ALLOW = `-j MARK --set-xmark ${ALLOWED}/${ALLOWED}`;
const FORGET = `-j MARK --set-xmark 0x0/${ALLOWED}`;

export interface PolicyInput {
  /** Whose packets: each family has chains of its own, in which only its addresses stand. */
  readonly family: IpFamily;
  readonly policies: readonly NetworkPolicy[];
  readonly pods: readonly PodAddress[];
  readonly namespaces: readonly Namespace[];
  /** Policies are enforced where the pods are: each node sees to its own. */
  readonly nodeName: string;
}

/**
 * What may be missing of a policy's chains without more being let through: a rule that allows. Without a hole a block would be all open, so
 * that block goes; who is isolated stays so.
 */
export function leaveOutOfPolicy(chain: string): "rule" | "chain" | "nothing" {
  if (/^MS-N[IEP]-/.test(chain)) return "rule";
  return chain.startsWith("MS-NB-") ? "chain" : "nothing";
}

type Direction = "Ingress" | "Egress";

interface Rule {
  readonly ports: readonly NetworkPolicyPort[];
  readonly peers: readonly NetworkPolicyPeer[];
}

interface Located extends PodAddress {
  /** Its address of the family, as a block of its own. */
  readonly block: string;
}

/**
 * The chains that enforce the cluster's NetworkPolicies for the pods of one node, in the packets of one family: for each isolated pod and
 * direction a chain that asks the policies which chose it, and drops what none of them allows. A policy's chains are shared by all of its
 * pods. Pure; equal input gives equal text. Connections that were let in go on, answers included, and a pod always reaches itself.
 */
export function computePolicyChains(input: PolicyInput): ReadonlyMap<string, readonly string[]> {
  const world = new World(input);
  const chains = new Map<string, readonly string[]>();
  const entry = ["-m conntrack --ctstate RELATED,ESTABLISHED -j RETURN"];
  for (const direction of ["Egress", "Ingress"] as const) {
    const isolated = new Map<Located, string[]>();
    for (const policy of [...input.policies].sort(byName)) {
      const chosen = world.local(policy);
      if (chosen.length === 0 || !(policy.spec?.policyTypes ?? ["Ingress"]).includes(direction)) continue;
      const chain = addPolicy(chains, world, policy, direction, chosen);
      for (const pod of chosen) isolated.set(pod, [...(isolated.get(pod) ?? []), chain]);
    }
    const [own, other] = direction === "Ingress" ? (["-d", "-s"] as const) : (["-s", "-d"] as const);
    for (const [pod, policies] of [...isolated].sort(([a], [b]) => byName(a, b))) {
      const chain = chainName(direction === "Ingress" ? "PI" : "PE", keyOf(pod));
      chains.set(chain, [
        `${other} ${pod.block} -j RETURN`,
        FORGET,
        ...policies.map((name) => `-j ${name}`),
        `-m mark ! --mark ${ALLOWED}/${ALLOWED} -j DROP`,
        FORGET,
      ]);
      entry.push(`${own} ${pod.block} -j ${chain}`);
    }
  }
  chains.set(POLICY_CHAIN, entry);
  return chains;
}

/** One direction of a policy: a chain that marks what any of its rules allows. */
function addPolicy(chains: Map<string, readonly string[]>, world: World, policy: NetworkPolicy, direction: Direction, chosen: readonly Located[]): string {
  const { ingress = [], egress = [] } = policy.spec ?? {};
  const rules: readonly Rule[] =
    direction === "Ingress"
      ? ingress.map(({ ports = [], from = [] }) => ({ ports, peers: from }))
      : egress.map(({ ports = [], to = [] }) => ({ ports, peers: to }));
  const id = `${keyOf(policy)} ${direction}`;
  const chain = chainName(direction === "Ingress" ? "NI" : "NE", id);
  const side = direction === "Ingress" ? "-s" : "-d";
  const lines = rules.flatMap((rule, index) => {
    const target = rule.peers.length === 0 ? ALLOW : `-j ${addPeers(chains, world, policy, rule.peers, `${id} ${index}`, side)}`;
    if (rule.ports.length === 0) return [target];
    return rule.ports.flatMap((port) => portLines(port, direction, chosen, world, policy, rule, target));
  });
  chains.set(chain, lines);
  return chain;
}

/** The other ends of a rule, as a chain that marks packets from them, or to them. */
function addPeers(
  chains: Map<string, readonly string[]>,
  world: World,
  policy: NetworkPolicy,
  peers: readonly NetworkPolicyPeer[],
  id: string,
  side: "-s" | "-d",
): string {
  const chain = chainName("NP", id);
  const lines = peers.flatMap((peer, index) => {
    if (peer.ipBlock === undefined) return world.peers(policy, peer).map(({ block }) => `${side} ${block} ${ALLOW}`);
    const cidr = standardBlock(peer.ipBlock.cidr);
    const except = (peer.ipBlock.except ?? []).map(standardBlock);
    if (familyOf(cidr) !== world.family) return [];
    if (except.length === 0) return [`${side} ${cidr} ${ALLOW}`];
    // Holes end only this block: another peer of the same rule may still allow what is in them.
    const block = chainName("NB", `${id} ${index}`);
    chains.set(block, [...except.filter((hole) => familyOf(hole) === world.family).map((hole) => `${side} ${hole} -j RETURN`), ALLOW]);
    return [`${side} ${cidr} -j ${block}`];
  });
  chains.set(chain, [...new Set(lines)]);
  return chain;
}

/** A named port is another number in every pod: of the chosen ones for what comes in, of the other ends for what goes out. */
function portLines(
  port: NetworkPolicyPort,
  direction: Direction,
  chosen: readonly Located[],
  world: World,
  policy: NetworkPolicy,
  { peers }: Rule,
  target: string,
): readonly string[] {
  const protocol = (port.protocol ?? "TCP").toLowerCase();
  const match = `-p ${protocol} -m ${protocol} --dport`;
  if (port.port === undefined) return [`-p ${protocol} ${target}`];
  if (typeof port.port === "number") return [`${match} ${port.endPort === undefined ? port.port : `${port.port}:${port.endPort}`} ${target}`];
  const holders =
    direction === "Ingress" ? chosen : peers.length === 0 ? world.all : peers.flatMap((peer) => (peer.ipBlock === undefined ? world.peers(policy, peer) : []));
  const lines = holders.flatMap((pod) =>
    (pod.ports ?? [])
      .filter((candidate) => candidate.name === port.port && candidate.protocol === (port.protocol ?? "TCP"))
      .map((found) => `-d ${pod.block} ${match} ${found.port} ${target}`),
  );
  return [...new Set(lines)];
}

/** Pods with an address of a family, by what policies choose them by. */
class World {
  readonly family: IpFamily;
  readonly all: readonly Located[];
  readonly #byNamespace = new Map<string, Located[]>();
  readonly #namespaces: readonly Namespace[];
  readonly #nodeName: string;

  constructor({ family, pods, namespaces, nodeName }: PolicyInput) {
    this.family = family;
    this.all = pods.flatMap((pod) => locate(pod, family)).sort(byName);
    this.#namespaces = namespaces;
    this.#nodeName = nodeName;
    for (const pod of this.all) {
      const { namespace = "" } = pod.metadata;
      const known = this.#byNamespace.get(namespace);
      if (known === undefined) this.#byNamespace.set(namespace, [pod]);
      else known.push(pod);
    }
  }

  /** The pods of this node that a policy is about. */
  local({ metadata, spec }: NetworkPolicy): readonly Located[] {
    const matches = labelSelectorPredicate(spec?.podSelector ?? {});
    return (this.#byNamespace.get(metadata.namespace ?? "") ?? []).filter((pod) => pod.nodeName === this.#nodeName && matches(pod.metadata.labels));
  }

  peers({ metadata }: NetworkPolicy, { podSelector, namespaceSelector }: NetworkPolicyPeer): readonly Located[] {
    const isChosen = labelSelectorPredicate(namespaceSelector ?? {});
    const namespaces =
      namespaceSelector === undefined
        ? [metadata.namespace ?? ""]
        : this.#namespaces
            .filter((namespace) => isChosen(namespace.metadata.labels))
            .map((namespace) => namespace.metadata.name ?? "")
            .sort();
    const matches = labelSelectorPredicate(podSelector ?? {});
    return namespaces.flatMap((namespace) => (this.#byNamespace.get(namespace) ?? []).filter((pod) => matches(pod.metadata.labels)));
  }
}

function locate(pod: PodAddress, family: IpFamily): readonly Located[] {
  // What is no address, whoever said so, is no part of any rule.
  const address = pod.addresses?.find((candidate) => isIP(candidate) !== 0 && familyOf(candidate) === family);
  return address === undefined ? [] : [{ ...pod, block: singleBlock(address, family) }];
}

/** PI, PE: what comes to a pod, and goes from it; NI, NE: the same of a policy; NP: a rule's other ends; NB: a block with holes. */
function chainName(role: "PI" | "PE" | "NI" | "NE" | "NP" | "NB", subject: string): string {
  return `MS-${role}-${createHash("sha256").update(subject).digest("hex").slice(0, 16).toUpperCase()}`;
}

type Named = { readonly metadata: { readonly namespace?: string; readonly name?: string } };

function keyOf({ metadata }: Named): string {
  return `${metadata.namespace ?? ""}/${metadata.name ?? ""}`;
}

function byName(a: Named, b: Named): number {
  return keyOf(a) < keyOf(b) ? -1 : keyOf(a) > keyOf(b) ? 1 : 0;
}
