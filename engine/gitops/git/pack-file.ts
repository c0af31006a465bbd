import { promises as fs } from "node:fs";
import { BoundedCache } from "../../lib/bounded-cache.ts";
import { Turns } from "../../lib/turns.ts";
import type { FileWindows } from "./file-windows.ts";
import { deflatedBytesMax, inflateBeginning, inflateExactly, OBJECT_BYTES_MAX, OversizedObject, type ObjectType, type StoredObject } from "./stored-object.ts";

/** Formats: https://git-scm.com/docs/pack-format. */
const INDEX_MAGIC = 0xff744f63;
const FANOUT_AT = 8;
const IDS_AT = FANOUT_AT + 256 * 4;
const ID_BYTES = 20;
/** Of an index, for each object: its id, a checksum and an offset. */
const ENTRY_BYTES = ID_BYTES + 4 + 4;
/** Checksums of the pack and of the index. */
const TRAILER_BYTES = 2 * ID_BYTES;
const OFS_DELTA = 6;
const REF_DELTA = 7;
const TYPES: Readonly<Record<number, ObjectType>> = { 1: "commit", 2: "tree", 3: "blob", 4: "tag" };
/** What is read of an entry at first: its type, length and base, and most entries to their end. */
const ENTRY_HEAD_BYTES = 4_096;
/** The lengths at the beginning of a delta are within so much of it. */
const DELTA_HEAD_BYTES = 512;
/** Git makes no longer chains of deltas. */
const CHAIN_MAX = 4_096;
/** All that the deltas of one chain may make together: that is some time's work. */
const CHAIN_BYTES_MAX = 64 * OBJECT_BYTES_MAX;
/** After so much of it everything else has its turn. */
const BYTES_PER_TURN = 4 << 20;
/** Bases that others are told by, which are mostly trees. */
const BASES_KEPT = 256;
const BASE_BYTES_MAX = 64 << 10;

/** An entry of a pack: an object, or how it differs from another one. */
interface Entry {
  readonly type: number;
  /** Of what is deflated. */
  readonly bytes: number;
  /** Where that begins. */
  readonly at: number;
  /** Of a delta: the entry, or the object, that it changes. */
  readonly base: number | string | undefined;
  /** Its beginning, and what may follow it. */
  readonly head: Buffer;
}

/** One pack with its index. Objects are read by their place; nothing of them is kept but short bases. */
export class PackFile {
  readonly #path: string;
  readonly #index: Buffer;
  readonly #count: number;
  readonly #windows: FileWindows;
  readonly #bases = new BoundedCache<StoredObject>(BASES_KEPT);

  private constructor(path: string, index: Buffer, count: number, windows: FileWindows) {
    this.#path = path;
    this.#windows = windows;
    this.#index = index;
    this.#count = count;
  }

  /** What is no whole index of Git's second version is broken. */
  static async open(indexPath: string, windows: FileWindows): Promise<PackFile | "broken" | "gone"> {
    const index = await fs.readFile(indexPath).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    });
    if (index === undefined) return "gone";
    if (index.length < IDS_AT || index.readUInt32BE(0) !== INDEX_MAGIC || index.readUInt32BE(4) !== 2) return "broken";
    const count = index.readUInt32BE(FANOUT_AT + 255 * 4);
    if (index.length < IDS_AT + count * ENTRY_BYTES + TRAILER_BYTES) return "broken";
    return new PackFile(indexPath.replace(/\.idx$/, ".pack"), index, count, windows);
  }

  /** Where an object begins; undefined when it is not here. */
  find(id: string): number | undefined {
    const wanted = Buffer.from(id, "hex");
    const first = wanted[0] ?? 0;
    let low = first === 0 ? 0 : this.#index.readUInt32BE(FANOUT_AT + (first - 1) * 4);
    let high = this.#index.readUInt32BE(FANOUT_AT + first * 4);
    while (low < high) {
      const middle = (low + high) >>> 1;
      const at = IDS_AT + middle * ID_BYTES;
      const order = this.#index.compare(wanted, 0, ID_BYTES, at, at + ID_BYTES);
      if (order === 0) return this.#offsetOf(middle);
      if (order < 0) low = middle + 1;
      else high = middle;
    }
    return undefined;
  }

  /** The object that begins there. `readBase` reads bases that are not in this pack. Rejects for what is broken, and with an OversizedObject. */
  read(id: string, offset: number, readBase: (id: string) => Promise<StoredObject>): Promise<StoredObject> {
    return this.#resolve(id, offset, readBase, (at, bytes) => this.#windows.read(this.#path, at, bytes));
  }

  /** First the way down to an object that stands for itself, then the changes one after the other. */
  async #resolve(id: string, offset: number, readBase: (id: string) => Promise<StoredObject>, read: ReadPart): Promise<StoredObject> {
    const deltas: { readonly entry: Entry; readonly offset: number }[] = [];
    let current: StoredObject | undefined;
    for (let at: number | string = offset; current === undefined;) {
      current = typeof at === "string" ? await readBase(at) : this.#bases.get(String(at));
      if (current !== undefined || typeof at === "string") continue;
      const entry = await readEntry(id, at, read);
      if (entry.base === undefined) {
        const type = TYPES[entry.type];
        if (type === undefined) throw new Error(`object ${id} is broken: it has the type ${entry.type}`);
        current = this.#keep(at, { type, content: await inflateEntry(entry, read) });
        continue;
      }
      deltas.push({ entry, offset: at });
      if (deltas.length > CHAIN_MAX) throw new Error(`object ${id} is made of more than ${CHAIN_MAX} others`);
      at = typeof entry.base === "string" ? (this.find(entry.base) ?? entry.base) : entry.base;
    }
    const turns = new Turns(BYTES_PER_TURN);
    let work = 0;
    for (const { entry, offset: at } of deltas.reverse()) {
      const content = applyDelta(id, current.content, await inflateEntry(entry, read));
      current = this.#keep(at, { type: current.type, content });
      work += entry.bytes + content.length;
      if (work > CHAIN_BYTES_MAX) throw new Error(`object ${id} takes more work than any object is worth`);
      await turns.next(entry.bytes + content.length);
    }
    return current;
  }

  #keep(offset: number, object: StoredObject): StoredObject {
    if (object.content.length <= BASE_BYTES_MAX) this.#bases.set(String(offset), object);
    return object;
  }

  #offsetOf(position: number): number {
    const offsetsAt = IDS_AT + this.#count * (ID_BYTES + 4);
    const offset = this.#index.readUInt32BE(offsetsAt + position * 4);
    if (offset < 2 ** 31) return offset;
    return Number(this.#index.readBigUInt64BE(offsetsAt + this.#count * 4 + (offset - 2 ** 31) * 8));
  }
}

/** A part of the pack, or as much of it as there is. */
type ReadPart = (at: number, bytes: number) => Promise<Buffer>;

/** Rejects with an OversizedObject for an entry that is one, or makes one. */
async function readEntry(id: string, offset: number, read: ReadPart): Promise<Entry> {
  const head = await read(offset, ENTRY_HEAD_BYTES);
  const reader = new HeadReader(head);
  const first = reader.byte();
  const type = (first >> 4) & 7;
  const bytes = first < 0x80 ? first & 15 : (first & 15) + reader.size() * 16;
  let base: number | string | undefined;
  if (type === OFS_DELTA) base = offset - reader.distance();
  else if (type === REF_DELTA) base = reader.take(ID_BYTES).toString("hex");
  if (typeof base === "number" && base < 0) throw new Error(`object ${id} is broken`);
  const entry = { type, bytes, at: offset + reader.at, base, head: head.subarray(reader.at) };
  const result = base === undefined ? bytes : resultOf(entry.head.subarray(0, DELTA_HEAD_BYTES));
  if (Math.max(bytes, result) > OBJECT_BYTES_MAX) throw new OversizedObject(id, Math.max(bytes, result));
  return entry;
}

async function inflateEntry({ at, bytes, head }: Entry, read: ReadPart): Promise<Buffer> {
  const length = deflatedBytesMax(bytes);
  return inflateExactly(length <= head.length ? head : await read(at, length), bytes);
}

/** How long what a delta makes is: its second number. */
function resultOf(deflated: Buffer): number {
  const reader = new HeadReader(inflateBeginning(deflated));
  reader.size();
  return reader.size();
}

/** Throws for a delta that is of another base, or leaves it. */
function applyDelta(id: string, base: Buffer, delta: Buffer): Buffer {
  const reader = new HeadReader(delta);
  const [from, to] = [reader.size(), reader.size()];
  if (from !== base.length || to > OBJECT_BYTES_MAX) throw new Error(`object ${id} is broken: its delta is of another base`);
  const made = Buffer.allocUnsafe(to);
  let length = 0;
  while (reader.at < delta.length) {
    const step = reader.byte();
    const part = step < 0x80 ? reader.take(step) : copied(base, reader, step);
    if (step === 0 || part.length > to - length) throw new Error(`object ${id} is broken: its delta makes another length`);
    length += part.copy(made, length);
  }
  if (length !== to) throw new Error(`object ${id} is broken: its delta makes another length`);
  return made;
}

function copied(base: Buffer, reader: HeadReader, step: number): Buffer {
  let [offset, size] = [0, 0];
  for (let bit = 0; bit < 4; bit++) if (step & (1 << bit)) offset += reader.byte() * 2 ** (8 * bit);
  for (let bit = 0; bit < 3; bit++) if (step & (16 << bit)) size += reader.byte() * 2 ** (8 * bit);
  if (size === 0) size = 0x10000;
  if (offset + size > base.length) throw new Error("a delta goes beyond its base");
  return base.subarray(offset, offset + size);
}

/** Reads numbers as packs write them. Throws at the end. */
class HeadReader {
  readonly #bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  byte(): number {
    const value = this.#bytes[this.at++];
    if (value === undefined) throw new Error("a pack ends in the middle of an object");
    return value;
  }

  take(bytes: number): Buffer {
    const part = this.#bytes.subarray(this.at, this.at + bytes);
    if (part.length < bytes) throw new Error("a pack ends in the middle of an object");
    this.at += bytes;
    return part;
  }

  /** Seven bits in each byte, the lowest first. */
  size(): number {
    let [value, factor] = [0, 1];
    for (;;) {
      const byte = this.byte();
      value += (byte & 0x7f) * factor;
      if (byte < 0x80) return value;
      factor *= 128;
    }
  }

  /** Seven bits in each byte, the highest first, and one more for each byte that follows. */
  distance(): number {
    let byte = this.byte();
    let value = byte & 0x7f;
    while (byte >= 0x80) {
      byte = this.byte();
      value = (value + 1) * 128 + (byte & 0x7f);
    }
    return value;
  }
}
