import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { writePrivate } from "../auth/cluster-pki.ts";

/** What this machine's etcd member was made with; kept beside its data, since it must not change. */
export interface QuorumMember {
  readonly name: string;
  readonly peerUrl: string;
  readonly clientUrl: string;
  /** `name=peerUrl` of all members at the time it joined, in etcd's form. */
  readonly initialCluster: string;
  /** Whether it founded the cluster; all others joined. */
  readonly isFounder: boolean;
  /** Where the other members were last known to serve clients. */
  readonly others: readonly string[];
}

/** Where everything of a member lies, below the server's directory. */
export interface MemberPlaces {
  readonly root: string;
  readonly data: string;
  readonly memberFile: string;
  readonly pki: string;
}

export function memberPlaces(serverDir: string): MemberPlaces {
  const root = path.join(serverDir, "etcd");
  return { root, data: path.join(root, "data"), memberFile: path.join(root, "member.json"), pki: path.join(serverDir, "pki", "etcd") };
}

/** Undefined on a machine that is no member. */
export function readMember({ memberFile }: MemberPlaces): QuorumMember | undefined {
  return existsSync(memberFile) ? (JSON.parse(readFileSync(memberFile, "utf8")) as QuorumMember) : undefined; // written by writeMember
}

export function writeMember({ memberFile }: MemberPlaces, member: QuorumMember): Promise<void> {
  return writePrivate(memberFile, `${JSON.stringify(member, undefined, 2)}\n`);
}

/** Our own engine reaches it so whatever happens to the network. */
export function loopbackUrl({ clientUrl }: QuorumMember): string {
  return `https://127.0.0.1:${new URL(clientUrl).port}`;
}

/** More than a request of the API may bring, with room for what is stored beside it. */
const REQUEST_BYTES_MAX = 8 << 20;
/** One commit of ours may hold a whole push. */
const TRANSACTION_OPERATIONS_MAX = 4096;
/** etcd's own bound, above which it warns. */
const DATABASE_BYTES_MAX = 8 * 2 ** 30;

/**
 * etcd's arguments for a member. Everything is over TLS, and both sides show certificates of the quorum's own authority: whoever reads
 * the store is the cluster. Beside its address it listens on loopback, for the engine of its own machine.
 */
export function memberArguments(member: QuorumMember, { data, pki }: MemberPlaces, forceNewCluster = false): readonly string[] {
  const clientUrls = [...new Set([member.clientUrl, loopbackUrl(member)])];
  const file = (name: string) => path.join(pki, name);
  const [ca, certificate, key] = [file("ca.crt"), file("member.crt"), file("member.key")] as const;
  return [
    ...["--name", member.name, "--data-dir", data],
    ...["--listen-client-urls", clientUrls.join(","), "--advertise-client-urls", member.clientUrl],
    ...["--listen-peer-urls", member.peerUrl, "--initial-advertise-peer-urls", member.peerUrl],
    ...["--initial-cluster", member.initialCluster, "--initial-cluster-state", member.isFounder ? "new" : "existing", "--initial-cluster-token", "mainstay"],
    ...["--client-cert-auth", "--trusted-ca-file", ca, "--cert-file", certificate, "--key-file", key],
    ...["--peer-client-cert-auth", "--peer-trusted-ca-file", ca, "--peer-cert-file", certificate, "--peer-key-file", key],
    ...[
      "--max-request-bytes",
      String(REQUEST_BYTES_MAX),
      "--max-txn-ops",
      String(TRANSACTION_OPERATIONS_MAX),
      "--quota-backend-bytes",
      String(DATABASE_BYTES_MAX),
    ],
    ...["--logger", "zap", "--log-outputs", "stderr"],
    ...(forceNewCluster ? ["--force-new-cluster"] : []),
  ];
}

/** Whether this machine has a member, whatever it is told now. */
export function isQuorumMember(serverDir: string): boolean {
  return readMember(memberPlaces(serverDir)) !== undefined;
}
