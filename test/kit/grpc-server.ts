import { create, fromBinary, toBinary, type DescMessage, type DescMethod, type DescService, type MessageInitShape, type MessageShape } from "@bufbuild/protobuf";
import { Server, ServerCredentials, status, type ServiceDefinition, type UntypedServiceImplementation } from "@grpc/grpc-js";

/** What a server answers with when it fails on purpose. */
export class GrpcFailure extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.code = code;
  }
}

/** The answers of a service, by the names of its methods as generated code has them. */
export type GrpcAnswers<S extends DescService> = {
  readonly [M in keyof S["method"]]?: S["method"][M] extends { readonly input: infer I extends DescMessage; readonly output: infer O extends DescMessage }
    ? (request: MessageShape<I>) => MessageInitShape<O> | Promise<MessageInitShape<O>>
    : never;
};

export interface GrpcServed {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

type Done = (error: object | null, answer?: unknown) => void;

/** A service with its answers, of another make than our client: grpc-js. Methods without an answer are unimplemented. */
export function served<S extends DescService>(service: S, answers: GrpcAnswers<S>): GrpcServed {
  const methods = service.methods.filter((method) => answers[method.localName as keyof S["method"]] !== undefined);
  return {
    definition: Object.fromEntries(methods.map((method) => [method.name, definitionOf(service, method)])),
    implementation: Object.fromEntries(
      methods.map((method) => [
        method.name,
        ({ request }: { readonly request: unknown }, done: Done) => {
          const answer = answers[method.localName as keyof S["method"]] as (request: unknown) => unknown; // filtered above
          Promise.resolve()
            .then(() => answer(request))
            .then(
              (value) => done(null, create(method.output, value as Record<string, unknown>)),
              (error: unknown) => done({ code: error instanceof GrpcFailure ? error.code : status.UNKNOWN, message: error instanceof Error ? error.message : String(error) }),
            );
        },
      ]),
    ) as unknown as UntypedServiceImplementation, // all of them are unary
  };
}

/** Serves on a unix socket (with a leading `@`, one without a file) until the function that it gives is called, which takes the socket away. */
export async function serveGrpc(socket: string, ...services: readonly GrpcServed[]): Promise<() => void> {
  const server = new Server();
  for (const { definition, implementation } of services) server.addService(definition, implementation);
  await new Promise<void>((resolve, reject) => server.bindAsync(`unix:${socket.replace(/^@/, "\0")}`, ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error))));
  return () => server.forceShutdown();
}

function definitionOf(service: DescService, { name, input, output }: DescMethod) {
  const encode = (type: DescMessage) => (message: unknown) => Buffer.from(toBinary(type, message as MessageShape<DescMessage>)); // what the answers are made into
  const decode = (type: DescMessage) => (bytes: Buffer) => fromBinary(type, bytes);
  return {
    path: `/${service.typeName}/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: encode(input),
    requestDeserialize: decode(input),
    responseSerialize: encode(output),
    responseDeserialize: decode(output),
  } as const;
}
