import { duplicateField, invalidField, invalidFields, requiredField, type FieldError } from "../../apimachinery/field-error.ts";
import type { Container, ContainerPort, PodSpec } from "../types.ts";
import { portNameErrors } from "./port-name.ts";

const isPort = (port: number) => port >= 1 && port <= 65_535;
const RANGE = "must be between 1 and 65535, inclusive";

export function validatePorts(ports: readonly ContainerPort[], path: string): FieldError[] {
  const names = new Set<string>();
  return ports.flatMap(({ name = "", containerPort, hostPort = 0 }, index) => {
    const at = `${path}[${index}]`;
    const problems = name === "" ? [] : portNameErrors(name);
    const errors = invalidFields(`${at}.name`, name, problems);
    if (name !== "" && problems.length === 0 && names.has(name)) errors.push(duplicateField(`${at}.name`, name));
    if (name !== "" && problems.length === 0) names.add(name);
    if (containerPort === 0) errors.push(requiredField(`${at}.containerPort`));
    else if (!isPort(containerPort)) errors.push(invalidField(`${at}.containerPort`, containerPort, RANGE));
    if (hostPort !== 0 && !isPort(hostPort)) errors.push(invalidField(`${at}.hostPort`, hostPort, RANGE));
    return errors;
  });
}

/** A port of the node can belong to one container only. */
export function hostPortConflicts(containers: readonly Pick<Container, "ports">[], path: string): FieldError[] {
  const seen = new Set<string>();
  return containers.flatMap(({ ports = [] }, c) =>
    ports.flatMap(({ protocol = "TCP", hostIP = "", hostPort }, p) => {
      if (!hostPort) return [];
      const text = `${protocol}/${hostIP}/${hostPort}`;
      const isTaken = seen.has(text);
      seen.add(text);
      return isTaken ? [duplicateField(`${path}[${c}].ports[${p}].hostPort`, text)] : [];
    }),
  );
}

/** On the node's own network, a container's port is the node's. A template may leave that to the pods made from it, which have it filled in. */
export function validateHostNetworkPorts(spec: PodSpec, path: string, isPod: boolean): FieldError[] {
  if (spec.hostNetwork !== true) return [];
  return spec.containers.flatMap(({ ports = [] }, c) =>
    ports.flatMap(({ hostPort = 0, containerPort }, p) =>
      hostPort === containerPort || (hostPort === 0 && !isPod)
        ? []
        : [invalidField(`${path}.containers[${c}].ports[${p}].hostPort`, hostPort, "must match `containerPort` when `hostNetwork` is true")],
    ),
  );
}
