import { asYamlError, DEFAULT_YAML_LIMITS, firstDocument, parseYamlDocuments, parseYamlEvents, type YamlEvents } from "../../apimachinery/yaml/yaml.ts";
import { describeRepeatedKeys } from "../../apimachinery/yaml/yaml-duplicates.ts";
import { kubernetesYamlSchema } from "../../apimachinery/yaml/yaml-schema.ts";
import { parseJson } from "../../lib/json.ts";
import { requireDepth } from "../../lib/json-depth.ts";
import { findRepeatedFields } from "../../apimachinery/json-duplicates.ts";

/** What a text of YAML holds, and what it names twice. */
export interface YamlBody {
  readonly value: unknown;
  readonly repeated?: { readonly is: "yaml"; readonly problems: readonly string[] };
}

/** What reads it: `readYamlBody`, or who had it read before. */
export type YamlReader = (text: string) => YamlBody;

/** A body is bounded before it is read. */
const BODY_YAML_LIMITS = { ...DEFAULT_YAML_LIMITS, bytesMax: Number.POSITIVE_INFINITY };

/**
 * The first document of a body, null where there is none: as upstream, which looks at no other, but here they have to be YAML. Of keys that
 * are there twice the last one counts, as everywhere; whether they are an error is the request's to say. Throws a YamlError.
 */
export function readYamlBody(text: string): YamlBody {
  // What clients apply is JSON, which is YAML as well and read many times faster.
  return readAsJson(text) ?? readAsYaml(text);
}

/** Undefined for what is no JSON, and for what a reader of YAML has something to say about. */
export function readAsJson(text: string): YamlBody | undefined {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    requireDepth(text);
    const value = parseJson(text);
    return findRepeatedFields(text) === undefined ? { value } : undefined;
  } catch {
    return undefined;
  }
}

function readAsYaml(text: string): YamlBody {
  const source = firstDocument(readEvents(text));
  const [document] = parseYamlDocuments(source, BODY_YAML_LIMITS, kubernetesYamlSchema, true);
  const problems = describeRepeatedKeys(source);
  return { value: document?.value ?? null, ...(problems.length === 0 ? {} : { repeated: { is: "yaml", problems } }) };
}

function readEvents(text: string): YamlEvents {
  try {
    return parseYamlEvents(text);
  } catch (error) {
    throw asYamlError(error);
  }
}
