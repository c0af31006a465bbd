import * as yaml from "js-yaml";
import { ConfigFields } from "../apimachinery/config-fields.ts";
import type { Egress } from "../apimachinery/egress.ts";
import { invalidField, type FieldError } from "../apimachinery/field-error.ts";
import { goUrlProblem } from "../cel/library/urls.ts";
import type { Clock } from "../lib/clock.ts";
import { openGrpcChannel } from "../lib/grpc/grpc.ts";
import type { Logger } from "../lib/log.ts";
import type { MetricsRegistry } from "../lib/metrics.ts";
import type { Random } from "../lib/random.ts";
import type { Service } from "../lib/service.ts";
import { SpanExporter } from "../lib/tracing/span-exporter.ts";
import { Tracer } from "../lib/tracing/tracer.ts";
import { readOption } from "../options/option-files.ts";
import type { TracingConfig } from "../options/tracing-options.ts";
import { serverIdentity } from "../server/server-identity.ts";

export interface TracingSetup {
  readonly tracer: Tracer;
  /** Sends what the tracer records; ends when that has been sent, or will not be. */
  readonly service: Service;
}

interface TracingParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  readonly egress: Egress | undefined;
}

export interface TracingConfiguration {
  /** As gRPC channels take it. */
  readonly address: string;
  /** Of requests whose senders do not say. */
  readonly sampledShare: number;
}

const GROUP = "apiserver.config.k8s.io";
const VERSIONS = [`${GROUP}/v1`, `${GROUP}/v1beta1`, `${GROUP}/v1alpha1`];
const DEFAULT_ENDPOINT = "localhost:4317";
/** gRPC's, of endpoints that name none. */
const DEFAULT_PORT = 443;
const MILLION = 1_000_000;
const INT32_MAX = 2 ** 31 - 1;

/** Who measures requests, and who sends that on, as the file of --tracing-config-file says; undefined without one. Throws a UsageError for what cannot be. */
export function setUpTracing(
  { tracingConfigFile, nodeName }: TracingConfig & { readonly nodeName: string },
  { clock, random, logger, metrics, egress }: TracingParts,
): TracingSetup | undefined {
  const configuration = readOption("--tracing-config-file", tracingConfigFile, parseTracingConfig);
  if (configuration === undefined) return undefined;
  const { address, sampledShare } = configuration;
  const channel = openGrpcChannel(address, undefined, undefined, egress?.get("controlplane"));
  const exporter = new SpanExporter({
    channel,
    resource: { "service.name": "apiserver", "service.instance.id": serverIdentity(nodeName) },
    clock,
    logger,
    metrics,
  });
  return { tracer: new Tracer({ clock, random, sampledShare, ended: (span) => exporter.add(span) }), service: exporter.asService() };
}

/** Reads a TracingConfiguration. Throws what is wrong with it, in upstream's words. */
export function parseTracingConfig(text: string): TracingConfiguration {
  const root = new ConfigFields(text.trim() === "" ? { apiVersion: VERSIONS[0], kind: "TracingConfiguration" } : yaml.load(text), "");
  const [kind, version] = [root.text("kind") ?? "", root.text("apiVersion") ?? ""];
  if (kind !== "TracingConfiguration" || !VERSIONS.includes(version))
    throw new Error(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(version)}: must be a TracingConfiguration of ${VERSIONS[0]}`);
  const unknown = root.names.filter((name) => !["kind", "apiVersion", "endpoint", "samplingRatePerMillion"].includes(name));
  if (unknown.length > 0) throw new Error(`strict decoding error: ${unknown.map((name) => `unknown field ${JSON.stringify(name)}`).join(", ")}`);
  const rate = root.whole("samplingRatePerMillion", -INT32_MAX - 1) ?? 0;
  const endpoint = root.text("endpoint") ?? DEFAULT_ENDPOINT;
  const problems = [...rateProblems(rate), ...endpointProblems(endpoint)];
  if (problems.length > 0) throw new Error(problems.map(({ field, message }) => `${field}: ${message}`).join(", "));
  return { address: addressOf(endpoint), sampledShare: rate / MILLION };
}

function rateProblems(rate: number): readonly FieldError[] {
  if (rate < 0) return [invalidField("samplingRatePerMillion", rate, "sampling rate must be positive")];
  return rate > MILLION ? [invalidField("samplingRatePerMillion", rate, "sampling rate per million must be less than or equal to one million")] : [];
}

function endpointProblems(given: string): readonly FieldError[] {
  const endpoint = given.includes("//") ? given : `dns://${given}`;
  const problem = urlProblem(endpoint);
  if (problem !== undefined) return [invalidField("endpoint", endpoint, `parse ${JSON.stringify(endpoint)}: ${problem}`)];
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(endpoint)?.[1]?.toLowerCase() ?? "";
  if (["dns", "unix", "unix-abstract"].includes(scheme)) return [];
  return [
    invalidField(
      "endpoint",
      endpoint,
      `unsupported scheme: ${scheme}.  Options are none, dns, unix, or unix-abstract.  See https://github.com/grpc/grpc/blob/master/doc/naming.md`,
    ),
  ];
}

/** As Go reads any URL, which need not be one that a request could be sent to. */
function urlProblem(text: string): string | undefined {
  const problem = goUrlProblem(text);
  if (problem !== "invalid URI for request") return problem;
  return text.split("/", 1)[0]?.includes(":") === true ? "first path segment in URL cannot contain colon" : undefined;
}

/** gRPC's names of servers (https://github.com/grpc/grpc/blob/master/doc/naming.md); which server of DNS to ask is left to the machine. */
function addressOf(endpoint: string): string {
  if (endpoint.startsWith("unix:")) return endpoint.replace("unix://", "unix:");
  if (endpoint.startsWith("unix-abstract:")) return endpoint.replace(/:\/*/, ":");
  const host = endpoint.replace(/^dns:(?:\/\/(?:[^/]*\/)?)?/, "");
  return /:\d+$/.test(host.replace(/^\[.*\]/, "")) ? host : `${host}:${DEFAULT_PORT}`;
}
