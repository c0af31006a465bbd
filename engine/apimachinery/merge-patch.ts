import { badRequest } from "./status-error.ts";

type JsonObject = Readonly<Record<string, unknown>>;

/** JSON merge patch (RFC 7386), copying only what changes. Keys that would reach an object's prototype are refused. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const base: JsonObject = isObject(target) ? target : {};
  let copy: Record<string, unknown> | undefined = isObject(target) ? undefined : {};
  for (const key of Object.keys(patch)) {
    if (key === "__proto__") throw badRequest('a patch may not set "__proto__"');
    const value = patch[key];
    if (value === null) {
      if (key in (copy ?? base)) delete (copy ??= { ...base })[key];
      continue;
    }
    const merged = applyMergePatch(base[key], value);
    if (merged !== base[key] || !(key in base)) (copy ??= { ...base })[key] = merged;
  }
  return copy ?? base;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
