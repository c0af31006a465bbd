import { aborted } from "../../lib/abort.ts";
import type { Labels, MetricsRegistry } from "../../lib/metrics.ts";
import { service, type Service } from "../../lib/service.ts";
import { EXTENDED_CLAIM_ANNOTATION, POD_CLAIM_ANNOTATION } from "../../resources/device/pod-device-claims.ts";
import { resourceClaimResource } from "../../resources/device/resource-claim.ts";
import type { ResourceClaim, ResourceClaimSpec } from "../../resources/types.ts";
import type { ControllerContext } from "../controller-context.ts";

/** Upstream's names. */
const PREFIX = "resourceclaim_controller";

/** Counts claims that are made from templates, and those that could not be. */
export function claimCreationCounter(metrics: MetricsRegistry): (status: "success" | "failure", spec: ResourceClaimSpec) => void {
  const creations = metrics.counter(`${PREFIX}_creates_total`, "Number of ResourceClaims creation requests, categorized by creation status and admin access");
  return (status, spec) => creations.add({ status, admin_access: String(asksForAdminAccess(spec)) });
}

/** How many claims there are, by what has become of them and where they come from; counted when somebody asks. */
export function claimGauge({ informers, metrics }: ControllerContext): Service {
  const claims = informers.informer(resourceClaimResource);
  const gauge = metrics.gauge(
    `${PREFIX}_resource_claims`,
    "Number of ResourceClaims, categorized by allocation status, admin access, and source. Source can be 'resource_claim_template' (created from a template), 'extended_resource' (extended resources), or empty (manually created by a user).",
  );
  return service("resource-claim-gauge", async (signal) => {
    const forget = metrics.beforeRender(() => {
      gauge.clear();
      for (const group of Map.groupBy(claims.list(), (claim) => JSON.stringify(labelsOf(claim))).values())
        gauge.set(group.length, labelsOf(group[0] as ResourceClaim)); // no group is empty
    });
    await aborted(signal);
    forget();
    gauge.clear();
  });
}

function labelsOf({ metadata: { annotations = {} }, spec, status }: ResourceClaim): Labels {
  const source = annotations[EXTENDED_CLAIM_ANNOTATION] === "true" ? "extended_resource" : annotations[POD_CLAIM_ANNOTATION] ? "resource_claim_template" : "";
  return { allocated: String(status?.allocation !== undefined), admin_access: String(asksForAdminAccess(spec)), source };
}

function asksForAdminAccess({ devices }: ResourceClaimSpec): boolean {
  return devices?.requests?.some(({ exactly }) => exactly?.adminAccess === true) === true;
}
