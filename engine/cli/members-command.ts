import path from "node:path";
import { ClusterPki } from "../auth/cluster-pki.ts";
import { UsageError } from "../options/config.ts";
import { NEVER } from "../lib/abort.ts";
import { sleep, systemClock } from "../lib/clock.ts";
import { lockDirectory } from "../lib/directory-lock.ts";
import { silentLogger } from "../lib/log.ts";
import { loopbackUrl, memberPlaces, readMember, type MemberPlaces, type QuorumMember } from "../quorum/member.ts";
import { resetQuorum } from "../quorum/reset-quorum.ts";
import { EtcdEndpoints, type EtcdTls } from "../storage/etcd/etcd-endpoints.ts";
import { errorText } from "../storage/etcd/etcd-errors.ts";
import { EtcdMembers, memberStatus, type EtcdMember } from "../storage/etcd/etcd-members.ts";
import { formatTable } from "./text-table.ts";

const PATIENCE_MS = 20_000;
const RETRY_MS = 1_000;

interface Output {
  write(text: string): unknown;
}

/** `mainstay members`: who keeps the cluster's state, and how each of them is. Needs no quorum. */
export async function listMembers(dataDir: string, output: Output): Promise<void> {
  await withMembers(dataDir, async (members, tls, signal) => {
    const all = [...(await members.list(signal))].sort((a, b) => (a.name < b.name ? -1 : 1));
    const rows = await Promise.all(all.map((member) => memberRow(member, tls, signal)));
    output.write(`${formatTable(["NAME", "ROLE", "HEALTH", "VERSION", "SIZE", "ADDRESS"], rows)}\n`);
  });
}

/** `mainstay members remove`: takes a server out of the quorum, so that the others count without it. */
export async function removeMember(dataDir: string, name: string, output: Output): Promise<void> {
  await withMembers(dataDir, async (members, _tls, signal) => {
    const all = await members.list(signal);
    const found = all.filter((member) => member.name === name || member.id.toString(16) === name);
    const [member] = found;
    if (member === undefined || found.length > 1)
      throw new UsageError(
        `there ${found.length > 1 ? "are several members" : "is no member"} ${JSON.stringify(name)}; the members are ${all.map((one) => one.name || one.id.toString(16)).join(", ")}`,
      );
    if (all.length === 1) throw new UsageError(`${name} is the only member: without it the cluster's state would be gone`);
    await removeWhenWell(members, member, output, signal);
    output.write(
      `${name} is no member any more; ${all.length - 1} remain. Its server ends by itself; on its machine, "mainstay reset" removes what is left. Its Node and pods stay until: kubectl delete node ${name}\n`,
    );
  });
}

/** `mainstay members reset`: goes on with this machine's member alone when most of the others are gone for good. */
export async function resetMembers(dataDir: string, output: Output): Promise<void> {
  requireMember(dataDir);
  const lock = lockDirectory(path.resolve(dataDir));
  try {
    const { name } = await resetQuorum(path.join(path.resolve(dataDir), "server"), systemClock, silentLogger, NEVER);
    output.write(
      `${name} is the only member now, with the data that it has. Start its server as before; the others must be removed with "mainstay reset" on their machines before they join anew.\n`,
    );
  } finally {
    lock.release();
  }
}

/** etcd counts a member as well only when it has been for a few seconds; one that has just come back is waited for. */
async function removeWhenWell(members: EtcdMembers, { id, name }: EtcdMember, output: Output, signal: AbortSignal): Promise<void> {
  for (const deadline = systemClock.monotonic() + PATIENCE_MS; ;) {
    try {
      return await members.remove(id, signal);
    } catch (error) {
      const mayHelp = errorText(error).includes("unhealthy cluster");
      if (!mayHelp || systemClock.monotonic() > deadline)
        throw new Error(`${name} was not removed: ${errorText(error)}${mayHelp ? "; without it too few of the members would be well" : ""}`, { cause: error });
      if (systemClock.monotonic() + PATIENCE_MS - deadline < RETRY_MS) output.write("waiting until the other members are well\n");
      await sleep(systemClock, RETRY_MS, signal);
    }
  }
}

async function memberRow(member: EtcdMember, tls: EtcdTls, signal: AbortSignal): Promise<readonly string[]> {
  const [url] = member.clientUrls;
  const status = url === undefined ? undefined : await memberStatus(url, tls, systemClock, signal);
  const role = member.isLearner ? "learner" : status !== undefined && status.leader === member.id ? "leader" : "voter";
  const health = status === undefined ? (member.name === "" ? "not started" : "unreachable") : status.leader === 0n ? "no quorum" : "healthy";
  const size = status === undefined ? "" : `${(status.databaseBytes / 2 ** 20).toFixed(1)} MiB`;
  return [member.name || member.id.toString(16), role, health, status?.version ?? "", size, member.peerUrls.join(",")];
}

function requireMember(dataDir: string): { readonly places: MemberPlaces; readonly own: QuorumMember } {
  const places = memberPlaces(path.join(path.resolve(dataDir), "server"));
  const own = readMember(places);
  if (own === undefined) throw new UsageError(`${dataDir} has no member of a quorum: its server was started without --cluster-init and --server`);
  return { places, own };
}

async function withMembers(dataDir: string, work: (members: EtcdMembers, tls: EtcdTls, signal: AbortSignal) => Promise<void>): Promise<void> {
  const { places, own } = requireMember(dataDir);
  const pki = await ClusterPki.open(places.pki, systemClock);
  const client = await pki.certificate("client", { commonName: "mainstay", usage: "client" });
  const tls = { ca: pki.ca, ...client };
  const endpoints = new EtcdEndpoints([loopbackUrl(own), ...own.others], tls, systemClock);
  try {
    await work(new EtcdMembers(endpoints), tls, NEVER);
  } finally {
    endpoints.close();
  }
}
