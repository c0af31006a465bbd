import type { HostPort } from "../node-info.ts";
import type { FilterPlugin } from "../plugin.ts";

/** A host port can be used once per address and protocol; 0.0.0.0 clashes with every address. */
export const nodePorts: FilterPlugin = {
  name: "NodePorts",
  test: ({ ports }, { usedPorts }) =>
    ports.some((wanted) => usedPorts.some((used) => clashes(wanted, used))) ? ["node(s) didn't have free ports for the requested pod ports"] : undefined,
  wokenBy: (event, { ports }) =>
    event.is === "node-added" || (event.is === "pod-removed" && event.pod.ports.some((freed) => ports.some((wanted) => clashes(wanted, freed)))),
};

function clashes(a: HostPort, b: HostPort): boolean {
  return a.port === b.port && a.protocol === b.protocol && (a.ip === b.ip || a.ip === "0.0.0.0" || b.ip === "0.0.0.0");
}
