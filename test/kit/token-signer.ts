import { generateKeyPairSync, sign, type KeyObject } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import os from "node:os";
import path from "node:path";
import { ExternalJWTSigner } from "../../engine/auth/external-signer/externaljwt_pb.ts";
import { GrpcCode } from "../../engine/lib/grpc/grpc-error.ts";
import { GrpcFailure, serveGrpc, served } from "./grpc-server.ts";

interface SigningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
  readonly der: Buffer;
  readonly isHidden?: boolean;
}

/** A program on a unix socket that signs tokens, of whose keys the first is in use. */
export class TokenSignerProgram implements AsyncDisposable {
  readonly endpoint: string;
  readonly calls = { sign: 0, fetchKeys: 0, metadata: 0 };
  keys: readonly SigningKey[];
  refreshSeconds = 3600;
  dataSeconds: number | undefined = 1_000_000_000.5;
  secondsMax = 7_200;
  /** While this holds, it signs nothing. */
  isLocked = false;
  /** What its headers say beside or in place of the usual. */
  header: Readonly<Record<string, unknown>> = {};
  readonly #directory: string;
  #close = () => {};

  private constructor(directory: string, hasFile: boolean) {
    this.#directory = directory;
    this.endpoint = hasFile ? `${directory}/signer.sock` : `@${path.basename(directory)}`;
    this.keys = [signingKey("key-1")];
  }

  static async start(): Promise<TokenSignerProgram> {
    const program = await TokenSignerProgram.prepare();
    await program.open();
    return program;
  }

  /** One that does not listen yet. */
  static async prepare(hasFile = true): Promise<TokenSignerProgram> {
    return new TokenSignerProgram(await mkdtemp(path.join(os.tmpdir(), "signer-")), hasFile);
  }

  async open(): Promise<void> {
    this.#close = await serveGrpc(
      this.endpoint,
      served(ExternalJWTSigner, {
        sign: ({ claims }) => {
          this.calls.sign++;
          const [key] = this.keys;
          if (this.isLocked || key === undefined) throw new GrpcFailure(GrpcCode.failedPrecondition, "the vault is locked");
          const header = Buffer.from(JSON.stringify({ alg: "ES256", kid: key.id, typ: "JWT", ...this.header })).toString("base64url");
          return { header, signature: sign("sha256", Buffer.from(`${header}.${claims}`), { key: key.privateKey, dsaEncoding: "ieee-p1363" }).toString("base64url") };
        },
        fetchKeys: () => {
          this.calls.fetchKeys++;
          const { dataSeconds } = this;
          const timestamp = dataSeconds === undefined ? {} : { dataTimestamp: { seconds: BigInt(Math.floor(dataSeconds)), nanos: (dataSeconds % 1) * 1e9 } };
          return {
            keys: this.keys.map(({ id, der, isHidden = false }) => ({ keyId: id, key: der, excludeFromOidcDiscovery: isHidden })),
            refreshHintSeconds: BigInt(this.refreshSeconds),
            ...timestamp,
          };
        },
        metadata: () => {
          this.calls.metadata++;
          return { maxTokenExpirationSeconds: BigInt(this.secondsMax) };
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
}

/** A key on P-256; its public half as PKIX. */
export function signingKey(id: string, more: { readonly isHidden?: boolean; readonly der?: Buffer } = {}): SigningKey {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { id, privateKey, der: publicKey.export({ type: "spki", format: "der" }), ...more };
}
