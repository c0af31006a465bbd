import type { Client } from "../client/client.ts";
import { formatTime, type Clock } from "../lib/clock.ts";
import { hasReason } from "../apimachinery/status-error.ts";
import { serviceCidrResource } from "../resources/networking/service-cidr.ts";

const NAME = "kubernetes";

/** Shows the range that addresses of Services are given from, which is a matter of this server's options and not of the object. */
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
