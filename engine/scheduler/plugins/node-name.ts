import type { FilterPlugin } from "../plugin.ts";

/** A pod that names its node goes there or nowhere. */
export const nodeName: FilterPlugin = {
  name: "NodeName",
  test: ({ pod }, { name }) => (pod.spec.nodeName && pod.spec.nodeName !== name ? ["node(s) didn't match the requested node name"] : undefined),
  wokenBy: (event) => event.is === "node-added",
};
