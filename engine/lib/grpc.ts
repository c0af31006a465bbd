import { fromBinary, toBinary, create, type DescMessage, type DescMethod, type DescService, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { Client, credentials, Metadata, status, type ChannelCredentials, type ClientDuplexStream, type ClientReadableStream, type ServiceError } from "@grpc/grpc-js";
import { abortError } from "./abort.ts";

/** gRPC status codes that callers branch on (https://grpc.io/docs/guides/status-codes/). */
export const GrpcCode = {
  cancelled: status.CANCELLED,
  unknown: status.UNKNOWN,
  invalidArgument: status.INVALID_ARGUMENT,
  deadlineExceeded: status.DEADLINE_EXCEEDED,
  notFound: status.NOT_FOUND,
  alreadyExists: status.ALREADY_EXISTS,
  permissionDenied: status.PERMISSION_DENIED,
  resourceExhausted: status.RESOURCE_EXHAUSTED,
  failedPrecondition: status.FAILED_PRECONDITION,
  outOfRange: status.OUT_OF_RANGE,
  unimplemented: status.UNIMPLEMENTED,
  unavailable: status.UNAVAILABLE,
  unauthenticated: status.UNAUTHENTICATED,
} as const;

export interface CallOptions {
  /** The call fails with DEADLINE_EXCEEDED after this long; without it, it waits for ever. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
  /** Headers of the call, in lower case. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** One channel to one endpoint, shared by all calls on it. */
export interface GrpcChannel {
  unary<I extends DescMessage, O extends DescMessage>(method: DescMethod & { input: I; output: O }, request: MessageInitShape<I>, options?: CallOptions): Promise<MessageShape<O>>;
  /** A stream of answers to one request; ends quietly when the signal fires. */
  serverStream<I extends DescMessage, O extends DescMessage>(method: DescMethod & { input: I; output: O }, request: MessageInitShape<I>, options?: CallOptions): AsyncIterable<MessageShape<O>>;
  /** The raw duplex stream: `write` takes and `data` gives decoded messages. */
  duplex<I extends DescMessage, O extends DescMessage>(method: DescMethod & { input: I; output: O }, options?: CallOptions): ClientDuplexStream<MessageShape<I>, MessageShape<O>>;
  close(): void;
}

/**
 * Opens a channel. `target` is `host:port` or `unix:/path`; connecting is lazy and repeated with a short backoff.
 * Failures of calls are grpc-js ServiceErrors with a numeric `code`; see `grpcCode`.
 */
export function openGrpcChannel(target: string, transport: ChannelCredentials = credentials.createInsecure(), messageBytesMax = 64 << 20): GrpcChannel {
  const client = new Client(target, transport, {
    "grpc.max_receive_message_length": messageBytesMax,
    "grpc.max_send_message_length": messageBytesMax,
    "grpc.initial_reconnect_backoff_ms": 50,
    "grpc.max_reconnect_backoff_ms": 200,
    ...(target.startsWith("unix:") ? { "grpc.default_authority": "localhost" } : {}),
  });
  return {
    unary(method, request, options = {}) {
      return new Promise((resolve, reject) => {
        if (options.signal?.aborted) return reject(abortError(options.signal));
        const call = client.makeUnaryRequest(
          path(method.parent, method), encoder(method.input), decoder(method.output), create(method.input, request), callMetadata(options), callDeadline(options),
          (error: ServiceError | null, answer?: MessageShape<typeof method.output>) => {
            options.signal?.removeEventListener("abort", onAbort);
            if (error) reject(options.signal?.aborted ? abortError(options.signal) : error);
            else if (answer === undefined) reject(new Error(`${method.name}: no answer`));
            else resolve(answer);
          },
        );
        const onAbort = () => call.cancel();
        options.signal?.addEventListener("abort", onAbort, { once: true });
      });
    },
    async *serverStream(method, request, options = {}) {
      if (options.signal?.aborted) return;
      const call: ClientReadableStream<MessageShape<typeof method.output>> = client.makeServerStreamRequest(
        path(method.parent, method), encoder(method.input), decoder(method.output), create(method.input, request), callMetadata(options), callDeadline(options),
      );
      const onAbort = () => call.cancel();
      options.signal?.addEventListener("abort", onAbort, { once: true });
      try {
        for await (const message of call) yield message;
      } catch (error) {
        if (!options.signal?.aborted) throw error;
      } finally {
        options.signal?.removeEventListener("abort", onAbort);
        call.cancel();
      }
    },
    duplex(method, options = {}) {
      const call = client.makeBidiStreamRequest(path(method.parent, method), encoder(method.input), decoder(method.output), callMetadata(options), callDeadline(options));
      options.signal?.addEventListener("abort", () => call.cancel(), { once: true });
      return call;
    },
    close: () => client.close(),
  };
}

/** The gRPC status code of a failed call; undefined for other errors. */
export function grpcCode(error: unknown): number | undefined {
  const code = error instanceof Error ? (error as { code?: unknown }).code : undefined;
  return typeof code === "number" ? code : undefined;
}

function path(service: DescService, method: DescMethod): string {
  return `/${service.typeName}/${method.name}`;
}

function encoder<T extends DescMessage>(type: T): (message: MessageShape<T>) => Buffer {
  return (message) => {
    const bytes = toBinary(type, message);
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  };
}

function decoder<T extends DescMessage>(type: T): (bytes: Buffer) => MessageShape<T> {
  return (bytes) => fromBinary(type, bytes);
}

function callMetadata(options: CallOptions): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(options.metadata ?? {})) metadata.set(name, value);
  return metadata;
}

function callDeadline(options: CallOptions): { deadline?: number } {
  // grpc-js takes an instant of the machine's clock; virtual time never reaches a real channel.
  return options.timeoutMs === undefined ? {} : { deadline: Date.now() + options.timeoutMs };
}
