import type { Dial } from "../lib/net/dial.ts";

/** What connections leave the API server for: nodes, pods and Services, or servers of the control plane. */
export type EgressName = "cluster" | "controlplane";

/** By which way they do; undefined is directly, as is what has no entry. */
export type Egress = ReadonlyMap<EgressName, Dial | undefined>;
