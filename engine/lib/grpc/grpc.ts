import { fromBinary, toBinary, create, type DescMessage, type DescMethod, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { abortError } from "../abort.ts";
import { GrpcCall, type CallOptions } from "./grpc-call.ts";
import { GrpcConnection, type GrpcTls } from "./grpc-connection.ts";
import type { Dial } from "../net/dial.ts";
import { GrpcCode, GrpcError } from "./grpc-error.ts";
import { frameMessage } from "./grpc-message.ts";
import { Mailbox } from "../mailbox.ts";

export type { CallOptions } from "./grpc-call.ts";
export type { GrpcTls } from "./grpc-connection.ts";

type Method<I extends DescMessage, O extends DescMessage> = DescMethod & { input: I; output: O };

/** Both directions of a call at once. */
export interface Duplex<I> {
  /** `written` is called when the message has been taken off our hands, or cannot be: who sends much waits for it. */
  send(message: I, written?: (error?: Error | null) => void): void;
  /** No more messages until `resume`, but for those that came already; the server is held up as well. */
  pause(): void;
  resume(): void;
  close(): void;
}

export interface DuplexListener<O> {
  message(message: O): void;
  /** The call is over: the server or `close` ended it, or it failed. */
  end(error: GrpcError | undefined): void;
}

/** One connection to one endpoint, shared by all calls on it. Failures of calls are GrpcErrors; of aborted ones, AbortErrors. */
export interface GrpcChannel {
  unary<I extends DescMessage, O extends DescMessage>(method: Method<I, O>, request: MessageInitShape<I>, options?: CallOptions): Promise<MessageShape<O>>;
  /** The same without a description of the messages: `frame` is what `frameMessage` makes, the answer a message's bytes, a view of what was read. */
  unaryBytes(path: string, frame: Buffer, options?: CallOptions): Promise<Buffer>;
  /** A stream of answers to one request; ends quietly when the signal fires. */
  serverStream<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    request: MessageInitShape<I>,
    options?: CallOptions,
  ): AsyncIterable<MessageShape<O>>;
  duplex<I extends DescMessage, O extends DescMessage>(
    method: Method<I, O>,
    listener: DuplexListener<MessageShape<O>>,
    options?: CallOptions,
  ): Duplex<MessageInitShape<I>>;
  /** Ends the connection and all calls on it. */
  close(): void;
}

const MESSAGE_BYTES_MAX = 64 << 20;

/**
 * Opens a channel. `address` is `host:port`, `unix:/path` or `unix-abstract:name`; connecting is lazy and repeated with a short backoff.
 * Without `tls` the connection is not encrypted. Answers may have `messageBytesMax`; requests have what the server takes. Hosts are
 * reached by `dial` where there is one, and then without TLS.
 */
export function openGrpcChannel(address: string, tls?: GrpcTls, messageBytesMax = MESSAGE_BYTES_MAX, dial?: Dial): GrpcChannel {
  const connection = new GrpcConnection({ address, tls, dial });
  const unaryBytes = (path: string, frame: Buffer, options: CallOptions = {}): Promise<Buffer> =>
    new Promise((resolve, reject) => {
      const { signal } = options;
      if (signal?.aborted) return reject(abortError(signal));
      let answer: Buffer | undefined;
      const call = new GrpcCall(connection, path, messageBytesMax, options, {
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
      });
      call.send(frame, true);
    });
  return {
    unaryBytes,
    unary: async (method, request, options) =>
      fromBinary(method.output, await unaryBytes(methodPath(method), frameMessage(toBinary(method.input, create(method.input, request))), options)),
    async *serverStream(method, request, options = {}) {
      const { signal } = options;
      if (signal?.aborted) return;
      const messages = new Mailbox<Buffer>(Number.POSITIVE_INFINITY); // holds what came in one read, no more
      const call = new GrpcCall(connection, methodPath(method), messageBytesMax, options, {
        message(message) {
          messages.push(message);
          call.pause();
        },
        end: (error) => messages.close(signal?.aborted ? undefined : error),
      });
      try {
        call.send(frameMessage(toBinary(method.input, create(method.input, request))), true);
        for (let message = await messages.take(); message !== undefined; message = await messages.take()) {
          yield fromBinary(method.output, message);
          if (signal?.aborted) return;
          if (messages.size === 0) call.resume();
        }
      } finally {
        call.cancel();
      }
    },
    duplex(method, listener, options = {}) {
      const call = new GrpcCall(connection, methodPath(method), messageBytesMax, options, {
        message: (message) => listener.message(fromBinary(method.output, message)),
        end: listener.end,
      });
      const send = (message: MessageInitShape<typeof method.input>, written?: (error?: Error | null) => void) =>
        call.send(frameMessage(toBinary(method.input, create(method.input, message))), false, written);
      return { send, pause: () => call.pause(), resume: () => call.resume(), close: call.cancel };
    },
    close: () => connection.close(),
  };
}

/** `/package.Service/Method`. */
export function methodPath({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}
