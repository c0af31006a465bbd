import { ClusterPki } from "../auth/cluster-pki.ts";
import type { Clock } from "../lib/clock.ts";
import { adoptOrStart } from "../lib/kept-process.ts";
import type { Logger } from "../lib/log.ts";
import { etcdStorageOver } from "../storage/etcd-storage.ts";
import { EtcdEndpoints } from "../storage/etcd/etcd-endpoints.ts";
import { awaitQuorum } from "./await-quorum.ts";
import { endMember, memberCertificates, memberProgram } from "./member-process.ts";
import { loopbackUrl, memberPlaces, readMember, writeMember, type QuorumMember } from "./member.ts";

/**
 * Makes this machine's member the only one, with the data that it has: what is left to do when the majority of the members is gone for
 * good. Its server must not run. What the others acknowledged and this one had not heard of is lost; the others must not come back.
 */
export async function resetQuorum(serverDir: string, clock: Clock, logger: Logger, signal: AbortSignal): Promise<QuorumMember> {
  const places = memberPlaces(serverDir);
  const known = readMember(places);
  if (known === undefined) throw new Error("this machine has no member of a quorum");
  await endMember(places, clock);
  const alone: QuorumMember = { ...known, initialCluster: `${known.name}=${known.peerUrl}`, isFounder: true, others: [] };
  const tls = await memberCertificates(await ClusterPki.open(places.pki, clock), alone, places);
  const running = await adoptOrStart(memberProgram(alone, places, tls, clock, true), clock, logger, signal);
  const endpoints = new EtcdEndpoints([loopbackUrl(alone)], tls, clock);
  try {
    await awaitQuorum(etcdStorageOver(endpoints, { clock }), clock, logger, signal);
    await writeMember(places, alone);
  } finally {
    endpoints.close();
    await running.stop();
  }
  return alone;
}
