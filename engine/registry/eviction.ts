import type { DeleteOptions } from "../apimachinery/api-request.ts";
import { withCondition } from "../apimachinery/conditions.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import type { Schema } from "../apimachinery/schema.ts";
import { loadSchema } from "../resources/load-schema.ts";
import type { Pod } from "../resources/types.ts";
import type { Decodable } from "./decode-object.ts";

/** policy/v1 Eviction: a delete that a disruption budget may refuse; see disruption-budget.ts. */
export interface Eviction extends KubeObject {
  readonly deleteOptions?: DeleteOptionsBody;
}

/** meta/v1 DeleteOptions, as bodies carry it. */
export interface DeleteOptionsBody {
  readonly gracePeriodSeconds?: number;
  readonly propagationPolicy?: string;
  readonly preconditions?: DeleteOptions["preconditions"];
  readonly orphanDependents?: boolean;
  readonly dryRun?: readonly string[];
}

const metaFile = "meta/v1/meta.yaml";

const evictionSchema: Schema = {
  type: "object",
  title: "Eviction",
  description: "Asks for a pod to be removed, unless that would break what others need.",
  required: ["metadata"],
  properties: {
    apiVersion: { type: "string", description: "Group and version of this kind." },
    kind: { type: "string", description: "Name of this kind." },
    metadata: annotated(loadSchema(metaFile, "ObjectMeta"), { description: "Names the pod.", "x-protobuf-tag": 1 }),
    deleteOptions: annotated(loadSchema(metaFile, "DeleteOptions"), { description: "How the pod is to be deleted.", "x-protobuf-tag": 2 }),
  },
  "x-kubernetes-group-version-kind": [{ group: "policy", version: "v1", kind: "Eviction" }],
};

export const evictionKind: Decodable<Eviction> = { group: "policy", version: "v1", kind: "Eviction", alsoAs: ["policy/v1beta1"], schema: evictionSchema };

/** The pod with the note that it is being disrupted, which is written before it is deleted. */
export function withDisruption(pod: Pod, nowText: string): Pod {
  const conditions = withCondition(
    pod.status?.conditions,
    { type: "DisruptionTarget", status: "True", reason: "EvictionByEvictionAPI", message: "Eviction API: evicting" },
    nowText,
  );
  return { ...pod, status: { ...pod.status, conditions } };
}

/** A property of a shared type with its own annotations. */
function annotated(type: Schema, own: Partial<Schema>): Schema {
  return Object.assign(Object.create(type) as Schema, own);
}
