import { findCondition } from "../../apimachinery/conditions.ts";
import type { Client } from "../../client/client.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { formatTime, type Clock } from "../../lib/clock.ts";
import { hasReason, unlessGone } from "../../apimachinery/status-error.ts";
import { parseIpRange, parseServiceRanges, type IpRange } from "../../registry/ip-range.ts";
import { serviceCidrResource } from "../../resources/networking/service-cidr.ts";
import type { ServiceRanges } from "../../registry/cluster-ip.ts";
import type { ServiceCIDR } from "../../resources/types.ts";
import type { ObjectStore } from "../../storage/object-store.ts";

const NAME = "kubernetes";

/**
 * The ranges that addresses of Services are given from: those of this server's options first, and those of ServiceCIDRs. A range whose
 * ServiceCIDRs are none of them ready gives none, also where the options name it: so Services move to another one. The options alone say
 * which families Services may have.
 */
export function followServiceRanges(store: ObjectStore, serviceCidr: string): ServiceRanges {
  const own = parseServiceRanges(serviceCidr);
  const known = new Map<string, { readonly ranges: readonly IpRange[]; readonly isReady: boolean }>();
  const put = (object: ServiceCIDR): void =>
    void known.set(object.metadata.name ?? "", { ranges: (object.spec?.cidrs ?? []).flatMap(usableRange), isReady: isReady(object) });
  store.follow(serviceCidrResource, {
    replaced: (objects) => {
      known.clear();
      objects.forEach(put);
    },
    changed: (object, wasDeleted) => (wasDeleted ? void known.delete(object.metadata.name ?? "") : put(object)),
  });
  const has = (ranges: readonly IpRange[], { text }: IpRange) => ranges.some((range) => range.text === text);
  const current = () => {
    const all = [...known.values()];
    const ready = all.filter((one) => one.isReady).flatMap(({ ranges }) => ranges);
    const isWithheld = (range: IpRange) => !has(ready, range) && all.some(({ ranges }) => has(ranges, range));
    return [...own.filter((range) => !isWithheld(range)), ...ready.filter((range) => !has(own, range))];
  };
  return { families: own.map(({ family }) => family), current };
}

/** What is too large to be counted gives no addresses. */
function usableRange(text: string): readonly IpRange[] {
  try {
    return [parseIpRange(text)];
  } catch {
    return [];
  }
}

/** Nobody has said anything of a range that is new, or where no controller runs: then it is ready. */
function isReady({ metadata, status }: ServiceCIDR): boolean {
  return metadata.deletionTimestamp === undefined && (findCondition(status?.conditions, "Ready")?.status ?? "True") === "True";
}

/** Shows the ranges of this server's options, which are given from whether the object is there or not. */
export async function ensureServiceRange(client: Client, serviceCidr: string, clock: Clock): Promise<void> {
  const cidrs = parseServiceRanges(serviceCidr).map(({ text }) => text);
  const ranges = client.for(serviceCidrResource);
  const found = await unlessGone(ranges.get("", NAME));
  try {
    if (found !== undefined) {
      // A second family may join. Another range than it says means another option than before: the addresses in use decide which of them was a mistake.
      if (cidrs.length === 2 && jsonEqual([...(found.spec?.cidrs ?? [])], cidrs.slice(0, 1))) await ranges.update({ ...found, spec: { cidrs } });
      return;
    }
    const made = await ranges.create({ apiVersion: "networking.k8s.io/v1", kind: "ServiceCIDR", metadata: { name: NAME }, spec: { cidrs } });
    await ranges.updateStatus({
      ...made,
      status: {
        conditions: [
          { type: "Ready", status: "True", reason: "", message: "Kubernetes default Service CIDR is ready", lastTransitionTime: formatTime(clock.now()) },
        ],
      },
    });
  } catch (error) {
    if (!hasReason(error, "AlreadyExists", "Conflict")) throw error; // another server was faster
  }
}
