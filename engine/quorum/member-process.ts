import { mkdir } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import type { ClusterPki } from "../auth/cluster-pki.ts";
import type { Clock } from "../lib/clock.ts";
import { bareHost } from "../lib/net/ip-address.ts";
import { endLeftover, type Program } from "../lib/kept-process.ts";
import type { EtcdTls } from "../storage/etcd/etcd-endpoints.ts";
import { memberStatus } from "../storage/etcd/etcd-members.ts";
import { loopbackUrl, memberArguments, memberPlaces, readMember, type MemberPlaces, type QuorumMember } from "./member.ts";

/** One certificate for both sides of every call between members, and for what clients see; another to be a client with. */
export async function memberCertificates(pki: ClusterPki, member: QuorumMember, { pki: directory }: MemberPlaces): Promise<EtcdTls> {
  const address = bareHost(new URL(member.peerUrl));
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await pki.certificate("member", {
    commonName: member.name,
    usage: "peer",
    dnsNames: [member.name, "localhost", os.hostname()],
    ipAddresses: [...new Set(["127.0.0.1", address])],
  });
  const client = await pki.certificate("client", { commonName: "mainstay", usage: "client" });
  return { ca: pki.ca, ...client };
}

/** The etcd of this machine. */
export function memberProgram(member: QuorumMember, places: MemberPlaces, tls: EtcdTls, clock: Clock, forceNewCluster = false): Program {
  return {
    ...etcdProcess(places),
    args: memberArguments(member, places, forceNewCluster),
    // Debian's etcd for arm64 starts only when told that it may.
    ...(process.arch === "arm64" ? { env: { ETCD_UNSUPPORTED_ARCH: "arm64" } } : {}),
    logFile: path.join(places.root, "etcd.log"),
    answers: async (running) => (await memberStatus(loopbackUrl(member), tls, clock, running)) !== undefined,
  };
}

/** Ends the member's process when its engine is gone, for good. Whether this machine had a member. */
export async function abandonMember(serverDir: string, clock: Clock): Promise<boolean> {
  const places = memberPlaces(serverDir);
  await endMember(places, clock);
  return readMember(places) !== undefined;
}

/** Ends an etcd that nobody keeps any more. Whether there was one. */
export function endMember(places: MemberPlaces, clock: Clock): Promise<boolean> {
  return endLeftover(etcdProcess(places), clock);
}

function etcdProcess({ root, data }: MemberPlaces) {
  return { name: "etcd", mark: data, pidFile: path.join(root, "pid") };
}
