import { doPortsClash } from "../../resources/host-ports.ts";
import type { FilterPlugin } from "../plugin.ts";

/** A host port can be used once per address and protocol; 0.0.0.0 clashes with every address. */
export const nodePorts: FilterPlugin = {
  name: "NodePorts",
  test: ({ ports }, { usedPorts }) =>
    ports.some((wanted) => usedPorts.some((used) => doPortsClash(wanted, used))) ? ["node(s) didn't have free ports for the requested pod ports"] : undefined,
  wokenBy: (event, { ports }) =>
    event.is === "node-added" || (event.is === "pod-removed" && event.pod.ports.some((freed) => ports.some((wanted) => doPortsClash(wanted, freed)))),
};
