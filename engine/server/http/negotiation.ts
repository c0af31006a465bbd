import type { IncludeObject, MetaVersion } from "../../apimachinery/table.ts";
import { badRequest, StatusError } from "../../apimachinery/status-error.ts";

export const JSON_TYPE = "application/json";
export const YAML_TYPE = "application/yaml";
export const PROTOBUF_TYPE = "application/vnd.kubernetes.protobuf";

/** How an answer is to be written. */
export interface Representation {
  readonly encoding: "json" | "yaml" | "protobuf";
  readonly form: "object" | "table" | "partial";
  /** Of tables and metadata; the current one when absent. */
  readonly metaVersion?: MetaVersion;
}

export interface Available {
  /** Kinds of our own have no protobuf form; those that users define have one only as `partial` objects. */
  readonly protobuf: boolean | "partial";
  /** Only what is read as objects can be shown as tables or reduced to metadata. */
  readonly forms: boolean;
  /** An answer without end. */
  readonly stream?: boolean;
}

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** The first of the client's wishes that can be met, in the client's order of preference. Throws 406 when there is none. */
export function negotiate(accept: string | undefined, available: Available): Representation {
  const found = tryNegotiate(accept, available);
  // YAML has no form for what never ends, and what a client would take instead is not looked for: so it is upstream.
  if (found?.encoding === "yaml" && available.stream === true)
    throw new StatusError("NotAcceptable", `only the following media types are accepted: ${streamTypes(available).join(", ")}`);
  if (found !== undefined) return found;
  const types = [JSON_TYPE, YAML_TYPE, ...(available.protobuf === false ? [] : [PROTOBUF_TYPE])];
  // Upstream has two places that refuse: one that looks at bare types, which custom kinds do not pass, and one behind it for all the rest.
  const isKnown = available.protobuf === "partial" || parseAccept(accept ?? "").some(({ type }) => type === "*/*" || types.includes(type));
  if (!isKnown) throw new StatusError("NotAcceptable", `406: Not Acceptable\n\nAvailable representations: ${types.join(", ")}`, {});
  throw new StatusError(
    "NotAcceptable",
    `only the following media types are accepted: ${(available.stream === true ? streamTypes(available) : types).join(", ")}`,
  );
}

function streamTypes({ protobuf }: Available): readonly string[] {
  return [JSON_TYPE, ...(protobuf === true ? [PROTOBUF_TYPE] : [])].map((type) => `${type};stream=watch`);
}

export function tryNegotiate(accept: string | undefined, available: Available): Representation | undefined {
  if (accept === undefined || accept.trim() === "") return { encoding: "json", form: "object" };
  for (const range of parsedAccept(accept)) {
    const encoding = encodingOf(range.type, available);
    const form = formOf(range.parameters, available);
    if (encoding === undefined || form === undefined) continue;
    if (encoding === "protobuf" && (form === "table" || (form === "object" && available.protobuf === "partial"))) continue;
    return { encoding, form, ...(form !== "object" && range.parameters.get("v") === "v1beta1" ? { metaVersion: "meta.k8s.io/v1beta1" as const } : {}) };
  }
  return undefined;
}

/** Clients of one kind all send the same text. A long one is some program's of its own, and costs memory to keep. */
const PARSED_MAX = 256;
const PARSED_LENGTH_MAX = 1_024;
/** Of a header without end, which may be as long as all headers together, this much is looked at. */
const RANGES_MAX = 500;
const PARAMETERS_MAX = 20;
const parsed = new Map<string, readonly MediaRange[]>();

function parsedAccept(accept: string): readonly MediaRange[] {
  if (accept.length > PARSED_LENGTH_MAX) return parseAccept(accept);
  let ranges = parsed.get(accept);
  if (ranges === undefined) {
    if (parsed.size >= PARSED_MAX) parsed.clear();
    parsed.set(accept, (ranges = parseAccept(accept)));
  }
  return ranges;
}

/** Accept's media ranges, best first; equal ones stay in the order they were written in. */
export function parseAccept(accept: string): readonly MediaRange[] {
  return accept
    .split(",", RANGES_MAX)
    .map((clause) => {
      const [type = "", ...rest] = clause.split(";", PARAMETERS_MAX).map((part) => part.trim());
      const parameters = new Map(rest.map((part) => [part.split("=")[0]?.toLowerCase() ?? "", part.slice(part.indexOf("=") + 1)] as const));
      const quality = Number(parameters.get("q") ?? 1);
      return { type: type.toLowerCase(), parameters, quality: Number.isNaN(quality) ? 1 : quality };
    })
    .filter((range) => range.quality > 0)
    .sort((a, b) => b.quality - a.quality);
}

/**
 * Whether JSON is for the eyes of a person: `pretty` in the query says so, else a user agent that is a browser or one of the usual
 * tools, as upstream has it. Documents that only programs read, such as OpenAPI's, stay as they are.
 */
export function isPretty({
  path,
  query,
  headers,
}: {
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
}): boolean {
  if (!/^\/apis?(\/|$)/.test(path)) return false;
  const asked = query.get("pretty") ?? "";
  if (asked !== "") return ["1", "t", "true"].includes(asked.toLowerCase());
  return /^(curl|Wget|Mozilla\/5\.0)/.test(String(headers["user-agent"] ?? ""));
}

/** How much of each object a table's rows carry; anything else is a 400. */
export function parseIncludeObject(text: string | null): IncludeObject {
  if (text === null || text === "" || text === "Metadata") return "Metadata";
  if (text === "None" || text === "Object") return text;
  throw badRequest(
    `Unable to convert to Table as requested: includeObject: Invalid value: ${JSON.stringify(text)}: must be 'Metadata', 'Object', 'None', or empty`,
  );
}

function encodingOf(type: string, available: Available): Representation["encoding"] | undefined {
  if (type === JSON_TYPE || type === "*/*" || type === "application/*") return "json";
  if (type === YAML_TYPE) return "yaml";
  return type === PROTOBUF_TYPE && available.protobuf !== false ? "protobuf" : undefined;
}

function formOf(parameters: ReadonlyMap<string, string>, available: Available): Representation["form"] | undefined {
  const as = parameters.get("as");
  if (as === undefined) return "object";
  if (!available.forms || parameters.get("g") !== "meta.k8s.io" || !["v1", "v1beta1"].includes(parameters.get("v") ?? "")) return undefined;
  if (as === "Table") return "table";
  return as === "PartialObjectMetadata" || as === "PartialObjectMetadataList" ? "partial" : undefined;
}
