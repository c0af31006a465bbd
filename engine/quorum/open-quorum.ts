import { existsSync, renameSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { ClusterPki } from "../auth/cluster-pki.ts";
import { openOwnCertificate } from "../auth/own-certificate.ts";
import type { Following } from "../lib/changing-value.ts";
import { sleep, type Clock } from "../lib/clock.ts";
import { hostAndPort } from "../lib/net/ip-address.ts";
import { keepProgram, ProgramEndedError, type KeptProgram } from "../lib/kept-process.ts";
import { describeError, type Logger } from "../lib/log.ts";
import { service, type Service } from "../lib/service.ts";
import { etcdStorageOver } from "../storage/etcd-storage.ts";
import { EtcdEndpoints, type EtcdTls } from "../storage/etcd/etcd-endpoints.ts";
import { EtcdMembers, memberStatus, type EtcdMember } from "../storage/etcd/etcd-members.ts";
import type { Storage } from "../storage/storage.ts";
import { awaitQuorum } from "./await-quorum.ts";
import { admitMember, type Admission, type ClusterTerms } from "./admit-member.ts";
import { joinQuorum, type JoinTarget } from "./join-quorum.ts";
import { memberCertificates, memberProgram } from "./member-process.ts";
import { loopbackUrl, memberPlaces, readMember, writeMember, type MemberPlaces, type QuorumMember } from "./member.ts";

export interface QuorumOptions {
  readonly serverDir: string;
  readonly nodeName: string;
  /** Where the other members reach this one. */
  readonly address: string;
  readonly clientPort: number;
  readonly peerPort: number;
  /** A server of the cluster to join; without it, and without data, a new cluster is founded. */
  readonly join: JoinTarget | undefined;
  readonly terms: ClusterTerms;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** This machine's share of the store. */
export interface Quorum {
  readonly storage: Storage;
  /** Whether this start founded the cluster: its store is empty. */
  readonly isNew: boolean;
  /** Keeps the member running and knows who the others are. Rejects when the member was taken out of the cluster. */
  readonly service: Service;
  /** Lets another server in; see admitMember. */
  admit(body: unknown): Promise<Admission>;
  /** Ends the member's process; it hands over first when it leads. */
  stop(): Promise<void>;
}

const LOOK_MS = 30_000;
/** etcd's words when it finds that it does not belong any more. */
const REMOVED = /permanently removed from the cluster|has been removed from the cluster/;

/**
 * Starts this machine's etcd member – founding a cluster, joining one, or going on with what it has – and opens the store over all members.
 * Resolves when a quorum answers, which after a stop of all servers takes as many of them as a quorum needs.
 */
export async function openQuorum(options: QuorumOptions, signal: AbortSignal): Promise<Quorum> {
  const { serverDir, clock, logger } = options;
  const places = memberPlaces(serverDir);
  await mkdir(places.root, { recursive: true, mode: 0o700 });
  const known = readMember(places);
  const member = known ?? (await becomeMember(options, places, signal));
  const pki = await ClusterPki.open(places.pki, clock);
  // etcd reads the files of its certificate for each new connection; calls to it show ours, which has to be handed on.
  const { shown: tls, service: renewal } = await openOwnCertificate("etcd-member", () => memberCertificates(pki, member, places), clock, logger);
  const kept = await keepMember(member, places, tls, options, signal);
  const endpoints = new EtcdEndpoints([loopbackUrl(member), ...member.others], tls.current, clock);
  try {
    const members = new EtcdMembers(endpoints);
    await takeVote(member, tls.current, clock, signal);
    const storage = etcdStorageOver(endpoints, { clock });
    await awaitQuorum(storage, clock, logger, signal);
    const look = async () => void (await followMembers(member, members, endpoints, places, signal));
    await look();
    tls.onChange(() => endpoints.present(tls.current), signal);
    return {
      storage,
      isNew: known === undefined && member.isFounder,
      service: service("quorum", async (running) => {
        await Promise.all([kept.service.run(running), lookForever(look, clock, logger, running), renewal.run(running)]);
      }),
      admit: (body) =>
        admitMember(body, {
          terms: options.terms,
          authority: pki.authority,
          list: () => members.list(signal),
          addLearner: (url) => members.addLearner(url, signal),
          remove: (id) => members.remove(id, signal),
          isRunning: async ({ clientUrls: [url] }) => url !== undefined && (await memberStatus(url, tls.current, clock, signal)) !== undefined,
        }),
      stop: () => kept.stop(),
    };
  } catch (error) {
    endpoints.close();
    await kept.stop();
    throw error;
  }
}

/** Decides on this machine's place, and writes it down before anything is started with it. */
async function becomeMember(options: QuorumOptions, places: MemberPlaces, signal: AbortSignal): Promise<QuorumMember> {
  const { nodeName: name, address, clientPort, peerPort, join, terms } = options;
  const own = { name, peerUrl: `https://${hostAndPort(address, peerPort)}`, clientUrl: `https://${hostAndPort(address, clientPort)}` };
  const member: QuorumMember =
    join === undefined
      ? { ...own, initialCluster: `${name}=${own.peerUrl}`, isFounder: true, others: [] }
      : await joinQuorum(join, { name, peerUrl: own.peerUrl, terms }, places, options, signal).then(({ initialCluster, others }) => ({
          ...own,
          initialCluster,
          isFounder: false,
          others,
        }));
  await writeMember(places, member);
  return member;
}

async function keepMember(
  member: QuorumMember,
  places: MemberPlaces,
  tls: Following<EtcdTls>,
  { clock, logger }: QuorumOptions,
  signal: AbortSignal,
): Promise<KeptProgram> {
  const program = () => memberProgram(member, places, tls.current, clock);
  const judge = async (log: string) => {
    if (REMOVED.test(log)) throw removedError(places, clock);
  };
  try {
    return await keepProgram({ program, clock, logger, onEnd: judge }, signal);
  } catch (error) {
    if (error instanceof ProgramEndedError) await judge(error.log);
    throw error;
  }
}

/** What a removed member has is of no use to it: the cluster goes on without. It is put aside, not deleted. */
function removedError(places: MemberPlaces, clock: Clock): Error {
  const aside = `${places.root}.removed-${clock.now()}`;
  if (existsSync(places.root)) renameSync(places.root, aside);
  return new Error(
    `this server was taken out of the cluster's quorum; its old data is in ${aside}. To bring it back, start it with --server and --token; to give it up, run "mainstay reset"`,
  );
}

/** A member that has just joined follows without a vote until it has caught up; the others give it one. */
async function takeVote(member: QuorumMember, tls: EtcdTls, clock: Clock, signal: AbortSignal): Promise<void> {
  const own = await memberStatus(loopbackUrl(member), tls, clock, signal);
  if (own?.isLearner !== true) return;
  const others = new EtcdEndpoints(member.others, tls, clock);
  try {
    await new EtcdMembers(others).promote(own.id, clock, signal);
  } finally {
    others.close();
  }
}

async function lookForever(look: () => Promise<void>, clock: Clock, logger: Logger, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await sleep(clock, LOOK_MS, signal).catch(() => {});
    if (!signal.aborted) await look().catch((error: unknown) => logger.debug("the quorum's members are not known now", { error: describeError(error) }));
  }
}

/** Calls may go to every member that votes, our own first; remembered for a start at which our own is behind. */
async function followMembers(member: QuorumMember, members: EtcdMembers, endpoints: EtcdEndpoints, places: MemberPlaces, signal: AbortSignal): Promise<void> {
  const others = otherClientUrls(await members.list(signal), member.peerUrl);
  endpoints.follow([loopbackUrl(member), ...others]);
  const known = readMember(places);
  if (known !== undefined && known.others.join() !== others.join()) await writeMember(places, { ...known, others });
}

function otherClientUrls(members: readonly EtcdMember[], peerUrl: string): readonly string[] {
  return members
    .filter((other) => !other.isLearner && !other.peerUrls.includes(peerUrl))
    .flatMap((other) => other.clientUrls)
    .sort();
}
