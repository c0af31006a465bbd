import { dnsSubdomainError, USUAL_CLUSTER_DOMAIN } from "../apimachinery/names.ts";
import { badRequest, StatusError } from "../apimachinery/status-error.ts";
import type { KeyPair } from "../auth/certificates.ts";
import { errorText } from "../storage/etcd/etcd-errors.ts";
import type { EtcdMember } from "../storage/etcd/etcd-members.ts";

/** What all servers of a cluster must be told alike. */
export interface ClusterTerms {
  readonly clusterName: string;
  readonly clusterCidr: string;
  readonly serviceCidr: string;
  readonly clusterDomain: string;
}

export interface AdmissionRequest {
  readonly name: string;
  readonly peerUrl: string;
  /** What the server that asks was told: it must be what the cluster has. */
  readonly terms: ClusterTerms;
}

/** What a machine needs to start its member, and to be trusted by the others. */
export interface Admission {
  /** The quorum's own authority, with its key: every server may let in others. */
  readonly authority: KeyPair;
  readonly initialCluster: string;
  readonly others: readonly string[];
}

/** The quorum, as far as letting somebody in needs it. */
export interface AdmittingQuorum {
  readonly terms: ClusterTerms;
  readonly authority: KeyPair;
  list(): Promise<readonly EtcdMember[]>;
  addLearner(peerUrl: string): Promise<readonly EtcdMember[]>;
  remove(id: bigint): Promise<void>;
  isRunning(member: EtcdMember): Promise<boolean>;
}

/**
 * Makes room for a new member, which asks because it has no data. One that asked before and never started is let in again; one that has
 * lost its data takes its old place. Rejects with a StatusError before anything is changed: 409 when it was told other terms than the
 * cluster has, when the name is somebody else's, or when the member is alive; 503 when trying again later helps.
 */
export async function admitMember(body: unknown, quorum: AdmittingQuorum): Promise<Admission> {
  const { name, peerUrl, terms } = parseRequest(body);
  checkTerms(terms, quorum.terms);
  const before = await quorum.list();
  const namesake = before.find((member) => member.name === name && !member.peerUrls.includes(peerUrl));
  if (namesake !== undefined) {
    throw new StatusError(
      "Conflict",
      `server ${JSON.stringify(name)} is a member already, at ${namesake.peerUrls.join(", ")}: start this one with another --node-name, or take that one out first with "mainstay members remove ${name}"`,
      {},
    );
  }
  const earlier = before.find((member) => member.peerUrls.includes(peerUrl));
  if (earlier !== undefined && earlier.name !== "") {
    if (await quorum.isRunning(earlier))
      throw new StatusError("Conflict", `${peerUrl} is the address of member ${JSON.stringify(earlier.name)}, which is running`, {});
    await changing(() => quorum.remove(earlier.id));
  }
  const newcomer = before.find((member) => member.isLearner && member !== earlier);
  if (newcomer !== undefined) throw new StatusError("ServiceUnavailable", waitFor(newcomer), {});
  const after = earlier !== undefined && earlier.name === "" ? before : await changing(() => quorum.addLearner(peerUrl));
  return {
    authority: quorum.authority,
    initialCluster: initialCluster(after, name, peerUrl),
    others: after.filter((member) => !member.peerUrls.includes(peerUrl) && !member.isLearner).flatMap((member) => member.clientUrls),
  };
}

const TERMS = [
  ["clusterName", "--cluster-name"],
  ["clusterCidr", "--cluster-cidr"],
  ["serviceCidr", "--service-cidr"],
  ["clusterDomain", "--cluster-domain"],
] as const;

function checkTerms(asked: ClusterTerms, ours: ClusterTerms): void {
  for (const [key, flag] of TERMS) {
    if (asked[key] !== ours[key])
      throw new StatusError(
        "Conflict",
        `this server was started with ${flag} ${asked[key]}, the cluster has ${ours[key]}: start it with ${flag} ${ours[key]}`,
        {},
      );
  }
}

/** Members come in one at a time, each after the one before it has caught up. */
function waitFor({ id, name, peerUrls }: EtcdMember): string {
  const known = name || id.toString(16);
  return `server ${peerUrls.join(", ")} was let in and has not caught up yet; if it is not to come, take it out with "mainstay members remove ${known}"`;
}

/** etcd wants all members with their names; those that never started have none yet, and are known by their addresses. */
function initialCluster(members: readonly EtcdMember[], name: string, peerUrl: string): string {
  return members
    .flatMap((member) => member.peerUrls.map((url) => `${url === peerUrl ? name : member.name || `member-${member.id.toString(16)}`}=${url}`))
    .join(",");
}

/** etcd changes one thing at a time, and only while its members are well. */
async function changing<T>(change: () => Promise<T>): Promise<T> {
  try {
    return await change();
  } catch (error) {
    throw new StatusError("ServiceUnavailable", `the quorum cannot be changed now: ${errorText(error)}`, {});
  }
}

function parseRequest(body: unknown): AdmissionRequest {
  const { name, peerUrl, terms } = (isObject(body) ? body : {}) as Record<string, unknown>; // all are checked below
  if (typeof name !== "string" || name === "") throw badRequest("name: Required value");
  const problem = dnsSubdomainError(name);
  if (problem !== undefined) throw badRequest(`name: Invalid value: ${JSON.stringify(name)}: ${problem}`);
  if (typeof peerUrl !== "string" || !URL.canParse(peerUrl) || new URL(peerUrl).protocol !== "https:") throw badRequest("peerUrl: must be an https URL");
  const said = (isObject(terms) ? terms : {}) as Record<string, unknown>; // compared as they are
  return {
    name,
    peerUrl,
    terms: {
      clusterName: String(said.clusterName),
      clusterCidr: String(said.clusterCidr),
      serviceCidr: String(said.serviceCidr),
      clusterDomain: String(said.clusterDomain ?? USUAL_CLUSTER_DOMAIN),
    },
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
