import type { Answer, Packet, Question } from "dns-packet";
import { familyOf } from "../../engine/lib/net/ip-address.ts";
import { podAddress, type DnsRecords } from "./dns-records.ts";

/** Answers may be cached this long: short, because Services come and go. */
const TTL_SECONDS = 5;
const NEGATIVE_TTL_SECONDS = 5;
const RCODE_NAME_ERROR = 3;
/** Aliases that are followed, one to the next, before an answer is left as it is. */
const ALIASES_MAX = 8;
/** The family that a question for addresses is about. */
const ADDRESS_FAMILY = { A: "IPv4", AAAA: "IPv6" } as const;

export type DnsDecision =
  | { readonly do: "answer"; readonly answers: readonly Answer[]; readonly authorities: readonly Answer[]; readonly rcode: number }
  /** Not a name of the cluster: ask the machine's own resolvers. `name` is what to ask for, `aliases` how the question led there. */
  | { readonly do: "forward"; readonly name: string; readonly aliases: readonly Answer[] };

/** What to say to one question. Pure; the rotation of addresses is by `turn`, so that clients which take the first one spread. */
export function decideAnswer(question: Question, records: DnsRecords, domain: string, turn: number): DnsDecision {
  const aliases: Answer[] = [];
  for (let name = question.name; ;) {
    const decision = answerName({ ...question, name }, records, domain, turn);
    const alias = decision.do === "answer" && question.type !== "CNAME" && aliases.length < ALIASES_MAX ? decision.answers[0] : undefined;
    if (alias?.type !== "CNAME") return decision.do === "answer" ? { ...decision, answers: [...aliases, ...decision.answers] } : { ...decision, aliases };
    // Resolvers in programs take what they are given: nobody but us follows an alias to its addresses.
    aliases.push(alias);
    name = alias.data;
  }
}

function answerName(question: Question, records: DnsRecords, domain: string, turn: number): DnsDecision {
  const forward = { do: "forward", name: question.name, aliases: [] } as const;
  const name = question.name.toLowerCase().replace(/\.$/, "");
  if (question.type === "PTR") {
    const target = records.pointers.get(name);
    return target === undefined ? forward : found([{ type: "PTR", name: question.name, ttl: TTL_SECONDS, data: target }]);
  }
  if (name !== domain && !name.endsWith(`.${domain}`)) return forward;
  const alias = records.aliases.get(name);
  if (alias !== undefined) return found([{ type: "CNAME", name: question.name, ttl: TTL_SECONDS, data: alias }]);
  const pod = podAddress(name, domain);
  const addresses = records.addresses.get(name) ?? (pod === undefined ? undefined : [pod]);
  const targets = records.services.get(name);
  if (addresses === undefined && targets === undefined) return missing(name, records, domain);
  const { type } = question;
  const ofType = type === "A" || type === "AAAA" ? (addresses ?? []).filter((address) => familyOf(address) === ADDRESS_FAMILY[type]) : [];
  if ((type === "A" || type === "AAAA") && ofType.length > 0) {
    return found(rotate(ofType, turn).map((data) => ({ type, name: question.name, ttl: TTL_SECONDS, data })));
  }
  if (question.type === "SRV" && targets !== undefined) {
    return found(
      targets.map(({ port, target }) => ({
        type: "SRV",
        name: question.name,
        ttl: TTL_SECONDS,
        data: { port, target, priority: 0, weight: Math.max(1, Math.floor(100 / targets.length)) },
      })),
    );
  }
  // The name exists, but not with this type (an address of the other family, most often): an empty answer, never a name error.
  return { do: "answer", answers: [], authorities: [authority(domain)], rcode: 0 };
}

/** The packet for a decision that needs no forwarding. */
export function answerPacket(query: Packet, decision: Extract<DnsDecision, { do: "answer" }>): Packet {
  // Authoritative, recursion desired as asked, recursion available.
  const AUTHORITATIVE = 1 << 10;
  const RECURSION_AVAILABLE = 1 << 7;
  const recursionDesired = (query.flags ?? 0) & (1 << 8);
  return {
    type: "response",
    id: query.id ?? 0,
    flags: AUTHORITATIVE | RECURSION_AVAILABLE | recursionDesired | decision.rcode,
    questions: query.questions ?? [],
    answers: [...decision.answers],
    authorities: [...decision.authorities],
  };
}

function found(answers: readonly Answer[]): DnsDecision {
  return { do: "answer", answers, authorities: [], rcode: 0 };
}

/** A name above existing ones, such as a namespace, exists without records; anything else is a name error. */
function missing(name: string, records: DnsRecords, domain: string): DnsDecision {
  const hasBelow = name === domain || name === `svc.${domain}` || records.parents.has(name);
  return { do: "answer", answers: [], authorities: [authority(domain)], rcode: hasBelow ? 0 : RCODE_NAME_ERROR };
}

function authority(domain: string): Answer {
  return {
    type: "SOA",
    name: domain,
    ttl: NEGATIVE_TTL_SECONDS,
    data: { mname: `ns.dns.${domain}`, rname: `hostmaster.${domain}`, serial: 1, refresh: 7200, retry: 1800, expire: 86_400, minimum: NEGATIVE_TTL_SECONDS },
  };
}

function rotate<T>(items: readonly T[], turn: number): T[] {
  const at = items.length === 0 ? 0 : turn % items.length;
  return [...items.slice(at), ...items.slice(0, at)];
}
