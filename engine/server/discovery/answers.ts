import { formatYaml } from "../../apimachinery/yaml/yaml.ts";
import { encodeProtobuf, wrapUnknown } from "../../apimachinery/protobuf/protobuf.ts";
import { StatusError } from "../../apimachinery/status-error.ts";
import { loadSchema } from "../../resources/load-schema.ts";
import { cachedAnswer } from "../cached-answer.ts";
import type { Document } from "./discovery.ts";
import { header, type HttpRequest } from "../http/http-request.ts";
import { JSON_TYPE, parseAccept, PROTOBUF_TYPE, YAML_TYPE } from "../http/negotiation.ts";
import type { PathAnswer } from "../paths.ts";

const AGGREGATED = "g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
const TYPES = [JSON_TYPE, YAML_TYPE, PROTOBUF_TYPE];

interface Wanted {
  readonly type: string;
  readonly isAggregated: boolean;
}

/** One of discovery's documents in the form that the client would rather have. Throws a 406 for who takes none that there is. */
export function discoveryAnswer(request: HttpRequest, document: Document, isCustom: boolean): PathAnswer {
  const wanted = wantedForm(request, false);
  if (wanted === undefined) throw notAcceptable(request, isCustom);
  return { code: 200, contentType: wanted.type, body: inForm(document, wanted.type) };
}

/** `/api` and `/apis`, which are there with all resources in one answer as well, for clients that ask for that. */
export function rootAnswer(request: HttpRequest, plain: () => Document, aggregated: () => Document): PathAnswer {
  const wanted = wantedForm(request, true);
  if (wanted?.isAggregated !== true) return discoveryAnswer(request, plain(), false);
  const document = aggregated();
  return cachedAnswer(request, document.etag, `${wanted.type};${AGGREGATED}`, { "cache-control": "public" }, () => inForm(document, wanted.type));
}

/** The first of the client's wishes that can be met. */
function wantedForm(request: HttpRequest, hasAggregated: boolean): Wanted | undefined {
  for (const { type, parameters } of parseAccept(header(request, "accept") || "*/*")) {
    const known = ["*/*", "application/*"].includes(type) ? JSON_TYPE : type;
    if (!TYPES.includes(known)) continue;
    const as = parameters.get("as");
    const isAggregated = as === "APIGroupDiscoveryList" && parameters.get("g") === "apidiscovery.k8s.io" && parameters.get("v") === "v2";
    if (as === undefined || (isAggregated && hasAggregated)) return { type: known, isAggregated };
  }
  return undefined;
}

/** Upstream has two places that refuse: one that looks at bare types, which custom kinds do not pass, and one behind it for all the rest. */
function notAcceptable(request: HttpRequest, isCustom: boolean): StatusError {
  const isKnown = isCustom || parseAccept(header(request, "accept") ?? "").some(({ type }) => type === "*/*" || TYPES.includes(type));
  if (isKnown) return new StatusError("NotAcceptable", `only the following media types are accepted: ${TYPES.join(", ")}`);
  return new StatusError("NotAcceptable", `406: Not Acceptable\n\nAvailable representations: ${TYPES.join(", ")}`, {});
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
