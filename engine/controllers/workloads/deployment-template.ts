import { createHash } from "node:crypto";
import { newControllerRef } from "../../apimachinery/owner-references.ts";
import { jsonEqual } from "../../lib/freeze.ts";
import { withOneAccount } from "../../resources/pod-template.ts";
import type { Deployment, PodTemplateSpec, ReplicaSet } from "../../resources/types.ts";
import { HASH_LABEL, inheritedAnnotations, REVISION_ANNOTATION } from "./deployment-annotations.ts";
import { sizeAnnotations } from "./deployment-rollout.ts";

const HASH_ALPHABET = "bcdfghjklmnpqrstvwxz2456789";
const HASH_LENGTH = 10;
const NAME_MAX = 253;

/** The set for the Deployment's current template. Its name carries a hash of the template and of past collisions. */
export function newReplicaSet(deployment: Deployment, revision: string, replicas: number): ReplicaSet {
  const { selector, template, minReadySeconds } = deployment.spec;
  const hash = templateHash(template, deployment.status?.collisionCount ?? 0);
  const labels = { ...template.metadata?.labels, [HASH_LABEL]: hash };
  return {
    apiVersion: "apps/v1",
    kind: "ReplicaSet",
    metadata: {
      name: `${(deployment.metadata.name ?? "").slice(0, NAME_MAX - HASH_LENGTH - 1)}-${hash}`,
      namespace: deployment.metadata.namespace ?? "",
      labels,
      annotations: { ...inheritedAnnotations(deployment), [REVISION_ANNOTATION]: revision, ...sizeAnnotations(deployment) },
      ownerReferences: [newControllerRef(deployment)],
    },
    spec: {
      replicas,
      ...(minReadySeconds === undefined ? {} : { minReadySeconds }),
      selector: { ...selector, matchLabels: { ...selector.matchLabels, [HASH_LABEL]: hash } },
      template: { ...template, metadata: { ...template.metadata, labels } },
    },
  };
}

/** Templates are equal when they differ in nothing but the hash label that the system adds. */
export function sameTemplate(a: PodTemplateSpec | undefined, b: PodTemplateSpec | undefined): boolean {
  return jsonEqual(withoutHash(a), withoutHash(b));
}

/** Stable over restarts and releases: a function of the template's content alone, however its object was built. */
export function templateHash(template: PodTemplateSpec, collisions: number): string {
  const digest = createHash("sha256").update(stableText(template)).update(String(collisions)).digest();
  return [...digest.subarray(0, HASH_LENGTH)].map((byte) => HASH_ALPHABET[byte % HASH_ALPHABET.length]).join("");
}

function withoutHash(template: PodTemplateSpec | undefined): unknown {
  const { [HASH_LABEL]: _hash, ...labels } = template?.metadata?.labels ?? {};
  return { ...(template === undefined ? {} : comparableTemplate(template)), metadata: { ...template?.metadata, labels } };
}

/** What was stored before the two names of an account were one is no other template for that: nothing is rolled out when it is written anew. */
export function comparableTemplate(template: PodTemplateSpec): PodTemplateSpec {
  return template.spec === undefined ? template : { ...template, spec: withOneAccount(template.spec) };
}

/** JSON with sorted keys. */
export function stableText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(stableText).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value).filter(([, field]) => field !== undefined);
  return `{${fields
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, field]) => `${JSON.stringify(key)}:${stableText(field)}`)
    .join(",")}}`;
}
