import { createHmac } from "node:crypto";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { EncryptedObjectSchema, type EncryptedObject } from "./kms_pb.ts";
import { sealerOf } from "./sealers.ts";

/** How the key of a value follows from what the plugin has sealed. */
const DEK_KEY = 0;
export const DEK_SEED = 1;

const INFO_BYTES = 32;
const SOURCE_BYTES_MAX = 1024;
const KEY_ID_BYTES_MAX = 1024;
const ANNOTATIONS_BYTES_MAX = 32 * 1024;

/** What a plugin answered for a key: enough to get it back from it. */
export interface SealedKey {
  readonly keyId: string;
  readonly source: Uint8Array;
  readonly annotations: Readonly<Record<string, Uint8Array>>;
}

/** Throws for what must not be stored, by upstream's bounds: nobody could rely on reading it back. */
export function requireStorable({ keyId, source, annotations }: SealedKey): void {
  const size = Object.entries(annotations).reduce((sum, [key, value]) => sum + Buffer.byteLength(key) + value.length, 0);
  if (source.length === 0) throw new Error("encrypted DEK source is empty");
  if (source.length > SOURCE_BYTES_MAX) throw new Error(`encrypted DEK source is ${source.length} bytes, which exceeds the max size of ${SOURCE_BYTES_MAX}`);
  if (keyId === "") throw new Error("keyID is empty");
  if (Buffer.byteLength(keyId) > KEY_ID_BYTES_MAX)
    throw new Error(`keyID is ${Buffer.byteLength(keyId)} bytes, which exceeds the max size of ${KEY_ID_BYTES_MAX}`);
  if (size > ANNOTATIONS_BYTES_MAX) throw new Error(`total size of annotations is ${size}, which exceeds the max size of ${ANNOTATIONS_BYTES_MAX}`);
  const wrong = Object.keys(annotations).find((key) => key.length > 253 || !/^([a-z0-9]([-a-z0-9]*[a-z0-9])?\.)+[a-z0-9]([-a-z0-9]*[a-z0-9])?\.?$/.test(key));
  if (wrong !== undefined) throw new Error(`annotations: ${JSON.stringify(wrong)} must be a fully qualified domain name`);
}

/**
 * Seals a value with a key of its own: what HKDF-SHA256 (RFC 5869, 2.3) expands a seed and 32 random bytes to, which stand before the
 * value. So a seed lasts for ever, whereas a key of AES-GCM would be worn out by its nonces.
 */
export function sealWithSeed(seed: Uint8Array, info: Buffer, place: string, plain: Buffer): Buffer {
  return Buffer.concat([info, cipherOf(expand(seed, info)).seal(place, plain)]);
}

/** Opens what was sealed with a seed or, as older versions of upstream did, with the key itself. Throws for anything else. */
export function openWithSource(type: number, source: Uint8Array, place: string, sealed: Buffer): Buffer {
  if (type === DEK_KEY) return cipherOf(Buffer.from(source)).open(place, sealed);
  if (type !== DEK_SEED) throw new Error(`unknown encryptedDEKSourceType: ${type}`);
  if (sealed.length < INFO_BYTES) throw new Error("the stored data was shorter than the required size");
  return cipherOf(expand(source, sealed.subarray(0, INFO_BYTES))).open(place, sealed.subarray(INFO_BYTES));
}

export function encodeEnvelope({ keyId, source, annotations }: SealedKey, sealed: Buffer): Buffer {
  return Buffer.from(
    toBinary(
      EncryptedObjectSchema,
      create(EncryptedObjectSchema, {
        encryptedData: sealed,
        keyID: keyId,
        encryptedDEKSource: source,
        annotations: { ...annotations },
        encryptedDEKSourceType: DEK_SEED,
      }),
    ),
  );
}

export function decodeEnvelope(bytes: Buffer): EncryptedObject {
  return fromBinary(EncryptedObjectSchema, bytes);
}

/** The first block is all that is needed. */
function expand(seed: Uint8Array, info: Buffer): Buffer {
  return createHmac("sha256", seed)
    .update(info)
    .update(Buffer.from([1]))
    .digest();
}

function cipherOf(key: Buffer) {
  return sealerOf("aesgcm", "", key);
}
