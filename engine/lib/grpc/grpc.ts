import { fromBinary, toBinary, create, type DescMessage, type DescMethod, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import type { CallOptions } from "./grpc-call.ts";
import { openBytesChannel, type GrpcBytesChannel } from "./grpc-channel.ts";
import type { GrpcTls } from "./grpc-connection.ts";
import type { Dial } from "../net/dial.ts";
import type { GrpcError } from "./grpc-error.ts";
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

/** A channel whose messages are of generated types. */
export interface GrpcChannel extends GrpcBytesChannel {
  unary<I extends DescMessage, O extends DescMessage>(method: Method<I, O>, request: MessageInitShape<I>, options?: CallOptions): Promise<MessageShape<O>>;
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
}

/** Opens a channel, as `openBytesChannel` does. */
export function openGrpcChannel(address: string, tls?: GrpcTls, messageBytesMax?: number, dial?: Dial): GrpcChannel {
  const channel = openBytesChannel(address, tls, messageBytesMax, dial);
  return {
    ...channel,
    unary: (method, request, options) => callUnary(channel, method, request, options),
    async *serverStream(method, request, options = {}) {
      const { signal } = options;
      if (signal?.aborted) return;
      const messages = new Mailbox<Buffer>(Number.POSITIVE_INFINITY); // holds what came in one read, no more
      const listener = {
        message(message: Buffer) {
          messages.push(message);
          call.pause();
        },
        end: (error: GrpcError | undefined) => messages.close(signal?.aborted ? undefined : error),
      };
      const call = channel.open(methodPath(method), listener, options);
      try {
        call.send(frameRequest(method, request), true);
        for (let message = await messages.take(); message !== undefined; message = await messages.take()) {
          yield fromBinary(method.output, message);
          if (signal?.aborted) return;
          if (messages.size === 0) call.resume();
        }
      } finally {
        call.cancel();
      }
    },
    duplex(method, listener, options) {
      const call = channel.open(methodPath(method), { message: (message) => listener.message(fromBinary(method.output, message)), end: listener.end }, options);
      const send = (message: MessageInitShape<typeof method.input>, written?: (error?: Error | null) => void) =>
        call.send(frameRequest(method, message), false, written);
      return { send, pause: () => call.pause(), resume: () => call.resume(), close: call.cancel };
    },
  };
}

/** One call on a channel of any kind, in generated types. */
export async function callUnary<I extends DescMessage, O extends DescMessage>(
  channel: Pick<GrpcBytesChannel, "unaryBytes">,
  method: Method<I, O>,
  request: MessageInitShape<I>,
  options?: CallOptions,
): Promise<MessageShape<O>> {
  return fromBinary(method.output, await channel.unaryBytes(methodPath(method), frameRequest(method, request), options));
}

/** `/package.Service/Method`. */
export function methodPath({ parent, name }: DescMethod): string {
  return `/${parent.typeName}/${name}`;
}

function frameRequest<I extends DescMessage>({ input }: DescMethod & { readonly input: I }, request: MessageInitShape<I>): Buffer {
  return frameMessage(toBinary(input, create(input, request)));
}
