import { disabledFeatures, type FeatureGates } from "../apimachinery/feature-gates.ts";
import { withMetadata } from "../apimachinery/object-copy.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { StatusError } from "../apimachinery/status-error.ts";
import { randomSuffix, type Random } from "../lib/random.ts";
import type { ResourceDefinition } from "../resources/define-resource.ts";
import { withoutDisabledFields } from "../resources/disabled-fields.ts";
import { withParts, withStrategyDefaults } from "./decode-object.ts";
import { validateCreate } from "./validate-object.ts";

export interface CreateContext {
  readonly nowText: string;
  readonly random: Random;
  /** Features of upstream's that are off; those that usually are when absent. */
  readonly disabled?: FeatureGates;
}

/** Upstream's bound: what is generated must stay a DNS label with its suffix. */
const GENERATED_BASE_MAX = 58;

/**
 * A new object as it will be stored: the server's metadata filled in, a name generated, the kind's own preparation done, all rules checked.
 * Throws a 422 for a breach of them.
 */
export function beforeCreate<T extends KubeObject>(
  definition: ResourceDefinition<T>,
  object: T,
  { nowText, random, disabled = disabledFeatures() }: CreateContext,
): T {
  const { strategy } = definition;
  const owned = withMetadata(object, {
    name: object.metadata.name || generateName(object.metadata.generateName, random),
    uid: random.uuid(),
    creationTimestamp: nowText,
    generation: strategy.hasGeneration === true ? 1 : object.metadata.generation,
    selfLink: undefined,
    deletionTimestamp: undefined,
    deletionGracePeriodSeconds: undefined,
    resourceVersion: undefined,
    ...(definition.namespaced ? {} : { namespace: undefined }),
  });
  const defaulted = withStrategyDefaults(definition, withParts(definition, withoutDisabledFields(definition, owned, undefined, disabled)));
  const prepared = strategy.prepareForCreate?.(defaulted) ?? defaulted;
  validateCreate(definition, prepared, disabled);
  return prepared;
}

/** Upstream's versions have 64 bits. */
export const VERSION_MAX = (1n << 64n) - 1n;

/** The base with a random suffix; undefined without a base. */
function generateName(base: string | undefined, random: Random): string | undefined {
  return base ? `${base.slice(0, GENERATED_BASE_MAX)}${randomSuffix(random)}` : undefined;
}

/**
 * Throws for a new object that names a version, as upstream's store does: last of all, with a 500 that has no reason. What is no version,
 * or none yet, is nobody's and is not kept.
 */
export function requireNoVersion({ metadata: { resourceVersion = "" } }: KubeObject): void {
  if (!/^\d+$/.test(resourceVersion) || /^0+$/.test(resourceVersion) || BigInt(resourceVersion) > VERSION_MAX) return;
  const message = "resourceVersion should not be set on objects to be created";
  throw StatusError.from({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Failure", message, code: 500 });
}
