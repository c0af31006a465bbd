import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { xsalsa20poly1305 } from "@noble/ciphers/salsa.js";

export type SealerKind = "aescbc" | "aesgcm" | "secretbox";

/** One key of one cipher, or none at all. */
export interface Sealer {
  /** What its values begin with, so that it is known who can open them; empty for values as they are. */
  readonly prefix: string;
  /** `key` is where the value is stored: with AES-GCM a value is worth nothing anywhere else. */
  seal(key: string, plain: Buffer): Buffer;
  /** Takes what follows the prefix. Throws for what it did not seal, as far as its cipher can tell. */
  open(key: string, sealed: Buffer): Buffer;
  /** What has to be done before a value can be opened; undefined when nothing has. */
  prepare?(sealed: Buffer): Promise<void> | undefined;
  /** By which key a value was sealed, and by which one is sealed now, where the prefix does not say it. */
  markOf?(sealed: Buffer): string;
  currentMark?(): string;
}

/** Values as they are. */
export const IDENTITY: Sealer = { prefix: "", seal: (_key, plain) => plain, open: (_key, sealed) => sealed };

/** What every sealed value begins with; JSON never does. */
export const SEALED_PREFIX = "k8s:enc:";

const GCM_NONCE_BYTES = 12;
const GCM_TAG_BYTES = 16;
const CBC_IV_BYTES = 16;
const SECRETBOX_NONCE_BYTES = 24;

const ciphers: Readonly<Record<SealerKind, (secret: Buffer) => Pick<Sealer, "seal" | "open">>> = {
  aesgcm: (secret) => {
    const algorithm = `aes-${secret.length * 8}-gcm` as "aes-256-gcm"; // of 16, 24 or 32 bytes
    return {
      seal(key, plain) {
        const nonce = randomBytes(GCM_NONCE_BYTES);
        const cipher = createCipheriv(algorithm, secret, nonce).setAAD(Buffer.from(key));
        return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
      },
      open(key, sealed) {
        const decipher = createDecipheriv(algorithm, secret, sealed.subarray(0, GCM_NONCE_BYTES), { authTagLength: GCM_TAG_BYTES }).setAAD(Buffer.from(key));
        decipher.setAuthTag(sealed.subarray(-GCM_TAG_BYTES));
        return Buffer.concat([decipher.update(sealed.subarray(GCM_NONCE_BYTES, -GCM_TAG_BYTES)), decipher.final()]);
      },
    };
  },
  // Kept for data that has it: it cannot tell a value that was tampered with.
  aescbc: (secret) => {
    const algorithm = `aes-${secret.length * 8}-cbc`;
    return {
      seal(_key, plain) {
        const iv = randomBytes(CBC_IV_BYTES);
        const cipher = createCipheriv(algorithm, secret, iv);
        return Buffer.concat([iv, cipher.update(plain), cipher.final()]);
      },
      open(_key, sealed) {
        const decipher = createDecipheriv(algorithm, secret, sealed.subarray(0, CBC_IV_BYTES));
        return Buffer.concat([decipher.update(sealed.subarray(CBC_IV_BYTES)), decipher.final()]);
      },
    };
  },
  secretbox: (secret) => ({
    seal(_key, plain) {
      const nonce = randomBytes(SECRETBOX_NONCE_BYTES);
      return Buffer.concat([nonce, xsalsa20poly1305(secret, nonce).encrypt(plain)]);
    },
    open: (_key, sealed) => Buffer.from(xsalsa20poly1305(secret, sealed.subarray(0, SECRETBOX_NONCE_BYTES)).decrypt(sealed.subarray(SECRETBOX_NONCE_BYTES))),
  }),
};

/** The layout of sealed values is upstream's: prefix, name of the key, nonce, ciphertext. */
export function sealerOf(kind: SealerKind, name: string, secret: Buffer): Sealer {
  return { prefix: `${SEALED_PREFIX}${kind}:v1:${name}:`, ...ciphers[kind](secret) };
}
