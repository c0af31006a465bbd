import { formatYaml } from "../../apimachinery/yaml/yaml.ts";
import { encodeProtobuf, wrapUnknown } from "../../apimachinery/protobuf/protobuf.ts";
import { StatusError } from "../../apimachinery/status-error.ts";
import { loadSchema } from "../../resources/load-schema.ts";
import { cachedAnswer } from "../cached-answer.ts";
import type { Document } from "./discovery.ts";
import { header, type HttpRequest } from "../http/http-request.ts";
import { JSON_TYPE, parseAccept, PROTOBUF_TYPE, requireBareType, YAML_TYPE } from "../http/negotiation.ts";
import type { PathAnswer } from "../paths.ts";

const AGGREGATED = "g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const TYPES = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE];

/**
 * One of discovery's documents in the form that the client would rather have. Throws a 406 for who takes none that there is. Upstream has
 * two places that refuse: a router, which looks at bare types and knows the kinds of Kubernetes' own, and one behind it for all the rest.
 */
export function discoveryAnswer(request: HttpRequest, document: Document, isRouted: boolean): PathAnswer {
  if (isRouted) requireBareType(header(request, "accept"), TYPES);
  const wanted = wantedForm(request, false);
  if (wanted === undefined) throw new StatusError("NotAcceptable", `only the following media types are accepted: ${TYPES.join(", ")}`);
  return { code: 200, contentType: wanted.type, body: inForm(document, wanted.type) };
}

/** `/api` and `/apis`, which are there with all resources in one answer as well, for clients that ask for that. */
export function rootAnswer(request: HttpRequest, plain: () => Document, aggregated: () => Document, isRouted: boolean): PathAnswer {
  const wanted = wantedForm(request, true);
  if (wanted === undefined) return discoveryAnswer(request, plain(), isRouted);
  const document = aggregated();
  return cachedAnswer(request, document.etag, `${wanted.type};${AGGREGATED}`, { "cache-control": "public" }, () => inForm(document, wanted.type));
}

/** The first of the client's wishes for a document of this kind; who takes all resources in one answer gets that, whatever else he would rather have. */
function wantedForm(request: HttpRequest, isAggregated: boolean): { readonly type: string } | undefined {
  for (const { type, parameters } of parseAccept(header(request, "accept") || "*/*")) {
    const known = ["*/*", "application/*"].includes(type) ? JSON_TYPE : type;
    const [as, group, version, stream] = ["as", "g", "v", "stream"].map((name) => parameters.get(name));
    if (!TYPES.includes(known) || (stream !== undefined && (stream !== "watch" || known === YAML_TYPE))) continue;
    const asksForAll = as === "APIGroupDiscoveryList" && group === "apidiscovery.k8s.io" && version === "v2";
    if (isAggregated ? asksForAll : as === undefined && group === undefined && version === undefined) return { type: known };
  }
  return undefined;
}

function inForm({ body }: Document, type: string): Buffer {
  if (type === JSON_TYPE) return body;
  const value = JSON.parse(body.toString("utf8")) as { readonly apiVersion?: string; readonly kind: string }; // a document of our own
  if (type === YAML_TYPE) return Buffer.from(formatYaml(value));
  const schema =
    value.kind === "APIGroupDiscoveryList"
      ? loadSchema("apidiscovery.k8s.io/v2/api-group-discovery-list.yaml")
      : loadSchema("meta/v1/discovery.yaml", value.kind);
  return wrapUnknown(value.apiVersion ?? "", value.kind, encodeProtobuf(schema, value));
}
