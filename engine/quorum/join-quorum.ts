import { mkdir } from "node:fs/promises";
import path from "node:path";
import { askToJoin, fetchAuthority, JoinRefusedError } from "../auth/join-call.ts";
import { SERVERS_PATH } from "../auth/join-paths.ts";
import { writePrivate } from "../auth/cluster-pki.ts";
import { parseNodeToken } from "../auth/node-token.ts";
import { sleep, type Clock } from "../lib/clock.ts";
import type { Logger } from "../lib/log.ts";
import type { Admission, AdmissionRequest } from "./admit-member.ts";
import type { MemberPlaces } from "./member.ts";

export interface JoinTarget {
  /** A server of the cluster. */
  readonly server: string;
  /** The servers' token, from its `server-token` file. */
  readonly token: string;
}

const RETRY_MS = 1_000;
/** Another machine may be joining, and has to catch up first. */
const PATIENCE_MS = 120_000;

/**
 * Asks a server of the cluster for a place in its quorum, and keeps the quorum's authority that comes with it. Safe to repeat.
 * Rejects with the server's words.
 */
export async function joinQuorum(
  target: JoinTarget,
  request: AdmissionRequest,
  { pki }: MemberPlaces,
  { clock, logger }: { clock: Clock; logger: Logger },
  signal: AbortSignal,
): Promise<Admission> {
  const server = target.server.replace(/\/$/, "");
  const { caHash, secret } = parseNodeToken(target.token);
  const trusted = caHash === undefined ? undefined : await fetchAuthority(server, caHash);
  const admission = await ask(`${server}${SERVERS_PATH}`, trusted, secret, request, clock, logger, signal);
  await mkdir(pki, { recursive: true, mode: 0o700 });
  await writePrivate(path.join(pki, "ca.key"), admission.authority.key);
  await writePrivate(path.join(pki, "ca.crt"), admission.authority.certificate);
  return admission;
}

async function ask(
  url: string,
  trusted: string | undefined,
  token: string,
  body: AdmissionRequest,
  clock: Clock,
  logger: Logger,
  signal: AbortSignal,
): Promise<Admission> {
  for (const deadline = clock.monotonic() + PATIENCE_MS; ;) {
    try {
      return (await askToJoin(url, trusted, { token }, body)) as Admission; // made by admitMember
    } catch (error) {
      const mayHelp = error instanceof JoinRefusedError && error.code === 503;
      if (!mayHelp || clock.monotonic() > deadline) throw error;
      logger.info("the quorum does not take this server yet, asking again", { error: error.message });
      await sleep(clock, RETRY_MS, signal);
    }
  }
}
