import { sleep, type Clock } from "../../lib/clock.ts";
import { callUnary } from "../../lib/grpc/grpc.ts";
import { EtcdEndpoints, type EtcdTls } from "./etcd-endpoints.ts";
import { classifyEtcdError, errorText } from "./etcd-errors.ts";
import { Cluster, Maintenance, type Member } from "./rpc_pb.ts";

/** One member of an etcd cluster, as the cluster knows it. */
export interface EtcdMember {
  readonly id: bigint;
  /** Empty until it has started once. */
  readonly name: string;
  readonly peerUrls: readonly string[];
  readonly clientUrls: readonly string[];
  /** It follows and does not count for the quorum yet. */
  readonly isLearner: boolean;
}

export interface EtcdMemberStatus {
  readonly id: bigint;
  readonly leader: bigint;
  readonly isLearner: boolean;
  readonly version: string;
  readonly databaseBytes: number;
}

const STATUS_TIMEOUT_MS = 1_000;
const PROMOTE_PAUSE_MS = 200;

/** Who belongs to an etcd cluster, and changing it. Calls reject with etcd's words. */
export class EtcdMembers {
  readonly #endpoints: EtcdEndpoints;

  constructor(endpoints: EtcdEndpoints) {
    this.#endpoints = endpoints;
  }

  async list(signal: AbortSignal): Promise<readonly EtcdMember[]> {
    const { members } = await this.#endpoints.call(
      (channel, timeoutMs) => callUnary(channel, Cluster.method.memberList, {}, { timeoutMs, signal }),
      isUnanswered,
      signal,
    );
    return members.map(toMember);
  }

  /** A learner: it gets the data first, and a vote when it is promoted. A quorum is never counted with a member that has nothing. */
  async addLearner(peerUrl: string, signal: AbortSignal): Promise<readonly EtcdMember[]> {
    const request = { peerURLs: [peerUrl], isLearner: true };
    const { members } = await this.#endpoints.call(
      (channel, timeoutMs) => callUnary(channel, Cluster.method.memberAdd, request, { timeoutMs, signal }),
      isUnsent,
      signal,
    );
    return members.map(toMember);
  }

  async remove(id: bigint, signal: AbortSignal): Promise<void> {
    await this.#endpoints.call((channel, timeoutMs) => callUnary(channel, Cluster.method.memberRemove, { ID: id }, { timeoutMs, signal }), isUnsent, signal);
  }

  /** Gives a learner its vote, as soon as it has caught up. */
  async promote(id: bigint, clock: Clock, signal: AbortSignal): Promise<void> {
    for (;;) {
      try {
        await this.#endpoints.call(
          (channel, timeoutMs) => callUnary(channel, Cluster.method.memberPromote, { ID: id }, { timeoutMs, signal }),
          isUnanswered,
          signal,
        );
        return;
      } catch (error) {
        const text = errorText(error);
        if (text.includes("can only promote a learner member")) return; // an earlier try took effect
        if (!text.includes("can only promote a learner which is in sync with leader") && !isUnanswered(error)) throw error;
        await sleep(clock, PROMOTE_PAUSE_MS, signal);
      }
    }
  }
}

/** What one member says of itself; undefined when it does not answer. A member without a quorum answers, too. */
export async function memberStatus(url: string, tls: EtcdTls | undefined, clock: Clock, signal: AbortSignal): Promise<EtcdMemberStatus | undefined> {
  const endpoint = new EtcdEndpoints([url], tls, clock);
  try {
    const { header, leader, isLearner, version, dbSize } = await callUnary(
      endpoint.pick(),
      Maintenance.method.status,
      {},
      { timeoutMs: STATUS_TIMEOUT_MS, signal },
    );
    return { id: header?.memberId ?? 0n, leader, isLearner, version, databaseBytes: Number(dbSize) };
  } catch {
    return undefined;
  } finally {
    endpoint.close();
  }
}

function isUnsent(error: unknown): boolean {
  return classifyEtcdError(error).is === "unsent";
}

function isUnanswered(error: unknown): boolean {
  const { is } = classifyEtcdError(error);
  return is === "unsent" || is === "lost";
}

function toMember({ ID: id, name, peerURLs, clientURLs, isLearner }: Member): EtcdMember {
  return { id, name, peerUrls: peerURLs, clientUrls: clientURLs, isLearner };
}
