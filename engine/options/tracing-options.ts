import type { OptionRowOf } from "./option-values.ts";

/** What is told of requests while they are answered: a switch under upstream's name. */
export interface TracingConfig {
  readonly tracingConfigFile: string | undefined;
}

export const tracingOptions: readonly OptionRowOf<TracingConfig>[] = [
  {
    key: "tracingConfigFile",
    flags: "--tracing-config-file <file>",
    description:
      "TracingConfiguration: which collector of OpenTelemetry is sent traces of requests (OTLP over gRPC, by default to localhost:4317), and of how many in a million",
  },
];
