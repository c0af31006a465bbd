import type {
  FlowSchemaSpec,
  FlowcontrolV1Subject,
  NonResourcePolicyRule,
  PolicyRulesWithSubjects,
  PriorityLevelConfigurationSpec,
  ResourcePolicyRule,
} from "../types.ts";

/*
 * What every cluster has from the beginning, as a Kubernetes API server has it: reference data, not taste. The mandatory ones cannot
 * be changed and come back when they are deleted; the suggested ones follow this table until somebody switches that off.
 */

const EVERY_RESOURCE: ResourcePolicyRule = { verbs: ["*"], apiGroups: ["*"], resources: ["*"], clusterScope: true, namespaces: ["*"] };
const EVERY_PATH: NonResourcePolicyRule = { verbs: ["*"], nonResourceURLs: ["*"] };
const EVERYBODY = [group("system:unauthenticated"), group("system:authenticated")];
const LEASES: ResourcePolicyRule = { verbs: ["get", "create", "update"], apiGroups: ["coordination.k8s.io"], resources: ["leases"], namespaces: ["*"] };
const SYSTEM_ACCOUNTS: FlowcontrolV1Subject = { kind: "ServiceAccount", serviceAccount: { namespace: "kube-system", name: "*" } };

export const MANDATORY_SCHEMAS: Readonly<Record<string, FlowSchemaSpec>> = {
  exempt: { priorityLevelConfiguration: { name: "exempt" }, matchingPrecedence: 1, rules: everything(group("system:masters")) },
  "catch-all": {
    priorityLevelConfiguration: { name: "catch-all" },
    matchingPrecedence: 10_000,
    distinguisherMethod: { type: "ByUser" },
    rules: everything(...EVERYBODY),
  },
};

export const SUGGESTED_SCHEMAS: Readonly<Record<string, FlowSchemaSpec>> = {
  probes: {
    priorityLevelConfiguration: { name: "exempt" },
    matchingPrecedence: 2,
    rules: [{ subjects: EVERYBODY, nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["/healthz", "/readyz", "/livez"] }] }],
  },
  "system-leader-election": schema("leader-election", 100, "ByUser", [
    { subjects: [user("system:kube-controller-manager"), user("system:kube-scheduler"), SYSTEM_ACCOUNTS], resourceRules: [LEASES] },
  ]),
  "system-node-high": schema("node-high", 400, "ByUser", [
    {
      subjects: [group("system:nodes")],
      resourceRules: [
        { verbs: ["*"], apiGroups: [""], resources: ["nodes", "nodes/status"], clusterScope: true, namespaces: ["*"] },
        { verbs: ["*"], apiGroups: ["coordination.k8s.io"], resources: ["leases"], namespaces: ["*"] },
      ],
    },
  ]),
  "system-nodes": schema("system", 500, "ByUser", everything(group("system:nodes"))),
  "kube-controller-manager": schema("workload-high", 800, "ByNamespace", everything(user("system:kube-controller-manager"))),
  "kube-scheduler": schema("workload-high", 800, "ByNamespace", everything(user("system:kube-scheduler"))),
  "kube-system-service-accounts": schema("workload-high", 900, "ByNamespace", everything(SYSTEM_ACCOUNTS)),
  "service-accounts": schema("workload-low", 9_000, "ByUser", everything(group("system:serviceaccounts"))),
  "global-default": schema("global-default", 9_900, "ByUser", everything(...EVERYBODY)),
};

export const MANDATORY_LEVELS: Readonly<Record<string, PriorityLevelConfigurationSpec>> = {
  exempt: { type: "Exempt", exempt: { nominalConcurrencyShares: 0, lendablePercent: 0 } },
  "catch-all": { type: "Limited", limited: { nominalConcurrencyShares: 5, limitResponse: { type: "Reject" }, lendablePercent: 0 } },
};

export const SUGGESTED_LEVELS: Readonly<Record<string, PriorityLevelConfigurationSpec>> = {
  system: level(30, 33, 64, 6),
  "node-high": level(40, 25, 64, 6),
  "leader-election": level(10, 0, 16, 4),
  "workload-high": level(40, 50, 128, 6),
  "workload-low": level(100, 90, 128, 6),
  "global-default": level(20, 50, 128, 6),
};

function level(nominalConcurrencyShares: number, lendablePercent: number, queues: number, handSize: number): PriorityLevelConfigurationSpec {
  return {
    type: "Limited",
    limited: { nominalConcurrencyShares, limitResponse: { type: "Queue", queuing: { queues, handSize, queueLengthLimit: 50 } }, lendablePercent },
  };
}

function schema(name: string, matchingPrecedence: number, type: "ByUser" | "ByNamespace", rules: readonly PolicyRulesWithSubjects[]): FlowSchemaSpec {
  return { priorityLevelConfiguration: { name }, matchingPrecedence, distinguisherMethod: { type }, rules };
}

function everything(...subjects: readonly FlowcontrolV1Subject[]): readonly PolicyRulesWithSubjects[] {
  return [{ subjects, resourceRules: [EVERY_RESOURCE], nonResourceRules: [EVERY_PATH] }];
}

function user(name: string): FlowcontrolV1Subject {
  return { kind: "User", user: { name } };
}

function group(name: string): FlowcontrolV1Subject {
  return { kind: "Group", group: { name } };
}
