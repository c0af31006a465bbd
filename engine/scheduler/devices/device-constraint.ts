import { jsonEqual } from "../../lib/freeze.ts";
import type { Device, DeviceAttribute, DeviceConstraint } from "../../resources/types.ts";

/** One thing that must hold for a claim's devices together, while devices are tried out; what was added last is taken back first. */
export class AttributeConstraint {
  readonly #attribute: string;
  readonly #isDistinct: boolean;
  readonly #requests: ReadonlySet<string>;
  readonly #values: DeviceAttribute[] = [];

  constructor({ requests = [], matchAttribute, distinctAttribute }: DeviceConstraint) {
    this.#attribute = matchAttribute ?? distinctAttribute ?? "";
    this.#isDistinct = matchAttribute === undefined;
    this.#requests = new Set(requests);
  }

  /** Whether it is about the devices of a request, or of one of its alternatives. */
  concerns(request: string, alternative: string | undefined): boolean {
    return this.#requests.size === 0 || this.#requests.has(request) || (alternative !== undefined && this.#requests.has(`${request}/${alternative}`));
  }

  /** Adds a device, unless that breaks the constraint. */
  add(driver: string, device: Device): boolean {
    const value = attributeOf(driver, device, this.#attribute);
    if (value === undefined) return false;
    const holds = this.#isDistinct ? !this.#values.some((other) => jsonEqual(other, value)) : this.#values.every((other) => jsonEqual(other, value));
    if (holds) this.#values.push(value);
    return holds;
  }

  takeBack(): void {
    this.#values.pop();
  }
}

/** Attributes of the driver's own domain may be written without it. */
function attributeOf(driver: string, { attributes = {} }: Device, name: string): DeviceAttribute | undefined {
  return attributes[name] ?? (name.startsWith(`${driver}/`) ? attributes[name.slice(driver.length + 1)] : undefined);
}
