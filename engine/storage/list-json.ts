import type { EncodedObject } from "../apimachinery/api-request.ts";
import type { KubeObject } from "../apimachinery/object-meta.ts";
import { StoredObject } from "./encoded-object.ts";

/** Bytes that are made piece by piece as they are sent: together they may be as much as all objects of a kind. */
export interface PiecewiseBytes extends Iterable<Buffer> {
  /** Of all pieces together. */
  readonly length: number;
}

export interface ListParts {
  /** What comes before the first item and after the last. */
  readonly head: string;
  readonly tail: string;
  readonly items: readonly EncodedObject[];
  /** Whether items say their kind and apiVersion. */
  readonly isTyped: boolean;
}

const PIECE_BYTES = 128 << 10;
const COMMA = ",".charCodeAt(0);

/** A list as JSON, its items separated by commas: at once where one piece is enough. Stored objects are copied from what they are kept as. */
export function joinItems(list: ListParts): Buffer | PiecewiseBytes {
  const items = list.items.map((item) => (item instanceof StoredObject ? item : madeItem(item, list.isTyped)));
  const sizes = Uint32Array.from(items, (item) => 1 + lengthOf(item, list.isTyped));
  const length = sizes.reduce((sum, size) => sum + size, 0) - Math.min(1, items.length) + Buffer.byteLength(list.head) + Buffer.byteLength(list.tail);
  const pieces = () => writePieces(list, items, sizes);
  return length <= PIECE_BYTES ? Buffer.concat([...pieces()], length) : { length, [Symbol.iterator]: pieces };
}

/** Every piece is somewhat less than its bound, unless a single object is more. */
function* writePieces({ head, tail, isTyped }: ListParts, items: readonly Item[], sizes: Uint32Array): Generator<Buffer> {
  yield Buffer.from(head);
  for (let first = 0, next = 0; first < items.length; first = next) {
    let bytes = 0;
    do bytes += sizes[next++] ?? 0;
    while (next < items.length && bytes + (sizes[next] ?? 0) <= PIECE_BYTES);
    const piece = Buffer.allocUnsafeSlow(bytes);
    let offset = 0;
    for (let index = first; index < next; index++) {
      if (index > 0) piece[offset++] = COMMA;
      offset = write(items[index]!, piece, offset, isTyped); // within bounds
    }
    yield offset === bytes ? piece : piece.subarray(0, offset);
  }
  yield Buffer.from(tail);
}

/** What is not in the store is made once, and kept until it is sent. */
type Item = StoredObject<KubeObject> | Buffer;

function madeItem(item: EncodedObject, isTyped: boolean): Buffer {
  return isTyped ? item.json() : item.itemJson();
}

function lengthOf(item: Item, isTyped: boolean): number {
  return item instanceof StoredObject ? (isTyped ? item.jsonLength : item.itemLength) : item.length;
}

function write(item: Item, target: Buffer, offset: number, isTyped: boolean): number {
  if (item instanceof StoredObject) return isTyped ? item.writeJson(target, offset) : item.writeItem(target, offset);
  return offset + item.copy(target, offset);
}
