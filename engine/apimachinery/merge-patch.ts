import { badRequest } from "./status-error.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * JSON merge patch (RFC 7386), copying only what changes; a patch that changes nothing returns the target itself.
 * Throws BadRequest for keys that would reach an object's prototype.
 */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const base: JsonObject = isObject(target) ? target : {};
  let copy: Record<string, unknown> | undefined = isObject(target) ? undefined : {};
  for (const key of Object.keys(patch)) {
    if (key === "__proto__") throw badRequest('a patch may not set "__proto__"');
    const value = patch[key];
    const exists = Object.hasOwn(base, key);
    if (value === null) {
      if (exists) delete (copy ??= { ...base })[key];
      continue;
    }
    const before = exists ? base[key] : undefined;
    const merged = applyMergePatch(before, value);
    if (!exists || merged !== before) (copy ??= { ...base })[key] = merged;
  }
  return copy ?? base;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
