import { canonicalQuantity, parseQuantity } from "../../apimachinery/quantity.ts";
import type { Container, ContainerPort, EnvVar } from "../types.ts";

/** Containers, each with its place: `spec.containers[0]`. */
export type PlacedContainers = readonly (readonly [string, Container])[];

/** What each container asks for and is told, by itself. */
export function containerWarnings(container: Container, path: string): string[] {
  const amounts = (["memory", "ephemeral-storage"] as const).flatMap((name) =>
    (["limits", "requests"] as const).flatMap((list) => fractionWarnings(container.resources?.[list]?.[name], `${path}.resources.${list}[${name}]`)),
  );
  return [...amounts, ...envWarnings(container.env ?? [], path)];
}

/** There are no parts of a byte. */
export function fractionWarnings(amount: string | number | undefined, field: string): string[] {
  if (amount === undefined || Number.isInteger(parseQuantity(amount))) return [];
  return [`${field}: fractional byte value ${JSON.stringify(canonicalQuantity(amount))} is invalid, must be an integer`];
}

/** A variable may be made of its former value; otherwise the former one is lost, and with an apply perhaps the later one. */
function envWarnings(env: readonly EnvVar[], path: string): string[] {
  const names = new Set<string>();
  return env.flatMap(({ name, value = "", valueFrom }, index) => {
    const former = `$(${name})`;
    const hides = names.has(name) && (valueFrom !== undefined || value === former || !value.includes(former));
    names.add(name);
    return hides ? [`${path}.env[${index}]: hides previous definition of ${JSON.stringify(name)}, which may be dropped when using apply`] : [];
  });
}

/** More of them are not compared with each other, and of more warnings nobody is told. */
const COMPARED_MAX = 1000;
const OVERLAPS_MAX = 100;

/** Ports of all containers are those of one address. */
export function portWarnings(containers: PlacedContainers): string[] {
  const ports = containers.flatMap(([path, { ports: own = [] }]) => own.map((port, index) => ({ at: `${path}.ports[${index}]`, port }))).slice(0, COMPARED_MAX);
  const numbers = ports.values().flatMap(({ at, port }, index) => {
    const alone = port.hostIP && !port.hostPort ? [`${at}: hostIP set without hostPort: ${goText(port)}`] : [];
    return [...alone, ...ports.slice(0, index).flatMap((other) => overlapText(port, other.port, at, other.at))];
  });
  const first = new Map<string, string>();
  const names = ports.flatMap(({ at, port: { name = "" } }) => {
    const taken = first.get(name);
    if (name !== "" && taken === undefined) first.set(name, at);
    return taken === undefined
      ? []
      : [`${at}: duplicate port name ${JSON.stringify(name)} with ${taken}, services and probes that select ports by name will use ${taken}`];
  });
  return [...numbers.take(OVERLAPS_MAX), ...names];
}

function overlapText(port: ContainerPort, other: ContainerPort, at: string, otherAt: string): string[] {
  const [host, otherHost] = [port.hostPort ?? 0, other.hostPort ?? 0];
  const [ip, otherIp] = [port.hostIP ?? "", other.hostIP ?? ""];
  if (port.containerPort !== other.containerPort || (port.protocol ?? "TCP") !== (other.protocol ?? "TCP")) return [];
  if (host === otherHost && ip === otherIp) return [`${at}: duplicate port definition with ${otherAt}`];
  if (host === 0 || otherHost === 0) return [`${at}: overlapping port definition with ${otherAt}`];
  return host === otherHost && (ip === "") !== (otherIp === "") ? [`${at}: dangerously ambiguous port definition with ${otherAt}`] : [];
}

/** As upstream's language prints it. */
function goText({ name = "", hostPort = 0, containerPort, protocol = "TCP", hostIP = "" }: ContainerPort): string {
  return `{Name:${name} HostPort:${hostPort} ContainerPort:${containerPort} Protocol:${protocol} HostIP:${hostIP}}`;
}
