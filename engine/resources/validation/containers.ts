import { duplicateField, forbiddenField, invalidField, requiredField, tooMany, type FieldError } from "../../apimachinery/field-error.ts";
import { dnsLabelError } from "../../apimachinery/names.ts";
import type { Container, ContainerPort, PodSpec, Volume } from "../types.ts";
import { validateEnv, validateEnvFrom } from "./environment.ts";
import { validateLifecycle, validateProbe } from "./handlers.ts";
import { validateMounts } from "./mounts.ts";
import { portNameErrors } from "./port-name.ts";
import { validateResources } from "./resource-requirements.ts";
import { validateSecurityContext } from "./security.ts";

/** What the containers of one pod share and are checked against. */
interface PodContext {
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly claims: ReadonlySet<string>;
  readonly hostUsers: boolean;
}

/** Rules for all containers of a pod, beyond their schema. Names are unique over both lists; the schema sees only one. */
export function validateContainers(spec: PodSpec, path: string): FieldError[] {
  const context: PodContext = {
    volumes: new Map((spec.volumes ?? []).map((volume) => [volume.name, volume])),
    claims: new Set((spec.resourceClaims ?? []).map((claim) => claim.name)),
    hostUsers: spec.hostUsers !== false,
  };
  const errors: FieldError[] = [];
  if (spec.containers.length === 0) errors.push(requiredField(`${path}.containers`));
  for (const [index, container] of spec.containers.entries()) {
    const at = `${path}.containers[${index}]`;
    errors.push(...validateContainer(container, at, context), ...validateRestarts(container, at), ...validateProbes(container, at));
  }
  const names = new Set(spec.containers.map((container) => container.name));
  for (const [index, container] of (spec.initContainers ?? []).entries()) {
    const at = `${path}.initContainers[${index}]`;
    if (names.has(container.name)) errors.push(duplicateField(`${at}.name`, container.name));
    errors.push(...validateContainer(container, at, context), ...validateRestarts(container, at), ...(container.restartPolicy === "Always" ? validateProbes(container, at) : forbidHooks(container, at)));
  }
  return [...errors, ...validateHostPorts(spec, path)];
}

function validateContainer(container: Container, path: string, context: PodContext): FieldError[] {
  const errors: FieldError[] = [];
  const problem = container.name === "" ? undefined : dnsLabelError(container.name);
  if (container.name === "") errors.push(requiredField(`${path}.name`));
  else if (problem !== undefined) errors.push(invalidField(`${path}.name`, container.name, problem));
  if (container.image === undefined || container.image === "") errors.push(requiredField(`${path}.image`));
  else if (container.image !== container.image.trim()) errors.push(invalidField(`${path}.image`, container.image, "must not have leading or trailing whitespace"));
  return [
    ...errors,
    ...validatePorts(container.ports ?? [], `${path}.ports`),
    ...validateEnv(container.env ?? [], `${path}.env`, context.volumes),
    ...validateEnvFrom(container.envFrom ?? [], `${path}.envFrom`),
    ...validateMounts(container, path, context.volumes),
    ...validateResources(container.resources, `${path}.resources`, context.claims),
    ...validateSecurityContext(container.securityContext, `${path}.securityContext`, context.hostUsers),
  ];
}

const RESTART_RULES_MAX = 20;
const EXIT_CODES_MAX = 255;

/** Exceptions from a policy need one to be exceptions from. What the words may be is the schema's to say. */
function validateRestarts({ restartPolicy, restartPolicyRules: rules = [] }: Container, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (rules.length > 0 && restartPolicy === undefined) errors.push(requiredField(`${path}.restartPolicy`, "must specify restartPolicy when restart rules are used"));
  if (rules.length > RESTART_RULES_MAX) errors.push(tooMany(`${path}.restartPolicyRules`, rules.length, RESTART_RULES_MAX));
  for (const [index, { exitCodes }] of rules.entries()) {
    const at = `${path}.restartPolicyRules[${index}].exitCodes`;
    if (exitCodes === undefined) errors.push(requiredField(at, "must be specified"));
    else if ((exitCodes.values ?? []).length > EXIT_CODES_MAX) errors.push(tooMany(`${at}.values`, exitCodes.values?.length ?? 0, EXIT_CODES_MAX));
  }
  return errors;
}

function validateProbes(container: Container, path: string): FieldError[] {
  return [
    ...validateProbe(container.livenessProbe, `${path}.livenessProbe`, "liveness"),
    ...validateProbe(container.readinessProbe, `${path}.readinessProbe`, "readiness"),
    ...validateProbe(container.startupProbe, `${path}.startupProbe`, "startup"),
    ...validateLifecycle(container.lifecycle, `${path}.lifecycle`),
  ];
}

/** An ordinary init container runs to its end; there is nothing to probe or to hook into. */
function forbidHooks(container: Container, path: string): FieldError[] {
  return (["lifecycle", "livenessProbe", "readinessProbe", "startupProbe"] as const)
    .filter((field) => container[field] !== undefined)
    .map((field) => forbiddenField(`${path}.${field}`, "may not be set for init containers without restartPolicy=Always"));
}

function validatePorts(ports: readonly ContainerPort[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const names = new Set<string>();
  for (const [index, { name }] of ports.entries()) {
    if (name === undefined || name === "") continue;
    const problems = portNameErrors(name);
    errors.push(...problems.map((problem) => invalidField(`${path}[${index}].name`, name, problem)));
    if (problems.length === 0 && names.has(name)) errors.push(duplicateField(`${path}[${index}].name`, name));
    names.add(name);
  }
  return errors;
}

/** A port of the node can belong to one container only. On the node's own network, a container's port is the node's. */
function validateHostPorts(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [c, container] of spec.containers.entries()) {
    for (const [p, port] of (container.ports ?? []).entries()) {
      const at = `${path}.containers[${c}].ports[${p}]`;
      // A pod's are filled in before they are judged; those of a template wait for its pods.
      if (!port.hostPort) continue;
      if (spec.hostNetwork === true && port.hostPort !== port.containerPort) errors.push(invalidField(`${at}.hostPort`, port.hostPort, "must match `containerPort` when `hostNetwork` is true"));
      const text = `${port.protocol ?? "TCP"}/${port.hostIP ?? ""}/${port.hostPort}`;
      if (seen.has(text)) errors.push(duplicateField(`${at}.hostPort`, text));
      seen.add(text);
    }
  }
  return errors;
}
