import type { ConfigFields } from "../../apimachinery/config-fields.ts";
import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { forbidden, hasReason, withoutReason } from "../../apimachinery/status-error.ts";
import type { Clock } from "../../lib/clock.ts";
import { podResource } from "../../resources/core/pod.ts";
import { resourceQuotaResource } from "../../resources/core/resource-quota.ts";
import { deviceClassResource } from "../../resources/device/device-class.ts";
import { podNameOfExtendedClaim } from "../../resources/device/extended-resources.ts";
import { resourceClaimResource } from "../../resources/device/resource-claim.ts";
import { computeCharge, type QuotaWrite } from "../../resources/quota/charge.ts";
import { describeUncovered, type LimitedResource } from "../../resources/quota/limited-resources.ts";
import { deviceQuotaFacts, needsDeviceFacts, plainQuotaFacts, type QuotaFacts } from "../../resources/quota/quota-facts.ts";
import type { Pod, ResourceClaim, ResourceQuota, ScopedResourceSelectorRequirement } from "../../resources/types.ts";
import type { AdmissionAttributes, AdmissionPlugin, AdmissionReader } from "../admission.ts";

/** Changes a quota's status: `change` sees the newest state, gives the next or undefined, and is asked again when it was raced. */
export type ChangeQuota = (
  namespace: string,
  name: string,
  change: (current: ResourceQuota & KubeObject) => (ResourceQuota & KubeObject) | undefined,
) => Promise<void>;

/** Kinds that nobody stores for long, or of which the system makes as many as it needs. */
const UNCOUNTED = new Set(["/events", "events.k8s.io/events", "/bindings", "authorization.k8s.io/localsubjectaccessreviews"]);
const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"];

/** Reads the plugin's ResourceQuotaConfiguration. Throws with the field for what is wrong. */
export function limitedResourcesOf(fields: ConfigFields): readonly LimitedResource[] {
  if (fields.text("kind") === "Configuration")
    fields.requireKind("Configuration", ["resourcequota.admission.k8s.io/v1beta1", "resourcequota.admission.k8s.io/v1alpha1"]);
  else fields.requireKind("ResourceQuotaConfiguration", ["apiserver.config.k8s.io/v1"]);
  fields.refuseOthers(["kind", "apiVersion", "limitedResources"]);
  return fields.list("limitedResources").map((limited) => {
    limited.refuseOthers(["apiGroup", "resource", "matchContains", "matchScopes"]);
    return {
      group: limited.text("apiGroup") ?? "",
      resource: limited.required("resource"),
      matchContains: limited.texts("matchContains"),
      matchScopes: limited.list("matchScopes").map(scopeRequirement),
    };
  });
}

function scopeRequirement(fields: ConfigFields): ScopedResourceSelectorRequirement {
  fields.refuseOthers(["scopeName", "operator", "values"]);
  const operator = fields.requiredOneOf("operator", OPERATORS);
  const values = fields.texts("values");
  return { scopeName: fields.required("scopeName"), operator, ...(values.length === 0 ? {} : { values }) };
}

/**
 * Refuses what would exceed a quota of its namespace, and charges what does not before it is stored: of two writers at the same moment
 * one sees the other's charge. What operators have limited needs a quota that bounds it. A write that fails after all leaves its charge
 * until the quota controller counts again.
 */
export function resourceQuotaPlugin(changeQuota: ChangeQuota, clock: Clock, limited: readonly LimitedResource[]): AdmissionPlugin {
  return {
    name: "ResourceQuota",
    async validate(attributes, reader) {
      const write = quotaWrite(attributes);
      if (write === undefined) return;
      const { namespace, definition } = attributes;
      const refuse = (why: string) => forbidden(definition, attributes.name || (write.object.metadata.generateName ?? ""), why);
      const charged: string[] = [];
      const quotas = await reader.list(resourceQuotaResource, namespace);
      if (quotas.length === 0 && limited.length === 0) return;
      const facts = needsDeviceFacts(write.kind)
        ? await deviceFacts(write.object as ResourceClaim & KubeObject, reader, clock.now())
        : plainQuotaFacts(clock.now()); // the kind decides
      for (const quota of quotas) {
        const charge = computeCharge(quota, write, facts);
        if (charge.is === "none") continue;
        // What the cache says may be over; only the newest state refuses. All are asked before any is charged.
        const current = charge.is === "refused" ? await reader.get(resourceQuotaResource, namespace, quota.metadata.name ?? "", { fresh: true }) : undefined;
        const again = current === undefined ? charge : computeCharge(current, write, facts);
        if (charge.is === "refused" && current === undefined) continue; // the quota is gone
        if (again.is === "refused") throw refuse(again.why);
        charged.push(quota.metadata.name ?? "");
      }
      const uncovered = describeUncovered(limited, quotas, write, facts);
      // A quota may just have been made.
      const stillUncovered =
        uncovered === undefined ? undefined : describeUncovered(limited, await reader.list(resourceQuotaResource, namespace, { fresh: true }), write, facts);
      if (stillUncovered !== undefined) throw stillUncovered.of === "scopes" ? withoutReason(stillUncovered.why) : refuse(stillUncovered.why);
      if (attributes.isDryRun === true) return;
      for (const name of charged) {
        const apply = (current: ResourceQuota & KubeObject) => {
          const charge = computeCharge(current, write, facts);
          if (charge.is === "refused") throw refuse(charge.why);
          return charge.is === "none" ? undefined : { ...current, status: { ...current.status, used: charge.used } };
        };
        await changeQuota(namespace, name, apply).catch((error: unknown) => {
          if (!hasReason(error, "NotFound")) throw error;
        });
      }
    },
  };
}

async function deviceFacts(claim: ResourceClaim & KubeObject, reader: AdmissionReader, nowMs: number): Promise<QuotaFacts> {
  const classes = await reader.list(deviceClassResource, "");
  const { namespace = "" } = claim.metadata;
  const podName = podNameOfExtendedClaim(claim);
  if (podName === undefined) return deviceQuotaFacts(nowMs, classes, [], []);
  const pod = await reader.get(podResource, namespace, podName);
  return deviceQuotaFacts(nowMs, classes, await reader.list(resourceClaimResource, namespace), pod === undefined ? [] : [pod]);
}

/** Creates count for every kind; later changes only where they can take more: Services, claims, and pods that are resized or come under other scopes. */
function quotaWrite({ definition, operation, subresource, object, old }: AdmissionAttributes): QuotaWrite | undefined {
  const { group, resource } = definition;
  if (object === undefined || !definition.namespaced || UNCOUNTED.has(`${group}/${resource}`)) return undefined;
  const write = { kind: { group, resource }, object, old, isStatus: subresource === "status" };
  if (operation === "CREATE") return subresource === undefined ? write : undefined;
  if (operation !== "UPDATE" || group !== "" || old === undefined) return undefined;
  if (resource === "pods") return subresource === "resize" || (subresource === undefined && hasDeadline(object) !== hasDeadline(old)) ? write : undefined;
  if (resource === "services") return subresource === undefined ? write : undefined;
  return resource === "persistentvolumeclaims" && (subresource === undefined || subresource === "status") ? write : undefined;
}

function hasDeadline(object: KubeObject): boolean {
  return (object as Pod & KubeObject).spec.activeDeadlineSeconds !== undefined; // only of pods it is asked
}
