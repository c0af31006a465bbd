import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { create, fromBinary, toBinary, type DescMessage, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { Server, ServerCredentials, status, type handleUnaryCall } from "@grpc/grpc-js";
import { KeyManagementService } from "../../engine/storage/encryption/kms_pb.ts";

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
  readonly #keys = new Map<string, Buffer>();
  readonly #directory: string;
  #server: Server | undefined;

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
    const server = new Server();
    const { status: ask, encrypt, decrypt } = KeyManagementService.method;
    server.addService(
      Object.fromEntries([ask, encrypt, decrypt].map((method) => [method.name, { path: `/${KeyManagementService.typeName}/${method.name}`, requestStream: false, responseStream: false, requestSerialize: encoder(method.input), requestDeserialize: decoder(method.input), responseSerialize: encoder(method.output), responseDeserialize: decoder(method.output) }])),
      {
        Status: this.#answer(ask, () => {
          this.calls.status++;
          return { version: this.version, healthz: this.healthz, keyId: this.keyId };
        }),
        Encrypt: this.#answer(encrypt, ({ plaintext }) => {
          this.calls.encrypt++;
          const iv = randomBytes(12);
          const cipher = createCipheriv("aes-256-gcm", this.#key(this.keyId), iv);
          const sealed = Buffer.concat([cipher.update(plaintext), cipher.final()]);
          return { ciphertext: Buffer.concat([sealed, cipher.getAuthTag()]), keyId: this.keyId, annotations: { "iv.kms.example": iv } };
        }),
        Decrypt: this.#answer(decrypt, ({ ciphertext, keyId, annotations }) => {
          this.calls.decrypt++;
          if (this.isLocked) throw new Error("the vault is locked");
          const decipher = createDecipheriv("aes-256-gcm", this.#key(keyId), annotations["iv.kms.example"] ?? Buffer.alloc(0)).setAuthTag(ciphertext.subarray(-16));
          return { plaintext: Buffer.concat([decipher.update(ciphertext.subarray(0, -16)), decipher.final()]) };
        }),
      },
    );
    await new Promise<void>((resolve, reject) => server.bindAsync(`unix:${this.#directory}/kms.sock`, ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error))));
    this.#server = server;
  }

  /** As if its process had ended. */
  close(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
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

  #answer<I extends DescMessage, O extends DescMessage>({ output }: { readonly input: I; readonly output: O }, work: (request: MessageShape<I>) => MessageInitShape<O>): handleUnaryCall<MessageShape<I>, MessageShape<O>> {
    return ({ request }, done) => {
      try {
        done(null, create(output, work(request)));
      } catch (error) {
        done({ code: status.FAILED_PRECONDITION, message: error instanceof Error ? error.message : String(error) });
      }
    };
  }
}

function encoder<T extends DescMessage>(type: T): (message: MessageShape<T>) => Buffer {
  return (message) => Buffer.from(toBinary(type, message));
}

function decoder<T extends DescMessage>(type: T): (bytes: Buffer) => MessageShape<T> {
  return (bytes) => fromBinary(type, bytes);
}
