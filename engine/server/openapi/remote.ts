import { jsonEqual } from "../../lib/freeze.ts";
import { requireDepth } from "../../lib/json-depth.ts";
import type { RemoteVersion } from "../aggregation/aggregator.ts";

type Json = Readonly<Record<string, unknown>>;

/** The parts of an OpenAPI document of version 2 that grow with each server behind this one. */
export interface OpenApiV2Parts {
  readonly paths: Json;
  readonly definitions: Json;
}

const PREFIX = "#/definitions/";
const PARAMETER_PREFIX = "#/parameters/";

/** What parameters that are said once may make of a document, in characters. Real servers repeat some dozens of words. */
const PARAMETERS_LENGTH_MAX = 16 << 20;

/** The type that has a name already; undefined for a name that is free. */
export type TakenTypes = (name: string) => unknown;

/** Resolves when the next path or type may be looked at. */
export type NextTurn = () => Promise<void>;

/**
 * What another server says of the paths that it answers for, with the types that these use. Of a server whose document goes deeper, or
 * becomes longer, than any that describes an API, nothing is taken: the others' stays whole. Others have their turns meanwhile.
 */
export async function remoteV2(
  { group, version, documents }: Pick<RemoteVersion, "group" | "version" | "documents">,
  taken: TakenTypes,
  next: NextTurn = async () => {},
): Promise<OpenApiV2Parts> {
  const document = parsed(documents?.openApiV2?.body);
  try {
    const whole = wholeParameters(objectAt(document, "parameters"));
    const paths: Record<string, unknown> = {};
    for (const [path, item] of Object.entries(objectAt(document, "paths"))) {
      if (!path.startsWith(`/apis/${group}/${version}/`)) continue;
      await next();
      paths[path] = whole(item);
    }
    return await withFreeNames({ paths, definitions: objectAt(document, "definitions") }, taken, next);
  } catch (error) {
    if (error instanceof RangeError) return { paths: {}, definitions: {} };
    throw error;
  }
}

/** Paths with those of the types that they use. A type whose name stands for another one already gets a number. */
export async function withFreeNames({ paths, definitions }: OpenApiV2Parts, taken: TakenTypes, next: NextTurn = async () => {}): Promise<OpenApiV2Parts> {
  const names = new Map<string, string>();
  let isSame = true;
  for (const name of await reachable(paths, definitions, next)) {
    await next();
    const free = freeName(name, definitions[name], taken);
    names.set(name, free);
    isSame &&= free === name;
  }
  // Nearly always: of a document of some megabytes a copy costs a tenth of a second.
  const renamed = (value: unknown) => (isSame ? value : withReferences(value, (name) => names.get(name) ?? name));
  const whole: Record<string, unknown> = {};
  for (const [path, item] of Object.entries(paths)) {
    await next();
    whole[path] = renamed(item);
  }
  const types = new Map<string, unknown>(); // whatever they are called
  for (const [name, newName] of names) {
    await next();
    types.set(newName, renamed(definitions[name]));
  }
  return { paths: whole, definitions: Object.fromEntries(types) };
}

/**
 * Puts parameters that the document says once where it refers to them: names of equal ones differ between servers. Throws a RangeError when
 * that makes it longer than is allowed.
 */
function wholeParameters(parameters: Json): (value: unknown) => unknown {
  const lengths = new Map<string, number>();
  let left = PARAMETERS_LENGTH_MAX;
  const parameter = (name: string): unknown => {
    if (!Object.hasOwn(parameters, name)) return undefined;
    const length = lengths.get(name) ?? JSON.stringify(parameters[name]).length;
    lengths.set(name, length);
    if ((left -= length) < 0) throw new RangeError("the document repeats its parameters too often");
    return parameters[name];
  };
  const whole = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(whole);
    if (typeof value !== "object" || value === null) return value;
    const { $ref: reference } = value as Json; // an object
    if (typeof reference === "string" && reference.startsWith(PARAMETER_PREFIX)) return parameter(reference.slice(PARAMETER_PREFIX.length)) ?? value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, whole(part)]));
  };
  return whole;
}

function parsed(body: Buffer | undefined): Json {
  try {
    const text = (body ?? Buffer.alloc(0)).toString("utf8");
    requireDepth(text);
    return object(JSON.parse(text));
  } catch {
    return {}; // a server that does not describe what it serves still serves it
  }
}

/** All types that are named, directly or by others. */
async function reachable(paths: Json, types: Json, next: NextTurn): Promise<ReadonlySet<string>> {
  const found = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== "object" || value === null) return;
    for (const key in value) {
      const part = (value as Json)[key]; // an object, or a list by its indexes
      if (key !== "$ref" || typeof part !== "string" || !part.startsWith(PREFIX)) visit(part);
      else if (Object.hasOwn(types, part.slice(PREFIX.length))) found.add(part.slice(PREFIX.length));
    }
  };
  for (const path in paths) {
    await next();
    visit(paths[path]);
  }
  // A set goes on to what is added to it on the way.
  for (const name of found) {
    await next();
    visit(types[name]);
  }
  return found;
}

function freeName(name: string, type: unknown, taken: TakenTypes): string {
  for (let number = 1; ; number++) {
    const free = number === 1 ? name : `${name}_v${number}`;
    const known = taken(free);
    if (known === undefined || jsonEqual(known, type)) return free;
  }
}

function withReferences(value: unknown, rename: (name: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => withReferences(item, rename));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key,
      key === "$ref" && typeof part === "string" && part.startsWith(PREFIX) ? PREFIX + rename(part.slice(PREFIX.length)) : withReferences(part, rename),
    ]),
  );
}

function objectAt(from: Json, name: string): Json {
  return object(from[name]);
}

function object(value: unknown): Json {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Json) : {}; // looked at just now
}
