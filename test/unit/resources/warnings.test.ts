import { describe, expect, test } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { catalog } from "../../../engine/resources/catalog.ts";
import type { PodSpec } from "../../../engine/resources/types.ts";
import { appArmorWarnings, podWarnings } from "../../../engine/resources/warnings/pod-warnings.ts";

const container = (more: object = {}, name = "c") => ({ name, image: "i", ...more });
/** What a pod is told, and what a template of it at `spec.template`. */
const told = (spec: object, annotations: Readonly<Record<string, string>> = {}) => {
  const pod = { metadata: { annotations }, spec: { containers: [container()], ...spec } as unknown as PodSpec };
  const [alone, template] = [[...podWarnings(pod, ""), ...appArmorWarnings(pod, "")], podWarnings(pod, "spec.template")];
  expect(template).toEqual(alone.map((warning) => (warning.startsWith("volume ") ? warning : warning.replaceAll(/(?<=^|with |use )(spec\.|metadata\.)/g, "spec.template.$1"))));
  return alone;
};

describe("pods", () => {
  test.each<[string, object, readonly string[]]>([
    ["nothing odd", { nodeSelector: { "kubernetes.io/os": "linux" }, volumes: [{ name: "v", emptyDir: {} }] }, []],
    [
      "labels of nodes that were given up",
      { nodeSelector: { "beta.kubernetes.io/os": "linux", "beta.kubernetes.io/arch": "amd64" } },
      [
        'spec.nodeSelector[beta.kubernetes.io/arch]: deprecated since v1.14; use "kubernetes.io/arch" instead',
        'spec.nodeSelector[beta.kubernetes.io/os]: deprecated since v1.14; use "kubernetes.io/os" instead',
      ],
    ],
    [
      "terms about nodes",
      {
        affinity: {
          nodeAffinity: {
            requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchExpressions: [{ key: "node-role.kubernetes.io/master", operator: "Exists", values: ["-x"] }] }] },
            preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, preference: { matchExpressions: [{ key: "a", operator: "In", values: ["-x"] }] } }],
          },
        },
      },
      [
        'spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[0].matchExpressions[0].key: node-role.kubernetes.io/master is use "node-role.kubernetes.io/control-plane" instead',
        expect.stringMatching(
          /^spec\.affinity\.nodeAffinity\.preferredDuringSchedulingIgnoredDuringExecution\[0\]\.preference\.matchExpressions\[0\]\.values\[0\]: -x is invalid, a valid label must be an empty string/,
        ) as unknown as string,
      ],
    ],
    [
      "constraints without a selector",
      { topologySpreadConstraints: [{ topologyKey: "failure-domain.beta.kubernetes.io/zone", maxSkew: 1, whenUnsatisfiable: "DoNotSchedule" }] },
      [
        'spec.topologySpreadConstraints[0].topologyKey: failure-domain.beta.kubernetes.io/zone is deprecated since v1.17; use "topology.kubernetes.io/zone" instead',
        "spec.topologySpreadConstraints[0].labelSelector: a null labelSelector results in matching no pod",
      ],
    ],
    [
      "affinities without a selector",
      {
        affinity: {
          podAffinity: { requiredDuringSchedulingIgnoredDuringExecution: [{ topologyKey: "a" }, { topologyKey: "a", labelSelector: {} }] },
          podAntiAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1, podAffinityTerm: { topologyKey: "a" } }] },
        },
      },
      [
        "spec.affinity.podAffinity.requiredDuringSchedulingIgnoredDuringExecution[0].labelSelector: a null labelSelector results in matching no pod",
        "spec.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[0].podAffinityTerm.labelSelector: a null labelSelector results in matching no pod",
      ],
    ],
    [
      "volumes that are gone",
      {
        volumes: [
          { name: "a", gitRepo: {} },
          { name: "b", rbd: {} },
          { name: "c", storageos: {} },
        ],
      },
      [
        "spec.volumes[0].gitRepo: deprecated in v1.11, and disabled by default in v1.33+",
        "spec.volumes[1].rbd: deprecated in v1.28, non-functional in v1.31+",
        "spec.volumes[2].storageOS: deprecated in v1.22, non-functional in v1.25+",
      ],
    ],
    [
      "a claim for part of a byte",
      { volumes: [{ name: "a", ephemeral: { volumeClaimTemplate: { spec: { resources: { requests: { storage: "1500m" } } } } } }] },
      ['spec.volumes[0].ephemeral.volumeClaimTemplate.spec.resources.requests[storage]: fractional byte value "1500m" is invalid, must be an integer'],
    ],
    [
      "files that hide each other",
      {
        volumes: [
          {
            name: "a",
            configMap: {
              name: "m",
              items: [
                { key: "x", path: "p" },
                { key: "y", path: "p/q/" },
                { key: "z", path: "pq" },
              ],
            },
          },
        ],
      },
      ['volume "a" (ConfigMap "m"): overlapping paths: "p/q" with "p"'],
    ],
    [
      "files of several sources",
      { volumes: [{ name: "a", projected: { sources: [{}, { secret: { name: "s", items: [{ key: "x", path: "t" }] } }, { serviceAccountToken: { path: "t" } }, { configMap: { name: "all" } }] } }] },
      ['volume "a" (Projected) has no sources provided', 'volume "a" (Projected): overlapping paths: "t" (ServiceAccountToken) with "t" (Secret "s")'],
    ],
    [
      "names that are there twice",
      { hostAliases: [{ ip: "10.0.0.1" }, { ip: "10.0.0.1" }], imagePullSecrets: [{ name: "a" }, { name: "a" }, {}] },
      ['spec.hostAliases[1].ip: duplicate ip "10.0.0.1"', 'spec.imagePullSecrets[1].name: duplicate name "a"', 'spec.imagePullSecrets[2].name: invalid empty name ""'],
    ],
    [
      "parts of bytes",
      { overhead: { memory: "1m" }, initContainers: [container({ resources: { limits: { memory: "100m", cpu: "100m" }, requests: { "ephemeral-storage": "0.5" } } }, "i")] },
      [
        'spec.overhead[memory]: fractional byte value "1m" is invalid, must be an integer',
        'spec.initContainers[0].resources.limits[memory]: fractional byte value "100m" is invalid, must be an integer',
        'spec.initContainers[0].resources.requests[ephemeral-storage]: fractional byte value "500m" is invalid, must be an integer',
      ],
    ],
    [
      "variables that hide each other",
      {
        containers: [
          container({
            env: [
              { name: "A", value: "1" },
              { name: "A", value: "$(A)2" },
              { name: "A", value: "$(A)" },
              { name: "A", value: "3" },
              { name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } },
            ],
          }),
        ],
      },
      [2, 3, 4].map((index) => `spec.containers[0].env[${index}]: hides previous definition of "A", which may be dropped when using apply`),
    ],
    [
      "ports of all containers",
      {
        containers: [
          container(
            {
              ports: [
                { containerPort: 80, name: "web" },
                { containerPort: 81, hostPort: 81 },
                { containerPort: 82, hostIP: "10.0.0.1" },
              ],
            },
            "a",
          ),
          container(
            { ports: [{ containerPort: 80, protocol: "TCP", name: "web" }, { containerPort: 81, hostPort: 81, hostIP: "10.0.0.1" }, { containerPort: 81 }, { containerPort: 80, protocol: "UDP" }] },
            "b",
          ),
        ],
      },
      [
        "spec.containers[0].ports[2]: hostIP set without hostPort: {Name: HostPort:0 ContainerPort:82 Protocol:TCP HostIP:10.0.0.1}",
        "spec.containers[1].ports[0]: duplicate port definition with spec.containers[0].ports[0]",
        "spec.containers[1].ports[1]: dangerously ambiguous port definition with spec.containers[0].ports[1]",
        "spec.containers[1].ports[2]: overlapping port definition with spec.containers[0].ports[1]",
        "spec.containers[1].ports[2]: overlapping port definition with spec.containers[1].ports[1]",
        'spec.containers[1].ports[0]: duplicate port name "web" with spec.containers[0].ports[0], services and probes that select ports by name will use spec.containers[0].ports[0]',
      ],
    ],
    ["an end before the beginning", { terminationGracePeriodSeconds: -1 }, ["spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1"]],
    [
      "addresses that others write differently",
      { dnsConfig: { nameservers: ["FD00::1"] }, hostAliases: [{ ip: "FD00::1" }] },
      ["dnsConfig.nameservers[0]", "hostAliases[0].ip"].map((field) => `spec.${field}: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")`),
    ],
  ])("are told of %s, and so are their templates", (_what, spec, expected) => {
    expect(told(spec)).toEqual(expected);
  });

  test("are told of annotations that fields have taken the place of, where the fields say nothing else", () => {
    const annotations = {
      "scheduler.alpha.kubernetes.io/critical-pod": "",
      "seccomp.security.alpha.kubernetes.io/pod": "x",
      "container.seccomp.security.alpha.kubernetes.io/c": "x",
      "container.apparmor.security.beta.kubernetes.io/c": "localhost/p",
    };
    const gone = 'metadata.annotations[scheduler.alpha.kubernetes.io/critical-pod]: non-functional in v1.16+; use the "priorityClassName" field instead';
    expect(told({}, annotations)).toEqual([
      gone,
      'metadata.annotations[seccomp.security.alpha.kubernetes.io/pod]: non-functional in v1.27+; use the "seccompProfile" field instead',
      'metadata.annotations[container.seccomp.security.alpha.kubernetes.io/c]: non-functional in v1.27+; use the "seccompProfile" field instead',
      'metadata.annotations[container.apparmor.security.beta.kubernetes.io/c]: deprecated since v1.30; use the "appArmorProfile" field instead',
    ]);
    const profile = { seccompProfile: { type: "RuntimeDefault" } };
    expect(told({ securityContext: { ...profile, appArmorProfile: { type: "Localhost", localhostProfile: "p" } }, containers: [container({ securityContext: profile })] }, annotations)).toEqual([
      gone,
    ]);
  });
});

/** What the kind's writer is told. */
const of = (kind: string, object: object, old?: object): readonly string[] => {
  const definition = catalog.find((one) => one.kind === kind);
  const whole = (part: object) => ({ apiVersion: "", kind, metadata: { name: "a" }, ...part }) as KubeObject;
  return definition?.strategy.warnings?.(whole(object), old === undefined ? undefined : whole(old)) ?? ["nothing is said of this kind"];
};
const template = { spec: { containers: [container()], terminationGracePeriodSeconds: -1 } };
const late = (at: string) => `${at}.spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated as 1`;

const long = (use: string) => `metadata.name: this is used ${use}, which can result in surprising behavior; a DNS label is recommended: [must be no more than 63 characters]`;

test.each<[string, object, readonly string[]]>([
  ["Deployment", { spec: { template } }, [late("spec.template")]],
  ["Deployment", { metadata: { name: "a".repeat(64) }, spec: { template } }, [long("in Pod names and hostnames"), late("spec.template")]],
  ["ReplicaSet", { metadata: { name: "a".repeat(64) }, spec: { template } }, [long("in Pod names and hostnames"), late("spec.template")]],
  ["ReplicationController", { metadata: { name: "a".repeat(64) }, spec: { template } }, [long("in Pod names and hostnames"), late("spec.template")]],
  [
    "CSIDriver",
    { spec: { tokenRequests: [{ audience: "a" }] } },
    ["spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes"],
  ],
  ["CSIDriver", { spec: { tokenRequests: [{ audience: "a" }], serviceAccountTokenInSecrets: false } }, []],
  ["Secret", { type: "kubernetes.io/tls", data: { "tls.crt": "AAAA", "tls.key": "AAAA" } }, ["tls: failed to find any PEM data in certificate input"]],
  ["Secret", { type: "Opaque", data: { "tls.crt": "AAAA" } }, []],
  ["Pod", { metadata: { name: "a".repeat(64) }, spec: { containers: [] } }, [long("in the Pod's hostname")]],
  ["ReplicaSet", { spec: { template } }, [late("spec.template")]],
  ["DaemonSet", { spec: { template } }, [late("spec.template")]],
  ["ReplicationController", { spec: { template } }, [late("spec.template")]],
  ["PodTemplate", { template }, [late("template")]],
  [
    "StatefulSet",
    { spec: { template, revisionHistoryLimit: -1, volumeClaimTemplates: [{ spec: { resources: { limits: { storage: "1m" } } } }] } },
    [
      late("spec.template"),
      'spec.volumeClaimTemplates[0].resources.limits[storage]: fractional byte value "1m" is invalid, must be an integer',
      "spec.revisionHistoryLimit: a negative value retains all historical revisions; a value >= 0 is recommended",
    ],
  ],
  [
    "Job",
    { metadata: { name: "a.b" }, spec: { template, completionMode: "Indexed", completions: 100_001, parallelism: 10_001 } },
    [
      "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label is recommended: [must not contain dots]",
      expect.stringMatching(/^spec: In Indexed Jobs with a number of completions higher than 10\^5/) as unknown as string,
      late("spec.template"),
    ],
  ],
  ["CronJob", { spec: { schedule: "TZ=UTC * * * * *", jobTemplate: { spec: { template } } } }, [late("spec.jobTemplate.spec.template")]],
  [
    "Node",
    { spec: { configSource: {}, externalID: "x", podCIDRs: ["FD00::/64"] } },
    [
      "spec.configSource: the feature is removed",
      "spec.externalID: this field is deprecated, and is unused by Kubernetes",
      'spec.podCIDRs[0]: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")',
    ],
  ],
  [
    "Endpoints",
    { subsets: [{ addresses: [{ ip: "FD00::1" }], notReadyAddresses: [{ ip: "FD00::2" }] }] },
    [
      'subsets[0].addresses[0].ip: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")',
      'subsets[0].notReadyAddresses[0].ip: IPv6 address "FD00::2" should be in RFC 5952 canonical format ("fd00::2")',
    ],
  ],
  ["EndpointSlice", { addressType: "FQDN", endpoints: [{ addresses: ["a.example"] }] }, ["spec.addressType: FQDN endpoints are deprecated"]],
  [
    "NetworkPolicy",
    { spec: { ingress: [{}, { from: [{ ipBlock: { cidr: "FD00::/64" } }] }], egress: [{ to: [{ podSelector: {} }, { ipBlock: { cidr: "fd00::/64", except: ["FD00::/96"] } }] }] } },
    [
      'spec.ingress[1].from[0].ipBlock.cidr: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")',
      'spec.egress[0].to[1].ipBlock.except[0]: IPv6 CIDR value "FD00::/96" should be in RFC 5952 canonical format ("fd00::/96")',
    ],
  ],
  [
    "Ingress",
    { metadata: { name: "a", annotations: { "kubernetes.io/ingress.class": "x" } } },
    ["annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead"],
  ],
  ["RuntimeClass", { scheduling: { nodeSelector: { "beta.kubernetes.io/os": "linux" } } }, ['scheduling.nodeSelector: deprecated since v1.14; use "kubernetes.io/os" instead']],
  [
    "StorageClass",
    { allowedTopologies: [{ matchLabelExpressions: [{ key: "beta.kubernetes.io/os", values: [] }] }] },
    ['allowedTopologies[0].matchLabelExpressions[0].key: deprecated since v1.14; use "kubernetes.io/os" instead'],
  ],
  [
    "CSIStorageCapacity",
    { nodeTopology: { matchLabels: { "beta.kubernetes.io/os": "x" }, matchExpressions: [{ key: "beta.kubernetes.io/arch", operator: "Exists" }] } },
    [
      'nodeTopology.matchExpressions[0].key: beta.kubernetes.io/arch is deprecated since v1.14; use "kubernetes.io/arch" instead',
      'nodeTopology.matchLabels.beta.kubernetes.io/os: deprecated since v1.14; use "kubernetes.io/os" instead',
    ],
  ],
  [
    "PersistentVolume",
    { spec: { nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: "beta.kubernetes.io/os", operator: "Exists" }] }] } } } },
    ['spec.nodeAffinity.required.nodeSelectorTerms[0].matchExpressions[0].key: beta.kubernetes.io/os is deprecated since v1.14; use "kubernetes.io/os" instead'],
  ],
  ["PersistentVolumeClaim", { spec: { resources: { requests: { storage: "1m" } } } }, ['spec.resources.requests[storage]: fractional byte value "1m" is invalid, must be an integer']],
  ...[
    "ValidatingWebhookConfiguration",
    "MutatingWebhookConfiguration",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionPolicyBinding",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionPolicyBinding",
  ].map(
    (kind) =>
      [
        kind,
        { metadata: { name: "a.static.k8s.io" } },
        ['metadata.name: names ending with ".static.k8s.io" are reserved for static manifest-based configurations and cannot be managed via the API'],
      ] as [string, object, readonly string[]],
  ),
])("who writes a %s is told what upstream tells", (kind, object, expected) => {
  expect(of(kind, object)).toEqual(expected);
});

test.each<[object, readonly string[]]>([
  [{ clusterIP: "10.0.0.1", clusterIPs: ["10.0.0.1", "FD00::1"] }, ['spec.clusterIPs[1]: IPv6 address "FD00::1" should be in RFC 5952 canonical format ("fd00::1")']],
  [
    { clusterIPs: ["None"], loadBalancerIP: "10.0.0.1", externalIPs: ["10.0.0.2"], sessionAffinity: "ClientIP" },
    ["spec.loadBalancerIP is ignored for headless services", "spec.externalIPs is ignored for headless services", "spec.SessionAffinity is ignored for headless services"],
  ],
  [
    { externalIPs: ["10.0.0.2"], loadBalancerIP: "010.0.0.1", loadBalancerSourceRanges: ["10.0.0.1/24"] },
    [
      "spec.externalIPs is deprecated and may no longer be implemented in some clusters",
      'spec.loadBalancerIP: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1"',
      'spec.loadBalancerSourceRanges[0]: CIDR value "10.0.0.1/24" is ambiguous in this context (should be "10.0.0.0/24" or "10.0.0.1/32"?)',
    ],
  ],
  [{ type: "ExternalName", externalName: "a.example", externalIPs: ["10.0.0.2"] }, ['spec.externalIPs is ignored when spec.type is "ExternalName"']],
  [
    { externalName: "a.example", trafficDistribution: "PreferClose" },
    ['spec.externalName is ignored when spec.type is not "ExternalName"', 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'],
  ],
  [{ sessionAffinity: "None", clusterIPs: ["None"] }, []],
])("who writes a Service of %j is told what upstream tells", (spec, expected) => {
  expect(of("Service", { spec: { type: "ClusterIP", ...spec } })).toEqual(expected);
});

test("what was said of a template is said again when it changes, and of what is new when it is made", () => {
  const generation = (number: number) => ({ metadata: { name: "a", generation: number } });
  for (const kind of ["Deployment", "ReplicaSet", "StatefulSet", "ReplicationController"]) {
    expect(of(kind, { ...generation(2), spec: { template } }, { ...generation(1) })).toEqual([late("spec.template")]);
    expect(of(kind, { ...generation(1), spec: { template } }, { ...generation(1) })).toEqual([]);
  }
  const cron = { spec: { schedule: "TZ=UTC * * * * *", jobTemplate: {} } };
  expect(of("CronJob", cron, cron)).toEqual([expect.stringMatching(/^cannot use TZ or CRON_TZ in spec\.spec\.schedule/)]);
  const ingress = { metadata: { name: "a", annotations: { "kubernetes.io/ingress.class": "x" } } };
  expect(of("Ingress", ingress, ingress)).toEqual([]);
  expect(of("EndpointSlice", { addressType: "FQDN" }, {})).toEqual([]);
  expect(
    of("EndpointSlice", {
      addressType: "IPv6",
      endpoints: [{ addresses: ["FD00::1"] }],
      metadata: { name: "a", labels: { "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io" } },
    }),
  ).toEqual([]);
});
