import type { Client } from "../../engine/client/client.ts";
import { hasReason } from "../../engine/apimachinery/status-error.ts";
import { formatMicroTime, sleep, type Clock } from "../../engine/lib/clock.ts";
import { describeError, type Logger } from "../../engine/lib/log.ts";
import { service, type Service } from "../../engine/lib/service.ts";
import { leaseResource } from "../../engine/resources/coordination/lease.ts";
import { nodeResource } from "../../engine/resources/core/node.ts";
import type { Lease } from "../../engine/resources/types.ts";

const NAMESPACE = "kube-node-lease";
const RETRY_MS = 1_000;

export interface NodeLeaseOptions {
  readonly client: Client;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeName: string;
  /** Upstream's 40 where not said. */
  readonly durationSeconds?: number;
  /** Told when it could be renewed again after it could not: nobody asks the API server as often. */
  readonly onReturn?: () => void;
}

/** The node's sign of life: a Lease renewed four times as often as it must be. Without it the node counts as lost. */
export function createNodeLease({ client, clock, logger, nodeName, durationSeconds = 40, onReturn = () => {} }: NodeLeaseOptions): Service {
  const api = client.for(leaseResource);
  return service("node-lease", async (signal) => {
    let lease: Lease | undefined;
    let isCutOff = false;
    while (!signal.aborted) {
      const spec = { holderIdentity: nodeName, leaseDurationSeconds: durationSeconds, renewTime: formatMicroTime(clock.now()) };
      try {
        lease = lease === undefined ? await readOrCreate(spec) : await api.update({ ...lease, spec: { ...lease.spec, ...spec } });
        if (isCutOff) onReturn();
        isCutOff = false;
        if (lease.metadata.ownerReferences === undefined) lease = await withOwner(lease);
      } catch (error) {
        lease = undefined; // whoever changed it: read it again
        const isAnswer = hasReason(error, "Conflict");
        isCutOff ||= !isAnswer;
        if (!isAnswer) logger.warn("node lease not renewed, will retry", { node: nodeName, error: describeError(error) });
      }
      await sleep(clock, lease === undefined ? RETRY_MS : durationSeconds * 250, signal).catch(() => {});
    }
  });

  /** It goes with its Node. A node that is only about to register has none yet; the next renewal looks again. */
  async function withOwner(lease: Lease): Promise<Lease> {
    const uid = await client
      .for(nodeResource)
      .get("", nodeName)
      .then(
        (node) => node.metadata.uid,
        () => undefined,
      );
    if (uid === undefined) return lease;
    return api.update({ ...lease, metadata: { ...lease.metadata, ownerReferences: [{ apiVersion: "v1", kind: "Node", name: nodeName, uid }] } });
  }

  async function readOrCreate(spec: NonNullable<Lease["spec"]>): Promise<Lease> {
    try {
      const found = await api.get(NAMESPACE, nodeName);
      return await api.update({ ...found, spec: { ...found.spec, ...spec } });
    } catch (error) {
      if (!hasReason(error, "NotFound")) throw error;
      return api.create({ apiVersion: "coordination.k8s.io/v1", kind: "Lease", metadata: { namespace: NAMESPACE, name: nodeName }, spec });
    }
  }
}
