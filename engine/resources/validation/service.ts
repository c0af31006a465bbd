import {
  duplicateField,
  forbiddenField,
  invalidField,
  invalidFields,
  requiredField,
  requiredName,
  thenErrors,
  unsupportedValue,
  type FieldError,
} from "../../apimachinery/field-error.ts";
import { labelErrors } from "../../apimachinery/object-meta-validation.ts";
import { dnsLabelProblems, dnsSubdomainProblems, qualifiedNameProblems } from "../../apimachinery/names.ts";
import { parseAddress } from "../../lib/net/ip-address.ts";
import type { Service, ServicePort, ServiceSpec } from "../types.ts";
import { addressErrors, cidrErrors, specialAddressErrors } from "./ip.ts";
import { isHeadless, serviceFamilyChangeErrors, serviceFamilyErrors } from "./service-families.ts";
import { portNameErrors } from "./port-name.ts";

/** The longest time that session affinity may last. */
const AFFINITY_SECONDS_MAX = 86_400;

const SOURCE_RANGES_ANNOTATION = "service.beta.kubernetes.io/load-balancer-source-ranges";

const PROTOCOLS = ["SCTP", "TCP", "UDP"];

const TRAFFIC_DISTRIBUTIONS = ["PreferClose", "PreferSameZone", "PreferSameNode"];

/** Rules for a Service beyond its schema. */
export function validateService(service: Service): FieldError[] {
  const spec = service.spec ?? {};
  return [
    ...validateType(spec),
    ...validatePorts(spec),
    ...labelErrors(spec.selector ?? {}, "spec.selector"),
    ...validateAffinity(spec),
    ...validateExternal(spec),
    ...(spec.trafficDistribution === undefined || TRAFFIC_DISTRIBUTIONS.includes(spec.trafficDistribution)
      ? []
      : [unsupportedValue("spec.trafficDistribution", spec.trafficDistribution, TRAFFIC_DISTRIBUTIONS)]),
  ];
}

/** Rules for a new Service. */
export function validateNewService(service: Service): FieldError[] {
  const { spec = {} } = service;
  return [...serviceFamilyErrors(spec, undefined), ...outsideErrors(spec, undefined), ...annotatedRangeErrors(service, undefined)];
}

/** A balancer holds on to the Services that are its own. */
export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const [spec, before] = [service.spec ?? {}, old.spec ?? {}];
  const isMoved = spec.type === "LoadBalancer" && before.type === "LoadBalancer" && spec.loadBalancerClass !== before.loadBalancerClass;
  return [
    ...serviceFamilyErrors(spec, before),
    ...outsideErrors(spec, before),
    ...annotatedRangeErrors(service, old),
    ...serviceFamilyChangeErrors(spec, before),
    ...(isMoved ? [invalidField("spec.loadBalancerClass", spec.loadBalancerClass ?? null, "may not change once set")] : []),
    ...healthPortErrors(spec, before),
  ];
}

/** The port of a balancer's checks is given once. */
function healthPortErrors(spec: ServiceSpec, before: ServiceSpec): FieldError[] {
  const isChecked = [spec, before].every(({ type, externalTrafficPolicy }) => type === "LoadBalancer" && externalTrafficPolicy === "Local");
  return isChecked && before.healthCheckNodePort && spec.healthCheckNodePort !== before.healthCheckNodePort
    ? [forbiddenField("spec.healthCheckNodePort", "field is immutable")]
    : [];
}

/** Where a balancer can be reached; addresses that were there before stay good. */
export function validateServiceStatus({ spec, status }: Service, old: Service): FieldError[] {
  const at = "status.loadBalancer.ingress";
  const ingress = status?.loadBalancer?.ingress ?? [];
  if (spec?.type !== "LoadBalancer" && ingress.length > 0) return [forbiddenField(at, "may only be used when `spec.type` is 'LoadBalancer'")];
  const known = (old.status?.loadBalancer?.ingress ?? []).flatMap(({ ip }) => (ip ? [ip] : []));
  return ingress.flatMap(({ ip, ipMode, hostname }, index) => [
    ...(ip ? addressErrors(ip, `${at}[${index}].ip`, known) : []),
    ...modeErrors(ip, ipMode, `${at}[${index}].ipMode`),
    ...(hostname
      ? invalidFields(`${at}[${index}].hostname`, hostname, [
          ...dnsSubdomainProblems(hostname),
          ...(parseAddress(hostname) === undefined ? [] : ["must be a DNS name, not an IP address"]),
        ])
      : []),
  ]);
}

const MODES = ["Proxy", "VIP"];

function modeErrors(ip: string | undefined, mode: string | undefined, at: string): FieldError[] {
  if (mode === undefined) return [];
  if (!ip) return [forbiddenField(at, "may not be specified when `ip` is not set")];
  return MODES.includes(mode) ? [] : [unsupportedValue(at, mode, MODES)];
}

/** Addresses from outside, and who may come by them. */
function outsideErrors(spec: ServiceSpec, before: ServiceSpec | undefined): FieldError[] {
  const addresses = (spec.externalIPs ?? []).flatMap((address, index) => {
    const at = `spec.externalIPs[${index}]`;
    return thenErrors(addressErrors(address, at, before?.externalIPs ?? []), () => specialAddressErrors(address, at));
  });
  const known = (before?.loadBalancerSourceRanges ?? []).map((range) => range.trim());
  return [
    ...addresses,
    ...(spec.loadBalancerSourceRanges ?? []).flatMap((range, index) => cidrErrors(range.trim(), `spec.LoadBalancerSourceRanges[${index}]`, known)),
  ];
}

/** The same in the annotation of old, where the field says nothing: one that cannot be read would let everybody in. */
function annotatedRangeErrors({ metadata, spec = {} }: Service, old: Service | undefined): FieldError[] {
  const text = metadata.annotations?.[SOURCE_RANGES_ANNOTATION];
  if (text === undefined || (spec.loadBalancerSourceRanges ?? []).length > 0) return [];
  const field = `metadata.annotations[${SOURCE_RANGES_ANNOTATION}]`;
  const misplaced = spec.type === "LoadBalancer" ? [] : [forbiddenField(field, "may only be used when `type` is 'LoadBalancer'")];
  const isNew = old?.metadata.annotations?.[SOURCE_RANGES_ANNOTATION] !== text;
  return [...misplaced, ...(isNew && text.trim() !== "" ? text.split(",").flatMap((range) => cidrErrors(range.trim(), field)) : [])];
}

/** What a type cannot do without, and what it cannot have. */
function validateType(spec: ServiceSpec): FieldError[] {
  if (spec.type !== "ExternalName")
    return isHeadless(spec) && spec.type !== "ClusterIP"
      ? [invalidField("spec.clusterIPs[0]", "None", `may not be set to 'None' for ${spec.type} services`)]
      : [];
  const name = (spec.externalName ?? "").replace(/\.$/, "");
  const unwanted = [
    ["clusterIPs", (spec.clusterIPs ?? []).length > 0],
    ["ipFamilies", (spec.ipFamilies ?? []).length > 0],
    ["ipFamilyPolicy", spec.ipFamilyPolicy !== undefined],
  ] as const;
  return [
    ...unwanted.flatMap(([field, isSet]) => (isSet ? [forbiddenField(`spec.${field}`, "may not be set for ExternalName services")] : [])),
    ...requiredName("spec.externalName", name, dnsSubdomainProblems),
  ];
}

function validatePorts(spec: ServiceSpec): FieldError[] {
  const ports = spec.ports ?? [];
  if (ports.length === 0 && !isHeadless(spec) && spec.type !== "ExternalName") return [requiredField("spec.ports")];
  const errors: FieldError[] = [];
  const names = new Set<string>();
  const numbers = new Set<string>();
  const nodePorts = new Set<string>();
  for (const [index, port] of ports.entries()) {
    const at = `spec.ports[${index}]`;
    const protocol = port.protocol ?? "TCP";
    errors.push(...validatePort(port, at, spec, ports.length > 1, names));
    names.add(port.name ?? "");
    if (numbers.has(`${protocol}/${port.port}`)) errors.push(duplicateField(at, shownPort(protocol, port.port, 0)));
    numbers.add(`${protocol}/${port.port}`);
    if (!port.nodePort) continue;
    if (nodePorts.has(`${protocol}/${port.nodePort}`)) errors.push(duplicateField(`${at}.nodePort`, shownPort(protocol, 0, port.nodePort)));
    nodePorts.add(`${protocol}/${port.nodePort}`);
  }
  return errors;
}

/** As Go shows a port of which no more is looked at. */
function shownPort(protocol: string, port: number, nodePort: number): object {
  return { Name: "", Protocol: protocol, AppProtocol: null, Port: port, TargetPort: 0, NodePort: nodePort };
}

function validatePort(port: ServicePort, path: string, spec: ServiceSpec, needsName: boolean, namesBefore: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  if (!port.name && needsName) errors.push(requiredField(`${path}.name`));
  else if (port.name) errors.push(...invalidFields(`${path}.name`, port.name, dnsLabelProblems(port.name)));
  if (port.name && namesBefore.has(port.name)) errors.push(duplicateField(`${path}.name`, port.name));
  const { targetPort, appProtocol } = port;
  if (port.port < 1 || port.port > 65_535) errors.push(invalidField(`${path}.port`, port.port, "must be between 1 and 65535, inclusive"));
  if (!PROTOCOLS.includes(port.protocol ?? "TCP")) errors.push(unsupportedValue(`${path}.protocol`, port.protocol, PROTOCOLS));
  if (typeof targetPort === "number" && (targetPort < 1 || targetPort > 65_535))
    errors.push(invalidField(`${path}.targetPort`, targetPort, "must be between 1 and 65535, inclusive"));
  if (typeof targetPort === "string") errors.push(...portNameErrors(targetPort).map((why) => invalidField(`${path}.targetPort`, targetPort, why)));
  if (appProtocol !== undefined) errors.push(...invalidFields(`${path}.appProtocol`, appProtocol, qualifiedNameProblems(appProtocol)));
  if (port.nodePort && spec.type === "ClusterIP") errors.push(forbiddenField(`${path}.nodePort`, `may not be used when \`type\` is '${spec.type}'`));
  return errors;
}

function validateAffinity(spec: ServiceSpec): FieldError[] {
  if (spec.sessionAffinity !== "ClientIP") {
    return spec.sessionAffinityConfig === undefined ? [] : [forbiddenField("spec.sessionAffinityConfig", "must not be set when session affinity is None")];
  }
  const seconds = spec.sessionAffinityConfig?.clientIP?.timeoutSeconds;
  if (seconds === undefined || (seconds > 0 && seconds <= AFFINITY_SECONDS_MAX)) return [];
  return [invalidField("spec.sessionAffinityConfig.clientIP.timeoutSeconds", seconds, `must be greater than 0 and less than ${AFFINITY_SECONDS_MAX}`)];
}

/** What belongs to a way in from outside is refused where there is none. */
function validateExternal(spec: ServiceSpec): FieldError[] {
  const errors: FieldError[] = [];
  const isBalanced = spec.type === "LoadBalancer";
  const isExternal = isBalanced || spec.type === "NodePort" || (spec.externalIPs ?? []).length > 0;
  if (spec.externalTrafficPolicy !== undefined && !isExternal)
    errors.push(invalidField("spec.externalTrafficPolicy", spec.externalTrafficPolicy, "may only be set for externally-accessible services"));
  if (spec.healthCheckNodePort && !(isBalanced && spec.externalTrafficPolicy === "Local")) {
    errors.push(
      invalidField(
        "spec.healthCheckNodePort",
        spec.healthCheckNodePort,
        "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'",
      ),
    );
  } else if (spec.healthCheckNodePort !== undefined && (spec.healthCheckNodePort < 0 || spec.healthCheckNodePort > 65_535)) {
    errors.push(invalidField("spec.healthCheckNodePort", spec.healthCheckNodePort, "must be between 1 and 65535, inclusive"));
  }
  if (isBalanced && spec.loadBalancerClass !== undefined)
    errors.push(...invalidFields("spec.loadBalancerClass", spec.loadBalancerClass, qualifiedNameProblems(spec.loadBalancerClass)));
  if (!isBalanced && spec.loadBalancerClass !== undefined)
    errors.push(forbiddenField("spec.loadBalancerClass", "may only be used when `type` is 'LoadBalancer'"));
  if (!isBalanced && spec.allocateLoadBalancerNodePorts !== undefined)
    errors.push(forbiddenField("spec.allocateLoadBalancerNodePorts", "may only be used when `type` is 'LoadBalancer'"));
  if (!isBalanced && (spec.loadBalancerSourceRanges ?? []).length > 0)
    errors.push(forbiddenField("spec.LoadBalancerSourceRanges", "may only be used when `type` is 'LoadBalancer'"));
  return errors;
}
