import type { IncludeObject, MetaVersion } from "../../apimachinery/table.ts";
import { badRequest, StatusError } from "../../apimachinery/status-error.ts";

export const JSON_TYPE = "application/json";
export const YAML_TYPE = "application/yaml";
export const PROTOBUF_TYPE = "application/vnd.kubernetes.protobuf";

/** How an answer is to be written. */
export interface Representation {
  readonly encoding: "json" | "yaml" | "protobuf";
  readonly form: "object" | "table" | "partial";
  /** Of metadata that was asked for as that of a list. */
  readonly isOfList?: true;
  /** Of tables and metadata; the current one when absent. */
  readonly metaVersion?: MetaVersion;
  /** For the eyes of a person, as a parameter of the media type says. */
  readonly isPretty?: true;
}

export interface Available {
  /** Kinds of our own have no protobuf form; those that users define have one only as `partial` objects. */
  readonly protobuf: boolean | "partial";
  /** Only what is read as objects can be shown as tables or reduced to metadata. */
  readonly forms: boolean;
  /** Lists, which may be followed as well. */
  readonly isList?: boolean;
}

interface MediaRange {
  readonly type: string;
  readonly parameters: ReadonlyMap<string, string>;
  readonly quality: number;
}

/** The first of the client's wishes that can be met, in the client's order of preference. Throws 406 when there is none. */
export function negotiate(accept: string | undefined, available: Available): Representation {
  const types = [JSON_TYPE, YAML_TYPE, ...(available.protobuf === false ? [] : [PROTOBUF_TYPE])];
  // Upstream has two places that refuse: one that looks at bare types, which custom kinds do not pass, and one behind it for all the rest.
  if (available.protobuf !== "partial") requireBareType(accept, types, available.isList === true ? streamTypes(available) : []);
  const found = tryNegotiate(accept, available);
  if (found === undefined) throw notAccepted(types);
  return found;
}

/** Throws the 406 of upstream's router for who takes none of these types, whatever their parameters; so it lists all that there is. */
export function requireBareType(accept: string | undefined, types: readonly string[], further: readonly string[] = []): void {
  if (accept === undefined || accept === "") return;
  const asked = accept.split(",", RANGES_MAX).map((clause) => trimSpaces(clause.split(";", 1)[0] ?? ""));
  if (asked.some((type) => type === "*/*" || types.includes(type))) return;
  throw new StatusError("NotAcceptable", `406: Not Acceptable\n\nAvailable representations: ${[...types, ...further].join(", ")}`, {});
}

/** Throws for YAML, which has no form for what never ends: what the client would take instead is not looked for, as upstream. */
export function requireStreamType({ encoding }: Representation, available: Available): void {
  if (encoding === "yaml") throw notAccepted(streamTypes(available));
}

function notAccepted(types: readonly string[]): StatusError {
  return new StatusError("NotAcceptable", `only the following media types are accepted: ${types.join(", ")}`);
}

function streamTypes({ protobuf }: Available): readonly string[] {
  return [JSON_TYPE, ...(protobuf === false ? [] : [PROTOBUF_TYPE])].map((type) => `${type};stream=watch`);
}

export function tryNegotiate(accept: string | undefined, available: Available): Representation | undefined {
  if (accept === undefined || accept.trim() === "") return { encoding: "json", form: "object" };
  for (const { type, parameters } of parseAccept(accept)) {
    const encoding = encodingOf(type, available);
    const form = formOf(parameters, available);
    if (encoding === undefined || form === undefined || !isKnownStream(parameters.get("stream"), encoding)) continue;
    if (encoding === "protobuf" && (form === "table" || (form === "object" && available.protobuf === "partial"))) continue;
    return {
      encoding,
      form,
      ...(form === "partial" && parameters.get("as") === "PartialObjectMetadataList" ? { isOfList: true } : {}),
      ...(form !== "object" && parameters.get("v") === "v1beta1" ? { metaVersion: "meta.k8s.io/v1beta1" } : {}),
      ...(parameters.get("pretty") === "1" ? { isPretty: true } : {}),
    };
  }
  return undefined;
}

/** Clients of one kind all send the same text. A long one is some program's of its own, and costs memory to keep. */
const PARSED_MAX = 256;
const PARSED_LENGTH_MAX = 1_024;
/** Of a header without end, which may be as long as all headers together, this much is looked at. */
const RANGES_MAX = 500;
const PARAMETERS_MAX = 20;
/** Up to so many Go's sort goes by single steps. */
const STEPS_MAX = 12;
const parsed = new Map<string, readonly MediaRange[]>();

/** Accept's media ranges, best first, as Go's programs read them: by letter, and what is malformed is passed over. */
export function parseAccept(accept: string): readonly MediaRange[] {
  if (accept.length > PARSED_LENGTH_MAX) return sorted(readRanges(accept));
  let ranges = parsed.get(accept);
  if (ranges === undefined) {
    if (parsed.size >= PARSED_MAX) parsed.clear();
    parsed.set(accept, (ranges = sorted(readRanges(accept))));
  }
  return ranges;
}

function readRanges(accept: string): readonly MediaRange[] {
  return accept.split(",", RANGES_MAX).flatMap((clause) => {
    const [bare = "", ...rest] = trimSpaces(clause).split(";", PARAMETERS_MAX);
    const [type = "", subtype = "", more = ""] = bare.split("/").map(trimSpaces);
    if (more !== "" || (subtype === "" && type !== "*")) return [];
    const parameters = new Map<string, string>();
    let quality = 1;
    for (const part of rest) {
      const [name = "", value = "", tooMuch = ""] = part.split("=");
      if (value === "" || tooMuch !== "") continue;
      if (trimSpaces(name) === "q") quality = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(value) ? Number(value) : 0;
      else parameters.set(trimSpaces(name), trimSpaces(value));
    }
    return [{ type: `${type}/${subtype || "*"}`, parameters, quality }];
  });
}

/** Go's comparison says of some pairs that each comes before the other, so what comes out hangs on its way of sorting, too. */
function sorted(ranges: readonly MediaRange[]): readonly MediaRange[] {
  if (ranges.length > STEPS_MAX) return ranges.toSorted((a, b) => b.quality - a.quality);
  const result = [...ranges];
  for (let end = 1; end < result.length; end++)
    for (let at = end; at > 0; at--) {
      const [before, here] = [result[at - 1], result[at]];
      if (before === undefined || here === undefined || !isBefore(here, before)) break;
      [result[at - 1], result[at]] = [here, before];
    }
  return result;
}

function isBefore(a: MediaRange, b: MediaRange): boolean {
  const isAny = ({ type }: MediaRange) => type.startsWith("*/");
  const isAnySubtype = ({ type }: MediaRange) => type.endsWith("/*");
  return a.quality > b.quality || (!isAny(a) && isAny(b)) || (!isAnySubtype(a) && isAnySubtype(b));
}

function trimSpaces(text: string): string {
  return text.replace(/^ +/, "").replace(/(?<! ) +$/, "");
}

/**
 * Whether JSON is for the eyes of a person: `pretty` of a media type or in the query says so, else a user agent that is a browser or one of the usual
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
  const accept = String(headers["accept"] ?? "");
  if (accept.includes("pretty") && tryNegotiate(accept, { protobuf: true, forms: true })?.isPretty === true) return true;
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
  const [as, group, version] = ["as", "g", "v"].map((name) => parameters.get(name));
  if (as === undefined && group === undefined && version === undefined) return "object";
  if (!available.forms || group !== "meta.k8s.io" || !["v1", "v1beta1"].includes(version ?? "")) return undefined;
  if (as === "Table") return "table";
  return as === "PartialObjectMetadata" || as === "PartialObjectMetadataList" ? "partial" : undefined;
}

function isKnownStream(stream: string | undefined, encoding: Representation["encoding"]): boolean {
  return stream === undefined || (stream === "watch" && encoding !== "yaml");
}
