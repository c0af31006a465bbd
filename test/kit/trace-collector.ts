import { create, type DescMessage, type DescService, fromBinary, type Message } from "@bufbuild/protobuf";
import { createFileRegistry } from "@bufbuild/protobuf";
import { FieldDescriptorProto_Label, FieldDescriptorProto_Type, FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Server, ServerCredentials } from "@grpc/grpc-js";
import { served } from "./grpc-server.ts";

/** A span as a collector gets it. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentId: string;
  readonly traceState: string;
  readonly name: string;
  readonly kind: number;
  readonly startMs: number;
  readonly endMs: number;
  readonly flags: number;
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly events: readonly { readonly name: string; readonly atMs: number; readonly attributes: Readonly<Record<string, unknown>> }[];
  readonly links: readonly { readonly traceId: string; readonly spanId: string; readonly flags: number }[];
  /** Undefined when it did not fail. */
  readonly failure: string | undefined;
}

export interface Collected {
  readonly resource: Readonly<Record<string, unknown>>;
  readonly scope: string;
  readonly spans: readonly CollectedSpan[];
}

const { STRING, BYTES, BOOL, INT32, UINT32, INT64, DOUBLE, FIXED32, FIXED64, MESSAGE } = FieldDescriptorProto_Type;
type Field = readonly [name: string, number: number, type: FieldDescriptorProto_Type | string, repeated?: "repeated"];

/** The part of OpenTelemetry's protocol that a collector reads, by its names and numbers. */
const MESSAGES: Readonly<Record<string, readonly Field[]>> = {
  ExportTraceServiceRequest: [["resource_spans", 1, "ResourceSpans", "repeated"]],
  ExportTraceServiceResponse: [["partial_success", 1, "ExportTracePartialSuccess"]],
  ExportTracePartialSuccess: [
    ["rejected_spans", 1, INT64],
    ["error_message", 2, STRING],
  ],
  ResourceSpans: [
    ["resource", 1, "Resource"],
    ["scope_spans", 2, "ScopeSpans", "repeated"],
  ],
  Resource: [["attributes", 1, "KeyValue", "repeated"]],
  ScopeSpans: [
    ["scope", 1, "InstrumentationScope"],
    ["spans", 2, "Span", "repeated"],
  ],
  InstrumentationScope: [
    ["name", 1, STRING],
    ["version", 2, STRING],
  ],
  Span: [
    ["trace_id", 1, BYTES],
    ["span_id", 2, BYTES],
    ["trace_state", 3, STRING],
    ["parent_span_id", 4, BYTES],
    ["name", 5, STRING],
    ["kind", 6, INT32],
    ["start_time_unix_nano", 7, FIXED64],
    ["end_time_unix_nano", 8, FIXED64],
    ["attributes", 9, "KeyValue", "repeated"],
    ["events", 11, "Event", "repeated"],
    ["dropped_events_count", 12, UINT32],
    ["links", 13, "Link", "repeated"],
    ["status", 15, "Status"],
    ["flags", 16, FIXED32],
  ],
  Event: [
    ["time_unix_nano", 1, FIXED64],
    ["name", 2, STRING],
    ["attributes", 3, "KeyValue", "repeated"],
  ],
  Link: [
    ["trace_id", 1, BYTES],
    ["span_id", 2, BYTES],
    ["trace_state", 3, STRING],
    ["attributes", 4, "KeyValue", "repeated"],
    ["flags", 6, FIXED32],
  ],
  Status: [
    ["message", 2, STRING],
    ["code", 3, INT32],
  ],
  KeyValue: [
    ["key", 1, STRING],
    ["value", 2, "AnyValue"],
  ],
  AnyValue: [
    ["string_value", 1, STRING],
    ["bool_value", 2, BOOL],
    ["int_value", 3, INT64],
    ["double_value", 4, DOUBLE],
  ],
};
const PACKAGE = "opentelemetry.proto.collector.trace.v1";

function describeProtocol(): { readonly service: DescService; readonly request: DescMessage } {
  const typeName = (name: string) => `.${PACKAGE}.${name}`;
  const messageType = Object.entries(MESSAGES).map(([name, fields]) => ({
    name,
    // Values say by their presence which of several they are.
    ...(name === "AnyValue" ? { oneofDecl: [{ name: "value" }] } : {}),
    field: fields.map(([field, number, type, repeated]) => ({
      name: field,
      number,
      label: repeated === undefined ? FieldDescriptorProto_Label.OPTIONAL : FieldDescriptorProto_Label.REPEATED,
      ...(typeof type === "string" ? { type: MESSAGE, typeName: typeName(type) } : { type }),
      ...(name === "AnyValue" ? { oneofIndex: 0 } : {}),
    })),
  }));
  const service = [{ name: "TraceService", method: [{ name: "Export", inputType: typeName("ExportTraceServiceRequest"), outputType: typeName("ExportTraceServiceResponse") }] }];
  const registry = createFileRegistry(create(FileDescriptorSetSchema, { file: [{ name: "trace.proto", package: PACKAGE, syntax: "proto3", messageType, service }] }));
  return { service: registry.getService(`${PACKAGE}.TraceService`) as DescService, request: registry.getMessage(`${PACKAGE}.ExportTraceServiceRequest`) as DescMessage }; // both stand above
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads an ExportTraceServiceRequest. */
export function readExport(bytes: Uint8Array): readonly Collected[] {
  return collectedOf(fromBinary(describeProtocol().request, bytes));
}

function collectedOf(request: Message): readonly Collected[] {
  const { resourceSpans } = request as unknown as {
    readonly resourceSpans: readonly { readonly resource: Fields; readonly scopeSpans: readonly { readonly scope: Fields; readonly spans: readonly Fields[] }[] }[];
  }; // as described above
  return resourceSpans.flatMap(({ resource, scopeSpans }) => scopeSpans.map(({ scope, spans }) => ({ resource: attributesOf(resource), scope: String(scope["name"]), spans: spans.map(spanOf) })));
}

function spanOf(span: Fields): CollectedSpan {
  const status = span["status"] as Fields | undefined;
  return {
    traceId: hex(span["traceId"]),
    spanId: hex(span["spanId"]),
    parentId: hex(span["parentSpanId"]),
    traceState: String(span["traceState"]),
    name: String(span["name"]),
    kind: Number(span["kind"]),
    startMs: milliseconds(span["startTimeUnixNano"]),
    endMs: milliseconds(span["endTimeUnixNano"]),
    flags: Number(span["flags"]),
    attributes: attributesOf(span),
    events: (span["events"] as readonly Fields[]).map((event) => ({ name: String(event["name"]), atMs: milliseconds(event["timeUnixNano"]), attributes: attributesOf(event) })),
    links: (span["links"] as readonly Fields[]).map((link) => ({ traceId: hex(link["traceId"]), spanId: hex(link["spanId"]), flags: Number(link["flags"]) })),
    failure: status?.["code"] === 2 ? String(status["message"]) : undefined,
  };
}

function attributesOf({ attributes }: Fields): Readonly<Record<string, unknown>> {
  const pairs = attributes as readonly { readonly key: string; readonly value: { readonly value: { readonly value: unknown } } }[];
  return Object.fromEntries(pairs.map(({ key, value: { value } }) => [key, typeof value.value === "bigint" ? Number(value.value) : value.value]));
}

function hex(bytes: unknown): string {
  return Buffer.from(bytes as Uint8Array).toString("hex");
}

function milliseconds(nanoseconds: unknown): number {
  return Number(nanoseconds) / 1e6;
}

/** A collector of traces, of another make than our client: grpc-js. It may die, come back at the same port, be slow, or want nothing. */
export class TraceCollector {
  readonly #waiting = new Set<() => void>();
  #server: Server | undefined;
  #port = 0;
  readonly exports: Collected[] = [];
  /** What it does before it answers. */
  manner: () => Promise<{ readonly partialSuccess?: { readonly rejectedSpans: bigint; readonly errorMessage: string } }> = async () => ({});

  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get spans(): readonly CollectedSpan[] {
    return this.exports.flatMap(({ spans }) => spans);
  }

  async start(): Promise<void> {
    const { service } = describeProtocol();
    const server = (this.#server = new Server());
    const answers = {
      export: async (request: Message) => {
        const answer = await this.manner();
        this.exports.push(...collectedOf(request));
        for (const wake of this.#waiting) wake();
        return answer;
      },
    };
    const { definition, implementation } = served(service, answers as unknown as Parameters<typeof served>[1]); // its one method
    server.addService(definition, implementation);
    this.#port = await new Promise<number>((resolve, reject) =>
      server.bindAsync(`127.0.0.1:${this.#port}`, ServerCredentials.createInsecure(), (error, port) => (error === null ? resolve(port) : reject(error))),
    );
  }

  /** At once, whatever is under way. */
  stop(): void {
    this.#server?.forceShutdown();
    this.#server = undefined;
  }

  /** Resolves with what `find` finds, as soon as it does. */
  async until<T>(find: (spans: readonly CollectedSpan[]) => T | undefined): Promise<T> {
    for (;;) {
      const found = find(this.spans);
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
  }
}
