import { isIPv4 } from "node:net";
import { findCondition } from "../apimachinery/conditions.ts";
import type { Client } from "../client/client.ts";
import { formatTime, type Clock } from "../lib/clock.ts";
import { hasReason } from "../apimachinery/status-error.ts";
import { parseIpRange, type IpRange } from "../registry/ip-range.ts";
import { serviceCidrResource } from "../resources/networking/service-cidr.ts";
import type { ServiceCIDR } from "../resources/types.ts";
import type { ObjectStore } from "../storage/object-store.ts";

const NAME = "kubernetes";

/**
 * The ranges that addresses of Services are given from: that of this server's options first, and those of ServiceCIDRs as long as these are
 * ready. IPv6 is not given out.
 */
export function followServiceRanges(store: ObjectStore, serviceCidr: string): () => readonly IpRange[] {
  const own = parseIpRange(serviceCidr);
  const known = new Map<string, readonly IpRange[]>();
  const put = (object: ServiceCIDR): void => void known.set(object.metadata.name ?? "", isReady(object) ? (object.spec?.cidrs ?? []).filter((cidr) => isIPv4(cidr.split("/")[0] ?? "")).map(parseIpRange) : []);
  store.follow(serviceCidrResource, {
    replaced: (objects) => {
      known.clear();
      objects.forEach(put);
    },
    changed: (object, wasDeleted) => (wasDeleted ? void known.delete(object.metadata.name ?? "") : put(object)),
  });
  return () => [own, ...[...known.values()].flat().filter(({ text }) => text !== own.text)];
}

/** Nobody has said anything of a range that is new, or where no controller runs: then it is ready. */
function isReady({ metadata, status }: ServiceCIDR): boolean {
  return metadata.deletionTimestamp === undefined && (findCondition(status?.conditions, "Ready")?.status ?? "True") === "True";
}

/** Shows the range of this server's options, which is given from whether the object is there or not. */
export async function ensureServiceRange(client: Client, serviceCidr: string, clock: Clock): Promise<void> {
  const ranges = client.for(serviceCidrResource);
  const found = await ranges.get("", NAME).catch((error: unknown) => {
    if (!hasReason(error, "NotFound")) throw error;
    return undefined;
  });
  // Another range than it says means another option than before: the addresses in use decide which of them was a mistake.
  if (found !== undefined) return;
  try {
    const made = await ranges.create({ apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: NAME }, spec: { cidrs: [serviceCidr] } });
    await ranges.updateStatus({ ...made, status: { conditions: [{ type: "Ready", status: "True", reason: "", message: "Kubernetes default Service CIDR is ready", lastTransitionTime: formatTime(clock.now()) }] } });
  } catch (error) {
    if (!hasReason(error, "AlreadyExists", "Conflict")) throw error; // another server was faster
  }
}
