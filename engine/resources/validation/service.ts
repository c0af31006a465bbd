import { duplicateField, forbiddenField, invalidField, requiredField, thenErrors, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import { labelErrors } from "../../apimachinery/object-meta-validation.ts";
import { dnsLabelError, dnsSubdomainError } from "../../apimachinery/names.ts";
import type { Service, ServicePort, ServiceSpec } from "../types.ts";
import { addressErrors, cidrErrors, specialAddressErrors } from "./ip.ts";
import { isHeadless, serviceFamilyChangeErrors, serviceFamilyErrors } from "./service-families.ts";
import { portNameErrors } from "./port-name.ts";

/** The longest time that session affinity may last. */
const AFFINITY_SECONDS_MAX = 86_400;

const TRAFFIC_DISTRIBUTIONS = ["PreferClose", "PreferSameNode", "PreferSameZone"];


/** Rules for a Service beyond its schema. */
export function validateService(service: Service): FieldError[] {
  const spec = service.spec ?? {};
  return [
    ...validateType(spec),
    ...validatePorts(spec),
    ...labelErrors(spec.selector ?? {}, "spec.selector"),
    ...validateAffinity(spec),
    ...validateExternal(spec),
    ...(spec.trafficDistribution === undefined || TRAFFIC_DISTRIBUTIONS.includes(spec.trafficDistribution) ? [] : [unsupportedValue("spec.trafficDistribution", spec.trafficDistribution, TRAFFIC_DISTRIBUTIONS)]),
  ];
}

/** Rules for a new Service. */
export function validateNewService({ spec = {} }: Service): FieldError[] {
  return [...serviceFamilyErrors(spec, undefined), ...outsideErrors(spec, undefined)];
}

/** A balancer holds on to the Services that are its own. */
export function validateServiceUpdate(service: Service, old: Service): FieldError[] {
  const [spec, before] = [service.spec ?? {}, old.spec ?? {}];
  const isMoved = spec.type === "LoadBalancer" && before.type === "LoadBalancer" && spec.loadBalancerClass !== before.loadBalancerClass;
  return [...serviceFamilyErrors(spec, before), ...outsideErrors(spec, before), ...serviceFamilyChangeErrors(spec, before), ...(isMoved ? [invalidField("spec.loadBalancerClass", spec.loadBalancerClass ?? null, "may not change once set")] : [])];
}

/** Addresses from outside, and who may come by them. */
function outsideErrors(spec: ServiceSpec, before: ServiceSpec | undefined): FieldError[] {
  const addresses = (spec.externalIPs ?? []).flatMap((address, index) => {
    const at = `spec.externalIPs[${index}]`;
    return thenErrors(addressErrors(address, at, before?.externalIPs ?? []), () => specialAddressErrors(address, at));
  });
  const known = (before?.loadBalancerSourceRanges ?? []).map((range) => range.trim());
  return [...addresses, ...(spec.loadBalancerSourceRanges ?? []).flatMap((range, index) => cidrErrors(range.trim(), `spec.LoadBalancerSourceRanges[${index}]`, known))];
}

/** What a type cannot do without, and what it cannot have. */
function validateType(spec: ServiceSpec): FieldError[] {
  if (spec.type !== "ExternalName") return isHeadless(spec) && spec.type !== "ClusterIP" ? [invalidField("spec.clusterIPs[0]", "None", `may not be set to 'None' for ${spec.type} services`)] : [];
  const problem = spec.externalName ? dnsSubdomainError(spec.externalName.replace(/\.$/, "")) : undefined;
  const unwanted = [["clusterIPs", (spec.clusterIPs ?? []).length > 0], ["ipFamilies", (spec.ipFamilies ?? []).length > 0], ["ipFamilyPolicy", spec.ipFamilyPolicy !== undefined]] as const;
  return [
    ...unwanted.flatMap(([field, isSet]) => (isSet ? [forbiddenField(`spec.${field}`, "may not be set for ExternalName services")] : [])),
    ...(!spec.externalName ? [requiredField("spec.externalName")] : problem === undefined ? [] : [invalidField("spec.externalName", spec.externalName, problem)]),
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
    errors.push(...validatePort(port, at, spec, ports.length > 1));
    if (port.name && names.has(port.name)) errors.push(duplicateField(`${at}.name`, port.name));
    names.add(port.name ?? "");
    if (numbers.has(`${protocol}/${port.port}`)) errors.push(duplicateField(at, { protocol, port: port.port }));
    numbers.add(`${protocol}/${port.port}`);
    if (!port.nodePort) continue;
    if (nodePorts.has(`${protocol}/${port.nodePort}`)) errors.push(duplicateField(`${at}.nodePort`, { protocol, nodePort: port.nodePort }));
    nodePorts.add(`${protocol}/${port.nodePort}`);
  }
  return errors;
}

function validatePort(port: ServicePort, path: string, spec: ServiceSpec, needsName: boolean): FieldError[] {
  const errors: FieldError[] = [];
  const problem = port.name ? dnsLabelError(port.name) : undefined;
  if (!port.name && needsName) errors.push(requiredField(`${path}.name`));
  else if (problem !== undefined) errors.push(invalidField(`${path}.name`, port.name, problem));
  const { targetPort } = port;
  if (typeof targetPort === "number" && (targetPort < 1 || targetPort > 65_535)) errors.push(invalidField(`${path}.targetPort`, targetPort, "must be between 1 and 65535, inclusive"));
  if (typeof targetPort === "string") errors.push(...portNameErrors(targetPort).map((why) => invalidField(`${path}.targetPort`, targetPort, why)));
  if (port.nodePort && (spec.type === "ClusterIP" || spec.type === "ExternalName")) errors.push(forbiddenField(`${path}.nodePort`, `may not be used when \`type\` is '${spec.type}'`));
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
  if (spec.externalTrafficPolicy !== undefined && !isExternal) errors.push(invalidField("spec.externalTrafficPolicy", spec.externalTrafficPolicy, "may only be set for externally-accessible services"));
  if (spec.healthCheckNodePort && !(isBalanced && spec.externalTrafficPolicy === "Local")) {
    errors.push(invalidField("spec.healthCheckNodePort", spec.healthCheckNodePort, "may only be set when `type` is 'LoadBalancer' and `externalTrafficPolicy` is 'Local'"));
  }
  if (!isBalanced && spec.loadBalancerClass !== undefined) errors.push(forbiddenField("spec.loadBalancerClass", "may only be used when `type` is 'LoadBalancer'"));
  if (!isBalanced && spec.allocateLoadBalancerNodePorts !== undefined) errors.push(forbiddenField("spec.allocateLoadBalancerNodePorts", "may only be used when `type` is 'LoadBalancer'"));
  if (!isBalanced && (spec.loadBalancerSourceRanges ?? []).length > 0) errors.push(forbiddenField("spec.LoadBalancerSourceRanges", "may only be used when `type` is 'LoadBalancer'"));
  return errors;
}

