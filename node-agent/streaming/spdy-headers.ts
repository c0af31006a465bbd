import { constants, inflateSync } from "node:zlib";

/** What compressors of SPDY/3 have seen before the first header (SPDY Protocol – Draft 3.1, section 2.6.10.1): names and values with their lengths before them, then text. */
const NAMES = `options head post put delete trace accept accept-charset accept-encoding accept-language accept-ranges age allow authorization
  cache-control connection content-base content-encoding content-language content-length content-location content-md5 content-range content-type
  date etag expect expires from host if-match if-modified-since if-none-match if-range if-unmodified-since last-modified location max-forwards
  pragma proxy-authenticate proxy-authorization range referer retry-after server te trailer transfer-encoding upgrade user-agent vary via warning
  www-authenticate method get status 200_OK version HTTP/1.1 url public set-cookie keep-alive origin`;
const TEXT = [
  "100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505",
  "203 Non-Authoritative Information204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found",
  "500 Internal Server Error501 Not Implemented503 Service Unavailable",
  "Jan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT",
  "chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,public",
  "privatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.",
].join("");

export const HEADER_DICTIONARY = Buffer.concat([
  ...NAMES.split(/\s+/).flatMap((name) => {
    const text = Buffer.from(name.replace("_", " "));
    return [Buffer.from([0, 0, 0, text.length]), text];
  }),
  Buffer.from(TEXT),
]);

/** More headers than streams of a terminal have are not read: for each block those before it are read again. */
const BYTES_MAX = 64 * 1024;
const BLOCKS_MAX = 16;

/** Reads the headers of one side's streams: the blocks of a connection are one zlib stream. */
export class SpdyHeaders {
  /** Those so far; undefined once there was one that could not be read. */
  #blocks: Buffer | undefined = Buffer.alloc(0);
  #left = BLOCKS_MAX;
  #readBytes = 0;

  /** The headers of the next block; undefined for what cannot be read, as is all that follows it. */
  read(block: Buffer): ReadonlyMap<string, string> | undefined {
    if (this.#blocks === undefined) return undefined;
    const blocks = Buffer.concat([this.#blocks, block]);
    this.#blocks = undefined;
    if (this.#left-- === 0 || blocks.length > BYTES_MAX) return undefined;
    try {
      const all = inflateSync(blocks, { dictionary: HEADER_DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH, maxOutputLength: BYTES_MAX });
      const headers = readBlock(all.subarray(this.#readBytes));
      this.#readBytes = all.length;
      this.#blocks = blocks;
      return headers;
    } catch {
      return undefined;
    }
  }
}

/** Throws a RangeError for a block that ends too early. */
function readBlock(block: Buffer): ReadonlyMap<string, string> {
  let at = 4;
  const text = () => {
    const begin = at + 4;
    at = begin + block.readUInt32BE(at);
    return block.toString("utf8", begin, at);
  };
  return new Map(Array.from({ length: Math.min(block.readUInt32BE(0), block.length) }, () => [text(), text()] as const));
}
