import { badRequest } from "../status-error.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/**
 * JSON merge patch (RFC 7386), copying only what changes; a patch that changes nothing returns the target itself. As upstream's, what
 * takes the place of anything but an object loses its nulls also in the objects of its lists.
 * Throws BadRequest for keys that would reach an object's prototype.
 */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return isObject(target) ? patch : withoutNullsInside(patch);
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

/** The very same value when it has none. */
function withoutNullsInside(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items = value.map(withoutNullsInside);
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  if (!isObject(value)) return value;
  const parts = Object.entries(value).flatMap(([name, part]): [string, unknown][] => (part === null ? [] : [[name, withoutNullsInside(part)]]));
  return parts.length === Object.keys(value).length && parts.every(([name, part]) => part === value[name]) ? value : Object.fromEntries(parts);
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
