import { duplicateField, fieldNotFound, forbiddenField, invalidField, requiredField, unsupportedValue, type FieldError } from "../apimachinery/field-error.ts";
import { dnsLabelError } from "../apimachinery/names.ts";
import { compareQuantities } from "../apimachinery/quantity.ts";
import type { Container, EnvVar, PodSpec, PodTemplateSpec, Probe, Volume } from "./types.ts";

/** Defaults of a pod's spec that depend on other fields; shared by pods and everything with a pod template. */
export function withPodSpecDefaults(spec: PodSpec): PodSpec {
  const isHostNetwork = spec.hostNetwork === true;
  return {
    ...spec,
    ...(spec.serviceAccountName && !spec.serviceAccount ? { serviceAccount: spec.serviceAccountName } : {}),
    ...(spec.serviceAccount && !spec.serviceAccountName ? { serviceAccountName: spec.serviceAccount } : {}),
    containers: spec.containers.map((container) => withContainerDefaults(container, isHostNetwork)),
    ...(spec.initContainers === undefined ? {} : { initContainers: spec.initContainers.map((container) => withContainerDefaults(container, isHostNetwork)) }),
    ...(spec.volumes === undefined ? {} : { volumes: spec.volumes.map(withVolumeDefault) }),
  };
}

function withContainerDefaults(container: Container, isHostNetwork: boolean): Container {
  const limits = container.resources?.limits;
  // A limit without a request means a request of the same amount.
  const requests = limits === undefined ? container.resources?.requests : { ...limits, ...container.resources?.requests };
  return {
    ...container,
    imagePullPolicy: container.imagePullPolicy ?? (isLatest(container.image ?? "") ? "Always" : "IfNotPresent"),
    ...(requests === undefined ? {} : { resources: { ...container.resources, requests } }),
    ...(isHostNetwork && container.ports !== undefined ? { ports: container.ports.map((port) => ({ ...port, hostPort: port.hostPort || port.containerPort })) } : {}),
  };
}

/** A volume without a source is an emptyDir. */
function withVolumeDefault(volume: Volume): Volume {
  return Object.keys(volume).length === 1 ? { ...volume, emptyDir: {} } : volume;
}

function isLatest(image: string): boolean {
  if (image.includes("@")) return false;
  const tag = /:([^:/]+)$/.exec(image)?.[1];
  return tag === undefined || tag === "latest";
}

/** Rules for a pod's spec beyond its schema. `path` is the spec's place, such as `spec.template.spec`. */
export function validatePodSpec(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (spec.containers.length === 0) errors.push(requiredField(`${path}.containers`));
  errors.push(...validateVolumes(spec.volumes ?? [], `${path}.volumes`));
  const volumes = new Set((spec.volumes ?? []).map((volume) => volume.name));
  const names = new Set<string>();
  for (const [list, containers] of [["initContainers", spec.initContainers ?? []], ["containers", spec.containers]] as const) {
    for (const [index, container] of containers.entries()) {
      const at = `${path}.${list}[${index}]`;
      if (names.has(container.name)) errors.push(duplicateField(`${at}.name`, container.name));
      names.add(container.name);
      errors.push(...validateContainer(container, at, volumes));
      if (list === "initContainers" && container.restartPolicy === undefined) {
        for (const probe of ["livenessProbe", "readinessProbe", "startupProbe"] as const) if (container[probe] !== undefined) errors.push(forbiddenField(`${at}.${probe}`, "may not be set for init containers without restartPolicy=Always"));
      }
    }
  }
  errors.push(...duplicateHostPorts(spec, path));
  return errors;
}

/** A template must carry the labels its owner selects by, and restart its containers. */
export function validatePodTemplate(template: PodTemplateSpec, path: string): FieldError[] {
  if (template.spec === undefined) return [requiredField(`${path}.spec`)];
  const errors = validatePodSpec(template.spec, `${path}.spec`);
  if (template.spec.restartPolicy !== "Always") errors.push(unsupportedValue(`${path}.spec.restartPolicy`, template.spec.restartPolicy, ["Always"]));
  if (template.spec.activeDeadlineSeconds !== undefined) errors.push(forbiddenField(`${path}.spec.activeDeadlineSeconds`, "activeDeadlineSeconds in ReplicaSet is not Supported"));
  return errors;
}

function validateContainer(container: Container, path: string, volumes: ReadonlySet<string>): FieldError[] {
  const errors: FieldError[] = [];
  const nameProblem = container.name === "" ? "" : dnsLabelError(container.name);
  if (nameProblem === "") errors.push(requiredField(`${path}.name`));
  else if (nameProblem !== undefined) errors.push(invalidField(`${path}.name`, container.name, nameProblem));
  if (container.image === undefined || container.image === "") errors.push(requiredField(`${path}.image`));
  else if (container.image !== container.image.trim()) errors.push(invalidField(`${path}.image`, container.image, "must not have leading or trailing whitespace"));
  errors.push(...(container.env ?? []).flatMap((variable, index) => validateEnv(variable, `${path}.env[${index}]`)));
  for (const [index, mount] of (container.volumeMounts ?? []).entries()) {
    const at = `${path}.volumeMounts[${index}]`;
    if (!volumes.has(mount.name)) errors.push(fieldNotFound(`${at}.name`, mount.name));
    if (mount.mountPath === "") errors.push(requiredField(`${at}.mountPath`));
    if (mount.subPath?.split("/").includes("..") === true) errors.push(invalidField(`${at}.subPath`, mount.subPath, "must not contain '..'"));
    if (container.volumeMounts?.findIndex((other) => other.mountPath === mount.mountPath) !== index) errors.push(invalidField(`${at}.mountPath`, mount.mountPath, "must be unique"));
  }
  const portNames = new Set<string>();
  for (const [index, port] of (container.ports ?? []).entries()) {
    if (port.name === undefined || port.name === "") continue;
    if (!/^(?=.*[a-z])[a-z0-9]([-a-z0-9]{0,13}[a-z0-9])?$/.test(port.name)) errors.push(invalidField(`${path}.ports[${index}].name`, port.name, "must be no more than 15 lower case letters, digits and '-', with at least one letter"));
    if (portNames.has(port.name)) errors.push(duplicateField(`${path}.ports[${index}].name`, port.name));
    portNames.add(port.name);
  }
  for (const [name, limit] of Object.entries(container.resources?.limits ?? {})) {
    const request = container.resources?.requests?.[name];
    if (request !== undefined && compareQuantities(request, limit) > 0) errors.push(invalidField(`${path}.resources.requests`, request, `must be less than or equal to ${name} limit of ${limit}`));
  }
  for (const name of ["livenessProbe", "readinessProbe", "startupProbe"] as const) errors.push(...validateProbe(container[name], `${path}.${name}`, name));
  return errors;
}

function validateEnv(variable: EnvVar, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (variable.name === "") errors.push(requiredField(`${path}.name`));
  else if (!/^[ -<>-~]+$/.test(variable.name)) errors.push(invalidField(`${path}.name`, variable.name, "a valid environment variable name must consist only of printable ASCII characters other than '='"));
  if (variable.valueFrom === undefined) return errors;
  const sources = Object.keys(variable.valueFrom);
  if (variable.value) errors.push(invalidField(`${path}.valueFrom`, "", "may not be specified when `value` is not empty"));
  if (sources.length === 0) errors.push(invalidField(`${path}.valueFrom`, "", "must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"));
  if (sources.length > 1) errors.push(invalidField(`${path}.valueFrom`, "", "may not have more than one field specified at a time"));
  return errors;
}

function validateProbe(probe: Probe | undefined, path: string, kind: string): FieldError[] {
  if (probe === undefined) return [];
  const handlers = (["exec", "httpGet", "tcpSocket", "grpc"] as const).filter((handler) => probe[handler] !== undefined);
  const errors: FieldError[] = [];
  if (handlers.length === 0) errors.push(requiredField(path, "must specify a handler type"));
  if (handlers.length > 1) errors.push(forbiddenField(`${path}.${handlers[1]}`, "may not specify more than 1 handler type"));
  if (kind !== "readinessProbe" && (probe.successThreshold ?? 1) !== 1) errors.push(invalidField(`${path}.successThreshold`, probe.successThreshold, "must be 1"));
  return errors;
}

function validateVolumes(volumes: readonly Volume[], path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [index, volume] of volumes.entries()) {
    const problem = volume.name === "" ? undefined : dnsLabelError(volume.name);
    if (volume.name === "") errors.push(requiredField(`${path}[${index}].name`));
    else if (problem !== undefined) errors.push(invalidField(`${path}[${index}].name`, volume.name, problem));
    if (seen.has(volume.name)) errors.push(duplicateField(`${path}[${index}].name`, volume.name));
    seen.add(volume.name);
    const sources = Object.keys(volume).filter((key) => key !== "name");
    if (sources.length > 1) errors.push(forbiddenField(`${path}[${index}].${sources[1]}`, "may not specify more than 1 volume type"));
  }
  return errors;
}

function duplicateHostPorts(spec: PodSpec, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const seen = new Set<string>();
  for (const [c, container] of spec.containers.entries()) {
    for (const [p, port] of (container.ports ?? []).entries()) {
      if (!port.hostPort) continue;
      const text = `${port.protocol ?? "TCP"}/${port.hostIP ?? ""}/${port.hostPort}`;
      if (seen.has(text)) errors.push(duplicateField(`${path}.containers[${c}].ports[${p}].hostPort`, text));
      seen.add(text);
    }
  }
  return errors;
}
