import { createHash } from "node:crypto";
import path from "node:path";
import { readPart } from "./file-windows.ts";
import {
  BrokenObject,
  deflatedBytesMax,
  inflateBeginning,
  inflateExactly,
  OBJECT_BYTES_MAX,
  OversizedObject,
  type ObjectType,
  type StoredObject,
} from "./stored-object.ts";

/** The header is within so much: before it a stream may say how the rest is to be read. */
const HEADER_BYTES = 512;

/** The object that has a file of its own below an object folder; undefined when there is none. Rejects for what is broken, and with an OversizedObject. */
export async function readLooseObject(folder: string, id: string): Promise<StoredObject | undefined> {
  const deflated = await readUpTo(path.join(folder, id.slice(0, 2), id.slice(2)), deflatedBytesMax(OBJECT_BYTES_MAX));
  if (deflated === undefined) return undefined;
  try {
    return await inflateObject(id, deflated);
  } catch (error) {
    if (error instanceof OversizedObject) throw error;
    throw new BrokenObject(`object ${id} is broken`, { cause: error });
  }
}

async function inflateObject(id: string, deflated: Buffer): Promise<StoredObject> {
  const header = inflateBeginning(deflated.subarray(0, HEADER_BYTES));
  const end = header.indexOf(0);
  const [, type, length] = /^(commit|tree|blob|tag) (\d+)$/.exec(header.toString("latin1", 0, Math.max(end, 0))) ?? [];
  if (type === undefined) throw new Error("it has no header");
  const bytes = Number(length);
  if (bytes > OBJECT_BYTES_MAX) throw new OversizedObject(id, bytes);
  const whole = await inflateExactly(deflated, end + 1 + bytes);
  if (createHash("sha1").update(whole).digest("hex") !== id) throw new Error("its content has another name");
  return { type: type as ObjectType, content: whole.subarray(end + 1) }; // matched above
}

/** A file, no further than so many bytes; undefined when there is none. */
async function readUpTo(path: string, bytesMax: number): Promise<Buffer | undefined> {
  try {
    return await readPart(path, 0, bytesMax);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}
