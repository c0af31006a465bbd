import { abortError } from "../abort.ts";
import type { Dial } from "../net/dial.ts";
import { GrpcCall, type CallListener, type CallOptions } from "./grpc-call.ts";
import { GrpcConnection, type GrpcTls } from "./grpc-connection.ts";
import { GrpcCode, GrpcError } from "./grpc-error.ts";

/**
 * One connection to one endpoint, shared by all calls on it, for who reads and writes messages by hand. Failures of calls are GrpcErrors; of
 * aborted ones, AbortErrors. `path` is `/package.Service/Method`, a frame is what `frameMessage` makes.
 */
export interface GrpcBytesChannel {
  /** The answer is a message's bytes, a view of what was read. */
  unaryBytes(path: string, frame: Buffer, options?: CallOptions): Promise<Buffer>;
  /** A stream of messages in both directions. */
  open(path: string, listener: CallListener, options?: CallOptions): GrpcCall;
  /** Ends the connection and all calls on it. */
  close(): void;
}

const MESSAGE_BYTES_MAX = 64 << 20;

/**
 * Opens a channel. `address` is `host:port`, `unix:/path` or `unix-abstract:name`; connecting is lazy and repeated with a short backoff.
 * Without `tls` the connection is not encrypted. Answers may have `messageBytesMax`; requests have what the server takes. Hosts are
 * reached by `dial` where there is one, and then without TLS.
 */
export function openBytesChannel(address: string, tls?: GrpcTls, messageBytesMax = MESSAGE_BYTES_MAX, dial?: Dial): GrpcBytesChannel {
  const connection = new GrpcConnection({ address, tls, dial });
  const open = (path: string, listener: CallListener, options: CallOptions = {}) => new GrpcCall(connection, path, messageBytesMax, options, listener);
  return {
    open,
    unaryBytes: (path, frame, options = {}) =>
      new Promise((resolve, reject) => {
        const { signal } = options;
        if (signal?.aborted) return reject(abortError(signal));
        let answer: Buffer | undefined;
        const listener: CallListener = {
          message(message) {
            if (answer === undefined) return void (answer = message);
            // Who sends without end is not read until the time is over.
            reject(new GrpcError(GrpcCode.internal, `${path}: more than one answer`));
            call.cancel();
          },
          end(error) {
            if (error !== undefined) reject(signal?.aborted ? abortError(signal) : error);
            else if (answer === undefined) reject(new GrpcError(GrpcCode.internal, `${path}: no answer`));
            else resolve(answer);
          },
        };
        const call = open(path, listener, options);
        call.send(frame, true);
      }),
    close: () => connection.close(),
  };
}
