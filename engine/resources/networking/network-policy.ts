import { formatLabelSelector } from "../../apimachinery/selectors.ts";
import { ageColumn, nameColumn } from "../columns.ts";
import { defineResource } from "../define-resource.ts";
import { loadSchema } from "../load-schema.ts";
import { networkPolicyWarnings } from "../warnings/kind-warnings.ts";
import type { NetworkPolicy, NetworkPolicySpec } from "../types.ts";
import { blocksOf, validatePolicySpec } from "../validation/network-policy.ts";

export const networkPolicyResource = defineResource<NetworkPolicy>({
  group: "networking.k8s.io",
  version: "v1",
  resource: "networkpolicies",
  singular: "networkpolicy",
  kind: "NetworkPolicy",
  namespaced: true,
  shortNames: ["netpol"],
  schema: () => loadSchema("networking.k8s.io/v1/network-policy.yaml"),
  strategy: {
    hasGeneration: true,
    setDefaults: (policy) =>
      policy.spec === undefined || (policy.spec.policyTypes ?? []).length > 0
        ? policy
        : { ...policy, spec: { ...policy.spec, policyTypes: policyTypesOf(policy.spec) } },
    validateNew: ({ spec }) => validatePolicySpec(spec ?? {}, new Set()),
    validateUpdate: ({ spec }, old) => validatePolicySpec(spec ?? {}, new Set(blocksOf(old.spec ?? {}))),
    warnings: networkPolicyWarnings,
  },
  columns: [
    nameColumn,
    { name: "Pod-Selector", type: "string", description: "The pods it is about.", cell: ({ spec }) => formatLabelSelector(spec?.podSelector) || "<none>" },
    ageColumn,
  ],
});

/** Egress only counts where somebody wrote rules for it, since policies are older than it is. */
function policyTypesOf({ egress = [] }: NetworkPolicySpec): readonly string[] {
  return egress.length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
}
