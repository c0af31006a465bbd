import { jsonEqual } from "../../lib/freeze.ts";
import { JsonDepthError, requireValueDepth } from "../../lib/json-depth.ts";
import { goJsonType } from "../go-text.ts";
import { badRequest, StatusError } from "../status-error.ts";

const OPERATIONS_MAX = 10_000;
/** Upstream's bound for what all `copy` operations of a patch may add, in bytes of JSON: a few of them could double an object each. */
const COPIED_BYTES_MAX = 3 * 1024 * 1024;

/** How many items all operations of a patch may have to be put aside by: an item in front of a list moves all the others. */
const MOVED_ITEMS_MAX = 50_000_000;

const OPERATION_FIELDS: ReadonlySet<string> = new Set(["op", "path", "from", "value"]);

/** What a patch makes of a document. */
export interface PatchedJson {
  readonly value: unknown;
  /**
   * The same with its keys in the order in which upstream's library writes them: in maps that operations went through by name, elsewhere as
   * they were given.
   */
  readonly inOrder: () => unknown;
}

export type JsonPatchOutcome = ({ readonly is: "patched" } & PatchedJson) | { readonly is: "test failed" } | { readonly is: "failed"; readonly why: string };

/**
 * JSON patch (RFC 6902), as the library that upstream uses has it (json-patch v4): all operations or none, neither argument is changed, and
 * `replace` of a key that is not there sets it. What is no list is a 400; what does not fit is upstream's 422; too many operations, by
 * themselves or for such long lists, are a 413.
 */
export function applyJsonPatch(target: unknown, operations: unknown): unknown {
  return patchJson(target, operations).value;
}

/** The same, for those who have to know the order of keys. */
export function patchJson(target: unknown, operations: unknown): PatchedJson {
  const outcome = tryJsonPatch(target, operations);
  if (outcome.is === "patched") return outcome;
  throw new StatusError("Invalid", "the server rejected our request due to an error in our request", {});
}

/** The fields of its operations that a JSON patch should not have, such as `[0].foo`. Throws upstream's 400 for what strict decoding cannot read. */
export function unknownOperationFields(operations: unknown): readonly string[] {
  const misread = (value: unknown, where: string) => badRequest(`error decoding patch: json: cannot unmarshal ${goJsonType(value)} into Go ${where}`);
  if (!Array.isArray(operations)) throw misread(operations, "value of type []handlers.jsonPatchOp");
  return (operations as readonly unknown[]).flatMap((operation, index) => {
    if (operation === null) return [];
    if (typeof operation !== "object" || Array.isArray(operation)) throw misread(operation, "value of type handlers.jsonPatchOp");
    const fields = operation as JsonMap; // an object, see above
    for (const field of ["op", "path", "from"]) {
      const value = fields[field];
      if (value !== undefined && value !== null && typeof value !== "string") throw misread(value, `struct field jsonPatchOp.${field} of type string`);
    }
    return Object.keys(fields)
      .filter((field) => !OPERATION_FIELDS.has(field))
      .map((field) => `[${index}].${field}`);
  });
}

/** The same, for those who tell a failed test from a patch that does not fit. What is no list and too many operations are thrown. */
export function tryJsonPatch(target: unknown, operations: unknown): JsonPatchOutcome {
  if (!Array.isArray(operations)) throw badRequest(`json: cannot unmarshal ${goJsonType(operations)} into Go value of type jsonpatch.Patch`);
  if (operations.length > OPERATIONS_MAX)
    throw new StatusError(
      "RequestEntityTooLarge",
      `Request entity too large: The allowed maximum operations in a JSON patch is ${OPERATIONS_MAX}, got ${operations.length}`,
    );
  try {
    const document = new PatchedDocument(target);
    for (const operation of operations as readonly unknown[]) document.apply(operation);
    requireValueDepth(document.value); // operations that are flat each can make something deep together
    return { is: "patched", value: document.value, inOrder: () => document.inOrder() };
  } catch (error) {
    if (error instanceof TestFailed) return { is: "test failed" };
    if (error instanceof PatchError || error instanceof JsonDepthError) return { is: "failed", why: error.message };
    if (error instanceof RangeError) return { is: "failed", why: new JsonDepthError().message }; // on the way it was deeper than the stack
    throw error;
  }
}

class PatchError extends Error {}
class TestFailed extends Error {}

type JsonMap = Record<string, unknown>;
type Container = JsonMap | unknown[];

/** A place: the map or list that holds it, and its key in there. */
interface Place {
  readonly container: Container;
  readonly key: string;
}

class PatchedDocument {
  value: unknown;
  #copiedBytes = 0;
  #movedItems = 0;
  /** What operations went through: upstream's library reads only that into maps, which know no order. */
  readonly #opened = new Set<unknown>();

  constructor(target: unknown) {
    this.value = copyOf(target);
    this.#opened.add(this.value);
  }

  inOrder(value = this.value): unknown {
    if (Array.isArray(value)) return value.map((item) => this.inOrder(item));
    if (!isContainer(value)) return value;
    const entries = Object.entries(value);
    const ordered = this.#opened.has(value) ? entries.sort(([a], [b]) => (a < b ? -1 : 1)) : entries;
    return Object.fromEntries(ordered.map(([key, item]) => [key, this.inOrder(item)]));
  }

  apply(operation: unknown): void {
    if (typeof operation !== "object" || operation === null || Array.isArray(operation))
      throw badRequest(`json: cannot unmarshal ${goJsonType(operation)} into Go value of type jsonpatch.Operation`);
    const { op, path, from, value } = operation as JsonMap; // an object, see above
    const verb = typeof op === "string" ? op : "unknown";
    if (path === "" && (verb === "test" || verb === "replace")) return this.#applyToAll(verb, value);
    const place = this.#find(verb, path, verb === "move" || verb === "copy" ? "destination" : "path");
    switch (verb) {
      case "add":
        return add(place, copyOf(value ?? null));
      case "remove":
        return remove(place);
      case "replace":
        return replace(place, copyOf(value ?? null));
      case "test":
        if (!jsonEqual(read(place) ?? null, value ?? null)) throw new TestFailed();
        return this.#openAll(read(place));
      case "move": {
        const source = this.#find(verb, from, "path");
        const moved = read(source);
        remove(source);
        return add(this.#find(verb, path, "destination"), moved);
      }
      case "copy": {
        const copied = read(this.#find(verb, from, "path")) ?? null;
        this.#copiedBytes += Buffer.byteLength(JSON.stringify(copied));
        if (this.#copiedBytes > COPIED_BYTES_MAX)
          throw new PatchError(`the accumulated size increase of copy operations is over the limit of ${COPIED_BYTES_MAX} bytes`);
        return add(place, this.inOrder(copied));
      }
      default:
        throw new PatchError(`Unexpected kind: ${verb}`);
    }
  }

  /** Nothing else can be done with the document as a whole. */
  #applyToAll(verb: "test" | "replace", value: unknown): void {
    if (verb === "test") {
      if (!jsonEqual(this.value, value ?? null)) throw new TestFailed();
      return this.#openAll(this.value);
    }
    if (!isContainer(value)) throw new PatchError("replace operation value must be object or array");
    this.value = copyOf(value);
    this.#opened.add(this.value);
  }

  #openAll(value: unknown): void {
    if (!isContainer(value)) return;
    this.#opened.add(value);
    for (const item of Object.values(value)) this.#openAll(item);
  }

  /** Throws when there is nothing that could hold the place. */
  #find(verb: string, pointer: unknown, what: "path" | "destination"): Place {
    const missing = () => new PatchError(`${verb} operation does not apply: doc is missing ${what}: ${JSON.stringify(pointer ?? "")}`);
    if (typeof pointer !== "string" || !pointer.includes("/")) throw missing();
    const parts = pointer
      .split("/")
      .slice(1)
      .map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
    const key = parts.pop() ?? "";
    let container: unknown = this.value;
    for (const part of parts) {
      if (!isContainer(container)) throw missing();
      container = Array.isArray(container) ? container[indexOf(container, part, container.length)] : own(container, part);
      this.#opened.add(container);
    }
    if (!isContainer(container)) throw missing();
    if (Array.isArray(container) && key !== "-") this.#movedItems += container.length;
    if (this.#movedItems > MOVED_ITEMS_MAX)
      throw new StatusError(
        "RequestEntityTooLarge",
        "Request entity too large: the operations of the JSON patch go through lists that are too long for so many",
      );
    if (key === "__proto__") throw new PatchError("__proto__ may not be used as a key");
    return { container, key };
  }
}

/**
 * A copy in which every place has its own maps and lists. What is handed over in this process may have one in several places, such as the
 * labels of a ReplicaSet and of its pods, and an operation on one of them is none on the others.
 */
function copyOf(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(copyOf);
  return isContainer(value) ? Object.fromEntries(Object.entries(value).map(([key, item]) => [key, copyOf(item)])) : value;
}

function read({ container, key }: Place): unknown {
  return Array.isArray(container) ? container[indexOf(container, key, container.length)] : own(container, key);
}

function add({ container, key }: Place, value: unknown): void {
  if (!Array.isArray(container)) container[key] = value;
  else if (key === "-") container.push(value);
  else container.splice(indexOf(container, key, container.length + 1), 0, value);
}

function replace({ container, key }: Place, value: unknown): void {
  if (Array.isArray(container)) container[indexOf(container, key, container.length)] = value;
  else container[key] = value;
}

function remove({ container, key }: Place): void {
  if (Array.isArray(container)) container.splice(indexOf(container, key, container.length), 1);
  else if (Object.hasOwn(container, key)) delete container[key];
  else throw new PatchError(`remove operation does not apply: Unable to remove nonexistent key: ${key}`);
}

/** Negative ones count from the end. */
function indexOf(list: readonly unknown[], text: string, bound: number): number {
  const index = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
  const found = index < 0 ? index + bound : index;
  if (!(found >= 0 && found < bound)) throw new PatchError(`Unable to access invalid index: ${text} of a list of ${list.length}`);
  return found;
}

function own(map: JsonMap, key: string): unknown {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}

function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}
