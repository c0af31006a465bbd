import type { KubeObject } from "../../apimachinery/object-meta.ts";
import { hasReason, StatusError } from "../../apimachinery/status-error.ts";
import type { ResourceDefinition } from "../../resources/define-resource.ts";
import type { Service } from "../../resources/types.ts";
import { ExtraConditionFailed, type ExtraWrites } from "../../storage/object-store.ts";
import type { ServerParts } from "../exchange.ts";

/** Lost races for a number before the writer is told to try again; from the fourth on only free ones are chosen. */
const CLAIM_TRIES_MAX = 20;

function isService(definition: ResourceDefinition): boolean {
  return definition.group === "" && definition.resource === "services";
}

/** Services keep the numbers they have where the writer says nothing about them. */
export function settleNumbers<T extends KubeObject>(parts: ServerParts, definition: ResourceDefinition, object: T, old: T | undefined): T {
  if (!isService(definition)) return object;
  return parts.addresses.settle(object as unknown as Service, old as unknown as Service | undefined, parts.disabled) as unknown as T; // T is Service here
}

/** The object with its numbers, and what to commit with it. */
export async function allocateNumbers<T extends KubeObject>(
  parts: ServerParts,
  definition: ResourceDefinition,
  object: T,
  old: T | undefined,
  tries: number,
  isDryRun = false,
): Promise<{ readonly object: T; readonly extra?: ExtraWrites }> {
  if (!isService(definition)) return { object };
  const { service, extra } = await parts.addresses.allocate(object as unknown as Service, old as unknown as Service | undefined, tries, isDryRun); // T is Service here
  return { object: service as unknown as T, ...(extra === undefined ? {} : { extra }) };
}

/** What to commit with a new object that gets no numbers but those that it says. */
export async function claimNumbers(
  parts: ServerParts,
  definition: ResourceDefinition,
  object: KubeObject,
  isDryRun: boolean,
): Promise<ExtraWrites | undefined> {
  return isService(definition) ? parts.addresses.claim(object as Service, isDryRun) : undefined; // checked beside it
}

export function releaseNumbers(parts: ServerParts, definition: ResourceDefinition, object: KubeObject): { readonly extra?: ExtraWrites } {
  const extra = isService(definition) ? parts.addresses.release(object as Service) : undefined; // checked beside it
  return extra === undefined ? {} : { extra };
}

/** Repeats a write whose guessed numbers were taken by another one in the meantime. */
export async function withClaimRetries<R>(write: (tries: number) => Promise<R>): Promise<R> {
  for (let tries = 0; ; tries++) {
    try {
      return await write(tries);
    } catch (error) {
      if (!(error instanceof ExtraConditionFailed) || hasReason(error)) throw error;
      if (tries === CLAIM_TRIES_MAX)
        throw new StatusError("ServerTimeout", "other Services took every address or port that was tried; try again", { retryAfterSeconds: 1 });
    }
  }
}
