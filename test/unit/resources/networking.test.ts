import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../../engine/apimachinery/object-meta.ts";
import { StatusError } from "../../../engine/apimachinery/status-error.ts";
import { deepFreeze } from "../../../engine/lib/freeze.ts";
import { decodeObject } from "../../../engine/registry/decode-object.ts";
import { refuseShape, validateCreate, validateUpdate } from "../../../engine/registry/validate-object.ts";
import type { ResourceDefinition } from "../../../engine/resources/define-resource.ts";
import { endpointsResource } from "../../../engine/resources/core/endpoints.ts";
import { serviceResource } from "../../../engine/resources/core/service.ts";
import { endpointSliceResource } from "../../../engine/resources/discovery/endpoint-slice.ts";
import { flowSchemaResource } from "../../../engine/resources/flowcontrol/flow-schema.ts";
import { priorityLevelConfigurationResource } from "../../../engine/resources/flowcontrol/priority-level-configuration.ts";
import { MANDATORY_LEVELS, MANDATORY_SCHEMAS, SUGGESTED_LEVELS, SUGGESTED_SCHEMAS } from "../../../engine/resources/flowcontrol/suggested.ts";
import { ingressClassResource } from "../../../engine/resources/networking/ingress-class.ts";
import { ingressResource } from "../../../engine/resources/networking/ingress.ts";
import { ipAddressResource } from "../../../engine/resources/networking/ip-address.ts";
import { networkPolicyResource } from "../../../engine/resources/networking/network-policy.ts";
import { serviceCidrResource } from "../../../engine/resources/networking/service-cidr.ts";
import { runtimeClassResource } from "../../../engine/resources/node/runtime-class.ts";
import { formatAddress, parseAddress, parseCidr } from "../../../engine/lib/net/ip-address.ts";

/** The problems of a new object, or of a change, as `field: message` lines. */
function problems<T extends KubeObject>(definition: ResourceDefinition<T>, body: object, old?: object): readonly string[] {
  const read = (from: object) => {
    const metadata = { name: "x", resourceVersion: "1", ...(definition.namespaced ? { namespace: "shop" } : {}), ...("metadata" in from ? (from.metadata as object) : {}) };
    const { object, schemaErrors } = decodeObject(definition, deepFreeze({ ...from, metadata }));
    if (schemaErrors.length > 0) refuseShape(definition as unknown as ResourceDefinition, object, schemaErrors);
    return object;
  };
  try {
    if (old === undefined) validateCreate(definition, read(body));
    else validateUpdate(definition, read(body), read(old), "object");
    return [];
  } catch (error) {
    if (!(error instanceof StatusError)) throw error;
    return (error.status.details?.causes ?? []).map(({ field, message }) => `${field}: ${message}`);
  }
}

const backend = { service: { name: "web", port: { number: 80 } } };
const ingress = (path: object) => ({ spec: { rules: [{ host: "shop.example", http: { paths: [{ path: "/", pathType: "Prefix", backend, ...path }] } }] } });
const AT = "spec.rules[0].http.paths[0]";

describe("an Ingress", () => {
  it.each<[string, object, readonly string[]]>([
    ["is right with a rule", ingress({}), []],
    ["is right with only a default backend", { spec: { defaultBackend: backend } }, []],
    ["must have one of the two", { spec: {} }, ["spec: Invalid value: null: either `defaultBackend` or `rules` must be specified"]],
    ["has absolute paths", ingress({ path: "web" }), [`${AT}.path: Invalid value: "web": must be an absolute path`]],
    ["has paths without tricks", ingress({ path: "/a/../b" }), [`${AT}.path: Invalid value: "/a/../b": must not contain '/../'`]],
    ["leaves the path out where the controller says what it means", ingress({ path: "", pathType: "ImplementationSpecific" }), []],
    ["has a known type of path", ingress({ pathType: "Regex" }), [`${AT}.pathType: Unsupported value: "Regex": supported values: "Exact", "ImplementationSpecific", "Prefix"`]],
    ["names one backend", ingress({ backend: { ...backend, resource: { kind: "Bucket", name: "b" } } }), [`${AT}.backend: Invalid value: "": cannot set both resource and service backends`]],
    ["names a port", ingress({ backend: { service: { name: "web" } } }), [`${AT}.backend: Required value: port name or number is required`]],
    ["names a port in one way", ingress({ backend: { service: { name: "web", port: { name: "http", number: 80 } } } }), [`${AT}.backend: Invalid value: "": cannot set both port name & port number`]],
    ["has hosts that are names", { spec: { defaultBackend: backend, rules: [{ host: "10.0.0.1" }] } }, ['spec.rules[0].host: Invalid value: "10.0.0.1": must be a DNS name, not an IP address']],
    ["may have a star as a host's first label", { spec: { rules: [{ host: "*.shop.example", http: { paths: [{ path: "/", pathType: "Exact", backend }] } }] } }, []],
    [
      "says its class in one voice",
      { metadata: { annotations: { "kubernetes.io/ingress.class": "a" } }, spec: { defaultBackend: backend, ingressClassName: "b" } },
      ['annotations.kubernetes.io/ingress.class: Invalid value: "a": must match `ingressClassName` when both are specified'],
    ],
  ])("%s", (_what, body, expected) => {
    expect(problems(ingressResource, body)).toEqual(expected);
  });

  it("may keep a secret's name that was stored before names were checked", () => {
    const old = { spec: { defaultBackend: backend, tls: [{ secretName: "Not_A_Name" }] } };
    expect(problems(ingressResource, old)).toHaveLength(1);
    expect(problems(ingressResource, { spec: { ...old.spec, ingressClassName: "nginx" } }, old)).toEqual([]);
  });
});

describe("an IngressClass", () => {
  it.each<[string, object, readonly string[]]>([
    ["is right with a controller", { spec: { controller: "example.com/ingress" } }, []],
    ["must have one", { spec: {} }, ["spec.controller: Required value"]],
    ["has a controller with a domain", { spec: { controller: "ingress" } }, ['spec.controller: Invalid value: "ingress": must be a domain-prefixed path (such as "acme.io/foo")']],
    [
      "has parameters of the cluster unless it says otherwise",
      { spec: { controller: "a.b/c", parameters: { kind: "Settings", name: "s", namespace: "shop" } } },
      ["spec.parameters.namespace: Forbidden: `parameters.scope` is set to 'Cluster'"],
    ],
    [
      "says where its namespaced parameters are",
      { spec: { controller: "a.b/c", parameters: { kind: "Settings", name: "s", scope: "Namespace" } } },
      ["spec.parameters.namespace: Required value: `parameters.scope` is set to 'Namespace'"],
    ],
  ])("%s", (_what, body, expected) => {
    expect(problems(ingressClassResource, body)).toEqual(expected);
  });

  it("never changes its controller", () => {
    expect(problems(ingressClassResource, { spec: { controller: "a.b/d" } }, { spec: { controller: "a.b/c" } })).toEqual(['spec.controller: Invalid value: "a.b/d": field is immutable']);
  });
});

const policy = (rule: object) => ({ spec: { podSelector: {}, ingress: [rule] } });
const PORT = "spec.ingress[0].ports[0]";
const PEER = "spec.ingress[0].from[0]";

describe("a NetworkPolicy", () => {
  it.each<[string, object, readonly string[]]>([
    ["is right without rules", { spec: {} }, []],
    ["has ports that exist", policy({ ports: [{ port: 70_000 }] }), [`${PORT}.port: Invalid value: 70000: must be between 1 and 65535, inclusive`]],
    ["has ranges that go up", policy({ ports: [{ port: 90, endPort: 80 }] }), [`${PORT}.endPort: Invalid value: 80: must be greater than or equal to \`port\``]],
    ["has no range that begins at a name", policy({ ports: [{ port: "http", endPort: 80 }] }), [`${PORT}.endPort: Invalid value: 80: may not be specified when \`port\` is non-numeric`]],
    ["has no range without a beginning", policy({ ports: [{ endPort: 80 }] }), [`${PORT}.endPort: Invalid value: 80: may not be specified when \`port\` is not specified`]],
    ["has peers that are somebody", policy({ from: [{}] }), [`${PEER}: Required value: must specify a peer`]],
    ["tells addresses from pods", policy({ from: [{ ipBlock: { cidr: "10.0.0.0/8" }, podSelector: {} }] }), [`${PEER}: Forbidden: may not specify both ipBlock and another peer`]],
    [
      "has holes inside of their block",
      policy({ from: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["11.0.0.0/16"] } }] }),
      [`${PEER}.ipBlock.except[0]: Invalid value: "11.0.0.0/16": must be a strict subset of \`cidr\``],
    ],
    ["has blocks", policy({ from: [{ ipBlock: { cidr: "10.0.0.0" } }] }), [`${PEER}.ipBlock.cidr: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)`]],
    ["goes in directions that exist", { spec: { policyTypes: ["Sideways"] } }, ['spec.policyTypes[0]: Unsupported value: "Sideways": supported values: "Ingress", "Egress"']],
  ])("%s", (_what, body, expected) => {
    expect(problems(networkPolicyResource, body)).toEqual(expected);
  });

  it("is about egress only where it has rules for it", () => {
    const types = (spec: object) => decodeObject(networkPolicyResource, { spec }).object.spec?.policyTypes;
    expect([types({}), types({ egress: [{}] }), types({ egress: [{}], policyTypes: ["Ingress"] })]).toEqual([["Ingress"], ["Ingress", "Egress"], ["Ingress"]]);
  });
});

describe("addresses", () => {
  it.each<[string, object, readonly string[]]>([
    ["are named by themselves", { metadata: { name: "10.0.0.7" }, spec: { parentRef: { resource: "services", name: "web", namespace: "shop" } } }, []],
    [
      "are not named otherwise",
      { metadata: { name: "web" }, spec: { parentRef: { resource: "services", name: "web" } } },
      ['metadata.name: Invalid value: "web": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)'],
    ],
    [
      "have one way to be written",
      { metadata: { name: "2001:DB8:0::1" }, spec: { parentRef: { resource: "services", name: "web" } } },
      ['metadata.name: Invalid value: "2001:DB8:0::1": must be in canonical form ("2001:db8::1")'],
    ],
    ["belong to something", { metadata: { name: "10.0.0.7" }, spec: { parentRef: { resource: "", name: "web" } } }, ["spec.parentRef.resource: Required value"]],
  ])("%s", (_what, body, expected) => {
    expect(problems(ipAddressResource, body)).toEqual(expected);
  });

  it.each([
    ["::", "::"],
    ["0:0:1::", "0:0:1::"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["::ffff:10.0.0.1", "::ffff:a00:1"],
    ["fe80:0:0:0:1::", "fe80::1:0:0:0"],
  ])("of IPv6 are shortened: %s to %s", (text, expected) => {
    const address = parseAddress(text);
    expect(address && formatAddress(address.family, address.value)).toBe(expected);
  });

  it("are no blocks without a length that fits", () => {
    expect(["10.0.0.0/33", "10.0.0.0/08", "10.0.0.0", "::/129", "10.0.0/8"].map(parseCidr)).toEqual([undefined, undefined, undefined, undefined, undefined]);
  });
});

describe("a ServiceCIDR", () => {
  it.each<[string, readonly string[], readonly string[] | undefined, readonly string[]]>([
    ["may have both families", ["10.96.0.0/16", "fd00::/112"], undefined, []],
    ["must have a block", [], undefined, ["spec.cidrs: Required value: at least one CIDR required"]],
    [
      "has one block of each family",
      ["10.96.0.0/16", "10.97.0.0/16"],
      undefined,
      ['spec.cidrs: Invalid value: ["10.96.0.0/16","10.97.0.0/16"]: may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64'],
    ],
    ["has no bits behind its length", ["10.96.0.1/16"], undefined, ['spec.cidrs[0]: Invalid value: "10.96.0.1/16": must not have bits set beyond the prefix length']],
    ["keeps its blocks", ["10.97.0.0/16"], ["10.96.0.0/16"], ['spec.cidrs[0]: Invalid value: "10.97.0.0/16": field is immutable']],
    ["may gain a family", ["10.96.0.0/16", "fd00::/112"], ["10.96.0.0/16"], []],
    ["loses none", ["10.96.0.0/16"], ["10.96.0.0/16", "fd00::/112"], ['spec.cidrs: Invalid value: ["10.96.0.0/16"]: field is immutable']],
  ])("%s", (_what, cidrs, old, expected) => {
    expect(problems(serviceCidrResource, { spec: { cidrs } }, old && { spec: { cidrs: old } })).toEqual(expected);
  });
});

describe("Endpoints", () => {
  it.each<[string, object, readonly string[]]>([
    ["have addresses in every group", { ports: [{ port: 80 }] }, ["subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"]],
    ["have names for several ports", { addresses: [{ ip: "10.0.0.1" }], ports: [{ port: 80, name: "a" }, { port: 81 }] }, ["subsets[0].ports[1].name: Required value"]],
    ["are not this very machine", { addresses: [{ ip: "127.0.0.1" }] }, ['subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback range (127.0.0.0/8, ::1/128)']],
    [
      "are addresses",
      { notReadyAddresses: [{ ip: "web" }] },
      [
        'subsets[0].notReadyAddresses[0].ip: Invalid value: "web": must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)',
        'subsets[0].notReadyAddresses[0].ip: Invalid value: "web": must be a valid IP address',
      ],
    ],
  ])("%s", (_what, subset, expected) => {
    expect(problems(endpointsResource, { subsets: [subset] })).toEqual(expected);
  });
});

describe("addresses that mean something else on every machine", () => {
  it.each<[string, "IPv4" | "IPv6", string]>([
    ["0.0.0.0", "IPv4", "may not be unspecified (0.0.0.0)"],
    ["127.0.0.1", "IPv4", "may not be in the loopback range (127.0.0.0/8, ::1/128)"],
    ["169.254.169.254", "IPv4", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
    ["224.0.0.1", "IPv4", "may not be in the link-local multicast range (224.0.0.0/24, ff02::/10)"],
    ["fea0::1", "IPv6", "may not be in the link-local range (169.254.0.0/16, fe80::/10)"],
  ])("%s is no endpoint, nor an external address of a Service", (address, addressType, why) => {
    const told = `Invalid value: "${address}": ${why}`;
    expect(problems(endpointSliceResource, { addressType, endpoints: [{ addresses: [address] }] })).toEqual([`endpoints[0].addresses[0]: ${told}`]);
    expect(problems(serviceResource, { spec: { type: "ClusterIP", ports: [{ port: 80 }], externalIPs: [address] } })).toEqual([`spec.externalIPs[0]: ${told}`]);
  });
});

describe("a RuntimeClass", () => {
  it("names its handler as DNS labels are, and for good", () => {
    expect(problems(runtimeClassResource, { handler: "Run_C" })).toHaveLength(1);
    expect(problems(runtimeClassResource, { handler: "kata" }, { handler: "runc" })).toEqual(['handler: Invalid value: "kata": field is immutable']);
  });
});

const levelOf = { priorityLevelConfiguration: { name: "low" } };
const resourceRule = { verbs: ["*"], apiGroups: ["*"], resources: ["*"], namespaces: ["*"] };
const rule = (more: object) => ({ spec: { ...levelOf, rules: [{ subjects: [{ kind: "User", user: { name: "*" } }], resourceRules: [resourceRule], ...more }] } });

describe("a FlowSchema", () => {
  it.each<[string, object, readonly string[]]>([
    ["is right with a rule", rule({}), []],
    [
      "leaves the first place to the exempt one",
      { spec: { ...levelOf, matchingPrecedence: 1 } },
      ["spec.matchingPrecedence: Invalid value: 1: only the schema named 'exempt' may have matchingPrecedence 1"],
    ],
    ["has a level", { spec: { priorityLevelConfiguration: { name: "" } } }, ["spec.priorityLevelConfiguration.name: Required value: must reference a priority level"]],
    ["has subjects", rule({ subjects: [] }), ["spec.rules[0].subjects: Required value: subjects must contain at least one value"]],
    [
      "says who a subject is in the right field",
      rule({ subjects: [{ kind: "Group", user: { name: "a" } }] }),
      [
        "spec.rules[0].subjects[0].group: Required value: group is required when subject kind is 'Group'",
        "spec.rules[0].subjects[0].user: Forbidden: user is forbidden when subject kind is not 'User'",
      ],
    ],
    ["asks for something", rule({ resourceRules: [] }), ["spec.rules[0]: Required value: at least one of resourceRules and nonResourceRules has to be non-empty"]],
    [
      "lets a star stand alone",
      rule({ resourceRules: [{ ...resourceRule, verbs: ["*", "get"] }] }),
      ['spec.rules[0].resourceRules[0].verbs: Invalid value: ["*","get"]: if \'*\' is present, must not specify other verbs'],
    ],
    [
      "has paths that begin at the root",
      rule({ nonResourceRules: [{ verbs: ["get"], nonResourceURLs: ["metrics"] }] }),
      ['spec.rules[0].nonResourceRules[0].nonResourceURLs[0]: Invalid value: "metrics": must start with slash'],
    ],
  ])("%s", (_what, body, expected) => {
    expect(problems(flowSchemaResource, body)).toEqual(expected);
  });

  it("is valid as every cluster has it, and the mandatory ones only so", () => {
    for (const [name, spec] of Object.entries({ ...MANDATORY_SCHEMAS, ...SUGGESTED_SCHEMAS })) expect(problems(flowSchemaResource, { metadata: { name }, spec }), name).toEqual([]);
    expect(problems(flowSchemaResource, { metadata: { name: "catch-all" }, spec: { ...MANDATORY_SCHEMAS["catch-all"], matchingPrecedence: 9_999 } })[0]).toContain(
      "spec of 'catch-all' must equal the fixed value",
    );
  });
});

const queues = (queuing: object) => ({ spec: { type: "Limited", limited: { limitResponse: { type: "Queue", queuing } } } });

describe("a PriorityLevelConfiguration", () => {
  it.each<[string, object, readonly string[]]>([
    ["is right with queues", queues({}), []],
    ["is exempt by its name only", { spec: { type: "Exempt" } }, ["spec.type: Invalid value: \"Exempt\": must be 'Exempt' if and only if `name` is 'exempt'"]],
    ["has limits where it is limited", { spec: { type: "Limited" } }, ["spec.limited: Required value: must not be empty when type is Limited"]],
    ["deals no more queues than there are", queues({ queues: 4, handSize: 5 }), ["spec.limited.limitResponse.queuing.handSize: Invalid value: 5: should not be greater than queues (4)"]],
    [
      "deals no more than a hash can",
      queues({ queues: 1024, handSize: 7 }),
      ["spec.limited.limitResponse.queuing.handSize: Invalid value: 7: required entropy bits of deckSize 1024 and handSize 7 should not be greater than 60"],
    ],
    [
      "lends at most all",
      { spec: { type: "Limited", limited: { lendablePercent: 101, limitResponse: { type: "Reject" } } } },
      ["spec.limited.lendablePercent: Invalid value: 101: must be between 0 and 100, inclusive"],
    ],
  ])("%s", (_what, body, expected) => {
    expect(problems(priorityLevelConfigurationResource, body)).toEqual(expected);
  });

  it("is valid as every cluster has it; of the exempt one only what it takes can change", () => {
    for (const [name, spec] of Object.entries({ ...MANDATORY_LEVELS, ...SUGGESTED_LEVELS })) expect(problems(priorityLevelConfigurationResource, { metadata: { name }, spec }), name).toEqual([]);
    expect(problems(priorityLevelConfigurationResource, { metadata: { name: "exempt" }, spec: { type: "Exempt", exempt: { nominalConcurrencyShares: 5 } } })).toEqual([]);
    expect(problems(priorityLevelConfigurationResource, { metadata: { name: "catch-all" }, spec: SUGGESTED_LEVELS["system"] })[0]).toContain("spec of 'catch-all' must equal the fixed value");
  });
});
