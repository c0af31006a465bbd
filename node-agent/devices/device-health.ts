import type { Container, ContainerStatus } from "../../engine/resources/types.ts";
import { HealthStatus, type DeviceHealth } from "./dra_health_pb.ts";

type Health = "Healthy" | "Unhealthy" | "Unknown";

/** How a device fares, and what its driver has to say about that. */
export interface DeviceFare {
  readonly health: Health;
  readonly message?: string;
}

interface Known extends DeviceFare {
  readonly untilMs: number;
}

/** What a driver said of a device counts for this long, unless it says for how long. */
const TIMEOUT_SECONDS = 30;
const MESSAGE_MAX = 1024;
/** Devices of one driver that are known; those it named last. A node's slices name fewer. */
const DEVICES_MAX = 4_096;
const NAMES: Readonly<Record<number, Health>> = { [HealthStatus.UNKNOWN]: "Unknown", [HealthStatus.HEALTHY]: "Healthy", [HealthStatus.UNHEALTHY]: "Unhealthy" };

/** How devices fare, by what their drivers said last. */
export class DeviceHealthBook {
  readonly #onChange: () => void;
  readonly #known = new Map<string, Map<string, Known>>();

  /** Calls back when a device fares differently. */
  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** A driver's report: of devices that it leaves out, its last word holds for its time. */
  tell(driver: string, devices: readonly DeviceHealth[], nowMs: number): void {
    const before = this.#known.get(driver) ?? new Map<string, Known>();
    const told = devices.slice(-DEVICES_MAX).map(({ device, health, message, healthCheckTimeoutSeconds }): [string, Known] => [
      keyOf(device?.poolName ?? "", device?.deviceName ?? ""),
      {
        health: NAMES[health] ?? "Unknown",
        ...(message === "" ? {} : { message: message.length > MESSAGE_MAX ? `${message.slice(0, MESSAGE_MAX - 3)}...` : message }),
        untilMs: nowMs + (Number(healthCheckTimeoutSeconds) || TIMEOUT_SECONDS) * 1000,
      },
    ]);
    const isTold = new Set(told.map(([key]) => key));
    const others = [...before].filter(([key, { untilMs }]) => untilMs >= nowMs && !isTold.has(key));
    const now = new Map([...others, ...told].slice(-DEVICES_MAX));
    this.#known.set(driver, now);
    if (before.size !== now.size || [...now].some(([key, { health, message }]) => before.get(key)?.health !== health || before.get(key)?.message !== message))
      this.#onChange();
  }

  of(driver: string, pool: string, device: string, nowMs: number): DeviceFare {
    const known = this.#known.get(driver)?.get(keyOf(pool, device));
    if (known === undefined || known.untilMs < nowMs) return { health: "Unknown" };
    const { untilMs: _until, ...fare } = known;
    return fare;
  }
}

const keyOf = (pool: string, device: string) => `${pool}/${device}`;

/** A device that a pod has, as its status names it. */
export interface HeldDevice extends DeviceFare {
  readonly id: string;
}

/** What a container's status says of the devices behind its claims; undefined for containers without any. */
export function resourcesStatus(
  { resources }: Container,
  held: (claim: string, request: string | undefined) => readonly HeldDevice[],
): ContainerStatus["allocatedResourcesStatus"] {
  const told = (resources?.claims ?? []).map(({ name, request }) => ({
    name: `claim:${name}${request === undefined ? "" : `/${request}`}`,
    resources: oncePerId(held(name, request)).map(({ id, ...fare }) => ({ resourceID: id, ...fare })),
  }));
  const known = told.filter(({ resources }) => resources.length > 0);
  return known.length === 0 ? undefined : known;
}

/** Several devices may be one to the container. */
function oncePerId(devices: readonly HeldDevice[]): readonly HeldDevice[] {
  return devices.filter(({ id }, index) => devices.findIndex((other) => other.id === id) === index);
}
