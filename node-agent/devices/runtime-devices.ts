import type { ContainerConfig, Runtime } from "../cri/runtime.ts";
import { applyCdiDevices } from "./cdi-edits.ts";

/** The first containerd that looks CDI devices up itself. */
const CONTAINERD_MIN = [1, 7] as const;

/** A container with these CDI devices: named to a runtime that knows what they are, or else described to it. */
export async function withCdiDevices(runtime: Pick<Runtime, "describe">, config: ContainerConfig, names: readonly string[]): Promise<ContainerConfig> {
  if (names.length === 0) return config;
  return readsCdi(await runtime.describe()) ? ({ ...config, CDIDevices: names.map((name) => ({ name })) } as ContainerConfig) : applyCdiDevices(config, names); // the same message with one more list
}

function readsCdi({ name, version }: { readonly name: string; readonly version: string }): boolean {
  if (name !== "containerd") return true;
  const [major = 0, minor = 0] = version
    .replace(/^v/, "")
    .split(".")
    .map((part) => Number.parseInt(part, 10));
  return major > CONTAINERD_MIN[0] || (major === CONTAINERD_MIN[0] && minor >= CONTAINERD_MIN[1]);
}
