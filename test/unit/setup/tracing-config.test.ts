import { expect, test } from "vitest";
import { parseTracingConfig } from "../../../engine/setup/tracing-setup.ts";

const file = (rest: string, version = "v1") => `apiVersion: apiserver.config.k8s.io/${version}\nkind: TracingConfiguration\n${rest}`;

test.each<[string, string, object]>([
  ["an empty file", "", { address: "localhost:4317", sampledShare: 0 }],
  ["nothing", file(""), { address: "localhost:4317", sampledShare: 0 }],
  ["a collector and a rate", file("endpoint: localhost:4318\nsamplingRatePerMillion: 12345\n", "v1beta1"), { address: "localhost:4318", sampledShare: 0.012345 }],
  ["an address, in the oldest version", file("endpoint: 127.0.0.1:4317", "v1alpha1"), { address: "127.0.0.1:4317", sampledShare: 0 }],
  ["everything", file("samplingRatePerMillion: 1000000"), { address: "localhost:4317", sampledShare: 1 }],
  ["a name of gRPC's", file("endpoint: dns:///collector.example.com:4317"), { address: "collector.example.com:4317", sampledShare: 0 }],
  ["who knows the name", file("endpoint: dns://8.8.8.8/collector:4317"), { address: "collector:4317", sampledShare: 0 }],
  ["a name without a port", file("endpoint: collector"), { address: "collector:443", sampledShare: 0 }],
  ["an address of the later family", file('endpoint: "[::1]"'), { address: "[::1]:443", sampledShare: 0 }],
  ["a socket", file("endpoint: unix:///run/otel.sock"), { address: "unix:/run/otel.sock", sampledShare: 0 }],
  ["a socket without a file", file("endpoint: unix-abstract:///otel"), { address: "unix-abstract:otel", sampledShare: 0 }],
])("a configuration may name %s", (_what, text, configuration) => {
  expect(parseTracingConfig(text)).toEqual(configuration);
});

test.each<[string, string, string]>([
  ["of another kind", "apiVersion: apps/v1\nkind: DaemonSet\n", 'no kind "DaemonSet" is registered for version "apps/v1"'],
  ["of no version", file("", "v2"), 'no kind "TracingConfiguration" is registered for version "apiserver.config.k8s.io/v2"'],
  ["with a field that nobody knows", file("foo: bar\n"), 'strict decoding error: unknown field "foo"'],
  ["with a field twice", file("endpoint: a:1\nendpoint: b:2\n"), "duplicated mapping key"],
  ["with a rate that is none", file("samplingRatePerMillion: many"), "samplingRatePerMillion: must be a whole number"],
  ["with a rate below none", file("samplingRatePerMillion: -1"), "samplingRatePerMillion: Invalid value: -1: sampling rate must be positive"],
  ["with a rate above all", file("samplingRatePerMillion: 1000001"), "samplingRatePerMillion: Invalid value: 1000001: sampling rate per million must be less than or equal to one million"],
  [
    "by another way",
    file("endpoint: http://localhost:4317"),
    'endpoint: Invalid value: "http://localhost:4317": unsupported scheme: http.  Options are none, dns, unix, or unix-abstract.  See https://github.com/grpc/grpc/blob/master/doc/naming.md',
  ],
  ["by no way", file('endpoint: "dn%2s://localhost:4317"'), 'endpoint: Invalid value: "dn%2s://localhost:4317": parse "dn%2s://localhost:4317": first path segment in URL cannot contain colon'],
  ["with a port that is none", file("endpoint: localhost:http"), 'endpoint: Invalid value: "dns://localhost:http": parse "dns://localhost:http": invalid port ":http" after host'],
  ["with all of it wrong", file("samplingRatePerMillion: -5\nendpoint: ftp://x"), "samplingRatePerMillion: Invalid value: -5: sampling rate must be positive, endpoint: Invalid value"],
])("a configuration %s is refused", (_what, text, message) => {
  expect(() => parseTracingConfig(text)).toThrow(message);
});
