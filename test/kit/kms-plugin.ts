import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { GrpcCode } from "../../engine/lib/grpc/grpc-error.ts";
import { KeyManagementService } from "../../engine/storage/encryption/kms_pb.ts";
import { GrpcFailure, serveGrpc, served } from "./grpc-server.ts";

/** A key management plugin on a unix socket: keys by name, of which one is in use. */
export class KmsPlugin implements AsyncDisposable {
  readonly endpoint: string;
  readonly calls = { status: 0, encrypt: 0, decrypt: 0 };
  /** What it says of itself. */
  healthz = "ok";
  version = "v2";
  keyId = "key-1";
  /** While this holds, it opens nothing. */
  isLocked = false;
  /** What it says that every key is, in place of what it is; `never` while it says nothing. */
  answer: Buffer | "never" | undefined;
  readonly #keys = new Map<string, Buffer>();
  readonly #directory: string;
  #close = () => {};

  private constructor(directory: string) {
    this.#directory = directory;
    this.endpoint = `unix://${directory}/kms.sock`;
  }

  static async start(): Promise<KmsPlugin> {
    const plugin = new KmsPlugin(await mkdtemp(path.join(os.tmpdir(), "kms-")));
    await plugin.open();
    return plugin;
  }

  async open(): Promise<void> {
    this.#close = await serveGrpc(
      `${this.#directory}/kms.sock`,
      served(KeyManagementService, {
        status: () => {
          this.calls.status++;
          return { version: this.version, healthz: this.healthz, keyId: this.keyId };
        },
        encrypt: ({ plaintext }) => {
          this.calls.encrypt++;
          const iv = randomBytes(12);
          const cipher = createCipheriv("aes-256-gcm", this.#key(this.keyId), iv);
          const sealed = Buffer.concat([cipher.update(plaintext), cipher.final()]);
          return { ciphertext: Buffer.concat([sealed, cipher.getAuthTag()]), keyId: this.keyId, annotations: { "iv.kms.example": iv } };
        },
        decrypt: ({ ciphertext, keyId, annotations }) => {
          this.calls.decrypt++;
          if (this.answer === "never") return new Promise(() => {});
          if (this.answer !== undefined) return { plaintext: this.answer };
          if (this.isLocked) throw new GrpcFailure(GrpcCode.failedPrecondition, "the vault is locked");
          const decipher = createDecipheriv("aes-256-gcm", this.#key(keyId), annotations["iv.kms.example"] ?? Buffer.alloc(0)).setAuthTag(ciphertext.subarray(-16));
          return { plaintext: Buffer.concat([decipher.update(ciphertext.subarray(0, -16)), decipher.final()]) };
        },
      }),
    );
  }

  /** As if its process had ended. */
  close(): void {
    this.#close();
    this.#close = () => {};
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    await rm(this.#directory, { recursive: true, force: true });
  }

  #key(id: string): Buffer {
    const key = this.#keys.get(id) ?? randomBytes(32);
    this.#keys.set(id, key);
    return key;
  }
}
