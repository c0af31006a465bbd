import { forbiddenField, invalidField, requiredField, unsupportedValue, type FieldError } from "../../apimachinery/field-error.ts";
import type { IPBlock, NetworkPolicyPeer, NetworkPolicyPort, NetworkPolicySpec } from "../types.ts";
import { cidrContains, parseLooseCidr } from "../../lib/net/ip-address.ts";
import { cidrErrors } from "./ip.ts";
import { portNameErrors } from "./port-name.ts";
import { validateLabelSelector } from "./scheduling.ts";

const POLICY_TYPES = ["Ingress", "Egress"];
const PORT_RULE = "must be between 1 and 65535, inclusive";

/** Rules of a NetworkPolicy beyond its schema. `known` are blocks that an update may keep, whatever they look like. */
export function validatePolicySpec(spec: NetworkPolicySpec, known: ReadonlySet<string>): FieldError[] {
  const errors = validateLabelSelector(spec.podSelector ?? {}, "spec.podSelector");
  for (const [index, { ports = [], from = [] }] of (spec.ingress ?? []).entries())
    errors.push(...validateRule(ports, from, `spec.ingress[${index}]`, "from", known));
  for (const [index, { ports = [], to = [] }] of (spec.egress ?? []).entries()) errors.push(...validateRule(ports, to, `spec.egress[${index}]`, "to", known));
  const types = spec.policyTypes ?? [];
  if (types.length > POLICY_TYPES.length) return [...errors, invalidField("spec.policyTypes", types, "may not specify more than two policyTypes")];
  return [
    ...errors,
    ...types.flatMap((type, index) => (POLICY_TYPES.includes(type) ? [] : [unsupportedValue(`spec.policyTypes[${index}]`, type, POLICY_TYPES)])),
  ];
}

/** Every block of addresses that a policy names. */
export function blocksOf({ ingress = [], egress = [] }: NetworkPolicySpec): readonly string[] {
  const peers = [...ingress.flatMap(({ from = [] }) => from), ...egress.flatMap(({ to = [] }) => to)];
  return peers.flatMap(({ ipBlock }) => (ipBlock === undefined ? [] : [ipBlock.cidr, ...(ipBlock.except ?? [])]));
}

function validateRule(
  ports: readonly NetworkPolicyPort[],
  peers: readonly NetworkPolicyPeer[],
  path: string,
  side: "from" | "to",
  known: ReadonlySet<string>,
): FieldError[] {
  return [
    ...ports.flatMap((port, index) => validatePort(port, `${path}.ports[${index}]`)),
    ...peers.flatMap((peer, index) => validatePeer(peer, `${path}.${side}[${index}]`, known)),
  ];
}

function validatePort({ port, endPort }: NetworkPolicyPort, path: string): FieldError[] {
  if (port === undefined) return endPort === undefined ? [] : [invalidField(`${path}.endPort`, endPort, "may not be specified when `port` is not specified")];
  if (typeof port === "string") {
    const named = portNameErrors(port).map((why) => invalidField(`${path}.port`, port, why));
    return endPort === undefined ? named : [invalidField(`${path}.endPort`, endPort, "may not be specified when `port` is non-numeric"), ...named];
  }
  const errors = isPort(port) ? [] : [invalidField(`${path}.port`, port, PORT_RULE)];
  if (endPort !== undefined && endPort < port) errors.push(invalidField(`${path}.endPort`, endPort, "must be greater than or equal to `port`"));
  if (endPort !== undefined && !isPort(endPort)) errors.push(invalidField(`${path}.endPort`, endPort, PORT_RULE));
  return errors;
}

function validatePeer({ podSelector, namespaceSelector, ipBlock }: NetworkPolicyPeer, path: string, known: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  if (podSelector !== undefined) errors.push(...validateLabelSelector(podSelector, `${path}.podSelector`));
  if (namespaceSelector !== undefined) errors.push(...validateLabelSelector(namespaceSelector, `${path}.namespaceSelector`));
  if (ipBlock !== undefined) errors.push(...validateBlock(ipBlock, `${path}.ipBlock`, known));
  const hasSelector = podSelector !== undefined || namespaceSelector !== undefined;
  if (!hasSelector && ipBlock === undefined) errors.push(requiredField(path, "must specify a peer"));
  if (hasSelector && ipBlock !== undefined) errors.push(forbiddenField(path, "may not specify both ipBlock and another peer"));
  return errors;
}

function validateBlock({ cidr, except = [] }: IPBlock, path: string, known: ReadonlySet<string>): FieldError[] {
  if (cidr === "") return [requiredField(`${path}.cidr`)];
  const errors = known.has(cidr) ? [] : cidrErrors(cidr, `${path}.cidr`);
  const outer = parseLooseCidr(cidr);
  if (outer === undefined) return errors;
  for (const [index, text] of except.entries()) {
    const at = `${path}.except[${index}]`;
    const inner = parseLooseCidr(text);
    if (!known.has(text)) errors.push(...cidrErrors(text, at));
    if (inner !== undefined && (!cidrContains(outer, inner) || outer.prefix >= inner.prefix))
      errors.push(invalidField(at, text, "must be a strict subset of `cidr`"));
  }
  return errors;
}

const isPort = (port: number) => Number.isInteger(port) && port >= 1 && port <= 65_535;
